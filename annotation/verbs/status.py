"""`million-ird annotate status PROJECT`: how far the masks are, who drew them, and whether all is as it was stored."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from annotation.project import Project


def main(argv: Sequence[str]) -> int:
    """Prints; the exit code is 1 where `--verify` finds something wrong."""
    arguments = _parser().parse_args(argv)
    from annotation.project import open_project

    if arguments.rescue is not None:
        return _rescue(arguments.project, arguments.rescue)
    with open_project(arguments.project) as project:
        if arguments.backup is not None:
            project.store.backup(arguments.backup)
            print(f"{arguments.backup}: a copy of all masks")
            return 0
        if arguments.verify:
            return _verify(project)
        _say(project)
        if arguments.refused:
            for source, row in project.store.refused():
                print(f"{source}\t{row.place}\t{row.reason}\t{row.detail}")
        return 0


def _verify(project: Project) -> int:
    faults = 0
    for fault in project.verify():
        print(fault)
        faults += 1
    print(f"{project.folder}: {faults} faults" if faults else f"{project.folder}: all is as it was stored")
    return 1 if faults else 0


def _rescue(folder: Path, target: Path) -> int:
    from annotation.project import MASKS
    from annotation.store.rescue import rescue

    rescued = rescue(folder.expanduser() / MASKS, target)
    print(f"{target}: {', '.join(f'{count:,} rows of {table}' for table, count in rescued.saved.items())}")
    print(f"{rescued.layers_put_right:,} layers had lost something and show the newest mask that is left")
    return 0


def _say(project: Project) -> None:
    counts = project.store.counts()
    print(f"{project.name}: {project.store.count():,} items")
    for state, count in counts.items():
        print(f"  {state:<13}{count:>8,}")
    people = project.store.by_annotator()
    if people:
        print("masks by annotator (whose stroke they show)")
    for annotator, states in people.items():
        told = (f"{count:,} {state}" for state, count in states.items() if count)
        print(f"  {annotator or '(nobody)'}: {', '.join(told)}")
    for number, source in project.sources.items():
        print(f"source {number}: {source.kind} {source.place}")
    reasons = Counter(row.reason for _, row in project.store.refused())
    if reasons:
        print(f"refused files: {', '.join(f'{count:,} {reason}' for reason, count in reasons.most_common())}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="million-ird annotate status",
        description="Items by state, masks by annotator, sources and refused files of a project.",
        epilog="exit codes: 0 done; 1 failed, or --verify found something wrong; 2 usage",
    )
    parser.add_argument("project", type=Path, metavar="PROJECT", help="the project's folder")
    parser.add_argument("--refused", action="store_true", help="list every file that became no item, and why")
    parser.add_argument("--verify", action="store_true", help="check every mask and every picture")
    parser.add_argument("--backup", type=Path, metavar="FILE", help="write a copy of all masks, while people go on")
    parser.add_argument("--rescue", type=Path, metavar="FILE", help="save what is readable of damaged masks")
    return parser
