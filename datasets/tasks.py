"""Jobs of the datasets app, found by the queue's autodiscovery."""

from __future__ import annotations

from typing import Any

from datasets import bulk, promotion, review, splits, staged, validation, versions
from datasets.exports import build as export
from datasets.exports import bundles, mirror
from datasets.features import run as features
from datasets.lake import fulldiff
from datasets.maintenance import chores, dataaudit, garbage, lakescrub, scrub
from datasets.models import Chore, Status
from datasets.selector import matrices
from datasets.snapshots import keeping, materialise, verify
from datasets.storage import spool
from datasets.transforms import fix, held
from datasets.transforms import run as candles
from datasets.uploads import checking, concat, expiry, following, ingest, joining, provisional, sessions
from tradenexus.jobs import registry, schedules


@registry.handler(
    validation.JOB, "Validate", heavy=True, on_failure=validation.on_failure, on_retry=validation.on_retry
)
def validate(run: Any) -> dict[str, Any]:
    """Read a raw file for the first time and give the verdict."""
    return validation.run_job(run)


@registry.handler(candles.JOB, "Make candles", heavy=True, on_failure=candles.on_failure, on_retry=candles.on_retry)
def build_candles(run: Any) -> dict[str, Any]:
    """Make bars of trades, quotes or finer bars."""
    return candles.run_job(run)


@registry.handler(
    fix.JOB,
    "Fix a version",
    heavy=True,
    on_failure=fix.on_failure,
    on_retry=fix.on_retry,
    phases=("validate",),
    reuses="Nothing: the rows are read again, with the same bytes as result.",
)
def fix_version(run: Any) -> dict[str, Any]:
    """Make a version as a recipe leaves it."""
    return fix.run_job(run)


@registry.handler(fix.PREVIEW, "Preview a fix", heavy=True, phases=("validate",), reuses="Nothing.")
def preview_fix(run: Any) -> dict[str, Any]:
    """Tell what a recipe would do to a version."""
    return fix.run_preview(run)


@registry.handler(
    held.JOB,
    "Fix refused rows",
    heavy=True,
    on_failure=fix.on_failure,
    on_retry=fix.on_retry,
    phases=("validate", "build"),
    reuses="The fixed version and its commit, once they were made.",
)
def fix_refused(run: Any) -> dict[str, Any]:
    """Make a version of refused rows as a recipe leaves them, and commit it."""
    return held.run_job(run)


@registry.handler(held.PREVIEW, "Preview a fix of refused rows", heavy=True, phases=("validate",), reuses="Nothing.")
def preview_refused(run: Any) -> dict[str, Any]:
    """Tell what a recipe would do to refused rows."""
    return held.run_preview(run)


@registry.handler(
    promotion.JOB,
    "Promote into the lake",
    heavy=True,
    phases=("build", "commit"),
    reuses="Commits that were made are not made again.",
)
def promote_version(run: Any) -> dict[str, Any]:
    """Take a version's rows into the golden copy."""
    return promotion.run_job(run)


@registry.handler(review.JOB, "Release from quarantine", heavy=True, reuses="The commit, once it was made.")
def release_rows(run: Any) -> dict[str, Any]:
    """Let refused rows into the golden copy, as a reviewer said."""
    return review.run_job(run)


@registry.handler(splits.JOB, "Record a split", heavy=True, reuses="The commit, once it was made.")
def record_split(run: Any) -> dict[str, Any]:
    """Write a suspected split to corporate_actions, as a person asked."""
    return splits.run_job(run)


@registry.handler(
    fulldiff.JOB,
    "Compare two revisions",
    heavy=True,
    on_failure=fulldiff.on_failure,
    on_retry=fulldiff.on_retry,
    phases=("comparing", "storing"),
    reuses="Parts that were compared are not compared again.",
)
def compare_revisions(run: Any) -> dict[str, Any]:
    """Find what turns one revision of an entry into another."""
    return fulldiff.run_job(run)


@registry.handler(
    features.JOB,
    "Build a feature",
    heavy=True,
    phases=("compute", "build"),
    reuses="Instruments that were committed are not computed again.",
)
def build_feature(run: Any) -> dict[str, Any]:
    """Compute a feature of what is new in the lake."""
    return features.run_job(run)


@registry.handler(sessions.INGEST, "Receive upload", on_failure=ingest.failed, on_retry=ingest.retried)
def ingest_upload(run: Any) -> dict[str, Any]:
    """Verify received bytes and make them a version's raw file."""
    return ingest.ingest(run)


@registry.handler(
    provisional.JOB,
    "Look at an upload while it comes in",
    heavy=True,
    max_attempts=1,
    phases=("validate",),
    reuses="Nothing: the bytes that are here are read from the first.",
)
def check_upload(run: Any) -> dict[str, Any]:
    """Validate the first bytes of an upload."""
    return checking.run_job(run)


@registry.handler(
    provisional.FOLLOW,
    "Validate an upload while it comes in",
    heavy=True,
    max_attempts=1,
    on_failure=following.failed,
    phases=("validate",),
    reuses="Nothing: the bytes that are here are read from the first.",
)
def follow_upload(run: Any) -> dict[str, Any]:
    """Validate an upload to its end as its bytes come, for its validation to take over."""
    return following.run_job(run)


@registry.handler(
    concat.JOIN,
    "Join the parts of an upload",
    on_failure=joining.failed,
    on_retry=joining.retried,
    phases=("joining", "hashing", "storing"),
    reuses="Nothing of a join that was cut short: it begins anew.",
)
def join_uploads(run: Any) -> dict[str, Any]:
    """Put a final upload together of its parts."""
    return joining.join(run)


@registry.handler(sessions.NEXT, "Start what follows the upload")
def go_onward(run: Any) -> dict[str, Any]:
    """Start what was asked to follow an upload by itself: its validation, then its candles."""
    version = versions.resolve(run.actor.tenant_id, run.params["versionId"])
    then = version.params.get("then") or {}
    with run.effect() as effect:
        job = None
        if version.status == Status.UPLOADED and then.get("validate"):
            _, job = validation.request(run.actor, version.dataset, version.number, {})
        elif version.status in candles.SOURCES and then.get("candles") and version.kind in ("trades", "quotes"):
            wanted = {"frequency": then["candles"]}
            _, _, job = candles.request_candles(run.actor, version.dataset, version.number, wanted)
        result = {"jobId": job.ref if job else None}
        effect.finish(result)
    return result


@registry.handler(
    scrub.JOB,
    "Verify stored bytes",
    heavy=True,
    phases=("reading",),
    reuses="Nothing: every stored byte of the version is read again.",
)
def verify_version(run: Any) -> dict[str, Any]:
    """Compare a version's stored bytes with the digests written down."""
    return scrub.run_job(run)


@registry.handler(
    bulk.JOB,
    "Act on many datasets",
    reuses="Datasets that were acted on, or refused, are left alone; it goes on with the rest.",
)
def act_on_many(run: Any) -> dict[str, Any]:
    """Do one action to many datasets."""
    return bulk.carry(run)


@registry.handler(expiry.SWEEP, "Remove expired uploads")
def sweep_uploads(run: Any) -> dict[str, Any]:
    """Remove uploads whose last byte is too long ago, and copies that killed processes left."""
    return {**expiry.sweep(run.job.request_id), "spooled": spool.sweep(), "staged": staged.sweep()}


schedules.every(expiry.EVERY_S, expiry.SWEEP)


@registry.handler(
    verify.JOB,
    "Verify a snapshot",
    heavy=True,
    phases=("reading",),
    reuses="Nothing: every member is read again.",
)
def verify_snapshot(run: Any) -> dict[str, Any]:
    """Compare a snapshot's members with the digests that were frozen."""
    return verify.run_job(run)


@registry.handler(
    materialise.JOB,
    "Put a snapshot down as files",
    heavy=True,
    phases=("placing", "writing"),
    reuses="Segments that are in place; of the layout `single` every file is written again, with the same bytes.",
)
def materialise_snapshot(run: Any) -> dict[str, Any]:
    """Write a snapshot's files into a folder, the manifest last."""
    return materialise.run_job(run)


@registry.handler(
    matrices.JOB,
    "Make a returns matrix",
    heavy=True,
    on_failure=matrices.on_failure,
    on_retry=matrices.on_retry,
    phases=("reading closes",),
    reuses="Nothing: it is made anew, with the same bytes.",
)
def build_returns(run: Any) -> dict[str, Any]:
    """Make a matrix of daily returns of a snapshot's candidates."""
    return matrices.run_job(run)


@registry.handler(keeping.SWEEP, "Expire snapshots")
def sweep_snapshots(run: Any) -> dict[str, Any]:
    """Let snapshots go whose time is over, and remove the files of those that have expired."""
    return dict(keeping.sweep(run.job.request_id))


schedules.every(keeping.EVERY_S, keeping.SWEEP)


@registry.handler(
    bundles.JOB,
    "Build an export",
    heavy=True,
    on_failure=bundles.on_failure,
    on_retry=bundles.on_retry,
    phases=("plan", "collect"),
    reuses="Nothing of a build that was cut short; files that an earlier bundle has are taken over.",
)
def build_export(run: Any) -> dict[str, Any]:
    """Build the bundle of a night."""
    return export.run_job(run)


@registry.handler(bundles.NIGHTLY, "Ask for nightly exports")
def ask_for_exports(run: Any) -> dict[str, Any]:
    """Start the builds that are due, and remove bundles that are too old."""
    return bundles.nightly(run)


schedules.every(bundles.EVERY_S, bundles.NIGHTLY)


@registry.handler(mirror.JOB, "Mirror catalog and ledger", heavy=True)
def mirror_ledger(run: Any) -> dict[str, Any]:
    """Write catalog and ledger of lakes that changed as files beside the bundles."""
    return mirror.keep_up(run)


schedules.every(mirror.EVERY_S, mirror.JOB)


@registry.handler(
    chores.job_of(Chore.FSCK),
    "Check rows against stored files",
    phases=("rows", "files", "catalog"),
    reuses="Nothing: everything is compared again.",
)
def fsck(run: Any) -> dict[str, Any]:
    """Compare what rows name with what is stored, both ways."""
    return chores.run_job(run, Chore.FSCK)


@registry.handler(
    chores.job_of(Chore.SCRUB),
    "Read stored files again",
    phases=("reading",),
    reuses="Files that were read are not read again; it goes on with the oldest reading.",
)
def lake_scrub(run: Any) -> dict[str, Any]:
    """Read this hour's share of all stored bytes and compare digests."""
    return chores.run_job(run, Chore.SCRUB)


@registry.handler(
    chores.job_of(Chore.GC),
    "Collect garbage",
    phases=("revisions", "segments", "files"),
    reuses="What is gone is gone; it looks again for the rest.",
)
def collect_garbage(run: Any) -> dict[str, Any]:
    """Remove what nothing refers to any more."""
    return chores.run_job(run, Chore.GC)


@registry.handler(
    chores.job_of(Chore.AUDIT),
    "Audit data",
    heavy=True,
    phases=("audit",),
    reuses="Nothing: every entry is looked at again.",
)
def audit_data(run: Any) -> dict[str, Any]:
    """Look for drift, and judge what is there by today's rules."""
    return chores.run_job(run, Chore.AUDIT)


schedules.every(dataaudit.EVERY_S, chores.job_of(Chore.AUDIT))
schedules.every(garbage.EVERY_S, chores.job_of(Chore.GC))
schedules.every(lakescrub.EVERY_S, chores.job_of(Chore.SCRUB))
schedules.every(chores.DAY_S, chores.job_of(Chore.FSCK))
