"""States as chips: colour token, glyph and short word for each; the verbatim state stays in the title."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Chip:
    """How one state is shown: `tone` is a colour token, `glyph` an icon of the sprite."""

    tone: str
    glyph: str
    word: str


_TONES: dict[tuple[str, str], tuple[str, ...]] = {
    ("info", "ring"): (
        *("uploading", "validating", "transforming", "publishing", "publishing_lona"),
        *("running", "open", "working", "building", "landed"),
    ),
    ("mute", "circle"): (
        "uploaded",
        "validated",
        "queued",
        "pending",
        "waiting",
        "unknown",
        "paused",
        "drained",
        "planned",
        "left",
    ),
    ("ok", "check"): (
        *("ready", "published", "published_lona", "available", "succeeded", "completed", "complete"),
        *("active", "passed", "pass", "fixed", "green", "alive", "ok", "finished", "live", "done"),
        *("repaired", "committed", "fresh", "recorded", "reviewed", "agrees"),
    ),
    ("warn", "triangle"): (
        "degraded",
        "late",
        "amber",
        "draining",
        "warning",
        "retry",
        "partial",
        "drift",
        "expiring",
        "partly",
        "corroborated",
        "unwitnessed",
    ),
    ("bad", "cross"): (
        *("failed", "validation_failed", "transform_failed", "publish_failed", "missing", "blocked", "breached"),
        *("red", "error", "fail", "lost", "silent", "refused", "stopped"),
        *("contradicted", "contradicts"),
    ),
    ("special", "lock"): ("quarantined", "stalled", "held"),
    ("mute", "lock"): ("frozen",),
    ("mute", "dash"): (
        *("archived", "benign", "cancelled", "retired", "revoked", "expired", "aborted", "released"),
        *("dismissed", "superseded", "no_data", "dependent"),
    ),
}
_WORDS = {
    "published_lona": "Published",
    "publishing_lona": "Publishing",
    "green": "GREEN",
    "amber": "AMBER",
    "red": "RED",
}
_BY_STATE = {state: look for look, states in _TONES.items() for state in states}


def of(state: str) -> Chip:
    """Return the chip of a state; one we do not know is shown plainly, by its own name."""
    key = str(state).lower()
    tone, glyph = _BY_STATE.get(key, ("mute", "circle"))
    return Chip(tone, glyph, _WORDS.get(key, key.replace("_", " ").capitalize()))
