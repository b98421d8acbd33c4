"""What protects this installation from a hostile file, and whether the storage of data does its work."""

from __future__ import annotations

from typing import Any

from django.core import checks

from datasets.engine import children
from datasets.storage import probe
from tradenexus.errors import ProblemError
from tradenexus.search.doctor import check, item

_WORDS = {True: "on", False: "off"}


@check
def engine() -> list[dict[str, Any]]:
    """List the protections of the child that first reads a file."""
    held = children.capabilities()
    notes = held["notes"]
    return [
        item(f"reader {name.replace('_', ' ')}", bool(on), _WORDS[bool(on)], notes.get(name, ""), otherwise="warn")
        for name, on in held.items()
        if isinstance(on, bool)
    ]


@check
def storage() -> list[dict[str, Any]]:
    """Ask where data rests, and whether a bucket refuses to replace what is there."""
    probe.forget()
    fault = probe.fault()
    where = probe.where()
    if fault:
        return [item("storage", False, f"{where}: {fault}", "check NEXUS_STORAGE and NEXUS_S3_* (docs/settings.md)")]
    found = [item("storage", True, f"{where} answers")]
    try:
        refuses = probe.refuses_to_replace()
    except ProblemError as error:
        fix = "give the credentials the rights to write, read, list and delete below the prefix"
        return [*found, item("storage writes", False, error.message, fix)]
    if refuses is None:
        return found
    words = "a put never replaces (If-None-Match)" if refuses else "a put may replace: If-None-Match is not known"
    return [*found, item("storage put-once", refuses, words, "docs/settings.md, Put once", otherwise="warn")]


@checks.register("storage", deploy=True)
def bucket_answers(app_configs: Any = None, **_: Any) -> list[checks.CheckMessage]:
    """Report a storage that does not answer to `manage.py check --deploy`."""
    lines = [line for line in storage() if line["state"] != "ok"]
    kinds = {"fail": (checks.Error, "datasets.E001"), "warn": (checks.Warning, "datasets.W001")}
    return [kinds[line["state"]][0](line["found"], hint=line["fix"], id=kinds[line["state"]][1]) for line in lines]
