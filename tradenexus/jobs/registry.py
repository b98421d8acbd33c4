"""The kinds of jobs this installation knows. Apps register theirs in `<app>/tasks.py`, found by autodiscovery.

A handler is called as `handler(run)` (jobs.runner.Run) and returns a JSON dict. It raises RetryLater for a fault of
the outside world that may pass, any ProblemError for a final failure; an Unavailable that says `retryAfterSeconds` is
such a fault too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from tradenexus.jobs.errors import Cancelled, KindUnknown, LeaseLost

__all__ = ["Cancelled", "Kind", "LeaseLost", "RetryLater", "find", "handler", "label", "labelled", "names"]

Handler = Callable[[Any], "dict[str, Any] | None"]
OnFailure = Callable[..., None]  # (run_or_job, actor, error, outcome)
OnRetry = Callable[..., None]  # (job, actor)


class RetryLater(Exception):
    """The attempt failed for a reason that may pass: run again after a pause (`after_s` is a floor for it)."""

    def __init__(self, reason: str, after_s: float | None = None):
        super().__init__(reason)
        self.reason = reason
        self.after_s = after_s


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of job and how it is run."""

    name: str
    label: str
    function: Handler
    heavy: bool
    max_attempts: int
    on_failure: OnFailure | None
    on_retry: OnRetry | None
    limit_s: float
    phases: tuple[str, ...] = ()
    reuses: str = ""


_KINDS: dict[str, Kind] = {}


def handler(
    name: str,
    label: str,
    *,
    heavy: bool = False,
    max_attempts: int | None = None,
    on_failure: OnFailure | None = None,
    on_retry: OnRetry | None = None,
    limit_s: float | None = None,
    phases: tuple[str, ...] = (),
    reuses: str = "",
) -> Callable[[Handler], Handler]:
    """Register a function as the handler of a kind.

    label: what it does, in words for people: a verb and its object, as a button says it. Programs go by the name.
    heavy: at most settings.NEXUS_HEAVY_JOBS of these run at once on a host.
    on_failure(run_or_job, actor, error, outcome): runs in the transaction that ends the job as failed, cancelled or
    stalled, so that the domain row leaves its running state with it. It may run in another process than the handler.
    on_retry(job, actor): runs in the transaction that queues an ended job again; a ProblemError from it refuses that.
    limit_s: wall time after which an attempt's process is killed (default settings.NEXUS_JOB_LIMIT_S).
    phases: the first words of the phases it usually reports, in order, for people who watch it.
    reuses: one sentence for people: what a retry finds done already, and what it does again.
    """

    def register(function: Handler) -> Handler:
        attempts, limit = max_attempts or settings.NEXUS_JOB_MAX_ATTEMPTS, limit_s or settings.NEXUS_JOB_LIMIT_S
        _add(Kind(name, label, function, heavy, attempts, on_failure, on_retry, limit, phases, reuses))
        return function

    return register


def _add(kind: Kind) -> None:
    if not kind.label.strip() or kind.label == kind.name:
        raise ValueError(f"job kind {kind.name!r} has no label: say in words what it does")
    known = _KINDS.get(kind.name)
    if known is not None and known.function.__module__ != kind.function.__module__:
        places = f"{known.function.__module__}, {kind.function.__module__}"
        raise ValueError(f"job kind {kind.name!r} is registered twice: {places}")
    _KINDS[kind.name] = kind


def find(name: str) -> Kind:
    """Return the kind; KindUnknown when no app registered it."""
    try:
        return _KINDS[name]
    except KeyError:
        raise KindUnknown(f"no app knows the job kind {name!r}", {"kind": name}) from None


def label(name: str) -> str:
    """Return what a kind does in words; the name itself for a kind that no app here knows any more."""
    kind = _KINDS.get(name)
    return kind.label if kind else name


def labelled() -> list[tuple[str, str]]:
    """Return (name, label) of all kinds known here, sorted by label."""
    return sorted(((kind.name, kind.label) for kind in _KINDS.values()), key=lambda pair: pair[1].casefold())


def names() -> list[str]:
    """Return the names of all kinds known here, sorted."""
    return sorted(_KINDS)
