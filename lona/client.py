"""The only file that speaks HTTP to Lona (platform contract, section 2). Every call names what became of it.

Nothing sent or safely repeatable: `LonaUnavailable`. Sent, and no usable answer to a call that creates something:
`LonaAnswerLost`, never repeated here. Addresses are checked and pinned at each request, redirects are not followed,
bodies and times are capped, and the token goes only to the gateway.
"""

from __future__ import annotations

import functools
import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

import httpx
from django.conf import settings

from lona import errors
from tradenexus import egress

TIMEOUT_S = 60.0
STRATEGY_TIMEOUT_S = 180.0
DATA_TIMEOUT_S = 600.0
JSON_LIMIT_BYTES = 64 << 20
DATA_LIMIT_BYTES = 4 << 30
PAGE = 50  # known to work; 500 is refused
PAGES_LIMIT = 20_000


class PinnedTransport(httpx.HTTPTransport):
    """Connects to the address that was checked, still speaking TLS and Host as the name that was asked for."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Check, pin and send one request."""
        try:
            target = egress.resolve(str(request.url), allow_private=settings.LONA_ALLOW_PRIVATE)
        except egress.AddressRefused as refused:
            if isinstance(refused.__cause__, OSError):
                raise httpx.ConnectError("the host name cannot be resolved") from refused
            raise errors.LonaAddressRefused(refused.message, refused.details) from refused
        request.extensions = {**request.extensions, "sni_hostname": target.host}
        request.url = request.url.copy_with(host=target.address)  # the Host header is already set from the name
        return super().handle_request(request)


@dataclass(frozen=True)
class Client:
    """One caller at one gateway; `request_id` travels with each call. Make it with `connect`."""

    base: str
    agent_id: str
    token: str = field(repr=False)
    request_id: str = ""

    # --- agents ---

    def request_invite(self, agent_name: str, source: str = "trade-nexus") -> dict[str, Any]:
        """Ask for an invite code: {invite_code, expires_at}; 3 an hour, valid one hour, once."""
        body = {"agent_id": self.agent_id, "agent_name": agent_name, "source": source}
        return self._create("/agents/request-invite", body, public=True)

    def register(self, agent_name: str, invite_code: str = "", secret: str = "") -> dict[str, Any]:
        """Register this agent by invite or registration secret: {token, expires_at, ...}; the token lives 30 days."""
        body = {"agent_id": self.agent_id, "agent_name": agent_name, "source": "trade-nexus"}
        if invite_code:
            body["invite_code"] = invite_code
        headers = {"X-Agent-Registration-Secret": secret} if secret else {}
        return self._create("/agents/register", body, public=True, headers=headers)

    # --- strategies ---

    def create_strategy(self, description: str, name: str, provider: str = "") -> dict[str, Any]:
        """Let Lona write a strategy from words: {strategyId, name, code, explanation}; LonaConflict."""
        body = {"description": description, "name": name, **({"provider": provider} if provider else {})}
        answer = self._create("/agent/strategy/create", body, timeout_s=STRATEGY_TIMEOUT_S)
        _required(answer, "strategyId")
        return answer

    def strategies(self) -> Iterator[dict[str, Any]]:
        """Yield every strategy of this agent."""
        return self._pages("/strategies", {})

    def strategy_code(self, strategy_id: str) -> str:
        """Read a strategy's code."""
        answer = self._get(f"/strategies/{_path(strategy_id)}/code")
        return str(answer.get("code", "")) if isinstance(answer, dict) else str(answer)

    # --- symbols ---

    def create_symbol(self, csv_path: Path, metadata: dict[str, Any]) -> str:
        """Send a CSV (streamed from disk) with its metadata, answer the new id. LonaConflict for a taken name."""
        with csv_path.open("rb") as file:
            files = {"file": ("data.csv", file, "text/csv")}
            form = {"metadata": json.dumps(metadata)}
            answer = self._json("POST", "/symbols", creates=True, files=files, data=form)
        return _required(answer, "id")

    def symbols_page(self, skip: int, limit: int, is_global: bool = False) -> tuple[list[dict[str, Any]], bool]:
        """Read one page of symbols and whether there are more."""
        params = {"skip": skip, "limit": limit, **({"is_global": "true"} if is_global else {})}
        return _items(self._get("/symbols", params), "/symbols")

    def symbols(self, is_global: bool = False) -> Iterator[dict[str, Any]]:
        """Yield every symbol of this agent, or every global one."""
        return self._pages("/symbols", {"is_global": "true"} if is_global else {})

    def symbols_named(self, name: str) -> list[dict[str, Any]]:
        """Find this agent's symbols of exactly this name, oldest first; the provider has no name filter."""
        found = [row for row in self.symbols() if row.get("name") == name and row.get("id")]
        return sorted(found, key=lambda row: (str(row.get("created_at", "")), str(row["id"])))

    def symbol(self, symbol_id: str) -> dict[str, Any]:
        """Read one symbol; LonaNotFound."""
        return _object(self._get(f"/symbols/{_path(symbol_id)}"))

    def fetch_symbol_data(self, symbol: dict[str, Any], to: Path) -> None:
        """Write to a file what the provider stored for a symbol: its `file_url`, else /symbols/{id}/data."""
        named = symbol.get("file_url")
        own = self._url(f"/symbols/{_path(str(symbol['id']))}/data")
        url = _joined(self.base, str(named)) if named else own
        # the token never goes to another host
        headers = self._headers() if urlsplit(url)[:2] == urlsplit(self.base)[:2] else {}
        with self._sent("GET", url, creates=False, headers=headers, timeout_s=TIMEOUT_S) as response:
            _refuse_status(response, creates=False)
            with to.open("wb") as out:
                for chunk in _capped(response, DATA_LIMIT_BYTES, DATA_TIMEOUT_S):
                    out.write(chunk)

    def delete_symbol(self, symbol_id: str) -> None:
        """Delete a symbol; LonaNotFound when it is gone already."""
        self._json("DELETE", f"/symbols/{_path(symbol_id)}")

    # --- runs and reports ---

    def run(self, body: dict[str, Any]) -> str:
        """Start a backtest and answer the report id. LonaAnswerLost means that a report may exist: there is no list."""
        return _required(self._create("/runner/run", body), "report_id")

    def report_status(self, report_id: str) -> dict[str, Any]:
        """Read {status, progress}."""
        return _object(self._get(f"/reports/{_path(report_id)}/status"))

    def report_full(self, report_id: str) -> dict[str, Any]:
        """Read a report with its timeline, parameters and, when it failed, stderr and traceback."""
        return _object(self._get(f"/reports/{_path(report_id)}/full"))

    # --- how a call is made ---

    def _get(self, path: str, params: dict[str, Any] | None = None) -> Any:
        return self._json("GET", path, params=params)

    def _create(self, path: str, body: dict[str, Any], **options: Any) -> dict[str, Any]:
        return _object(self._json("POST", path, creates=True, json=body, **options), creates=True)

    def _pages(self, path: str, params: dict[str, Any]) -> Iterator[dict[str, Any]]:
        seen: set[str] = set()
        skip = 0
        for _ in range(PAGES_LIMIT):
            items, more = _items(self._get(path, {**params, "skip": skip, "limit": PAGE}), path)
            for item in items:
                if str(item.get("id")) not in seen:
                    seen.add(str(item.get("id")))  # a row inserted meanwhile shifts the pages
                    yield item
            skip += len(items)
            if not items or not more:
                return
        raise errors.LonaAnswerUnreadable("a list of the provider does not end", {"path": path})

    def _json(
        self,
        method: str,
        path: str,
        *,
        creates: bool = False,
        public: bool = False,
        timeout_s: float = TIMEOUT_S,
        headers: dict[str, str] | None = None,
        **options: Any,
    ) -> Any:
        sent_headers = {**self._headers(public), **(headers or {})}
        with self._sent(method, self._url(path), creates, sent_headers, timeout_s, **options) as response:
            body = _read(response, creates, timeout_s)
            _refuse_status(response, creates, body)
        return _payload(body, creates) if response.status_code != 204 else {}

    def _sent(
        self, method: str, url: str, creates: bool, headers: dict[str, str], timeout_s: float, **options: Any
    ) -> _Exchange:
        try:
            request = httpx.Request(method, url, headers=headers, **options)
        except httpx.InvalidURL as refused:
            raise errors.LonaAnswerUnreadable("the provider names a file by something that is no URL") from refused
        return _Exchange(request, creates, timeout_s)

    def _headers(self, public: bool = False) -> dict[str, str]:
        named = {"X-Request-Id": self.request_id} if self.request_id else {}
        if public:
            return named
        if not self.token or not self.agent_id:
            raise errors.LonaNotConfigured("no agent is registered: set LONA_AGENT_ID and LONA_AGENT_TOKEN")
        return {**named, "X-API-Key": self.token, "X-User-Id": self.agent_id}

    def _url(self, path: str) -> str:
        return f"{self.base}/api/v1{path}"


def connect(request_id: str) -> Client:
    """Make a client from the settings; LonaNotConfigured without a gateway."""
    if not settings.LONA_GATEWAY_URL:
        raise errors.LonaNotConfigured("no provider is configured: set LONA_GATEWAY_URL")
    return Client(settings.LONA_GATEWAY_URL, settings.LONA_AGENT_ID, settings.LONA_AGENT_TOKEN, request_id)


def provider_label() -> str:
    """Answer the name people see beside each result: the setting, else what the gateway says of itself, else Lona."""
    return settings.LONA_PROVIDER_LABEL or _said_by(settings.LONA_GATEWAY_URL)


@functools.lru_cache(maxsize=4)
def _said_by(base: str) -> str:
    """Ask once per process; LonaUnavailable is not remembered."""
    return who_answers(5.0, base)


def who_answers(timeout_s: float, base: str = "") -> str:
    """Ask the gateway's /healthz who it is, now: the sandbox names itself there. LonaUnavailable when none answers."""
    base = base or connect("").base
    with Client(base, "", "")._sent("GET", f"{base}/healthz", False, {}, timeout_s) as response:
        body = _read(response, False, timeout_s)
        if response.status_code >= 500:
            raise errors.LonaUnavailable(f"the provider answered {response.status_code}")
    try:
        return str(json.loads(body)["provider"])[:40]
    except (ValueError, KeyError, TypeError):
        return "Lona"


@functools.cache
def _pool() -> httpx.Client:
    """One pool of connections per process; proxies of the environment are not used, redirects not followed."""
    limits = httpx.Limits(max_connections=20, max_keepalive_connections=2, keepalive_expiry=5)
    return httpx.Client(transport=PinnedTransport(limits=limits, retries=0), follow_redirects=False, trust_env=False)


# A worker that forks must not share its parent's sockets.
os.register_at_fork(after_in_child=_pool.cache_clear)


class _Exchange:
    """One request and its streamed response as a context; transport faults become our errors on either side."""

    def __init__(self, request: httpx.Request, creates: bool, timeout_s: float):
        request.extensions = {"timeout": httpx.Timeout(timeout_s, connect=min(timeout_s, 10.0)).as_dict()}
        self._request, self._creates = request, creates
        self._response: httpx.Response | None = None

    def __enter__(self) -> httpx.Response:
        try:
            self._response = _pool().send(self._request, stream=True)
        except httpx.HTTPError as fault:
            raise _fault(fault, self._creates) from fault
        return self._response

    def __exit__(self, kind: Any, fault: BaseException | None, trace: Any) -> None:
        if self._response is not None:
            self._response.close()
        if isinstance(fault, httpx.HTTPError):
            raise _fault(fault, self._creates) from fault


def _fault(fault: httpx.HTTPError, creates: bool) -> errors.LonaError:
    unsent = isinstance(fault, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)
    reason = {"reason": type(fault).__name__}
    if creates and not unsent:
        return errors.LonaAnswerLost("the request was sent, and the answer did not arrive", reason)
    return errors.LonaUnavailable("the provider cannot be reached" if unsent else "the provider did not answer", reason)


def _read(response: httpx.Response, creates: bool, timeout_s: float) -> bytes:
    try:
        return b"".join(_capped(response, JSON_LIMIT_BYTES, timeout_s))
    except errors.LonaAnswerUnreadable:
        if creates:
            raise errors.LonaAnswerLost("the request was sent, and the answer is too long to be one") from None
        raise


def _capped(response: httpx.Response, limit_bytes: int, timeout_s: float) -> Iterator[bytes]:
    """Yield the body; a body without end, in bytes or in time, is cut."""
    total, until = 0, time.monotonic() + timeout_s
    for chunk in response.iter_bytes():
        total += len(chunk)
        if total > limit_bytes:
            raise errors.LonaAnswerUnreadable("the answer is longer than it may be", {"limitBytes": limit_bytes})
        if time.monotonic() > until:
            raise httpx.ReadTimeout("the answer drips", request=response.request)
        yield chunk


def _refuse_status(response: httpx.Response, creates: bool, body: bytes | None = None) -> None:
    status = response.status_code
    if 200 <= status < 300:
        return
    body = _read(response, creates, 10.0) if body is None else body
    message, details = _complaint(body, status)
    if status >= 500:
        kind = errors.LonaAnswerLost if creates else errors.LonaUnavailable
        raise kind(f"the provider answered {status}", details)
    if status == 429:
        wait = response.headers.get("Retry-After", "")
        raise errors.LonaRateLimited(
            "the provider asks for fewer calls",
            {**details, **({"retryAfterSeconds": int(wait)} if wait.isdigit() and len(wait) < 6 else {})},
            retry_after_s=float(wait) if wait.isdigit() and len(wait) < 6 else None,
        )
    if status < 400:
        raise errors.LonaAnswerUnreadable(f"the provider answered {status}", details)
    raise _refusal_of(status, message)(f"the provider refused: {message}", details)


def _refusal_of(status: int, message: str) -> type[errors.LonaError]:
    if status in (401, 403):
        return errors.LonaCredentialsRefused
    if status == 404:
        return errors.LonaNotFound
    if status == 409 or "already exists" in message.lower():
        return errors.LonaConflict
    return errors.LonaRejected


def _complaint(body: bytes, status: int) -> tuple[str, dict[str, Any]]:
    """Read {"error": {code, message}} or {"detail": text | [{loc, msg}]} into our words; details carry theirs."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        answer = None
    answer = answer if isinstance(answer, dict) else {}
    error, detail = answer.get("error"), answer.get("detail")
    details: dict[str, Any] = {"providerStatus": status}
    if isinstance(detail, list) and detail and isinstance(detail[0], dict):
        place = detail[0].get("loc") or [""]
        details["field"] = str(place[-1] if isinstance(place, list) else place)[:100]
        detail = detail[0].get("msg")
    if isinstance(error, dict):
        details["providerCode"] = str(error.get("code", ""))[:100]
        details |= {"field": str(error["field"])[:100]} if error.get("field") else {}
        detail = error.get("message")
    message = str(detail or error or f"status {status}")[:500]
    return message, {**details, "providerMessage": message}


def _payload(body: bytes, creates: bool) -> Any:
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        if creates:
            raise errors.LonaAnswerLost("the request was sent, and the answer cannot be read") from None
        raise errors.LonaAnswerUnreadable("the provider's answer is not JSON") from None
    return answer["data"] if isinstance(answer, dict) and "data" in answer else answer


def _object(answer: Any, creates: bool = False) -> dict[str, Any]:
    if not isinstance(answer, dict):
        kind = errors.LonaAnswerLost if creates else errors.LonaAnswerUnreadable
        raise kind("the provider's answer is not an object")
    return answer


def _items(answer: Any, path: str) -> tuple[list[dict[str, Any]], bool]:
    items = _object(answer).get("items")
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise errors.LonaAnswerUnreadable("a list of the provider has no items", {"path": path})
    return items, bool(answer.get("has_next"))


def _required(answer: Any, name: str) -> str:
    value = answer.get(name) if isinstance(answer, dict) else None
    if not isinstance(value, str | int) or not str(value):
        raise errors.LonaAnswerLost(f"the request was sent, and the answer has no {name}")
    return str(value)[:200]


def _joined(base: str, named: str) -> str:
    try:
        return urljoin(base + "/", named)
    except ValueError:
        raise errors.LonaAnswerUnreadable("the provider names a file by something that is no URL") from None


def _path(identifier: str) -> str:
    """Quote an id for a path; ids come from outside and may hold anything, dots that climb too."""
    if not identifier.strip("."):
        raise errors.LonaNotFound("the provider has nothing of this id", {"id": identifier[:20]})
    return quote(identifier, safe="")
