"""Logs: one JSON object a line on stderr, with the request id and job id of the context, and secrets redacted."""

from __future__ import annotations

import logging
import logging.config
import re
import sys
from collections.abc import MutableMapping
from typing import Any

# structlog takes rich along, for coloured tracebacks that we never print: six megabytes in every process.
_rich = sys.modules.setdefault("rich", None)  # type: ignore[arg-type]
import structlog  # noqa: E402

if _rich is None:
    del sys.modules["rich"]

_SECRET_NAME = re.compile(r"(secret|token|password|authorization|api[-_]?key|cookie|credential)", re.IGNORECASE)
_SECRET_VALUE = re.compile(
    r"(nx_[0-9a-z]{8}_)[0-9A-Za-z_-]+|(Bearer\s+)\S+|(://[^/\s:@]*:)[^@\s]+(?=@)|(/login/link/)[\w-]+"
)
REDACTED = "[redacted]"


def configure(level: str = "INFO") -> None:
    """Send everything that is logged, by structlog or the standard library, through one JSON renderer."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        redact,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(default=str),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    logging.getLogger("httpx").setLevel(logging.WARNING)


def redact(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace secrets in a log event: by the field's name, and by the form of the value."""
    return {key: REDACTED if _SECRET_NAME.search(key) else scrub(value) for key, value in event.items()}


def scrub(value: Any) -> Any:
    """Return the value with API keys, bearer tokens, sign-in links and passwords in URLs replaced, at any depth."""
    if isinstance(value, str):
        return _SECRET_VALUE.sub(lambda found: next(part for part in found.groups() if part) + REDACTED, value)
    if isinstance(value, dict):
        return {key: REDACTED if _SECRET_NAME.search(str(key)) else scrub(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [scrub(part) for part in value]
    return value
