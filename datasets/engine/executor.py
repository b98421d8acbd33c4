"""Where the engine's heavy work is done: in children of this process, or at a Dask cluster; one setting decides.

The functions, their limits, their bytes and their errors are the same at both.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from datasets.engine import children, cluster, crew

LOCAL, DASK = "local", "dask://"


def run(
    compute: str,
    task: str,
    shares: Sequence[dict[str, Any]],
    *,
    limits: children.Limits,
    on_message: Callable[[int, dict[str, Any]], None],
    cancelled: Callable[[], bool],
) -> list[Any]:
    """Call `task` for each share in capped children at `compute` (`local` or `dask://host:port`), results in order.

    `limits` hold for each child; `on_message` gets a share's number. Raises what the first failing child raises,
    ChildCancelled, or ComputeUnavailable.
    """
    if compute == LOCAL:
        return crew.run(task, shares, limits=limits, on_message=on_message, cancelled=cancelled)
    address = compute.removeprefix(DASK)
    return cluster.run(address, task, shares, limits=limits, on_message=on_message, cancelled=cancelled)
