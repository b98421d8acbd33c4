"""Every behaviour of Lona that its public documents leave open, as one named setting ("knob") with a default.

A knob is read from NEXUS_SANDBOX_<NAME> at start and can be changed at run time by `PUT /_sandbox/knobs`; changes
made at run time last until the process ends. `Knobs` is the only place a default is written down.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields

PREFIX = "NEXUS_SANDBOX_"
SECRETS = frozenset({"registration_secret"})
CHOICES: dict[str, frozenset[object]] = {
    "symbol_name_clash": frozenset({0, 400, 409}),
    "strategy_name_clash": frozenset({0, 400, 409}),
    "validation_status": frozenset({400, 422}),
    "unknown_strategy": frozenset({"buy_and_hold", "refuse"}),
    "error_shape": frozenset({"mixed", "error", "detail"}),
    "timestamp_style": frozenset({"csv", "iso"}),
}


class KnobRefused(ValueError):
    """A knob's name is unknown or its value is not of the knob's type, choices or range."""


@dataclass
class Knobs:
    """The settings of this sandbox; numbers are never negative, 0 switches a clash check off."""

    page_limit_max: int = 100  # a list asked for more than this is refused
    symbol_min_rows: int = 10
    symbol_max_bytes: int = 256 * 1024 * 1024
    symbol_name_clash: int = 409  # status of "Resource already exists" per user; 0 = names may repeat
    strategy_name_clash: int = 409
    equal_timestamps: bool = False  # true: a row may repeat the timestamp of the row before
    symbol_ready_seconds: float = 0.0  # until then a new symbol has no data_range and no data
    file_url: bool = False  # true: symbols carry a file_url that clients read instead of /data
    timestamp_style: str = "csv"  # csv: `YYYY-MM-DD HH:MM:SS` in /data; iso: `YYYY-MM-DDTHH:MM:SSZ`
    envelope: bool = True  # false: the body is T itself, without {"data": T}
    error_shape: str = "mixed"  # error: always {"error": {...}}; detail: always {"detail": ...}
    validation_status: int = 422
    invite_required: bool = True
    invites_per_hour: int = 3
    registration_secret: str = ""  # "": the header X-Agent-Registration-Secret opens nothing
    token_days: int = 30
    end_date_inclusive: bool = True  # true: bars of the whole end_date are part of a run
    unknown_strategy: str = "buy_and_hold"  # what a description that names no known strategy becomes
    pending_seconds: float = 0.3
    executing_seconds: float = 0.5  # a run is shown EXECUTING at least this long
    processing_seconds: float = 0.2
    run_timeout_seconds: float = 120.0
    run_memory_bytes: int = 2 * 1024 * 1024 * 1024
    timeline_max_points: int = 5000  # a longer equity curve is thinned; ends and worst drawdown stay
    trades_max: int = 20000  # trades listed in the full report; total_trades always counts all

    def update(self, changes: Mapping[str, object]) -> None:
        """Change several knobs at once, all or none; raises KnobRefused."""
        known = {field.name: field for field in fields(self)}
        for name in changes:
            if name not in known:
                raise KnobRefused(f"unknown knob {name!r}")
        checked = {name: _checked(name, getattr(self, name), value) for name, value in changes.items()}
        for name, value in checked.items():
            setattr(self, name, value)

    def shown(self) -> dict[str, object]:
        """Return all knobs by name; secrets as "set" or ""."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: ("set" if value else "") if name in SECRETS else value for name, value in values.items()}


def from_environment(environment: Mapping[str, str] = os.environ) -> Knobs:
    """Read the knobs from NEXUS_SANDBOX_* variables; raises KnobRefused for a value that does not fit."""
    knobs = Knobs()
    changes: dict[str, object] = {}
    for field in fields(knobs):
        text = environment.get(PREFIX + field.name.upper())
        if text is not None:
            changes[field.name] = _parsed(field.name, getattr(knobs, field.name), text)
    knobs.update(changes)
    return knobs


def _parsed(name: str, default: object, text: str) -> object:
    if isinstance(default, bool):
        words = {
            "1": True,
            "true": True,
            "yes": True,
            "on": True,
            "0": False,
            "false": False,
            "no": False,
            "off": False,
        }
        return words.get(text.strip().lower(), text)
    if isinstance(default, str):
        return text
    try:
        return int(text) if isinstance(default, int) else float(text)
    except ValueError:
        raise KnobRefused(f"{name} is not a number: {text!r}") from None


def _checked(name: str, default: object, value: object) -> object:
    if isinstance(default, float) and type(value) is int:
        value = float(value)
    if type(value) is not type(default):
        raise KnobRefused(f"{name} must be {type(default).__name__}, not {type(value).__name__}")
    if isinstance(value, int | float) and not 0 <= value < 1e15:
        raise KnobRefused(f"{name} must be zero or a positive number")
    if name in CHOICES and value not in CHOICES[name]:
        raise KnobRefused(f"{name} must be one of {sorted(CHOICES[name], key=str)}")
    return value
