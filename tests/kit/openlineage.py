"""What the OpenLineage spec 2-0-2 asks of a run event, and of each facet that we write, as JSON Schema of our own.

Stricter than the spec where it lets anything pass: a facet that is not listed here, or a field of one, is refused."""

from __future__ import annotations

from typing import Any

import jsonschema

SPEC = "https://openlineage.io/spec"
TEXT = {"type": "string", "minLength": 1}
COUNT = {"type": "integer", "minimum": 0}
UUID = {"type": "string", "pattern": "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"}
TIME = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$"}
URI = {"type": "string", "pattern": "^[a-z][a-z0-9+.-]*:\\S+$"}


def closed(required: dict[str, Any], **optional: Any) -> dict[str, Any]:
    """Return an object of these fields and no other."""
    fields = {**required, **optional}
    return {"type": "object", "properties": fields, "required": list(required), "additionalProperties": False}


def facet(url: str, required: dict[str, Any], **optional: Any) -> dict[str, Any]:
    """Return a facet with its producer and exactly its schema's address."""
    version, name = url.split("/")
    address = f"{SPEC}/facets/{version}/{name}.json#/$defs/{name}"
    return closed({"_producer": URI, "_schemaURL": {"const": address}, **required}, **optional)


NAMED = {"namespace": TEXT, "name": TEXT}
FIELDS = {"type": "array", "minItems": 1, "items": closed({"name": TEXT}, type=TEXT, description=TEXT)}
ASSERTION = closed(
    {"assertion": TEXT, "success": {"type": "boolean"}},
    severity={"enum": ["warn", "error"]}, actual=TEXT, expected=TEXT,
)  # fmt: skip
JOB_FACETS = closed(
    {
        "jobType": facet(
            "2-0-4/JobTypeJobFacet", {"processingType": {"const": "BATCH"}, "integration": TEXT}, jobType=TEXT
        ),
        "documentation": facet("1-1-0/DocumentationJobFacet", {"description": TEXT}),
    }
)
RUN_FACETS = closed(
    {"processing_engine": facet("1-1-1/ProcessingEngineRunFacet", {"version": TEXT}, name=TEXT)},
    parent=facet("1-2-0/ParentRunFacet", {"run": closed({"runId": UUID}), "job": closed(NAMED)}),
    errorMessage=facet("1-0-1/ErrorMessageRunFacet", {"message": TEXT, "programmingLanguage": TEXT}),
)
DATASET_FACETS = closed(
    {"dataSource": facet("1-0-1/DatasourceDatasetFacet", {"name": TEXT, "uri": URI})},
    version=facet("1-0-1/DatasetVersionDatasetFacet", {"datasetVersion": TEXT}),
    schema=facet("1-2-0/SchemaDatasetFacet", {"fields": FIELDS}),
)
INPUT = closed(
    {**NAMED, "facets": DATASET_FACETS},
    inputFacets=closed(
        {},
        dataQualityAssertions=facet(
            "1-1-0/DataQualityAssertionsDatasetFacet", {"assertions": {"type": "array", "items": ASSERTION}}
        ),
        dataQualityMetrics=facet(
            "1-0-3/DataQualityMetricsInputDatasetFacet", {"columnMetrics": closed({})}, rowCount=COUNT, bytes=COUNT
        ),
    ),
)
OUTPUT = closed(
    {**NAMED, "facets": DATASET_FACETS},
    outputFacets=closed(
        {
            "outputStatistics": facet(
                "1-0-2/OutputStatisticsOutputDatasetFacet", {}, rowCount=COUNT, size=COUNT, fileCount=COUNT
            )
        }
    ),
)
RUN_EVENT = closed(
    {
        "eventType": {"enum": ["START", "COMPLETE", "FAIL", "ABORT"]},
        "eventTime": TIME,
        "producer": URI,
        "schemaURL": {"const": f"{SPEC}/2-0-2/OpenLineage.json#/$defs/RunEvent"},
        "run": closed({"runId": UUID, "facets": RUN_FACETS}),
        "job": closed({**NAMED, "facets": JOB_FACETS}),
        "inputs": {"type": "array", "items": INPUT},
        "outputs": {"type": "array", "items": OUTPUT},
    }
)


def check(event: dict[str, Any]) -> dict[str, Any]:
    """Refuse an event that the spec, or this file, does not know; return it."""
    jsonschema.validate(event, RUN_EVENT)
    return event
