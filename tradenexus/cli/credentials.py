"""Tokens: kept per profile with the server they were issued for, in the system's keyring or a file of mode 0600.

A token is sent only to the origin (scheme, host, port) it belongs to: a project file or a typing mistake that names
another server gets none. NEXUS_TOKEN overrides the store, except for a server that only a project file names.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tradenexus.cli.config import Config, config_path, write_private
from tradenexus.cli.failures import Usage

SERVICE = "nexus"


def origin(url: str) -> str:
    """Return scheme://host:port of a URL, with the port always written."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return f"{parts.scheme}://{parts.hostname}:{port}"


def token(config: Config) -> tuple[str | None, str]:
    """Return the token for the server in force and where it came from (`environment`, `keyring`, `file`, `none`)."""
    from_environment = os.environ.get("NEXUS_TOKEN")
    if from_environment and not config.origin("url").startswith("project "):
        return from_environment.strip(), "environment"
    entry = _read().get(config.profile.text)
    if not entry or entry.get("origin") != origin(config["url"]):
        return None, "none"
    if entry.get("keyring"):
        keyring = _keyring()
        return (keyring.get_password(SERVICE, _account(config)) if keyring else None), "keyring"
    return entry.get("token"), "file"


def save(config: Config, secret: str) -> str:
    """Keep a token for the profile and server in force; returns where (`keyring` or the file's path)."""
    entry: dict[str, Any] = {"origin": origin(config["url"])}
    keyring = _keyring()
    if keyring is not None:
        keyring.set_password(SERVICE, _account(config), secret)
        entry["keyring"] = True
    else:
        entry["token"] = secret
    everything = _read() | {config.profile.text: entry}
    write_private(path(), json.dumps(everything, indent=2) + "\n")
    return "keyring" if keyring is not None else str(path())


def forget(config: Config) -> bool:
    """Remove the profile's token; False when there was none."""
    everything = _read()
    entry = everything.pop(config.profile.text, None)
    if entry is None:
        return False
    keyring = _keyring()
    if entry.get("keyring") and keyring is not None:
        keyring.delete_password(SERVICE, _account(config))
    write_private(path(), json.dumps(everything, indent=2) + "\n")
    return True


def path() -> Path:
    """Return the file that holds tokens when there is no keyring."""
    return config_path().with_name("credentials.json")


def _account(config: Config) -> str:
    return f"{config.profile.text}@{origin(config['url'])}"


def _read() -> dict[str, Any]:
    try:
        content = json.loads(path().read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (ValueError, OSError) as error:
        raise Usage(f"cannot read {path()}", why=str(error), hint="nexus auth login") from error
    return content if isinstance(content, dict) else {}


def _keyring() -> Any:
    """Return the keyring module when it is installed and has a real backend, else None."""
    if os.environ.get("NEXUS_NO_KEYRING"):
        return None
    try:
        import keyring
    except ImportError:
        return None
    return keyring if keyring.get_keyring().priority >= 1 else None
