"""`million-ird annotate propose PROJECT`: masks for layers on which nobody has drawn, to be accepted or edited."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from annotation.propose.project import Summary

_OUTCOMES = (
    "proposed",
    "nothing found",
    "has a proposal",
    "drawn on",
    "finished",
    "drawn on meanwhile",
    "failed",
)
_CONFIDENCES = (0.0, 0.5, 0.7, 0.8, 0.9, 1.0)
_LEAST_SURE = 10


def main(argv: Sequence[str]) -> int:
    """Runs the verb; the exit code is 3 where pictures could not be proposed for."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    from annotation.project import open_project
    from annotation.propose.project import propose_project
    from million_ird.errors import UsageError

    processes = _cores() if arguments.processes is None else arguments.processes
    if processes < 1:
        raise UsageError(f"--processes must be 1 or more, not {processes}")
    with open_project(arguments.project) as project:
        summary = propose_project(project, arguments.items, arguments.again, arguments.first_only, processes)
        _say(summary)
    return 3 if summary.failures else 0


def _say(summary: Summary) -> None:
    from annotation.text_table import aligned

    rows = [[outcome, f"{summary.counts[outcome]:,}"] for outcome in _OUTCOMES if summary.counts[outcome]]
    print("\n".join(aligned([["layers", ""], *rows], right=[1])))
    if summary.unregistered:
        print(f"{summary.unregistered:,} pairs could not be registered; their frames were compared as they lie")
    if summary.rows:
        print("\n".join(aligned([["confidence", "proposals"], *_by_confidence(summary)], right=[1])))
        print("least sure:")
        least = sorted(summary.rows, key=lambda row: (row.confidence, row.name))[:_LEAST_SURE]
        print("\n".join(aligned([[f"  {row.name}", f"{row.confidence:.2f}", row.note] for row in least])))
    if any(outcome in summary.counts for outcome in ("proposed", "nothing found")):
        print("a proposal stays one until a person accepts or edits it: million-ird annotate serve")


def _by_confidence(summary: Summary) -> list[list[str]]:
    rows = []
    for low, high in pairwise(_CONFIDENCES):
        top = high if high < 1 else 1.01
        count = sum(low <= row.confidence < top for row in summary.rows)
        rows.append([f"{low:.1f} to {high:.1f}", f"{count:,}"])
    return rows


def _cores() -> int:
    """Cores this process may use."""
    import os

    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="million-ird annotate propose",
        description=(
            "Proposes masks: for pairs from what differs between the frames, for single frames from local sharpness. "
            "Run it again to go on; what people drew is never touched, and nothing is accepted for them."
        ),
        epilog="exit codes: 0 done; 1 failed; 2 usage; 3 done, but there were pictures that no mask could be made for",
    )
    parser.add_argument("project", type=Path, metavar="PROJECT", help="the project's folder")
    parser.add_argument(
        "--items", nargs="+", default=[], metavar="NAME", help="only these; patterns with * and ? are taken as well"
    )
    parser.add_argument("--again", action="store_true", help="replace earlier proposals that nobody has touched")
    parser.add_argument(
        "--first-only", action="store_true", help="leave second layers empty, so that second opinions are independent"
    )
    parser.add_argument("--processes", type=int, metavar="N", help="that compute at once (default: one for each core)")
    return parser
