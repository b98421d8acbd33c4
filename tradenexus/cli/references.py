"""REF: how a person names a dataset, and how it becomes ids.

    name | name@7 | name@published | name@latest | ds_<32 hex>[@...] | a pasted page or API URL of the same server

A name is looked up exactly; when two datasets share it, both ids are listed and nothing is done.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from tradenexus.cli.failures import Missing, Usage

if TYPE_CHECKING:
    from tradenexus.cli.client import Client

DATASET_ID = re.compile(r"ds_[0-9a-f]{32}")
ANY_ID = re.compile(r"[a-z]{2,5}_[0-9a-f]{32}")
_PAGE = re.compile(r"/(?:v1/)?datasets/(ds_[0-9a-f]{32})(?:/(?:v|versions)/(\d+))?(?:[/?#]|$)")


@dataclass(frozen=True)
class Target:
    """A dataset id and, when the REF pinned one, a version number."""

    dataset_id: str
    version: int | None = None

    def __str__(self) -> str:
        return self.dataset_id if self.version is None else f"{self.dataset_id}@{self.version}"

    @property
    def path(self) -> str:
        """The API path of the dataset."""
        return f"/v1/datasets/{self.dataset_id}"


def resolve(client: Client, ref: str) -> Target:
    """Return what a REF names; Usage when it is malformed or ambiguous, Missing when there is no such dataset."""
    if "://" in ref:
        return _from_url(client, ref)
    name, selector = split(ref)
    dataset_id = name if DATASET_ID.fullmatch(name) else _by_name(client, name)
    return Target(dataset_id, _version(client, dataset_id, selector))


def pinned(client: Client, ref: str) -> tuple[Target, dict[str, Any]]:
    """Return a target with a version (the newest when the REF names none) and that version's object."""
    target = resolve(client, ref)
    if target.version is None:
        dataset = client.get(target.path)["dataset"]
        target = Target(target.dataset_id, int(dataset.get("version") or 1))
    body = client.get(f"{target.path}/versions/{target.version}")
    return target, body.get("version") if isinstance(body.get("version"), dict) else body


def split(ref: str) -> tuple[str, str | None]:
    """Split `name@selector`; an @ that is followed by no selector belongs to the name."""
    name, at, selector = ref.rpartition("@")
    if at and (selector.isdigit() or selector in ("published", "latest")):
        if not name:
            raise Usage(f"{ref!r} has no name before the @")
        return name, selector
    if not ref.strip():
        raise Usage("an empty REF names nothing", hint="nexus dataset list")
    return ref, None


def _from_url(client: Client, ref: str) -> Target:
    match = _PAGE.search(client.inside(ref))
    if not match:
        raise Usage(f"no dataset in {ref}", why="expected .../datasets/ds_.../ or .../datasets/ds_.../v/N/")
    return Target(match[1], int(match[2]) if match[2] else None)


def _by_name(client: Client, name: str) -> str:
    found, near = [], set()
    for item in client.pages("/v1/datasets", {"q": name}, limit=2000):
        near.add(str(item.get("name") or item.get("filename")))
        if item.get("name") == name:
            found.append(item)
    if not found:
        raise Missing(
            f"there is no dataset {name!r}",
            why=_near(name, near or {str(item.get("name")) for item in client.pages("/v1/datasets", limit=200)}),
            hint="nexus dataset list",
        )
    if len(found) > 1:
        ids = ", ".join(str(item["id"]) for item in found[:5])
        raise Usage(f"{len(found)} datasets are called {name!r}", why=ids, hint="use one of the ids")
    return str(found[0]["id"])


def _near(name: str, known: set[str]) -> str:
    close = get_close_matches(name, sorted(known), n=3)
    return f"did you mean {', '.join(close)}?" if close else ""


def _version(client: Client, dataset_id: str, selector: str | None) -> int | None:
    if selector is None or selector == "latest":
        return None
    if selector.isdigit():
        if int(selector) < 1:
            raise Usage("versions are counted from 1")
        return int(selector)
    numbers = [
        number(item)
        for item in client.pages(f"/v1/datasets/{dataset_id}/versions")
        if item.get("status") == "published_lona"
    ]
    if not numbers:
        raise Missing(f"{dataset_id} has no published version", hint=f"nexus publish {dataset_id}")
    return max(numbers)


def number(version: dict[str, Any]) -> int:
    """Return the number of a version object."""
    return int(version.get("number") or version.get("version") or 0)


def typed(text: str, prefix: str) -> str:
    """Return a typed id (`job_...`), also out of a pasted URL; Usage when there is none."""
    match = re.search(rf"{prefix}_[0-9a-f]{{32}}", text)
    if not match or ("://" not in text and match[0] != text):
        raise Usage(f"{text!r} is not a {prefix}_... id", hint="ids are shown by the list commands")
    return match[0]


def strategy_id(client: Client, text: str) -> str:
    """Return the id of a strategy given as id, page URL or exact name."""
    match = re.search(r"str_[0-9a-f]{32}", text)
    if match:
        return match[0]
    found = [item for item in client.pages("/v1/strategies", limit=2000) if item.get("name") == text]
    if not found:
        raise Missing(f"there is no strategy {text!r}", hint="nexus strategy list")
    if len(found) > 1:
        raise Usage(f"{len(found)} strategies are called {text!r}", why=", ".join(str(i["id"]) for i in found[:5]))
    return str(found[0]["id"])
