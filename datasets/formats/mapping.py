"""Makes a reading plan of a sniff and what a person said, or says which questions are still open."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from datasets.formats import proposal, samples, targets, zones
from datasets.formats.errors import DateOrderAmbiguous, MappingIncomplete, TimestampUnitsMixed, TimezoneRequired
from datasets.formats.instants import UNITS
from datasets.market.kinds import BARS, SYMBOL
from tradenexus.errors import BadRequest

# Overrides that go into the plan as they are.
_DIRECT = (
    "format",
    "encoding",
    "delimiter",
    "quote",
    "header",
    "skipRows",
    "width",
    "decimal",
    "recordsPath",
    "timestampFormat",
    "dateOrder",
    "sideRule",
    "venue",
)


class PlanInvalid(BadRequest):
    """What was declared about the file cannot be: an unknown unit, kind or zone. `details` names the field."""

    code = "PLAN_INVALID"


def plan_from(
    sniff: Mapping[str, Any], overrides: Mapping[str, Any] | None = None, refuse_mixed: bool = True
) -> dict[str, Any]:
    """Return the plan for `readers.open_batches`; what a person said wins over what was sniffed.

    `overrides`: columnMapping, kind, timezone, timestampUnit, symbol, venue, dateOrder, sideRule, delimiter, ...; or
    `answers` {question id: answer}. MappingIncomplete (TimezoneRequired, DateOrderAmbiguous) lists the open questions.
    Without `refuse_mixed` it is left to the reader to refuse mixed epoch units, with the rows that have them.
    """
    said = declared(sniff, overrides)
    open_questions = questions(sniff, said)
    if any(question["required"] for question in open_questions):
        raise _incomplete(open_questions)
    kind = said.get("kind") or sniff["kind"]
    if kind is None:
        raise MappingIncomplete("The columns of the file are not known yet.", {"questions": []})
    mapping = _mapping(sniff, said, kind)
    time = _time_of(sniff, mapping[targets.TIME])
    if refuse_mixed and time.get("mixed") and not said.get("timestampUnit"):
        raise TimestampUnitsMixed(f"The times are in {', '.join(time['mixed'])}.", {"units": time["mixed"]})
    plan = {name: sniff.get(name) for name in _SNIFFED}
    plan |= {
        "kind": kind,
        "columnMapping": mapping,
        "timestampUnit": said.get("timestampUnit") or time.get("unit") if _is_epoch(time) else None,
        "timestampFormat": _form(time, kind, said),
        "timezone": said.get("timezone") or None,
        "dateOrder": time.get("dateOrder"),
        "symbol": said.get("symbol") or ("" if SYMBOL in mapping else sniff.get("symbol") or _default(sniff, "symbol")),
        "venue": "",
        "integerIds": _integer_ids(sniff, mapping),
    }
    return plan | {name: said[name] for name in _DIRECT if said.get(name) is not None}


_SNIFFED = (
    "format",
    "compression",
    "encoding",
    "delimiter",
    "quote",
    "header",
    "skipRows",
    "width",
    "decimal",
    "recordsPath",
)


def declared(sniff: Mapping[str, Any], overrides: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return what a person said, answers put to the fields they belong to. PlanInvalid for impossible values."""
    said = {name: value for name, value in (overrides or {}).items() if value not in (None, "") and name != "answers"}
    fields = {question["id"]: question["field"] for question in sniff.get("questions", [])}
    for name, value in ((overrides or {}).get("answers") or {}).items():
        said.setdefault(fields.get(name, name), value)
    unit = said.get("timestampUnit")
    if unit is not None and unit not in UNITS:
        raise PlanInvalid(f"{str(unit)[:20]!r} is no unit of time.", {"field": "timestampUnit", "options": list(UNITS)})
    kind = said.get("kind")
    if kind is not None and kind not in targets.TARGETS:
        options = list(targets.TARGETS)
        raise PlanInvalid(f"{str(kind)[:20]!r} is no kind of data.", {"field": "kind", "options": options})
    if said.get("dateOrder") not in (None, "dmy", "mdy"):
        raise PlanInvalid("A date order is dmy or mdy.", {"field": "dateOrder", "options": ["dmy", "mdy"]})
    if said.get("timezone"):
        zones.check(str(said["timezone"]))
    return said


def questions(sniff: Mapping[str, Any], said: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the questions that are open after what was said, the required ones first."""
    kind = said.get("kind") or sniff.get("kind")
    left = [each for each in sniff.get("questions", []) if each["field"] not in said and each["id"] != "mapping"]
    if kind is None:
        return sorted(left, key=_optional_last)
    mapping = _mapping(sniff, said, kind)
    left = [each for each in left if not _settled(each, sniff, mapping, kind)]
    missing = targets.required(kind, mapping)
    if missing:
        left.append(_which_column(sniff, missing))
    elif not any(each["field"] in ("timezone", "dateOrder") for each in left):
        left += time_questions(_time_of(sniff, mapping[targets.TIME]), kind, said)
    return sorted(left, key=_optional_last)


def time_questions(time: Mapping[str, Any], kind: str | None, said: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return what must be asked about a column of times: its zone, the order of day and month."""
    asked = []
    if time.get("format") == "dated" and not time.get("dateOrder") and "dateOrder" not in said:
        text = "Day and month cannot be told apart. Which comes first?"
        asked.append(_question("dateOrder", "dateOrder", text, ["dmy", "mdy"]))
    midnight = time.get("format") == "midnight"
    naive = time.get("format") == "iso_naive" or (midnight and kind != BARS)
    naive = naive or (time.get("format") == "typed" and not time.get("zone"))
    naive = naive or (time.get("format") == "dated" and ":" in str(time.get("sample", "")))
    if naive and "timezone" not in said:
        text = "The times carry no zone. In which zone are they?"
        asked.append(
            _question("timezone", "timezone", text, ["UTC", "America/New_York", "Europe/London", "Asia/Tokyo"])
        )
    return asked


def _question(name: str, target: str, text: str, options: list[str]) -> dict[str, Any]:
    return {"id": name, "field": target, "text": text, "options": options, "required": True}


def _which_column(sniff: Mapping[str, Any], missing: list[str]) -> dict[str, Any]:
    names = [column["name"] for column in sniff.get("columns", [])]
    text = f"Which column holds {', '.join(missing)}?"
    return {**_question("mapping", "columnMapping", text, names), "targets": missing}


def _settled(question: Mapping[str, Any], sniff: Mapping[str, Any], mapping: Mapping[str, Any], kind: str) -> bool:
    """Tell whether a sniffed question is no longer one: the column or the kind it was about is another now."""
    if question["id"] == "kind":
        return True
    if question["field"] in ("timezone", "dateOrder"):
        # Asked anew for the column that is mapped.
        return True
    return (question["id"] == "side" and "side" in mapping) or (question["id"] == "symbol" and SYMBOL in mapping)


def _mapping(sniff: Mapping[str, Any], said: Mapping[str, Any], kind: str) -> dict[str, str | int]:
    own = targets.canonical(kind, said.get("columnMapping") or {})
    proposed = sniff.get("mapping") or {}
    if kind != sniff.get("kind"):
        # Declared to be something else than it was taken for: the columns are looked at again with other eyes.
        columns = [samples.described(each) for each in sniff.get("columns", [])]
        proposed = proposal.propose(columns, bool(sniff.get("header", True)), kind).mapping
    sniffed = {target: each["column"] for target, each in proposed.items()}
    usable = {target: column for target, column in sniffed.items() if target in targets.TARGETS[kind]}
    side = next((each for each in sniff.get("questions", []) if each["id"] == "side"), None)
    if side and said.get("sideRule") in ("taker", "maker") and kind == "trades":
        usable["side"] = side["column"]
    given = {_target(kind, name) for name in (said.get("columnMapping") or {})}
    if "side" in given or targets.MAKER in given:
        usable.pop("side", None)
        usable.pop(targets.MAKER, None)
    if said.get("symbol"):
        usable.pop(SYMBOL, None)
    # A target mapped to nothing is taken out of the sniffed mapping too.
    merged = {**{target: column for target, column in usable.items() if target not in given}, **own}
    targets.refuse_shared(merged)
    return merged


def _target(kind: str, name: str) -> str:
    return name if name in targets.TARGETS[kind] else targets.ALIASES.get(name.lower(), name)


def _column(sniff: Mapping[str, Any], column: str | int) -> Mapping[str, Any]:
    columns = sniff.get("columns", [])
    names = [each["name"] for each in columns]
    return columns[targets.index_of(column, names)] if columns else {}


def _default(sniff: Mapping[str, Any], field: str) -> str:
    asked: Mapping[str, Any] = next((each for each in sniff.get("questions", []) if each["field"] == field), {})
    return str(asked.get("default") or "")


def _time_of(sniff: Mapping[str, Any], column: str | int) -> Mapping[str, Any]:
    return _column(sniff, column).get("time") or {}


def _is_epoch(time: Mapping[str, Any]) -> bool:
    return str(time.get("format", "epoch")).startswith("epoch")


def _form(time: Mapping[str, Any], kind: str, said: Mapping[str, Any]) -> str | None:
    form = time.get("format")
    if form in ("midnight", "date"):
        return "date" if kind == BARS or form == "date" else "iso_naive"
    # These two are told by the values, cell by cell.
    return None if form in ("typed", "dated") else form


def _integer_ids(sniff: Mapping[str, Any], mapping: Mapping[str, str | int]) -> bool | None:
    if "trade_id" not in mapping:
        return None
    column = _column(sniff, mapping["trade_id"])
    if column.get("type") not in ("integer", "text", "number"):
        return None
    # More than 18 digits may not fit 64 bits: such ids stay text.
    plain = column["type"] == "integer" and not column.get("stray")
    return plain and all(len(each or "") <= 18 for each in column.get("samples", []))


def _optional_last(question: Mapping[str, Any]) -> bool:
    return not question["required"]


def _incomplete(open_questions: list[dict[str, Any]]) -> MappingIncomplete:
    required = [question for question in open_questions if question["required"]]
    words = " ".join(question["text"] for question in required)
    kinds = {"timezone": TimezoneRequired, "dateOrder": DateOrderAmbiguous}
    kind = kinds.get(required[0]["id"], MappingIncomplete) if len(required) == 1 else MappingIncomplete
    return kind(words, {"questions": open_questions})
