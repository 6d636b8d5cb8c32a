"""`million-ird annotate agree PROJECT` (or two folders of masks): how far two people agree."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from million_ird.errors import UsageError

if TYPE_CHECKING:
    from annotation.agree import Opinions
    from annotation.agree.opinions import NotCompared


def main(argv: Sequence[str]) -> int:
    """Arguments in, a table out."""
    arguments = _parser().parse_args(argv)
    from annotation.agree import Agreement, AgreeSettings, compare
    from annotation.agree.opinions import NotCompared
    from annotation.agree.table import render, values
    from million_ird.progress import Progress

    try:
        settings = AgreeSettings(arguments.tolerance, arguments.margin)
    except ValueError as error:
        raise UsageError(str(error)) from None
    agreements: list[Agreement] = []
    missing: list[NotCompared] = []
    with ExitStack() as stack:
        number, rows = _opinions(arguments, stack)
        progress = Progress("agree", number, unit="pictures")
        for row in rows:
            if isinstance(row, NotCompared):
                missing.append(row)
            else:
                agreements.append(compare(row, settings))
            progress.advance({})
        progress.close()
    if arguments.json:
        import json

        print(json.dumps(values(agreements, missing, settings), ensure_ascii=False, indent=2))
    else:
        print(render(agreements, missing, settings))
    return 0


def _opinions(arguments: argparse.Namespace, stack: ExitStack) -> tuple[int, Iterator[Opinions | NotCompared]]:
    """How many pictures there are to compare, and both masks of each."""
    from annotation.agree.opinions import folder_opinions, number_in_folders, number_in_project, project_opinions
    from annotation.project import open_project

    places: list[Path] = arguments.place
    if len(places) > 2:
        raise UsageError(f"one project, or two folders of masks; not {len(places)} places")
    if len(places) == 2:
        rows = folder_opinions(places[0], places[1], arguments.images, arguments.sharp)
        return number_in_folders(places[0], places[1]), rows
    if arguments.images or arguments.sharp:
        raise UsageError("--images and --sharp are for two folders; a project knows its pictures")
    project = stack.enter_context(open_project(places[0]))
    return number_in_project(project), project_opinions(project, arguments.all)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="million-ird annotate agree",
        description="Compare two masks of each picture: IoU, F of the outlines, and what they make the weighted PSNR "
        "and SSIM of the blurred against the registered sharp frame differ by, in dB. docs/mask_quality.md says how.",
        epilog="A picture without a sharp frame is compared in shape alone. exit codes: 0 done; 1 failed; 2 usage",
    )
    parser.add_argument(
        "place", nargs="+", type=Path, help="a project (its items with two masks), or two folders of masks"
    )
    parser.add_argument("--all", action="store_true", help="of a project, all that was drawn, not only what is done")
    parser.add_argument("--images", type=Path, metavar="FOLDER", help="the (blurred) pictures of two folders of masks")
    parser.add_argument("--sharp", type=Path, metavar="FOLDER", help="the sharp frames, where they lie apart")
    parser.add_argument(
        "--tolerance",
        type=int,
        metavar="PIXELS",
        help="how far outlines may lie apart (default: 0.8 %% of the diagonal)",
    )
    parser.add_argument(
        "--margin", type=int, default=3, metavar="PIXELS", help="widen and narrow masks by this much (default: 3)"
    )
    parser.add_argument("--json", action="store_true", help="print everything as JSON")
    return parser
