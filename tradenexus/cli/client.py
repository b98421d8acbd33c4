"""The only file that speaks HTTP: one connection to the platform's /v1 with the token of the profile in force.

Reads, and POSTs that carry an Idempotency-Key (all of ours do), are tried again when the line is cut or the server
says "later"; refusals become Failures with their exit code. Floats of JSON are read as Decimal, so that what is
printed is what was sent.
"""

from __future__ import annotations

import json
import ssl
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import httpx
import stamina

from tradenexus.cli import failures
from tradenexus.cli.credentials import origin

LATER = frozenset({429, 502, 503, 504})
LONGEST_WAIT_S = 30.0
TIMEOUT = httpx.Timeout(60.0, connect=5.0)
NETWORK_ERRORS = (httpx.TransportError,)

stamina.instrumentation.set_on_retry_hooks([])  # retries are told in our own words, not as log lines on stderr


@dataclass(frozen=True)
class Answer:
    """One response: status, headers (lower case names) and the decoded body (text when it is not JSON)."""

    status: int
    headers: dict[str, str]
    body: Any

    @property
    def ok(self) -> bool:
        """Whether the status is 2xx."""
        return 200 <= self.status < 300

    def failure(self, where: str = "") -> failures.Failure:
        """Return the refusal as a Failure."""
        return failures.from_answer(self.status, self.body, self.headers.get("x-request-id", ""), where)

    @property
    def retry_after_s(self) -> float | None:
        """Seconds the server asks to wait, when it says so as a number."""
        text = self.headers.get("retry-after", "")
        return float(text) if text.isdigit() else None


class _Later(Exception):
    """The server asked to be asked again."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(str(answer.status))
        self.answer = answer


class Cut(Exception):
    """The connection broke before an answer came; whoever called decides whether to go on."""


class Client:
    """Calls of the API; `say` gets one line for stderr (retries, and each call with -v)."""

    def __init__(
        self,
        url: str,
        token: str | None,
        *,
        agent: str,
        retry_s: float = 5.0,
        say: Callable[[str], None],
        trace: bool = False,
    ):
        self.url = url.rstrip("/")
        self.retry_s = retry_s
        self.say = say
        self.trace = trace
        self.server_version = ""
        self.clock_skew_s: float | None = None
        headers = {"Accept": "application/json", "User-Agent": agent}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        self._http = httpx.Client(base_url=self.url, headers=headers, timeout=TIMEOUT, follow_redirects=False)

    def get(self, path: str, params: dict[str, Any] | None = None, *, patience_s: float | None = None) -> Any:
        """GET a JSON body; parameters that are None are left out."""
        return self._checked("GET", path, params=params, patience_s=patience_s)

    def post(self, path: str, body: Any = None, *, key: str | None = None, patience_s: float | None = None) -> Any:
        """POST JSON with an Idempotency-Key (a fresh one unless given), so that a retry never does the thing twice."""
        headers = {"Idempotency-Key": key or new_key()}
        return self._checked("POST", path, body=body or {}, headers=headers, patience_s=patience_s)

    def patch(self, path: str, body: Any) -> Any:
        """PATCH with JSON."""
        return self._checked("PATCH", path, body=body)

    def delete(self, path: str) -> Any:
        """DELETE; answers None when the server has nothing to say."""
        return self._checked("DELETE", path)

    def pages(
        self, path: str, params: dict[str, Any] | None = None, *, limit: int | None = None
    ) -> Iterator[dict[str, Any]]:
        """Yield the items of a list over all its pages, at most `limit` of them."""
        query = dict(params or {})
        left = limit if limit is not None else float("inf")
        while left > 0:
            query["limit"] = int(min(200, left))
            page = self.get(path, query)
            for item in page.get("items", [])[: query["limit"]]:
                yield item
                left -= 1
            query["cursor"] = page.get("nextCursor")
            if not query["cursor"]:
                return

    def _checked(self, method: str, path: str, *, patience_s: float | None = None, **request: Any) -> Any:
        answer = self.persistent(method, path, patience_s=patience_s, **request)
        if not answer.ok:
            raise answer.failure(f"{method} {path}")
        if answer.body is not None and not isinstance(answer.body, dict):
            raise failures.Unreachable(
                f"{self.url} does not answer like a Trade Nexus server",
                why=f"{method} {path} answered {answer.status} without JSON",
                hint="nexus config list --show-origin",
            )
        return answer.body

    def persistent(self, method: str, path: str, *, patience_s: float | None = None, **request: Any) -> Answer:
        """Call until there is a final answer or patience ends; then Unreachable, or the last refusal."""
        patience = self.retry_s if patience_s is None else max(patience_s, self.retry_s)
        safe = method in ("GET", "HEAD") or "Idempotency-Key" in request.get("headers", {})
        try:
            for attempt in stamina.retry_context(
                on=lambda error: self._again(error, safe, patience),
                attempts=None,
                timeout=patience + 0.01,
                wait_initial=0.2,
                wait_max=5.0,
                wait_jitter=0.2,
            ):
                with attempt:
                    answer = self.call(method, path, **request)
                    if answer.status in LATER and (safe or answer.status == 429):
                        raise _Later(answer)
                    return answer
        except _Later as later:
            return later.answer
        except NETWORK_ERRORS as error:
            raise self.unreachable(error) from error
        raise AssertionError("the retry loop always returns or raises")

    def _again(self, error: Exception, safe: bool, patience: float) -> bool | float:
        if isinstance(error, _Later):
            wait = error.answer.retry_after_s
            self.say(f"server answered {error.answer.status}, trying again" + (f" in {wait:g} s" if wait else ""))
            if wait is None:
                return error.answer.status != 429 or patience > 0
            return wait if wait <= min(patience, LONGEST_WAIT_S) else False
        if isinstance(error, httpx.ConnectError) and isinstance(_root(error), ssl.SSLError):
            return False
        return isinstance(error, httpx.ConnectError) or (safe and isinstance(error, NETWORK_ERRORS))

    def unreachable(self, error: Exception) -> failures.Unreachable:
        """Return what to tell when no answer came."""
        return failures.Unreachable(
            f"no answer from {self.url}",
            why=f"{type(error).__name__}: {error}" if str(error) else type(error).__name__,
            hint="nexus doctor   (another server: nexus --url URL ..., or nexus config set url URL)",
        )

    def call(
        self,
        method: str,
        path: str,
        *,
        params: dict[str, Any] | None = None,
        body: Any = None,
        content: Any = None,
        headers: dict[str, str] | None = None,
        timeout_s: float | None = None,
    ) -> Answer:
        """Make one request, once. Network errors are raised as httpx raises them (NETWORK_ERRORS)."""
        extra: dict[str, Any] = {}
        if body is not None:
            extra["json"] = body
        if content is not None:
            extra["content"] = content
        if timeout_s is not None:
            extra["timeout"] = httpx.Timeout(timeout_s, connect=min(timeout_s, 5.0))
        clean = {key: value for key, value in (params or {}).items() if value is not None}
        started = time.monotonic()
        response = self._http.request(method, self.inside(path), params=clean or None, headers=headers, **extra)
        self._learn(response, started, method)
        return Answer(response.status_code, dict(response.headers), _decode(response))

    def attempt(self, method: str, path: str, **request: Any) -> Answer:
        """Make one request, once; a broken connection is raised as Cut."""
        try:
            return self.call(method, path, **request)
        except NETWORK_ERRORS as error:
            raise Cut(f"{type(error).__name__}: {error}") from error

    @contextmanager
    def stream(
        self, path: str, params: dict[str, Any], headers: dict[str, str]
    ) -> Iterator[tuple[Answer, Iterator[bytes]]]:
        """GET a body piece by piece as (answer without body, bytes); a broken connection is raised as Cut."""
        clean = {key: value for key, value in params.items() if value is not None}
        try:
            with self._http.stream("GET", self.inside(path), params=clean, headers=headers) as response:
                if not response.is_success:
                    response.read()
                body = None if response.is_success else _decode(response)
                yield Answer(response.status_code, dict(response.headers), body), response.iter_raw()
        except NETWORK_ERRORS as error:
            raise Cut(f"{type(error).__name__}: {error}") from error

    def inside(self, path: str) -> str:
        """Return a path or URL of this server; any other origin is refused, so the token stays home."""
        if "://" not in path:
            return path
        try:
            same = origin(path) == origin(self.url)
        except ValueError:
            same = False
        if not same:
            raise failures.Usage(f"{path} is not at {self.url}", why="the token is sent to its own server only")
        return path

    def _learn(self, response: httpx.Response, started: float, method: str) -> None:
        self.server_version = response.headers.get("x-nexus-version", self.server_version)
        if self.trace:
            took_ms = (time.monotonic() - started) * 1000
            request, path = response.headers.get("x-request-id", "-"), response.url.raw_path.decode()
            self.say(f"{method} {path} -> {response.status_code}, {took_ms:.0f} ms, request {request}")

    def close(self) -> None:
        """Close the connections."""
        self._http.close()


class Elsewhere:
    """GETs of one address that is not the platform's: without the token, redirects followed.

    `look` sees each answer before its body and may refuse it by raising.
    """

    def __init__(self, url: str, look: Callable[[Answer], None]) -> None:
        self.url = url
        self.look = look
        self._answered = False
        self._http = httpx.Client(timeout=TIMEOUT, follow_redirects=True, max_redirects=5)

    @contextmanager
    def stream(
        self, path: str, params: dict[str, Any], headers: dict[str, str]
    ) -> Iterator[tuple[Answer, Iterator[bytes]]]:
        """GET the address as Client.stream does; the first time no answer at all is Unreachable, later a Cut."""
        try:
            with self._http.stream("GET", self.url, headers=headers) as response:
                self._answered = True
                told = dict(response.headers)
                encoded = told.get("content-encoding", "identity") != "identity"
                if encoded:  # it was asked not to: what comes is decoded, and cannot be gone on with in the middle
                    told = {name: value for name, value in told.items() if name not in ("content-length", "etag")}
                answer = Answer(response.status_code, told, None)
                self.look(answer)
                yield answer, response.iter_bytes() if encoded else response.iter_raw()
        except (httpx.TooManyRedirects, httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
            raise failures.Failure(f"{path} leads nowhere", code="URL_FAILED", why=str(error)) from error
        except NETWORK_ERRORS as error:
            told_why = f"{type(error).__name__}: {error}"
            if not self._answered:
                raise failures.Unreachable(f"no answer from {path}", why=told_why) from error
            raise Cut(told_why) from error

    def close(self) -> None:
        """Close the connections."""
        self._http.close()


def new_key() -> str:
    """Return a fresh Idempotency-Key."""
    return f"cli-{uuid.uuid4().hex}"


def _decode(response: httpx.Response) -> Any:
    if not response.content:
        return None
    try:
        return json.loads(response.content, parse_float=Decimal)
    except ValueError:
        return response.text


def _root(error: BaseException) -> BaseException:
    while error.__context__ is not None:
        error = error.__context__
    return error
