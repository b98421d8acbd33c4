"""Receiving a symbol's multipart upload: the part `file` goes to disk as it arrives, `metadata` stays in memory.

Nothing the client names becomes a path: the file is written under an id of ours in the store's scratch folder.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from lona.sandbox import answers
from lona.sandbox.answers import Refusal
from lona.sandbox.store import new_id

FIELD_MAX_BYTES = 65_536
PARTS_MAX = 20


@dataclass
class Upload:
    """One received form: the file's place, size and given name (None when there was no file part), and text fields."""

    path: Path
    size_bytes: int = 0
    file_name: str | None = None
    fields: dict[str, bytes] = field(default_factory=dict)


@contextmanager
def scratch(request: Request) -> Iterator[Path]:
    """Give a path for a file being received; what is still there at the end is removed."""
    path = answers.store_of(request).scratch / new_id()
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


async def receive(request: Request, path: Path) -> Upload:
    """Stream the form of this request to `path`; refused: malformed, cut short, over the knob's bytes."""
    kind, options = parse_options_header(request.headers.get("content-type"))
    if kind != b"multipart/form-data" or not options.get(b"boundary"):
        raise answers.invalid(request, "Send multipart/form-data with the parts file and metadata")
    with path.open("wb") as file:
        form = _Form(file, path, answers.knobs_of(request).symbol_max_bytes)
        try:
            parser = MultipartParser(options[b"boundary"], form.callbacks())  # type: ignore[arg-type]
            async for chunk in request.stream():
                parser.write(chunk)
        except FormParserError as error:
            raise answers.invalid(request, f"The multipart body is malformed: {error}") from None
    if not form.ended:
        raise answers.invalid(request, "The multipart body ends before its closing boundary")
    return form.upload


class _Form:
    def __init__(self, file: BinaryIO, path: Path, max_bytes: int) -> None:
        self.upload, self.ended = Upload(path), False
        self._file, self._max_bytes = file, max_bytes
        self._parts, self._name, self._is_file = 0, "", False
        self._header, self._value, self._disposition = bytearray(), bytearray(), b""

    def callbacks(self) -> dict[str, object]:
        return {
            "on_part_begin": self._part_begins,
            "on_header_field": lambda data, start, end: self._header.extend(data[start:end]),
            "on_header_value": lambda data, start, end: self._value.extend(data[start:end]),
            "on_header_end": self._header_ends,
            "on_headers_finished": self._part_is_known,
            "on_part_data": self._part_data,
            "on_end": self._body_ends,
        }

    def _part_begins(self) -> None:
        self._parts += 1
        if self._parts > PARTS_MAX:
            raise Refusal(413, f"More than {PARTS_MAX} parts", "PAYLOAD_TOO_LARGE")
        self._disposition = b""

    def _header_ends(self) -> None:
        if bytes(self._header).lower() == b"content-disposition":
            self._disposition = bytes(self._value)
        self._header.clear()
        self._value.clear()

    def _part_is_known(self) -> None:
        _, options = parse_options_header(self._disposition)
        self._name = options.get(b"name", b"").decode("utf-8", "replace")
        self._is_file = self._name == "file"
        if not self._is_file:
            self.upload.fields[self._name] = b""
        elif self.upload.file_name is None:
            self.upload.file_name = options.get(b"filename", b"").decode("utf-8", "replace")
        else:
            raise Refusal(422, "The part file is there twice", "VALIDATION_ERROR")

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        if self._is_file:
            self._file_data(memoryview(data)[start:end])
            return
        self.upload.fields[self._name] += data[start:end]
        if len(self.upload.fields[self._name]) > FIELD_MAX_BYTES:
            raise Refusal(413, f"The field {self._name[:40]} is too long", "PAYLOAD_TOO_LARGE")

    def _file_data(self, data: memoryview) -> None:
        self.upload.size_bytes += len(data)
        if self.upload.size_bytes > self._max_bytes:
            raise Refusal(413, f"The file is larger than {self._max_bytes} bytes", "PAYLOAD_TOO_LARGE")
        self._file.write(data)

    def _body_ends(self) -> None:
        self.ended = True
