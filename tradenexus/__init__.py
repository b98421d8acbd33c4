"""The platform: what datasets, backfill and lona stand on, and what people reach it by."""

import sys

# httpx brings a command line of its own: with it come rich and more, 2.4 MiB in every process and 60 ms of its start.
sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]
