"""The audit entries of a dataset and its versions, newest first, found by subject however long the trail is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from datasets.models import Dataset, DatasetVersion
from tradenexus import ids
from tradenexus.audit import about
from tradenexus.audit.models import Entry
from tradenexus.rest import pagination

TOLD = 1_000  # versions whose entries a dataset's activity lists; an older version's is asked for by itself


def subjects_of(dataset: Dataset) -> dict[str, str]:
    """Return {typed id: word} of a dataset and its newest versions."""
    rows = DatasetVersion.of(dataset.tenant_id).filter(dataset=dataset).order_by("-number")
    numbers = rows.values_list("id", "number")[:TOLD]
    return {dataset.ref: "dataset"} | {ids.encode(DatasetVersion.prefix, one): f"v{number}" for one, number in numbers}


def entries(dataset: Dataset, subjects: list[str]) -> pagination.Source:
    """Return the source of the entries about the subjects, newest first, to be paged by `-seq`."""

    def following(last: Sequence[Any] | None, most: int) -> list[Entry]:
        return about.newest(dataset.tenant_id, subjects, last[0] if last else None, most)

    return following
