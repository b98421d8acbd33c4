"""The job that builds a feature: what is new or restated of its inputs is computed in a child and committed.

One commit an instrument, whose source is the input's entry and whose key names its revisions: a build that was cut
short, or asked for twice, does nothing twice. What was covered is stored as a document. No row at all is a failure.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from django.conf import settings

from datasets.engine import children, executor, handover
from datasets.features import inputs, registry
from datasets.features.inputs import Source
from datasets.features.registry import Feature
from datasets.lake import commit, rules, scan, sound
from datasets.lake.offers import Offer
from datasets.lake.suspects import SplitUnwitnessed
from datasets.market import instruments as names
from datasets.market.times import time_text
from datasets.models import FeatureCoverage, LakeEntry
from datasets.storage import blobs, layout, manifests
from tradenexus import db, failpoints
from tradenexus.actor import Actor
from tradenexus.errors import BadRequest, NotFound, ProblemError, Unavailable, Unprocessable
from tradenexus.jobs import queue
from tradenexus.jobs import registry as kinds
from tradenexus.jobs.models import Job, State

JOB = "features.build"
VENDOR = "derived"
BATCH = 50  # instruments of one child
SHOWN = 50  # of them in a job's result; the stored document has all
_EDGES = (("first", "firstNs"), ("last", "lastNs"))
MOST = 1000  # instruments that may be named


class FeatureNoCoverage(Unprocessable):
    """No instrument gave a row: the tables hold no bars, or too few of each. `details` shows what was looked at."""

    code = "FEATURE_NO_COVERAGE"


class InputDamaged(Unprocessable):
    """Stored bars of some instruments are damaged or gone; `details` names them. The others were built.

    Restore the segments from a backup, or fetch those bars again; then build once more.
    """

    code = "FEATURE_INPUT_DAMAGED"


def request(actor: Actor, name: str, options: dict[str, Any]) -> tuple[Feature, Job]:
    """Start building a feature; inside `db.atomic()`. The same request again joins the job that is under way.

    options: tables (default: all inputs), instruments (default: all in them), full (every row again). FeatureUnknown,
    SymbolRefused, or VALIDATION_ERROR for a table that is no input and an instrument without bars.
    """
    feature = registry.find(name)
    tables = options.get("tables") or list(feature.inputs)
    if foreign := sorted(set(tables) - set(feature.inputs)):
        words = f"{feature.name} is made of {', '.join(feature.inputs)}, not of {foreign[0][:60]!r}"
        raise BadRequest(words, {"fields": {"tables": [words]}})
    wanted = options.get("instruments")
    named = None if wanted is None else sorted({str(names.parse(each)) for each in wanted})
    if named is not None:
        held = {entry.instrument for entry in inputs.entries(actor.tenant_id, feature, tables, named)}
        if unknown := [each for each in named if each not in held]:
            words = f"no bars of {unknown[0]} to make it of"
            raise BadRequest(words, {"fields": {"instruments": unknown[:20]}})
    params: dict[str, Any] = {"feature": feature.name, "tables": sorted(tables), "instruments": named}
    params["full"] = bool(options.get("full"))
    same = hashlib.sha256(json.dumps(params, sort_keys=True).encode()).hexdigest()[:32]
    return feature, queue.submit(actor, JOB, params, subject=feature.name, dedupe=same)


def run_job(run: Any) -> dict[str, Any]:
    """Build what is new -> {feature, table, instruments, rows, commits, added, ..., artifact, coverage}."""
    feature = registry.find(run.params["feature"])
    found = inputs.entries(run.actor.tenant_id, feature, run.params["tables"], run.params["instruments"])
    before = {each["instrument"]: each for each in _last(run.actor, feature).get("instruments", [])}
    totals = {"commits": 0, "added": 0, "replaced": 0, "unchanged": 0, "upToDate": 0}
    covered: list[dict[str, Any]] = []
    for start in range(0, len(found), BATCH):
        run.check()
        with _passing():
            covered += _batch(run, feature, found[start : start + BATCH], before, totals)
        run.progress("build", len(covered), len(found), "instruments")
    return _finish(run, feature, covered, totals)


def last_coverage(actor: Actor, feature: Feature) -> dict[str, Any] | None:
    """Return the document of the last build that succeeded; None before there was one."""
    done = FeatureCoverage.of(actor.tenant_id).filter(feature=feature.name, job__state=State.SUCCEEDED)
    last = done.select_related("job").order_by("-created_at", "-id").first()
    if last is None:
        return None
    try:
        return {**manifests.read(last.key, last.sha256), "jobId": last.job.ref}
    except NotFound:
        return None


def _last(actor: Actor, feature: Feature) -> dict[str, Any]:
    with suppress(manifests.ManifestDamaged):  # what it says is looked up anew
        return last_coverage(actor, feature) or {}
    return {}


def _batch(
    run: Any, feature: Feature, some: list[LakeEntry], before: dict[str, Any], totals: dict[str, int]
) -> list[dict[str, Any]]:
    todo = inputs.sources(run.actor.tenant_id, feature, some, full=run.params["full"])
    told: dict[str, dict[str, Any]] = {}
    moved = []
    for source in todo:
        known = before.get(source.entry.instrument, {})
        if source.from_ns is None and known.get("inputKey") == source.made_of(feature):
            told[source.entry.instrument] = {**known, "changed": False}
            totals["upToDate"] += 1
        else:
            moved.append(source)
    folder = run.work_dir() / f"batch-{some[0].id.hex}"
    for number, (source, made) in enumerate(_computed(run, feature, moved, folder)):
        changed = not {"fault", "held"} & set(made) and _commit(
            run, feature, source, made, folder / f"commit-{number}", totals
        )
        told[source.entry.instrument] = _line(feature, source, made, changed)
    return [told[source.entry.instrument] for source in todo]


def _computed(
    run: Any, feature: Feature, some: Sequence[Source], folder: Path
) -> Iterator[tuple[Source, dict[str, Any]]]:
    """Yield each source with what a child made of it; {fault} where its bytes are damaged or gone, {held} where a
    suspected split has no second witness."""
    folder.mkdir(parents=True, exist_ok=True)
    works, sound = [], []
    with ExitStack() as stack:
        for source in some:
            try:
                works.append(_work(source, stack))
                sound.append(source)
            except (scan.SegmentDamaged, blobs.BlobMissing) as fault:
                yield source, {"fault": fault.message}
            except SplitUnwitnessed as fault:
                yield source, {"held": fault.message}
        if not works:
            return
        (built,) = executor.run(
            settings.NEXUS_COMPUTE,
            "datasets.features.building:build",
            [{"feature": feature.name, "works": works, "out_dir": handover.writes(folder)}],
            limits=children.Limits(memory_bytes=settings.NEXUS_CHILD_MEMORY_BYTES),
            on_message=lambda number, said: run.progress("compute", said["done"], said["total"], "instruments"),
            cancelled=run.cancelled,
        )
    yield from zip(sound, built["works"], strict=True)


def _work(source: Source, stack: ExitStack) -> dict[str, Any]:
    paths = [stack.enter_context(sound.local(each)) for each in inputs.members(source)]
    return {
        "table": source.entry.table,
        "calendar": source.entry.calendar,
        "members": [handover.reads(path) for path in paths],
        "steps": inputs.steps(source),
        "fromNs": source.from_ns,
    }


def _commit(
    run: Any, feature: Feature, source: Source, made: dict[str, Any], room: Path, totals: dict[str, int]
) -> bool:
    """Take the rows into the lake; tell whether a row changed. A source without new rows is not committed."""
    if made["path"] is None:
        totals["upToDate"] += 1
        return False
    run.check()
    offer = Offer(
        table=feature.table,
        instrument=source.entry.instrument,
        paths=(Path(made["path"]),),
        start_ns=made["startNs"],
        end_ns=made["endNs"],
        vendor=VENDOR,
        fetched_at=source.entry.fetched_at or db.now(),
        policy=rules.NEWER,
    )
    key = f"{source.made_of(feature)}:{run.job.id.hex[-12:] if run.params['full'] else source.after}"
    told = {"operation": inputs.OPERATION, "key": key, "source": source.entry.ref}
    done = commit.commit(run.actor, [offer], room=room, run=run, **told)
    totals["commits"] += 1
    for name in ("added", "replaced", "unchanged"):
        totals[name] += done.summary[name]
    return bool(done.summary["changed"])


def _line(feature: Feature, source: Source, made: dict[str, Any], changed: bool) -> dict[str, Any]:
    made = {"bars": source.entry.rows, "rows": 0, "warmUp": 0, "missing": {}, **made}
    edges = {name: time_text(made[at]) if made.get(at) is not None else None for name, at in _EDGES}
    return {
        "instrument": source.entry.instrument,
        "table": source.entry.table,
        "inputRevision": source.revisions,
        "inputKey": source.made_of(feature),
        **edges,
        **{name: made[name] for name in ("bars", "rows", "warmUp", "missing")},
        "changed": changed,
        "fault": made.get("fault"),
        "heldBack": made.get("held"),
    }


def _finish(run: Any, feature: Feature, covered: list[dict[str, Any]], totals: dict[str, int]) -> dict[str, Any]:
    """Store what was covered and end the job; InputDamaged or FeatureNoCoverage when it has failed all the same."""
    rows = sum(each["rows"] for each in covered)
    told = {"feature": feature.name, "version": feature.version, "table": feature.table, "rows": rows}
    with _passing():
        key = layout.coverage(run.actor.tenant_id, run.job.id, run.token)
        blob = manifests.write(key, {**told, "builtAt": db.now().isoformat(), "instruments": covered})
    failpoints.hit("features.stored")
    artifact = {"key": blob.key, "sha256": blob.sha256, "sizeBytes": blob.size_bytes}
    result = {**told, "instruments": len(covered), **totals, "artifact": artifact, "coverage": covered[:SHOWN]}
    fault = _fault(feature, covered, artifact)
    with run.effect() as effect:
        # An attempt before may have left a row: its document is garbage from here on.
        row = {"tenant_id": run.actor.tenant_id, "feature": feature.name, "key": blob.key, "created_at": db.now()}
        row |= {"sha256": blob.sha256, "size_bytes": blob.size_bytes}
        FeatureCoverage.everyone.update_or_create(job_id=run.job.id, defaults=row)
        if fault is None:
            effect.finish(result)
    if fault is not None:
        raise fault
    return result


def _fault(feature: Feature, covered: list[dict[str, Any]], artifact: dict[str, Any]) -> ProblemError | None:
    if damaged := [each for each in covered if each["fault"]]:
        words = f"{damaged[0]['instrument']}: {damaged[0]['fault']}; {len(covered) - len(damaged)} other(s) were built"
        return InputDamaged(words, {"artifact": artifact, "coverage": damaged[:SHOWN]})
    if not any(each["rows"] for each in covered):
        words = f"{len(covered)} instrument(s) were looked at and none has bars enough for a row of {feature.name}"
        return FeatureNoCoverage(words, {"artifact": artifact, "coverage": covered[:SHOWN]})
    return None


@contextmanager
def _passing() -> Iterator[None]:
    """Turn faults that may pass into another attempt; it finds what was committed before."""
    try:
        yield
    except (Unavailable, commit.LakeBusy) as fault:
        raise kinds.RetryLater(f"{fault.code}: {fault.message}", fault.details.get("retryAfterSeconds")) from fault
    except children.ChildFailed as fault:
        if fault.status != Unavailable.status:
            raise
        raise kinds.RetryLater(f"{fault.code}: {fault.message}") from fault
