"""The audit entries of a dataset and its versions, newest first, found by subject however long the trail is."""

from __future__ import annotations

from django.db.models import QuerySet

from datasets.models import Dataset, DatasetVersion
from tradenexus import ids
from tradenexus.audit.models import Entry

TOLD = 1_000  # versions whose entries a dataset's activity lists; an older version's is asked for by itself


def subjects_of(dataset: Dataset) -> dict[str, str]:
    """Return {typed id: word} of a dataset and its newest versions."""
    rows = DatasetVersion.of(dataset.tenant_id).filter(dataset=dataset).order_by("-number")
    numbers = rows.values_list("id", "number")[:TOLD]
    return {dataset.ref: "dataset"} | {ids.encode(DatasetVersion.prefix, one): f"v{number}" for one, number in numbers}


def entries(dataset: Dataset, subjects: list[str]) -> QuerySet[Entry]:
    """Return the entries about the subjects; order and page them by `seq`.

    Two steps, because SQLite would rather walk the whole trail in order than sort the few that are meant.
    """
    mine = Entry.of(dataset.tenant_id)
    found = mine.filter(subject__in=subjects).order_by().values_list("seq", flat=True)
    return mine.filter(seq__in=sorted(found, reverse=True)[:20_000])
