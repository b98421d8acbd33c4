"""The two places where data may rest, for one suite of tests about both: a folder, and a bucket of a real S3 server."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import uuid4

from django.core.files.storage import storages

from tests.kit.swift import Swift
from tradenexus import env


class Folder:
    """The embedded shape."""

    kind = "folder"

    def replace(self, key: str, data: bytes) -> None:
        """Put other bytes under a key, behind the product's back."""
        path = Path(storages["data"].path(key))
        path.unlink()
        path.write_bytes(data)

    def keys(self) -> list[str]:
        """List what is stored."""
        root = Path(storages["data"].location)
        return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


class Bucket:
    """Object storage, below a prefix of the test's own."""

    kind = "bucket"

    def __init__(self, server: Swift, bucket: str) -> None:
        self.server, self.bucket, self.prefix = server, bucket, f"test-{uuid4().hex}"
        self.client = server.client()

    def entry(self, monkeypatch: Any) -> dict[str, object]:
        """Return the entry of STORAGES that the product makes of its variables."""
        for name, value in self.server.variables(self.bucket, self.prefix).items():
            monkeypatch.setenv(name, value)
        return env.storage("NEXUS_STORAGE", "NEXUS_STORAGE_OPTIONS", Path("/nowhere"))

    def replace(self, key: str, data: bytes) -> None:
        """Put other bytes under a key, behind the product's back."""
        self.client.put_object(Bucket=self.bucket, Key=f"{self.prefix}/{key}", Body=data)

    def keys(self) -> list[str]:
        """List what is stored."""
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=self.prefix)
        return [each["Key"].removeprefix(f"{self.prefix}/") for page in pages for each in page.get("Contents", [])]

    def begun(self) -> list[str]:
        """List the multipart uploads that were neither completed nor aborted."""
        answer = self.client.list_multipart_uploads(Bucket=self.bucket, Prefix=self.prefix)
        return [each["Key"].removeprefix(f"{self.prefix}/") for each in answer.get("Uploads", [])]
