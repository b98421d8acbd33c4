"""Settings of the command line: where each value comes from, in this order.

flag > environment (NEXUS_URL, NEXUS_TZ ...) > project file `.nexus.toml` (this folder or one above) > profile in
`~/.config/nexus/config.toml` > default. A profile is a named server; the one used is chosen by --profile,
NEXUS_PROFILE, the project file, `default_profile`, or is called `default`. Tokens are not settings: see credentials.
"""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tradenexus.cli.failures import Usage

DEFAULTS: dict[str, str] = {
    "url": "http://127.0.0.1:8000",
    "tz": "UTC",
    "output": "auto",
    "retry_s": "5",
}
ALLOWED: dict[str, tuple[str, ...]] = {"tz": ("UTC", "local"), "output": ("auto", "table", "tsv", "json", "jsonl")}
ENVIRONMENT = {"url": "NEXUS_URL", "tz": "NEXUS_TZ", "output": "NEXUS_OUTPUT", "retry_s": "NEXUS_RETRY_S"}
PROJECT_FILE = ".nexus.toml"


@dataclass(frozen=True)
class Value:
    """A setting and where it came from."""

    text: str
    origin: str


@dataclass
class Config:
    """The settings in force: `profile` and one Value per key of DEFAULTS."""

    profile: Value
    values: dict[str, Value]
    path: Path
    file: dict[str, Any] = field(default_factory=dict)

    def __getitem__(self, key: str) -> str:
        return self.values[key].text

    def origin(self, key: str) -> str:
        """Return where a setting came from: flag, environment, project, profile or default."""
        return self.values[key].origin


def config_path() -> Path:
    """Return the path of the user's configuration file (NEXUS_CONFIG moves it)."""
    override = os.environ.get("NEXUS_CONFIG")
    return Path(override) if override else _home("XDG_CONFIG_HOME", ".config") / "config.toml"


def state_dir() -> Path:
    """Return the folder of what the program remembers: transfers, caches, the day of the last warning."""
    return _home("XDG_STATE_HOME", ".local/state")


def _home(variable: str, fallback: str) -> Path:
    base = os.environ.get(variable)
    return (Path(base) if base else Path.home() / fallback) / "nexus"


def load(flags: dict[str, str | None], *, new_profile: bool = False) -> Config:
    """Resolve every setting; `flags` holds what stood on the command line (None = not given).

    Refuses unreadable files, and a profile that does not exist unless `new_profile`.
    """
    path = config_path()
    file = _read(path)
    project_path = _project_file()
    project = _read(project_path) if project_path else {}
    profile = _profile(flags.get("profile"), project, file)
    section = file.get("profiles", {}).get(profile.text, {})
    if not section and profile.text != "default" and not new_profile:
        known = ", ".join(sorted(file.get("profiles", {}))) or "none"
        raise Usage(f"there is no profile {profile.text!r}", why=f"known profiles: {known}", hint=f"see {path}")
    sources = (
        ("flag", lambda key: flags.get(key)),
        ("environment", lambda key: os.environ.get(ENVIRONMENT[key]) or None),
        (f"project {project_path}", project.get),
        (f"profile {profile.text}", section.get),
        ("default", DEFAULTS.get),
    )
    return Config(profile, {key: check(key, _first(key, sources)) for key in DEFAULTS}, path, file)


def _first(key: str, sources: Any) -> Value:
    for origin, get in sources:
        found = get(key)
        if found is not None:
            return Value(str(found), origin)
    raise KeyError(key)


def check(key: str, value: Value) -> Value:
    """Refuse a value that the key does not allow, naming where it came from."""
    if key in ALLOWED and value.text not in ALLOWED[key]:
        raise Usage(f"{key} cannot be {value.text!r}", why=f"from {value.origin}; one of {', '.join(ALLOWED[key])}")
    if key == "url" and not is_origin(value.text):
        raise Usage(f"{value.text!r} is not the URL of a server", why=f"from {value.origin}; as in http://pi:8000")
    if key == "retry_s" and not value.text.replace(".", "", 1).isdigit():
        raise Usage(f"retry_s must be a number of seconds, not {value.text!r}", why=f"from {value.origin}")
    return value


def is_origin(text: str) -> bool:
    """Tell whether a text is an http(s) URL with a host, a port in range, and nothing secret in it."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and port != 0 and parts.username is None


def _profile(flag: str | None, project: dict[str, Any], file: dict[str, Any]) -> Value:
    for text, origin in (
        (flag, "flag"),
        (os.environ.get("NEXUS_PROFILE"), "environment"),
        (project.get("profile"), "project"),
        (file.get("default_profile"), "config"),
    ):
        if text:
            return Value(str(text), origin)
    return Value("default", "default")


def _project_file() -> Path | None:
    here = Path.cwd()
    for folder in (here, *here.parents):
        candidate = folder / PROJECT_FILE
        if candidate.is_file():
            return candidate
    return None


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise Usage(f"cannot read {path}", why=str(error)) from error


def set_value(config: Config, key: str, text: str) -> None:
    """Write one setting of the profile in force into the user's file, keeping the others."""
    if key not in DEFAULTS:
        raise Usage(f"there is no setting {key!r}", why=f"settings: {', '.join(DEFAULTS)}")
    check(key, Value(text, "argument"))
    profiles = config.file.setdefault("profiles", {})
    profiles.setdefault(config.profile.text, {})[key] = text
    write_private(config.path, _toml(config.file))


def _toml(data: dict[str, Any]) -> str:
    """Write the flat shape of the file: top-level strings, then one table per profile."""
    lines = [f"{_key(key)} = {_string(value)}" for key, value in data.items() if not isinstance(value, dict)]
    for name, section in data.get("profiles", {}).items():
        lines += ["", f"[profiles.{_key(name)}]"]
        lines += [f"{_key(key)} = {_string(value)}" for key, value in section.items()]
    return "\n".join(lines).lstrip("\n") + "\n"


def _key(text: str) -> str:
    return text if text.replace("_", "").replace("-", "").isalnum() and text.isascii() else _string(text)


def _string(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    escaped = "".join(
        "\\" + c if c in '\\"' else f"\\u{ord(c):04x}" if ord(c) < 32 or ord(c) == 127 else c for c in str(value)
    )
    return f'"{escaped}"'


def write_private(path: Path, text: str) -> None:
    """Replace a file atomically, readable by its owner only (0600 from the first byte on)."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
