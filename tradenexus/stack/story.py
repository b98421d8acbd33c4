"""The demo's story: a simulated tape all the way to a backtest, real daily stocks to a report with true findings.

Every step runs a real command and is checked against what must be true; the first untrue one ends the story. Run again
on the same home, it recognises the same file, makes the same candles and uses the publication that is there.
"""

import importlib.util
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tradenexus.stack import tape
from tradenexus.stack.plan import PROJECT
from tradenexus.stack.terminal import CommandFailed, Nexus

TAPE = "simulated-trades"
STOCKS = "us-daily-stocks"
STRATEGY = "simulated-sma-cross"
SANDBOX = "Sandbox (local)"
# Unadjusted 2:1 splits, and a day that looks like one and is not (a profit warning after the close of 28 September).
APPLE_SPLITS = {"2000-06-21", "2005-02-28"}
APPLE_CRASH = "2000-09-29"


class Untrue(Exception):
    """A step did not give what it must give."""


class Story:
    """The steps in order, and what they hand on to each other."""

    def __init__(self, nexus: Nexus, folder: Path, label: str = SANDBOX, rows: int = tape.ROWS) -> None:
        self.nexus, self.folder, self.label, self.rows = nexus, folder, label, rows
        self.tape = folder / f"{TAPE}.csv"
        self.truth: dict[str, Any] = {}
        self.upload: dict[str, Any] = {}
        self.candles: dict[str, Any] = {}
        self.publication: dict[str, Any] = {}
        self.backtest: dict[str, Any] = {}
        self.strategy = ""
        self.stocks = ""
        self.again = False

    def steps(self) -> list[tuple[str, Callable[[], str]]]:
        """Return (title, function) pairs; each function returns a line of what came out."""
        return [
            ("make the simulated tape", self.make_tape),
            ("upload it", self.upload_tape),
            ("validate it", self.validate),
            ("find the planted defects", self.find_defects),
            ("make one-minute candles", self.make_candles),
            ("publish them", self.publish),
            ("make a strategy", self.make_strategy),
            ("run a backtest", self.run_backtest),
            ("follow the lineage", self.follow_lineage),
            ("upload real daily stocks", self.upload_stocks),
            ("read their quality report", self.read_stocks_report),
            ("verify the audit chain", self.verify_audit),
        ]

    def pages(self) -> list[tuple[str, str]]:
        """Return (what it is, path) of the pages that show what the story made."""
        tape_, number = self.candles["datasetId"], self.candles["version"]
        return [
            ("the tape's quality report", f"/datasets/{tape_}/v/1/quality/"),
            ("its one-minute candles", f"/datasets/{tape_}/v/{number}/"),
            ("the backtest on them", f"/backtests/{self.backtest['id']}/"),
            ("the stocks' quality report", f"/datasets/{self.stocks}/v/1/quality/"),
        ]

    # ------------------------------------------------------------------ trades, all the way

    def make_tape(self) -> str:
        """Write the tape unless the same one is there."""
        self.truth = tape_truth(self.tape, self.rows)
        size = self.truth["sizeBytes"] / 1e6
        return f"{self.truth['rows']:,} simulated trades, {len(self.truth['symbols'])} symbols, {size:.0f} MB"

    def upload_tape(self) -> str:
        """Send the file; a second time it is recognised as the same."""
        self.upload = self._send(self.tape, TAPE, "--venue", "SIM")
        digest = self.upload["job"]["result"]["sha256"]
        expect(digest == self.truth["sha256"], "the server's SHA-256 is not the file's")
        self.again = bool(self.upload.get("duplicateOf"))
        told = f"sha256 {digest[:12]}"
        return f"{told}, the same as version 1" if self.again else told

    def validate(self) -> str:
        """Prove it good."""
        if not self.again:
            self.nexus("validate", f"{TAPE}@1", "--wait")
        version = self._version(TAPE, 1)
        expect(version["status"] == "validated", f"the tape is {version['status']}, not validated")
        expect(sorted(version["symbols"]) == sorted(self.truth["symbols"]), "symbols are not those of the tape")
        return f"{version['grade']}, score {version['score']}, {version['rowCount']:,} rows"

    def find_defects(self) -> str:
        """Look for exactly what was planted."""
        report = self.nexus("quality", "show", f"{TAPE}@1")
        expect(report["rows"]["read"] == self.truth["rows"], f"{report['rows']['read']} rows read")
        found = {check["id"]: check["count"] for check in report["checks"] if check["count"]}
        planted = {"duplicates.ids": 1, "gaps.silence": 1, "outliers.price": 1}
        expect(found == planted, f"findings are {found}, planted were {planted}")
        return "one silence, one repeated id, one outlier; nothing else"

    def make_candles(self) -> str:
        """Make bars and count them: one per minute with a trade."""
        made = self.nexus("transform", "candles", f"{TAPE}@1", "--frequency", "1m", "--wait")
        number = made.get("version") or made["number"]
        self.candles = self._version(TAPE, number)
        minutes = sum(symbol["minutes"] for symbol in self.truth["symbols"].values())
        expect(self.candles["status"] in ("ready", "published_lona"), f"the candles are {self.candles['status']}")
        expect(self.candles["rowCount"] == minutes, f"{self.candles['rowCount']} candles instead of {minutes}")
        same = remember(self.folder / "candles.json", self.candles["contentDigest"])
        expect(same, "the candles differ from those of the run before")
        return f"{minutes:,} bars, digest {self.candles['contentDigest'][:12]}"

    def publish(self) -> str:
        """Send them to the provider and read them back."""
        self.publication = self.nexus("publish", f"{TAPE}@{self.candles['version']}", "--wait")
        expect(self.publication["state"] == "published", f"the publication is {self.publication['state']}")
        same = remember(self.folder / "publication.json", self.publication["id"])
        expect(same, "a second publication of the same bars")
        return f"{self.publication['id'][:16]}... at {self.label}"

    def make_strategy(self) -> str:
        """Describe a strategy, or take the one of the run before."""
        known = [one for one in self.nexus("strategy", "list") if one["name"] == STRATEGY]
        words = "Buy when the 10 bar moving average crosses above the 30 bar one, sell when it crosses below."
        made = known[0] if known else self.nexus("strategy", "create", words, "--name", STRATEGY)
        self.strategy = made["id"]
        return f"{STRATEGY}{' (known)' if known else ''}"

    def run_backtest(self) -> str:
        """Run it on the published bars."""
        self.backtest = self.nexus(
            "backtest", "submit", "--strategy", self.strategy, "--dataset", f"{TAPE}@{self.candles['version']}",
            "--start", "2024-01-08", "--end", "2024-01-12", "--wait",
        )  # fmt: skip
        expect(self.backtest["status"] == "completed", f"the backtest is {self.backtest['status']}")
        label = self.backtest.get("provider") or self.backtest["provenance"].get("provider")
        expect(label == self.label, f"the provider is {label}, not {self.label}")
        metrics = self.backtest["metrics"]
        expect(metrics["totalReturnPct"] is not None, "the backtest has no return")
        return f"return {float(metrics['totalReturnPct']):.2f} %, {label}"

    def follow_lineage(self) -> str:
        """Go from the report back to the first byte."""
        graph = self.nexus("lineage", self.backtest["id"])
        text = json.dumps(graph)
        for what, needle in (
            ("the upload's SHA-256", self.truth["sha256"]),
            ("the candles", self.candles["id"]),
            ("the publication", self.publication["id"]),
            ("the report", self.backtest["provenance"]["reportId"]),
        ):
            expect(needle in text, f"the lineage does not name {what}")
        return f"{len(graph['nodes'])} nodes, from the upload's sha256 to the report"

    # ------------------------------------------------------------------ real daily stocks

    def upload_stocks(self) -> str:
        """Send and validate five real stocks, 2000 to 2013, splits unadjusted."""
        sent = self._send(stocks_file(), STOCKS, "--venue", "US")
        if not sent.get("duplicateOf"):
            self.nexus("validate", f"{STOCKS}@1", "--tz", "America/New_York", "--wait", accept=(0, 7))
        version = self._version(STOCKS, 1)
        self.stocks = version["datasetId"]
        expect(version["status"] == "ready", f"the stocks are {version['status']}, not ready")
        expect(version["rowCount"] == 12_154, f"{version['rowCount']} rows instead of 12,154")
        return f"{version['rowCount']:,} days of {', '.join(version['symbols'])}: {version['grade']}"

    def read_stocks_report(self) -> str:
        """See that the report found what is known to be true of these prices."""
        report = self.nexus("quality", "show", f"{STOCKS}@1")
        checks = {check["id"]: check for check in report["checks"]}
        splits = days(checks["moves.split"])
        expect(splits >= APPLE_SPLITS, f"the splits of Apple are not among {sorted(splits)}")
        expect(APPLE_CRASH not in splits, "the crash of 29 September 2000 was taken for a split")
        expect(APPLE_CRASH in days(checks["moves.large"]), "the crash of 29 September 2000 was not found")
        return f"splits found: {', '.join(sorted(splits))}; -52 % on {APPLE_CRASH} is no split"

    def verify_audit(self) -> str:
        """Check every link of the chain."""
        verdict = self.nexus("audit", "verify")
        expect(verdict["ok"], f"the chain is broken at {verdict.get('firstBad')}")
        return f"{verdict['entries']} entries, unbroken"

    # ------------------------------------------------------------------ what the steps share

    def _send(self, path: Path, name: str, *words: str) -> dict[str, Any]:
        known = [one["id"] for one in self.nexus("dataset", "list", "--search", name) if one["name"] == name]
        where = ("--dataset", known[0]) if known else ("--name", name)
        return self.nexus("upload", str(path), *where, *words, "--no-validate", "--wait")

    def _version(self, name: str, number: int) -> dict[str, Any]:
        return self.nexus("dataset", "show", f"{name}@{number}")


def run(story: Story, say: Callable[[str], None]) -> list[tuple[str, float, bool, str]]:
    """Tell the story; return (title, seconds, true?, line) per step told. It ends at the first untrue step."""
    told = []
    for number, (title, step) in enumerate(story.steps(), 1):
        say(f"{number:2}. {title} ...")
        began = time.monotonic()
        try:
            line, true = step(), True
        except (Untrue, CommandFailed, subprocess.SubprocessError, OSError, KeyError) as error:
            line, true = f"{type(error).__name__}: {error}", False
        seconds = time.monotonic() - began
        say(f"    {'ok' if true else 'NOT TRUE'}  {seconds:.1f} s  {line}")
        told.append((title, seconds, true, line))
        if not true:
            break
    return told


def expect(fact: object, otherwise: str) -> None:
    """Raise Untrue unless the fact holds."""
    if not fact:
        raise Untrue(otherwise)


def remember(path: Path, value: str) -> bool:
    """Keep a value; tell whether it is the one kept by an earlier run (the first time: yes)."""
    if path.exists():
        return json.loads(path.read_text()) == value
    path.write_text(json.dumps(value))
    return True


def days(check: dict[str, Any]) -> set[str]:
    """Return the dates of a check's samples."""
    return {str(sample["ts"])[:10] for sample in check["samples"]}


def tape_truth(path: Path, rows: int) -> dict[str, Any]:
    """Return what is true of the tape; when it is not there, write it first, in a process of its own."""
    if not tape.read_truth(path, rows):
        command = [sys.executable, "-m", "tradenexus.stack.tape", str(path), str(rows)]
        subprocess.run(command, cwd=PROJECT, check=True, capture_output=True)  # noqa: S603 - our own module
    return tape.read_truth(path, rows)


def stocks_file() -> Path:
    """Return the daily stocks inside the installed package; nothing of the package is run."""
    spec = importlib.util.find_spec("bokeh_sampledata")
    if spec is None or spec.origin is None:
        raise Untrue("the demo's stocks are not installed: requirements/install.sh .venv demo")
    return Path(spec.origin).parent / "_data" / "stocks.csv.gz"
