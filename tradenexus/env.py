"""Typed readers of environment variables. `NAME_FILE` names a file that holds the value (for secrets)."""

from __future__ import annotations

import json
import os
import re
from importlib.util import find_spec
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


def origins(name: str) -> frozenset[str]:
    """Return web origins as browsers write them, scheme://host[:port]; no wildcard, no path."""
    given = words(name)
    for each in given:
        if not re.fullmatch(r"https?://([a-z0-9.-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?", each):
            raise SettingInvalid(f"{name} must hold exact origins such as https://desk.example:8443, not {each!r}")
    return frozenset(given)


def ids(name: str, default: str) -> range:
    """Return the ordinary user ids from `first-last`, both included; none when the text is empty."""
    raw = text(name, default).strip()
    found = re.fullmatch(r"([0-9]{1,10})-([0-9]{1,10})", raw)
    first, last = (int(each) for each in found.groups()) if found else (0, 0)
    # 2^32 - 1 means "leave it as it is" to the kernel.
    if raw and not 1000 <= first <= last < 2**32 - 1:
        raise SettingInvalid(f"{name} must be two ids of at least 1000 such as 60600-60855, or empty, not {raw!r}")
    return range(first, last + 1) if raw else range(0)


def compute(name: str) -> str:
    """Return `local` or `dask://host:port`; the latter needs the packages of requirements/dask.txt."""
    raw = text(name, "local").strip()
    if raw != "local" and re.fullmatch(r"dask://[^/\s:]+:[0-9]{1,5}", raw) is None:
        raise SettingInvalid(f"{name} must be local or dask://host:port, not {raw!r}")
    if raw != "local" and find_spec("distributed") is None:
        raise SettingInvalid(f"{name}={raw} needs distributed: pip install --require-hashes -r requirements/dask.txt")
    return raw


def choice(name: str, default: str, allowed: tuple[str, ...]) -> str:
    """Return one of the allowed words."""
    raw = text(name) or default
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


def storage(name: str, options: str, folder: Path) -> dict[str, object]:
    """Return a Django storage entry from nothing (the folder), s3://bucket/prefix, or a dotted path with its options.

    What an s3:// storage needs stands in NEXUS_S3_*; `options` names the variable with a dotted path's, in JSON.
    """
    raw = text(name)
    if not raw:
        return {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": str(folder)}}
    if raw.startswith("s3://"):
        return {"BACKEND": "datasets.storage.bucket.Bucket", "OPTIONS": _bucket(name, raw)}
    if re.fullmatch(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+", raw):
        return {"BACKEND": raw, "OPTIONS": _json(options)}
    raise SettingInvalid(f"{name} must be s3://bucket/prefix or the dotted path of a Django storage, not {raw!r}")


def _bucket(name: str, raw: str) -> dict[str, object]:
    found = re.fullmatch(
        r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/([A-Za-z0-9_-][A-Za-z0-9._-]*(?:/[A-Za-z0-9_-][A-Za-z0-9._-]*)*))?/?",
        raw,
    )
    if found is None:
        raise SettingInvalid(f"{name} must look like s3://bucket/prefix, not {raw!r}")
    for package in ("storages", "boto3"):
        if find_spec(package) is None:
            raise SettingInvalid(f"{name}={raw} needs {package}: pip install --require-hashes -r requirements/s3.txt")
    endpoint = text("NEXUS_S3_ENDPOINT")
    if endpoint and not re.fullmatch(r"https?://[^\s/?#@]+/?", endpoint):
        raise SettingInvalid(f"NEXUS_S3_ENDPOINT must look like https://host:port, not {endpoint!r}")
    access_key, secret_key = text("NEXUS_S3_ACCESS_KEY"), text("NEXUS_S3_SECRET_KEY")
    if bool(access_key) != bool(secret_key) or (endpoint and not access_key):
        missing = "NEXUS_S3_SECRET_KEY" if access_key else "NEXUS_S3_ACCESS_KEY"
        raise SettingInvalid(f"{missing} (or {missing}_FILE) must be set for {name}={raw}")
    return {
        "bucket_name": found[1],
        "location": found[2] or "",
        "endpoint_url": endpoint or None,
        "region_name": text("NEXUS_S3_REGION") or "us-east-1",
        "access_key": access_key or None,
        "secret_key": secret_key or None,
        "addressing_style": choice("NEXUS_S3_ADDRESSING", "path" if endpoint else "auto", ("path", "virtual", "auto")),
        "signature_version": "s3v4",
    }


def _json(name: str) -> dict[str, object]:
    raw = text(name) or "{}"
    try:
        value = json.loads(raw)
    except ValueError as error:
        raise SettingInvalid(f"{name} must be a JSON object: {error}") from error
    if not isinstance(value, dict):
        raise SettingInvalid(f"{name} must be a JSON object, not {raw[:80]!r}")
    return value
