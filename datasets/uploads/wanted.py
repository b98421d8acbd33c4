"""What a client says about a file before it sends it, checked. All of it is metadata: nothing becomes a path."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from datasets.descriptions import printable
from datasets.formats import targets
from datasets.market.kinds import ASSET_CLASSES
from datasets.models.upload import PARTIAL
from tradenexus.errors import BadRequest

KINDS = ("trades", "quotes", "bars")
_SHA256 = re.compile(r"[0-9a-fA-F]{64}")
_LONGEST = {"filename": 255, "content_type": 255, "name": 255, "symbol": 128, "venue": 64, "timezone": 64, "vendor": 64}


@dataclass(slots=True)
class NewUpload:
    """A file announced: its name, type and length in bytes (None: told later), and how it is to be read."""

    filename: str
    content_type: str
    length: int | None
    name: str = ""
    dataset: str = ""
    kind: str = ""
    sha256: str = ""
    column_mapping: dict[str, Any] = field(default_factory=dict)
    symbol: str = ""
    venue: str = ""
    timezone: str = ""
    timestamp_unit: str = ""
    vendor: str = ""
    asset_class: str = ""
    further: dict[str, Any] = field(default_factory=dict)  # more of the validate request, and `then`
    header: str = ""  # Upload-Metadata as it came
    concat: str = ""  # Upload-Concat as it came

    def __post_init__(self) -> None:
        wrong: dict[str, list[str]] = {}
        for name, longest in _LONGEST.items():
            text = printable(getattr(self, name))
            setattr(self, name, text)
            if len(text) > longest:
                wrong[_camel(name)] = [f"at most {longest} characters"]
        self.sha256 = self.sha256.lower()
        if self.length is not None and self.length < 1:
            wrong["sizeBytes"] = ["at least 1: an empty file is no data"]
        if not self.filename:
            wrong["filename"] = ["must not be empty"]
        if self.sha256 and not _SHA256.fullmatch(self.sha256):
            wrong["sha256"] = ["64 hexadecimal digits"]
        if self.kind and self.kind not in KINDS:
            wrong["kind"] = [f"one of {', '.join(KINDS)}"]
        if self.asset_class and self.asset_class not in ASSET_CLASSES:
            wrong["assetClass"] = [f"one of {', '.join(ASSET_CLASSES)}"]
        if not _storable(self.column_mapping):
            wrong["columnMapping"] = ["names without NUL and unpaired surrogates"]
        if wrong:
            name, reasons = next(iter(wrong.items()))
            raise BadRequest(f"{name}: {reasons[0]}", {"fields": wrong})
        targets.refuse_shared(self.column_mapping)

    @classmethod
    def from_metadata(cls, pairs: Mapping[str, str], length: int | None, header: str) -> Self:
        """Read what a plain tus client put into Upload-Metadata; filename and filetype have defaults."""
        return cls(
            filename=pairs.get("filename") or pairs.get("name") or "upload",
            content_type=pairs.get("filetype") or pairs.get("contentType") or "application/octet-stream",
            length=length,
            name=pairs.get("datasetName", ""),
            dataset=pairs.get("datasetId", ""),
            kind=pairs.get("kind", ""),
            sha256=pairs.get("sha256", ""),
            column_mapping=_mapping(pairs.get("columnMapping", "")),
            symbol=pairs.get("symbol", ""),
            venue=pairs.get("venue", ""),
            timezone=pairs.get("timezone", ""),
            timestamp_unit=pairs.get("timestampUnit", ""),
            vendor=pairs.get("vendor", ""),
            asset_class=pairs.get("assetClass", ""),
            further={"abortEarly": True} if pairs.get("abortEarly") == "true" else {},
            header=header,
        )

    @classmethod
    def part(cls, pairs: Mapping[str, str], length: int | None, header: str) -> Self:
        """Read what was said of a partial upload: how the file is to be read is said of the final one."""
        return cls(
            filename=pairs.get("filename") or "part",
            content_type=pairs.get("filetype", ""),
            length=length,
            header=header,
            concat=PARTIAL,
        )

    @property
    def reading(self) -> dict[str, Any]:
        """What validation should know about the file, in the words of the validate request."""
        said = {
            "columnMapping": self.column_mapping,
            "kind": self.kind,
            "symbol": self.symbol,
            "venue": self.venue,
            "timezone": self.timezone,
            "timestampUnit": self.timestamp_unit,
            **self.further,
        }
        return {name: value for name, value in said.items() if value}


def _storable(mapping: Mapping[str, Any]) -> bool:
    text = json.dumps(mapping, ensure_ascii=False)
    return "\\u0000" not in text and not any(unicodedata.category(letter) == "Cs" for letter in text)


def _mapping(text: str) -> dict[str, Any]:
    if not text:
        return {}
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise BadRequest("columnMapping: must be a JSON object", {"fields": {"columnMapping": ["a JSON object"]}})
    return value


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
