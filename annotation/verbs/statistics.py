"""`million-ird annotate statistics PROJECT --out page.html`: what the masks come to, on one self-contained page."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from million_ird.errors import UsageError


def main(argv: Sequence[str]) -> int:
    """Arguments in, a page out."""
    arguments = _parser().parse_args(argv)
    from annotation.agree import AgreeSettings
    from annotation.project import open_project
    from annotation.statistics.gather import gather
    from annotation.statistics.page import page, thumbnails
    from million_ird.progress import Progress
    from million_ird.report.document import write_document

    if arguments.pictures < 0:
        raise UsageError(f"--pictures is at least 0, not {arguments.pictures}")
    with open_project(arguments.project) as project:
        progress = Progress("statistics", project.store.count(), unit="items")
        gathered = gather(project, arguments.all, AgreeSettings(), progress)
        progress.close()
        text = page(gathered, thumbnails(project, gathered.masks, arguments.pictures))
    write_document(arguments.out, text)
    print(f"{arguments.out}: {len(gathered.masks):,} masks, {len(gathered.agreements):,} second opinions")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="million-ird annotate statistics",
        description="Write one self-contained HTML page about a project: progress by annotator and day, blurred share, "
        "the windows that LMD-ViT would keep, and how far second opinions agree.",
        epilog="exit codes: 0 done; 1 failed; 2 usage",
    )
    parser.add_argument("project", type=Path, metavar="PROJECT", help="the project's folder")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.html", help="the page to write")
    parser.add_argument("--all", action="store_true", help="also count masks that are drawn but not done")
    parser.add_argument("--pictures", type=int, default=12, metavar="N", help="thumbnails on the page (default: 12)")
    return parser
