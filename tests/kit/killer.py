"""Telling the story while processes of its stack are killed, and comparing what tellings leave behind.

A plan says which victims fall in which step; each falls at a random moment of it, chosen by a seed. Victims are names
that tests.kit.stack knows: worker, idle workers (all of them at once), web, engine (the reading child).
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from typing import Any

import httpx

from tests.kit.stack import Stack
from tradenexus.stack import story

READERS = ("validate it", "make one-minute candles", "upload real daily stocks")
STEPS = (
    "upload it",
    "validate it",
    "find the planted defects",
    "make one-minute candles",
    "publish them",
    "run a backtest",
    "upload real daily stocks",
)
ROUND = ("worker", "idle workers", "web", "worker", "idle workers", "web", "worker")
UP_WITHIN_S = 60.0


class Killer:
    """Kills by a plan {step: victims} while the steps are told, each victim at a random moment of its step."""

    def __init__(self, stack: Stack, plan: dict[str, list[str]], usual_s: dict[str, float], moments: random.Random):
        self.stack, self.plan, self.usual_s, self.moments = stack, plan, usual_s, moments
        self.hit: Counter[str] = Counter()
        self._threads: list[threading.Thread] = []
        self._over = threading.Event()

    def watch(self, one: story.Story) -> list[tuple[str, Any]]:
        """Return the story's steps, each of which lets its killers loose when it begins."""

        def armed(title: str, step: Any) -> Any:
            def run() -> str:
                for victim in self.plan.get(title, []):
                    pause_s = self.moments.uniform(0.0, self.usual_s.get(title, 1.0))
                    thread = threading.Thread(target=self._kill, args=(victim, pause_s))
                    thread.start()
                    self._threads.append(thread)
                return step()

            return run

        return [(title, armed(title, step)) for title, step in type(one).steps(one)]

    def _kill(self, victim: str, pause_s: float) -> None:
        if victim != "engine":
            time.sleep(pause_s)
        until = time.monotonic() + UP_WITHIN_S
        while time.monotonic() < until and not (victim == "engine" and self._over.is_set()):
            if victim == "engine" and self.stack.targets(victim):
                time.sleep(min(pause_s, 0.2))
            if self.stack.kill(victim):
                self.hit[victim] += 1
                return
            time.sleep(0.01)

    def join(self) -> None:
        """Wait until each has had its victim; no reader comes any more once the story is over."""
        self._over.set()
        for thread in self._threads:
            thread.join()


def plan_of(moments: random.Random, kills: int) -> dict[str, list[str]]:
    """Spread the kills over the steps: one reader in each step that reads, the others in turn."""
    plan: dict[str, list[str]] = {step: ["engine"] for step in READERS}
    for number in range(kills - len(READERS)):
        plan.setdefault(moments.choice(STEPS), []).append(ROUND[number % len(ROUND)])
    return plan


def tell(stack: Stack, killer: Killer | None = None) -> tuple[story.Story, dict[str, float]]:
    """Tell the story; return it and the seconds of each step."""
    one = stack.story()
    if killer:
        steps = killer.watch(one)
        one.steps = lambda: steps  # type: ignore[method-assign]
    told = story.run(one, print)
    assert [line for _, _, true, line in told if not true] == []
    assert len(told) == len(one.steps())
    return one, {title: seconds for title, seconds, *_ in told}


def outcome(stack: Stack, one: story.Story) -> dict[str, Any]:
    """What a telling leaves behind, without ids and times."""
    return {
        "versions": {name: _versions(one, name) for name in (story.TAPE, story.STOCKS)},
        "publications": sorted((p["symbol"], p["contentDigest"], p["state"]) for p in _items(stack, "publications")),
        "symbols": _symbols(stack),
        "backtests": [(b["status"], b["metrics"]) for b in _items(stack, "backtests")],
        "jobs": Counter((job["kind"], job["state"]) for job in _items(stack, "jobs")),
    }


def _versions(one: story.Story, name: str) -> list[tuple[Any, ...]]:
    fields = ("version", "operation", "status", "contentDigest", "rowCount", "grade")
    return sorted(tuple(item[field] for field in fields) for item in one.nexus("dataset", "versions", name))


def _items(stack: Stack, noun: str) -> list[dict[str, Any]]:
    answer = httpx.get(
        f"{stack.state['url']}/v1/{noun}",
        params={"limit": 200},
        headers={"Authorization": f"Bearer {stack.key}"},
        timeout=30,
    )
    answer.raise_for_status()
    assert answer.json()["nextCursor"] is None
    return answer.json()["items"]


def _symbols(stack: Stack) -> list[tuple[str, str]]:
    """The provider's own symbols of ours: their names without the mark of the tenant, and what they hold."""
    state = httpx.get(f"{stack.state['lona']}/_sandbox/state", timeout=30).json()
    return sorted(symbol["name"].rpartition("-")[0] for symbol in state["symbols"] if symbol.get("owner"))
