"""All publications of one job, one after another."""

from __future__ import annotations

from typing import Any

from lona.models import Publication
from lona.publish.carry import carry_out
from tradenexus import ids
from tradenexus.errors import ProblemError
from tradenexus.jobs.errors import Cancelled, LeaseLost
from tradenexus.jobs.runner import Run


def carry_all(run: Run, refs: list[str]) -> dict[str, Any]:
    """Carry each publication out; a failed one does not keep the others from it, but is raised at the end."""
    first: ProblemError | None = None
    published = []
    for ref in refs:
        run.check()
        try:
            done = carry_out(run, ids.decode(Publication.prefix, ref))
            published.append({"publicationId": ref, "symbolName": done.symbol_name, "rows": done.rows})
        except (Cancelled, LeaseLost):
            raise
        except ProblemError as refused:
            run.log(f"{ref}: {refused.code}: {refused.message}", "error")
            first = first or refused
    if first is not None:
        raise first
    return {"published": published}
