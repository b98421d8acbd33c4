"""The Django storage of NEXUS_STORAGE=s3://...: django-storages' own, with limits on waiting and one client a process.

The only module that imports django-storages; it is loaded by its dotted path, so an installation on a folder needs none
of it. `FAULTS` are what its client raises, for those who use it.
"""

from __future__ import annotations

from functools import cached_property
from threading import Lock
from typing import Any

from storages.backends import s3

FAULTS: tuple[type[Exception], ...] = (s3.ClientError, s3.botocore.exceptions.BotoCoreError)
CONNECT_S = 5
READ_S = 60
ATTEMPTS = 4
_making = Lock()


class Bucket(s3.S3Storage):
    """A bucket (and prefix) of any S3 server that knows signature 4."""

    def __init__(self, **options: Any):
        super().__init__(**options)
        given: Any = vars(self)["client_config"]  # botocore's Config, which is imported in few places only
        self.client_config = given.merge(
            type(given)(
                connect_timeout=CONNECT_S,
                read_timeout=READ_S,
                retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
                # Newer checksums by default stop at servers that do not know them; each put carries its MD5.
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            )
        )

    @cached_property
    def client(self) -> Any:
        """The one client, shared by all threads (django-storages makes a resource for each thread, at 0.2 s)."""
        with _making:  # sessions are not made safely by two threads at once
            return self.connection.meta.client
