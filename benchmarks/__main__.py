"""`python -m benchmarks [name ... | all]`: run the benchmarks, print their tables, keep benchmarks/results/*.json."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks import figures
from benchmarks.sizes import SMALL, Sizes

# In this order; each is a module of this package with measure(sizes) -> figures.
NAMES = ("engine", "lists", "pages", "jobs", "story", "memory")
# On request only: they make gigabytes of data, databases or environments of their own.
ASKED = ("scale", "uploads", "queue", "sockets", "lake", "following")


def main(argv: Sequence[str] | None = None) -> int:
    """Run what is asked for; 1 when a target was missed, so that a script can tell."""
    asked = _parser().parse_args(argv)
    if asked.list:
        for name in (*NAMES, *ASKED):
            print(f"{name:8} {(importlib.import_module(f'benchmarks.{name}').__doc__ or '').splitlines()[0]}")
        return 0
    chosen = {
        name: value for name in ("rounds", "after_s", "scale", "parts") if (value := getattr(asked, name)) is not None
    }
    sizes = replace(SMALL if asked.small else Sizes(), **chosen)
    command = " ".join(["python -m benchmarks", *(argv if argv is not None else sys.argv[1:])])
    print("\n".join(figures.machine().values()))
    missed = 0
    for name in (*NAMES, *ASKED) if "all" in asked.names else asked.names or NAMES:
        path = asked.json or (figures.PATH if asked.small else figures.RESULTS / f"{name}.json")
        others = figures.Others()
        made = importlib.import_module(f"benchmarks.{name}").measure(sizes)
        busy = others.cores()
        print(f"\n{name}: {command} (others kept {busy} cores busy)\n{figures.table(made)}", flush=True)
        figures.keep(f"{name} {' '.join(asked.parts)}" if asked.parts else name, command, made, busy, path)
        few = sum(figure.verdict == "MISSED" for figure in made)
        missed += few
        print(f"\n{path}: {few} missed" if few else f"\n{path}: every target met")
    return 1 if missed else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[[], "all", *NAMES, *ASKED], metavar="name",
                        help=", ".join(("all", *NAMES, *ASKED)))  # fmt: skip
    parser.add_argument("--list", action="store_true", help="say what there is")
    parser.add_argument("--small", action="store_true", help="tiny sizes: shows that the benchmarks work, no figures")
    parser.add_argument("--rounds", type=int, help="how often each thing is measured")
    parser.add_argument("--rows", type=int, dest="scale", help="trades of `scale`, a hundred million unless told")
    parser.add_argument("--part", nargs="+", dest="parts", choices=Sizes.parts, help="of `scale`, all unless told")
    parser.add_argument("--after-s", type=float, help="the rest after the story before memory is measured")
    parser.add_argument(
        "--json", type=Path, help="where the figures are kept; else benchmarks/results, tiny ones build"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
