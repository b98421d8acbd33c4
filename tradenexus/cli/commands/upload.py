"""`nexus upload`: files to the platform, resumable, then validated unless told not to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from tradenexus.cli import invocation, opening, params, references, urls, validating, waiting
from tradenexus.cli.failures import Failure, Interrupted, Partial, Usage
from tradenexus.cli.figures import parse_size
from tradenexus.cli.output import Column
from tradenexus.cli.references import Target
from tradenexus.cli.uploading import Parcel, Sender

app = params.verb()

COLUMNS = (
    Column("FILE", "file", drop=3),
    Column("DATASET", "datasetId"),
    Column("VERSION", "version", right=True),
    Column("STATUS", "status", state=True),
    Column("GRADE", "grade", state=True, drop=1),
    Column("SIZE", "sizeBytes", drop=2, right=True),
    Column("SHA-256", "sha256", drop=4),
)
_NOT_READING = ("name", "datasetId", "vendor", "assetClass", "abortEarly")  # what of the init says nothing of the file
Files = Annotated[list[str], typer.Argument(help="Files to send, or URLs to fetch and send.")]
AbortEarly = Annotated[
    bool, typer.Option("--abort-early", help="Stop when the first bytes show that the file cannot pass.")
]
RateLimit = Annotated[str | None, typer.Option(metavar="RATE", help="At most this many bytes a second, as in 20M.")]


@app.command()
def upload(
    ctx: typer.Context,
    files: Files,
    name: Annotated[str | None, typer.Option(help="Name of the new dataset.")] = None,
    dataset: Annotated[str | None, typer.Option(metavar="REF", help="Add as a new version of this dataset.")] = None,
    mapping: params.Mapping = None,
    tz: params.Zone = None,
    ts_unit: params.Unit = None,
    kind: params.Kind = None,
    symbol: Annotated[str | None, typer.Option(help="The symbol, when no column holds it.")] = None,
    venue: Annotated[str | None, typer.Option(help="Where it trades.")] = None,
    vendor: params.Vendor = None,
    asset_class: params.AssetClass = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only look: sniff and show the plan.")] = False,
    resume: Annotated[str | None, typer.Option(metavar="UP", help="Go on with this session (up_...).")] = None,
    no_resume: Annotated[bool, typer.Option("--no-resume", help="Begin anew, whatever was sent before.")] = False,
    parallel: Annotated[int, typer.Option(min=1, max=16, help="Files side by side.")] = 3,
    rate_limit: RateLimit = None,
    no_validate: Annotated[bool, typer.Option("--no-validate", help="Stop at `uploaded`.")] = False,
    abort_early: AbortEarly = False,
    profile: params.QualityProfile = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until validation has ended.")] = False,
) -> None:
    """Send files; running the same command again goes on where it stopped.

    Example: nexus upload btc.csv --wait
    Example: nexus upload *.parquet --parallel 4 --rate-limit 20M
    Example: nexus upload https://example.org/btc.csv.gz --wait
    """
    nx = invocation.of(ctx)
    answers = opening.answers_of(mapping=mapping, tz=tz, ts_unit=ts_unit, kind=kind, symbol=symbol, venue=venue)
    _check_flags(files, name, dataset, resume, no_resume)
    limit = _rate(rate_limit)
    extra = _extra(nx, dataset, name=name, vendor=vendor, assetClass=asset_class, abortEarly=abort_early or None)
    if dry_run:
        return _plan(nx, files, answers | extra)
    parcels = [_parcel(nx, file, answers, extra, resume, no_resume, ask=not no_validate) for file in files]
    Sender(nx, rate_limit=limit).send(parcels, min(parallel, len(parcels)))
    _after(nx, parcels, None if no_validate else {"profile": profile} if profile else {}, wait)
    _show(nx, parcels)


def _check_flags(files: list[str], name: str | None, dataset: str | None, resume: str | None, no_resume: bool) -> None:
    named = {urls.checked(file) if urls.is_url(file) else opening.readable(Path(file)).resolve() for file in files}
    if len(named) != len(files):
        raise Usage("the same file is named twice")
    if len(files) > 1 and (resume or dataset or name):
        raise Usage("--resume, --dataset and --name go with one file", why=f"{len(files)} files were named")
    if resume and (no_resume or dataset or name):
        raise Usage(
            "--resume goes on with a session as it was begun", why="no --no-resume, --dataset or --name with it"
        )
    if dataset and name:
        raise Usage("--dataset and --name exclude each other")


def _extra(nx: Any, dataset: str | None, **said: str | bool | None) -> dict[str, str | bool]:
    said["datasetId"] = references.resolve(nx.client, dataset).dataset_id if dataset else None
    return {name: value for name, value in said.items() if value is not None}


def _rate(text: str | None) -> int | None:
    try:
        return parse_size(text) if text else None
    except ValueError as error:
        raise Usage(f"--rate-limit: {error}") from error


def _parcel(
    nx: Any, file: str, answers: dict[str, Any], extra: dict[str, Any], resume: str | None, fresh: bool, *, ask: bool
) -> Parcel:
    source = file if urls.is_url(file) else ""
    path = urls.fetch(nx, file, anew=fresh) if source else Path(file)
    if resume:
        return Parcel(path, {}, resume=references.typed(resume, "up"), source=source)
    if ask:
        _, answers = opening.settle(nx, path, answers)
    return Parcel(path, answers | extra, fresh=fresh, source=source)


def _plan(nx: Any, files: list[str], answers: dict[str, Any]) -> None:
    """Show what would be sent and how it would be read; sends only the first look."""
    if any(urls.is_url(file) for file in files):
        raise Usage("--dry-run looks at files that are here", why="a URL would have to be fetched for it")
    paths = [Path(file) for file in files]
    known = {key: value for key, value in answers.items() if key not in _NOT_READING}
    plans = [
        {
            "file": str(path),
            "sizeBytes": path.stat().st_size,
            "send": answers,
            "sniff": opening.ask_server(nx, path, known),
        }
        for path in paths
    ]
    columns = (
        Column("FILE", "file"),
        Column("FORMAT", "sniff.format"),
        Column("KIND", "sniff.kind"),
        Column("ROWS ABOUT", "sniff.rowsEstimate", right=True),
        Column("SIZE", "sizeBytes", right=True, drop=1),
        Column("OPEN QUESTIONS", "sniff.questions.0.text", drop=2),
    )
    nx.out.rows(plans, columns, "nothing was sent (--dry-run)")


def _after(nx: Any, parcels: list[Parcel], validate: dict[str, Any] | None, wait: bool) -> None:
    """Wait for the finalise jobs, start the validations, and with --wait wait for these too."""
    _each(parcels, lambda result: _finalise(nx, result, needed=validate is not None or wait))
    if validate is not None:
        _each(parcels, lambda result: _validate(nx, result, validate))
    if validate is not None and wait:
        _each(parcels, lambda result: _validated(nx, result))


def _each(parcels: list[Parcel], call: Callable[[dict[str, Any]], None]) -> None:
    """Do one step for every parcel that is still well; a failure is kept with its parcel."""
    for parcel in parcels:
        if parcel.result is None or parcel.failure is not None:
            continue
        try:
            call(parcel.result)
        except Interrupted:
            raise
        except Failure as failure:
            parcel.failure = failure


def _finalise(nx: Any, result: dict[str, Any], *, needed: bool) -> None:
    if not result.get("job"):
        return
    if not needed:
        waiting.announce(nx, result["job"])
        return
    job = waiting.finish(nx, result["job"], what="finalise")
    result["duplicateOf"] = result.get("duplicateOf") or (job.get("result") or {}).get("duplicateOf")
    result["job"] = job
    _refresh(nx, result)


def _refresh(nx: Any, result: dict[str, Any]) -> None:
    version = nx.client.get(f"/v1/datasets/{result['datasetId']}/versions/{result['version']}")["version"]
    result.update({key: version.get(key) for key in ("status", "sha256", "grade")})


def _validate(nx: Any, result: dict[str, Any], body: dict[str, Any]) -> None:
    if result.get("duplicateOf"):
        nx.out.note(f"{result['file']}: identical to {result['duplicateOf']}, nothing to validate")
        return
    if result.get("status") not in ("uploaded", "validating"):
        return
    target = Target(result["datasetId"], result.get("version"))
    key = f"cli-validate-{result['versionId']}-{body.get('profile', 'default')}"
    answer = validating.start(nx, target, body, key=key)
    result["job"], result["validating"] = answer["job"], True
    result["status"] = "validating"


def _validated(nx: Any, result: dict[str, Any]) -> None:
    if result.get("validating"):
        target = Target(result["datasetId"], result.get("version"))
        version = validating.finish(nx, target, result["job"])
        result["status"], result["grade"] = version["status"], version["grade"]
        result["job"] = nx.client.get(f"/v1/jobs/{result['job']['id']}")["job"]


def _tidy(parcels: list[Parcel]) -> None:
    """Remove what was fetched and is sent now; it is called by where it came from."""
    for parcel in parcels:
        if parcel.source and parcel.result:
            parcel.result["file"] = urls.shown(parcel.source)
            urls.forget(parcel.path)


def _show(nx: Any, parcels: list[Parcel]) -> None:
    _tidy(parcels)
    results = [{key: value for key, value in p.result.items() if key != "validating"} for p in parcels if p.result]
    failures = [(parcel, parcel.failure) for parcel in parcels if parcel.failure is not None]
    if len(parcels) == 1 and failures:
        if results and nx.out.structured:
            nx.out.document(results[0])
        raise failures[0][1]
    if len(parcels) == 1 and nx.out.structured:
        nx.out.document(results[0])
    else:
        nx.out.rows(results, COLUMNS)
    for result in results:
        nx.out.note(f"Web: {nx.web('datasets', result['datasetId'])}")
    if failures:
        _partly(parcels, failures)


def _partly(parcels: list[Parcel], failures: list[tuple[Parcel, Failure]]) -> None:
    listed = "; ".join(f"{parcel.path}: {failure.message}" for parcel, failure in failures)
    codes = {failure.exit_code for _, failure in failures}
    kind = type(failures[0][1]) if len(failures) == len(parcels) and len(codes) == 1 else Partial
    raise kind(
        f"{len(failures)} of {len(parcels)} files failed",
        why=listed,
        hint="run the same command again for the rest",
        details={"failed": [{"file": str(p.path), **f.envelope()["error"]} for p, f in failures]},
    )
