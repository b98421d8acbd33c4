"""Typed readers of environment variables. `NAME_FILE` names a file that holds the value (for secrets)."""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit


class SettingInvalid(ValueError):
    """An environment variable holds a value that cannot be used; the message names it and what it must be."""


def text(name: str, default: str = "") -> str:
    """Return the variable, or the content of the file that `<name>_FILE` names, stripped of the last newline."""
    path = os.environ.get(f"{name}_FILE")
    if path:
        try:
            return Path(path).read_text().rstrip("\n")
        except OSError as error:
            raise SettingInvalid(f"{name}_FILE={path}: {error.strerror}") from error
    return os.environ.get(name, default)


def integer(name: str, default: int, least: int = 0) -> int:
    """Return a whole number not below `least`."""
    raw = text(name, str(default)).replace("_", "")
    if not re.fullmatch(r"-?[0-9]{1,30}", raw) or int(raw) < least:
        raise SettingInvalid(f"{name} must be a whole number of at least {least}, not {raw!r}")
    return int(raw)


def number(name: str, default: float) -> float:
    """Return a number."""
    raw = text(name, str(default))
    try:
        return float(raw)
    except ValueError as error:
        raise SettingInvalid(f"{name} must be a number, not {raw!r}") from error


def flag(name: str, default: bool = False) -> bool:
    """Return a yes/no value: 1, true, yes, on or 0, false, no, off."""
    raw = text(name, "1" if default else "0").lower()
    if raw in {"1", "true", "yes", "on"}:
        return True
    if raw in {"0", "false", "no", "off", ""}:
        return False
    raise SettingInvalid(f"{name} must be 1 or 0, not {raw!r}")


def words(name: str, default: str = "") -> list[str]:
    """Return a comma-separated list without empty parts."""
    return [part.strip() for part in text(name, default).split(",") if part.strip()]


def ids(name: str, default: str) -> range:
    """Return the ordinary user ids from `first-last`, both included; none when the text is empty."""
    raw = text(name, default).strip()
    found = re.fullmatch(r"([0-9]{1,10})-([0-9]{1,10})", raw)
    first, last = (int(each) for each in found.groups()) if found else (0, 0)
    # 2^32 - 1 means "leave it as it is" to the kernel.
    if raw and not 1000 <= first <= last < 2**32 - 1:
        raise SettingInvalid(f"{name} must be two ids of at least 1000 such as 60600-60855, or empty, not {raw!r}")
    return range(first, last + 1) if raw else range(0)


def choice(name: str, default: str, allowed: tuple[str, ...]) -> str:
    """Return one of the allowed words."""
    raw = text(name, default)
    if raw not in allowed:
        raise SettingInvalid(f"{name} must be one of {', '.join(allowed)}, not {raw!r}")
    return raw


def database(name: str, default: str) -> dict[str, object]:
    """Return a Django database entry from a URL: sqlite:///path or postgres://user:password@host:port/name?option=v."""
    raw = text(name, default)
    url = urlsplit(raw)
    if url.scheme == "sqlite":
        return {"ENGINE": "django.db.backends.sqlite3", "NAME": unquote(raw.removeprefix("sqlite:///"))}
    if url.scheme in {"postgres", "postgresql"}:
        return {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": unquote(url.path.lstrip("/")),
            "USER": unquote(url.username or ""),
            "PASSWORD": unquote(url.password or ""),
            "HOST": unquote(url.hostname or ""),
            "PORT": str(url.port or ""),
            "OPTIONS": dict(parse_qsl(url.query)),
        }
    raise SettingInvalid(f"{name} must start with sqlite:/// or postgres://, not {url.scheme!r}")
