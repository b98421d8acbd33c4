"""The quality report: findings and counts -> graded checks, verdict, score, summary and issues, by the contract."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pyarrow as pa

from datasets.quality import checks, gate
from datasets.quality.checks.spec import Spec
from datasets.quality.intake import Lines
from datasets.quality.result import AMBER, GREEN, RED, CheckResult, Findings, Sample, iso

_WORDS = {GREEN: "passed", AMBER: "passed with warnings", RED: "failed"}


def build(
    kind: str, findings: Findings, rows: dict[str, int], limits: dict[str, Any], profile: str, lines: Lines
) -> dict[str, Any]:
    """Return the report without ids, duration and status fields that only the caller knows.

    rows: {read, accepted, rejected, duplicatesDropped}; read = accepted + rejected + duplicatesDropped.
    """
    results = [_result(spec, findings, rows, limits, lines) for spec in checks.specs(kind)]
    grades = [result.grade for result in results]
    verdict = gate.verdict(grades)
    return {
        "status": "validation_failed" if verdict == RED else "validated",
        "grade": verdict,
        "score": gate.score(grades),
        "scoreFormula": gate.SCORE_FORMULA,
        "summary": _summary(verdict, results, rows),
        "issues": [_issue(result) for result in _worst_first(results)],
        "checks": [result.as_dict() for result in results],
        "rows": rows,
        "profile": profile,
        "thresholds": limits,
        "engine": {
            "python": sys.version.split()[0],
            "numpy": np.__version__,
            "pyarrow": pa.__version__,
        },
    }


def _result(spec: Spec, findings: Findings, rows: dict[str, int], limits: dict[str, Any], lines: Lines) -> CheckResult:
    tally = findings[spec.id]
    figures = dict(findings.figures.get(spec.id, {}))
    measured: float = tally.count
    if spec.unit == "share":
        measured = _share(spec.id, tally.count, rows, figures)
    amber, red = limits[f"{spec.id}.amber"], limits[f"{spec.id}.red"]
    return CheckResult(
        id=spec.id,
        family=spec.family,
        title=spec.title,
        grade=gate.grade(measured, amber, red),
        unit=spec.unit,
        measured=measured,
        limit=amber,
        red_limit=red,
        count=tally.count,
        samples=[_sample(sample, lines) for sample in tally.samples],
        explanation=spec.explanation,
        figures=figures,
    )


def _share(check: str, count: int, rows: dict[str, int], figures: dict[str, Any]) -> float:
    # of bars missing: the share of those expected; of anything else: the share of the rows read
    whole = count + figures.get("bars", 0) if check == "gaps.bars" else rows["read"]
    return count / whole if whole else 0.0


def _sample(sample: Sample, lines: Lines) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "row": sample.row,
        "line": sample.line if sample.line is not None else lines.of(sample.row),
        "ts": iso(sample.ts),
        "value": sample.value,
    }
    return {**shown, "instrument": sample.instrument} if sample.instrument else shown


def _worst_first(results: list[CheckResult]) -> list[CheckResult]:
    found = [result for result in results if result.grade != GREEN]
    return sorted(found, key=lambda result: result.grade != RED)


def _issue(result: CheckResult) -> dict[str, Any]:
    return {
        "checkId": result.id,
        "severity": "error" if result.grade == RED else "warning",
        "grade": result.grade,
        "count": result.count,
        "message": f"{result.title}: {_measure(result)}",
    }


def _measure(result: CheckResult) -> str:
    runs = result.figures.get("runs")
    shifts = [f"{count:,} {name}" for name, count in result.figures.items() if name.startswith("off by ")]
    found = f"{result.count:,}" + (f" in {runs:,} gaps" if runs else "")
    found += f" ({', '.join(shifts[:3])})" if shifts else ""
    return f"{found} ({result.measured * 100:.3g} %)" if result.unit == "share" else found


def _summary(verdict: str, results: list[CheckResult], rows: dict[str, int]) -> str:
    if not rows["accepted"]:
        return f"{RED}: no rows. {rows['read']:,} read, {rows['rejected']:,} left out."
    failed = [result.title.lower() for result in results if result.grade == RED]
    warned = sum(result.grade == AMBER for result in results)
    text = f"{verdict}: {_WORDS[verdict]}. {rows['accepted']:,} of {rows['read']:,} rows accepted"
    if rows["rejected"] or rows["duplicatesDropped"]:
        text += f", {rows['rejected']:,} rejected, {rows['duplicatesDropped']:,} duplicates dropped"
    text += f"; {warned} warning{'' if warned == 1 else 's'}"
    return text + (f"; failed: {', '.join(failed)}." if failed else ".")
