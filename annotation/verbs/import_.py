"""`million-ird annotate import PROJECT PLACE`: masks that other tools wrote."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from annotation.importing import Imported


def main(argv: Sequence[str]) -> int:
    """Arguments in, revisions and a counted table out; 3 where masks were refused."""
    arguments = _parser().parse_args(argv)
    from annotation.formats.model import Reading
    from annotation.importing import ImportSettings, import_masks
    from annotation.project import open_project
    from million_ird.progress import Progress

    settings = ImportSettings(
        format=arguments.format,
        reading=Reading(arguments.any_nonzero, arguments.label),
        inverted=arguments.inverted,
        by_basename=arguments.match == "basename",
        empty=arguments.empty,
        layer=arguments.layer,
        state=arguments.state,
        onto_drawn=arguments.onto_drawn,
        annotator=arguments.annotator,
        only_plan=arguments.plan,
    )
    with open_project(arguments.project) as project:
        progress = Progress("import", project.store.count(), unit="masks")
        done = import_masks(project, arguments.place, settings, lambda outcome: progress.advance({outcome: 1}))
    print(_table(done, arguments.plan))
    if arguments.json is not None:
        _write(done, arguments.json)
    return 3 if done.counts()["refused"] else 0


def _parser() -> argparse.ArgumentParser:
    from annotation.formats.registry import FORMATS

    parser = argparse.ArgumentParser(
        prog="million-ird annotate import",
        description="Read masks that another tool wrote into a project. They are matched with its items by name and "
        "become revisions; what a person has drawn stays unless asked otherwise, and can always be restored.",
        epilog=f"formats: {', '.join(FORMATS)}. exit codes: 0 done; 3 done, but masks were refused, each with a reason",
    )
    parser.add_argument("project", type=Path, metavar="PROJECT")
    parser.add_argument("place", type=Path, metavar="PLACE", help="a folder or file of masks")
    parser.add_argument(
        "--format", default="", choices=["", *FORMATS], metavar="NAME", help="default: as its index says"
    )
    parser.add_argument("--plan", action="store_true", help="change nothing, only say what would be done")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write what became of every mask and item")
    meaning = parser.add_argument_group("what the files mean")
    meaning.add_argument("--any-nonzero", action="store_true", help="every value but 0 is blurred (default: 255 only)")
    meaning.add_argument("--inverted", action="store_true", help="they mark what is sharp")
    meaning.add_argument("--label", default="", help="the label that means blurred, where there are several")
    meaning.add_argument("--empty", action="store_true", help="import masks in which nothing is blurred, too")
    meaning.add_argument(
        "--match",
        default="path",
        choices=("path", "basename"),
        help="path (default): names with their folders; basename: else without, where only one item fits",
    )
    becomes = parser.add_argument_group("what becomes of them")
    becomes.add_argument("--layer", type=int, default=1, choices=(1, 2), help="2: second opinions (default: 1)")
    becomes.add_argument(
        "--state",
        default="in_progress",
        choices=("todo", "in_progress", "done", "needs_review"),
        help="state of the layers (default: in_progress)",
    )
    becomes.add_argument("--onto-drawn", action="store_true", help="add a revision where a person has drawn, too")
    becomes.add_argument("--annotator", default="import", metavar="NAME", help="whose masks they are (default: import)")
    return parser


def _write(done: Imported, file: Path) -> None:
    from dataclasses import asdict

    from annotation.formats.json_file import to_json
    from million_ird.errors import StoreError

    try:
        file.write_bytes(to_json(asdict(done)))
    except OSError as error:
        raise StoreError(f"cannot write {file}: {error.strerror or error}") from None


def _table(done: Imported, is_plan: bool) -> str:
    from annotation.tables import counted, left_out_lines, some

    counts = done.counts()
    lines = [
        f"read as     {done.format}",
        f"{'would import' if is_plan else 'imported   '} {counted(counts['imported'], 'mask')}",
        f"unchanged   {counts['unchanged']:,} (the same mask is shown already)",
    ]
    lines += left_out_lines(
        [(row.name or row.where, row.reason) for row in done.rows if row.outcome == "left alone"], "left alone"
    )
    lines += left_out_lines([(row.where, row.reason) for row in done.rows if row.outcome == "refused"], "refused")
    if done.without_mask:
        lines.append(f"no mask     {counted(len(done.without_mask), 'item')}: {some(done.without_mask)}")
    return "\n".join(lines)
