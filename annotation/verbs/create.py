"""`million-ird annotate create PROJECT --from PLACE`: a project of pictures or pairs; run again to add what is new."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from annotation.project import Added, Project
    from annotation.sources import Source

_SHOWN = 5
"""Refused files that are printed for each reason; `status --refused` lists all."""


def main(argv: Sequence[str]) -> int:
    """Makes the project or adds to it; the exit code is 1 where it ends up without any item."""
    arguments = _parser().parse_args(argv)
    from annotation.sources import open_source
    from million_ird.progress import Progress

    source = open_source(arguments.source, arguments.kind, arguments.sharp, arguments.root, arguments.of)
    with _project(arguments, source) as project:
        progress = Progress("create", sum(1 for _ in source.candidates()), unit="files")
        added = project.add(source, arguments.decode, progress)
        _say(project, added)
        return 0 if project.store.count() else 1


def _project(arguments: argparse.Namespace, source: Source) -> Project:
    from annotation.project import is_project, new_project, open_project
    from million_ird.errors import UsageError

    folder = arguments.project
    if not is_project(folder.expanduser()):
        return new_project(folder, arguments.name, arguments.second_opinions or 0.0)
    if arguments.name or arguments.second_opinions is not None:
        raise UsageError(f"{folder} is a project already: its name and its share of second opinions stay as they are")
    project = open_project(folder)
    if not arguments.add and project.store.count() and not project.has_source(source):
        project.close()
        raise UsageError(f"{folder} is a project of other pictures: say --add to add those of {arguments.source}")
    return project


def _say(project: Project, added: Added) -> None:
    print(f"{project.folder}: {added.items:,} new items, {added.there_already:,} were there already")
    reasons = Counter(refused.reason for refused in added.refused)
    for reason, count in reasons.most_common():
        print(f"  refused {count:,}: {reason}")
        for refused in [row for row in added.refused if row.reason == reason][:_SHOWN]:
            print(f"    {refused.place}{f' ({refused.detail})' if refused.detail else ''}")
        if count > _SHOWN:
            print(f"    … and {count - _SHOWN:,} more: million-ird annotate status {project.folder} --refused")
    if not project.store.count():
        print("  there is nothing to label")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="million-ird annotate create",
        description="Make a project in a folder of its own. The pictures stay where they are. Running it again adds "
        "what is new and never touches what is there.",
        epilog="exit codes: 0 done, refused files included; 1 the project has no items, or something failed; 2 usage",
    )
    parser.add_argument("project", type=Path, metavar="PROJECT", help="the project's folder")
    parser.add_argument(
        "--from",
        dest="source",
        required=True,
        metavar="PLACE",
        help="a folder of pictures (a_blur.png beside a_sharp.png is a pair), a manifest (.csv, .tsv, .jsonl, .json, "
        ".parquet, .txt; columns blurred, sharp, name), a tree as ReLoBlur has it, or a built dataset",
    )
    parser.add_argument(
        "--kind",
        choices=("auto", "folder", "manifest", "relo_blur", "dataset"),
        default="auto",
        help="what PLACE is (default: look)",
    )
    parser.add_argument("--sharp", default="", metavar="FOLDER", help="the sharp frames of a folder of blurred ones")
    parser.add_argument("--root", default="", metavar="FOLDER", help="what a manifest's paths are relative to")
    parser.add_argument(
        "--of", default="", choices=("", "patches", "images"), help="of a built dataset: which pictures"
    )
    parser.add_argument("--add", action="store_true", help="add another place to a project that is there already")
    parser.add_argument("--name", default="", help="what the project is called (default: as its folder)")
    parser.add_argument(
        "--second-opinions", type=float, metavar="SHARE", help="share of the items that two people label, 0 to 1"
    )
    parser.add_argument("--decode", action="store_true", help="decode every picture now: slower, finds all the damage")
    return parser
