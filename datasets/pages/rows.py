"""Datasets as rows of the list, with what the chosen columns need and no more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from datasets import listing
from datasets.models import Dataset, DatasetVersion, Status
from datasets.pages import sparks
from tradenexus import db
from tradenexus.web import figures


@dataclass(slots=True)
class Row:
    """One dataset: the version it shows, the newest published one, its days, its age, its coverage by month."""

    dataset: Dataset
    version: DatasetVersion
    published: int | None = None
    days: str = ""
    age: str = ""
    spark: sparks.Spark | None = None


def of(found: list[Dataset], columns: list[str]) -> list[Row]:
    """Return the rows of one page; one query for the versions shown, one for the published ones."""
    newest = {version.dataset_id: version for version in listing.newest_of(found)}
    published = _published(found) if "published" in columns else {}
    now = db.now()
    listed = []
    for dataset in found:
        version = newest[dataset.id]
        row = Row(dataset, version, published.get(dataset.id), _days(version))
        row.age = figures.span((now - version.created_at).total_seconds()) if "freshness" in columns else ""
        row.spark = sparks.kept(version) if "coverage" in columns else None
        listed.append(row)
    return listed


def _published(found: list[Dataset]) -> dict[Any, int]:
    if not found:
        return {}
    rows = DatasetVersion.of(found[0].tenant_id).filter(dataset__in=found, status=Status.PUBLISHED)
    return dict(rows.order_by("number").values_list("dataset_id", "number"))


def _days(version: DatasetVersion) -> str:
    if version.start_ns is None or version.end_ns is None:
        return ""
    return f"{figures.moment_ns(version.start_ns)[:10]} - {figures.moment_ns(version.end_ns)[:10]}"
