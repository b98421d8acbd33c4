"""Guesses what a file is by its first and last bytes, before anything is stored. The bytes are a stranger's, so the
looking is done in the capped child; this module imports no Django."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Any

from datasets.engine import children
from tradenexus.errors import BadRequest

MAX_BYTES = 1 << 20
TAIL_BYTES = 1 << 16
MAX_BASE64 = (MAX_BYTES + 2) // 3 * 4
_LIMITS = children.Limits(memory_bytes=768 << 20, cpu_s=10, wall_s=20)
OVERRIDES = ("kind", "columnMapping", "symbol", "venue", "timezone", "timestampUnit", "dateOrder", "sideRule")


def sniff(said: Mapping[str, Any]) -> dict[str, Any]:
    """Return the guess for {filename, sizeBytes, headBase64, tailBase64?} with what the client already knows of it.

    BadRequest when the text is not base64; a ChildFailed when the bytes make their reader fail.
    """
    params = {
        "filename": said["filename"],
        "size": said["sizeBytes"],
        "head": _checked(said["headBase64"], "headBase64"),
        "tail": _checked(said.get("tailBase64") or "", "tailBase64"),
        "overrides": {name: said[name] for name in OVERRIDES if said.get(name)},
    }
    return children.run("datasets.uploads.peek:look", params, limits=_LIMITS)


def look(params: dict[str, Any], emit: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """Run in the child: return the guess, with `plan` and `preview` when no question is open after what was said."""
    from datasets.formats import mapping, preview, sniff

    head, tail = base64.b64decode(params["head"]), base64.b64decode(params["tail"])
    declared = {name: value for name, value in params["overrides"].items() if name == "kind"}
    guess = sniff.sniff(head, tail or None, params["filename"], params["size"], declared)
    try:
        plan = mapping.plan_from(guess, params["overrides"])
    except mapping.MappingIncomplete as error:
        return {**guess, "questions": error.details.get("questions", guess.get("questions", []))}
    rows = preview.preview(head, tail, params["size"], plan)
    return {**guess, "plan": plan, "questions": [], "preview": rows}


def _checked(text: str, name: str) -> str:
    try:
        base64.b64decode(text, validate=True)
    except ValueError as error:
        raise BadRequest(f"{name}: must be base64", {"fields": {name: ["base64"]}}) from error
    return text
