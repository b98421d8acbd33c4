"""A workspace in which everything went wrong: rows refused, a publish turned down, a run that failed."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import httpx

from tradenexus.stack.terminal import Nexus

ENDED = {"succeeded", "failed", "cancelled"}
DAY = {"startDate": "2024-01-08", "endDate": "2024-01-08"}


def bars(path: Path, minutes: int = 1_440, zone: str = "Z") -> Path:
    """Write a day of one-minute bars."""
    rows = (
        f"2024-01-08T{n // 60:02}:{n % 60:02}:00{zone},{100 + n % 7},{103 + n % 7},{99 + n % 7},{101 + n % 7},5\n"
        for n in range(minutes)
    )
    path.write_text("time,open,high,low,close,volume\n" + "".join(rows))
    return path


def _refused(path: Path) -> Path:
    """Write bars of which most have their high below their low."""
    lines = bars(path).read_text().splitlines()
    turned = [",".join([at, first, low, high, *rest]) for at, first, high, low, *rest in (x.split(",") for x in lines)]
    path.write_text("\n".join([lines[0], *turned[1:]]) + "\n")
    return path


def make(state: dict[str, Any], key: str, folder: Path) -> dict[str, str]:
    """Let it all fail; return the addresses of what is left."""
    nexus = Nexus(state["url"], key, folder / "cli")
    said = ("--symbol", "XRP", "--venue", "SIM", "--wait")
    nexus("upload", str(_refused(folder / "broken.csv")), "--name", "broken bars", *said, accept=(0, 1, 7))
    nexus("upload", str(bars(folder / "good.csv")), "--name", "good bars", *said)
    with httpx.Client(base_url=state["url"], headers={"Authorization": f"Bearer {key}"}, timeout=60) as api:
        ids = {item["name"]: item["id"] for item in api.get("/v1/datasets").json()["items"]}
        upload = next(one["id"] for one in api.get("/v1/uploads").json()["items"] if one["filename"] == "broken.csv")
        backtest = _run_fails(api, state["lona"], ids["good bars"])
        publication, job = _publish_fails(api, state["lona"], ids["good bars"])
    broken = f"/datasets/{ids['broken bars']}/"
    return {
        "key": key,
        "candles": f"/datasets/{ids['good bars']}/",
        "home": "/",
        "datasets": "/datasets/",
        "jobs": "/jobs/",
        "publishes": "/publishes/",
        "backtests": "/backtests/",
        "dataset": broken,
        "report": f"{broken}v/1/quality/",
        "upload": f"/uploads/{upload}/",
        "backtest": f"/backtests/{backtest}/",
        "publication": f"/publishes/{publication}/",
        "job": f"/jobs/{job}/",
        "publish": f"/datasets/{ids['good bars']}/v/1/publish/",  # candles made of it are newer
    }


def _run_fails(api: httpx.Client, lona: str, dataset: str) -> str:
    words = {"description": "buy_and_hold: buy the first bar and keep it", "name": "unlucky"}
    strategy = _made(api, "/v1/strategies", words)["strategy"]["id"]
    fault = {"match": "POST /runner/run", "kind": "fail_report", "failure": "execution"}
    httpx.post(f"{lona}/_sandbox/faults", json=fault, timeout=30).raise_for_status()
    told = _made(api, f"/v1/strategies/{strategy}/backtests", {**DAY, "datasetIds": [dataset]})
    ended(api, told["job"]["id"])
    return told["backtest"]["id"]


def _publish_fails(api: httpx.Client, lona: str, dataset: str) -> tuple[str, str]:
    """The run has published the day just in time, so another slice is asked for: too short for the provider."""
    _knob(lona, 100_000)
    try:
        part = {"start": "2024-01-08T00:00:00Z", "end": "2024-01-08T12:00:00Z"}
        told = _made(api, f"/v1/datasets/{dataset}/publish/lona", {"slice": part})
        ended(api, told["job"]["id"])
    finally:
        _knob(lona, 10)
    return told["publication"]["id"], told["job"]["id"]


def _knob(lona: str, rows: int) -> None:
    httpx.put(f"{lona}/_sandbox/knobs", json={"symbol_min_rows": rows}, timeout=30).raise_for_status()


def _made(api: httpx.Client, path: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = api.post(path, json=body)
    assert answer.is_success, answer.text
    return answer.json()


def ended(api: httpx.Client, job: str) -> None:
    """Wait until a job has ended, well or not."""
    until = time.monotonic() + 120
    while api.get(f"/v1/jobs/{job}").json()["job"]["state"] not in ENDED:
        assert time.monotonic() < until, f"{job} does not end"
        time.sleep(0.2)
