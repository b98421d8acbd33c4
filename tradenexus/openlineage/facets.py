"""The parts of OpenLineage events: datasets with their facets, each facet with its producer and schema.

A facet is written only of what is known: arguments that are None or empty leave it out. Names are stable
(docs/lineage.md).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.conf import settings

from tradenexus import ids

SPEC = "https://openlineage.io/spec"
EVENT = f"{SPEC}/2-0-2/OpenLineage.json#/$defs/RunEvent"
_FACETS = {
    "dataQualityAssertions": ("1-1-0", "DataQualityAssertionsDatasetFacet"),
    "dataQualityMetrics": ("1-0-3", "DataQualityMetricsInputDatasetFacet"),
    "dataSource": ("1-0-1", "DatasourceDatasetFacet"),
    "documentation": ("1-1-0", "DocumentationJobFacet"),
    "errorMessage": ("1-0-1", "ErrorMessageRunFacet"),
    "jobType": ("2-0-4", "JobTypeJobFacet"),
    "outputStatistics": ("1-0-2", "OutputStatisticsOutputDatasetFacet"),
    "parent": ("1-2-0", "ParentRunFacet"),
    "processing_engine": ("1-1-1", "ProcessingEngineRunFacet"),
    "schema": ("1-2-0", "SchemaDatasetFacet"),
    "version": ("1-0-1", "DatasetVersionDatasetFacet"),
}

Set = dict[str, Any]


@dataclass
class Moved:
    """What a job read and what it wrote: datasets made by `dataset`."""

    inputs: list[Set] = field(default_factory=list)
    outputs: list[Set] = field(default_factory=list)


def producer() -> str:
    """Return the URI of this program and its version."""
    return f"urn:trade-nexus:{settings.NEXUS_VERSION}"


def namespace(tenant_id: UUID) -> str:
    """Return the namespace of a workspace's jobs and of the data it holds."""
    return f"nexus://{ids.encode('tnt', tenant_id)}"


def facet(name: str, /, **values: Any) -> dict[str, Any]:
    """Return a facet with its producer and schema; values that are None are left out."""
    version, schema = _FACETS[name]
    told = {key: value for key, value in values.items() if value is not None}
    url = f"{SPEC}/facets/{version}/{schema}.json#/$defs/{schema}"
    return {"_producer": producer(), "_schemaURL": url, **told}


def dataset(
    space: str,
    name: str,
    *,
    version: str | int | None = None,
    columns: Iterable[Mapping[str, str]] = (),
    source: str = "",
    rows: int | None = None,
    size_bytes: int | None = None,
    files: int | None = None,
) -> Set:
    """Return a dataset. `columns`: {name, type[, description]}; `source`: what holds it, in words.

    rows, size_bytes and files are of what this very run wrote: they make the facet outputStatistics, of outputs only.
    """
    facets: dict[str, Any] = {}
    if version not in (None, ""):
        facets["version"] = facet("version", datasetVersion=str(version))
    if fields := [{key: value for key, value in each.items() if value} for each in columns]:
        facets["schema"] = facet("schema", fields=fields)
    if source:
        facets["dataSource"] = facet("dataSource", name=source, uri=space)
    told: Set = {"namespace": space, "name": name, "facets": facets}
    if (rows, size_bytes, files) != (None, None, None):
        counted = facet("outputStatistics", rowCount=rows, size=size_bytes, fileCount=files)
        told["outputFacets"] = {"outputStatistics": counted}
    return told


def judged(one: Set, assertions: list[dict[str, Any]], rows: int | None, size_bytes: int | None) -> Set:
    """Return an input with what was found of its quality: assertions, and how many rows and bytes were looked at."""
    found: dict[str, Any] = {}
    if assertions:
        found["dataQualityAssertions"] = facet("dataQualityAssertions", assertions=assertions)
    if rows is not None:
        found["dataQualityMetrics"] = facet("dataQualityMetrics", rowCount=rows, bytes=size_bytes, columnMetrics={})
    return {**one, "inputFacets": found} if found else one
