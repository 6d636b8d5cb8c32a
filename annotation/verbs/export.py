"""`million-ird annotate export PROJECT --format NAME --out FOLDER`: masks as files of another tool."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from annotation.formats.index import Index


def main(argv: Sequence[str]) -> int:
    """Arguments in, files and a counted table out."""
    arguments = _parser().parse_args(argv)
    from annotation.exporting import ExportSettings, export_masks
    from annotation.formats.model import Writing
    from annotation.project import open_project
    from annotation.records import STATES
    from million_ird.progress import Progress

    writing = Writing(arguments.label, arguments.tolerance, arguments.split, arguments.image_prefix, arguments.shard_mb)
    states = STATES if arguments.all else tuple(arguments.state)
    settings = ExportSettings(arguments.format, states, arguments.layer, arguments.proposals, arguments.only, writing)
    with open_project(arguments.project) as project:
        progress = Progress("export", 2 * project.store.count(), unit="steps (each mask is written and compared)")
        index = export_masks(project, arguments.out, settings, lambda _name: progress.advance({}))
    print(_table(index, arguments.out))
    return 0


def _parser() -> argparse.ArgumentParser:
    from annotation.formats.registry import FORMATS

    width = max(map(len, FORMATS))
    listed = "\n".join(f"  {name:{width}}  {entry.summary}" for name, entry in FORMATS.items())
    parser = argparse.ArgumentParser(
        prog="million-ird annotate export",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Write masks as files of another tool. Every mask is read back from them and compared before the "
        "command says done; run again, it leaves the same files.",
        epilog=f"formats:\n{listed}\n\ndocs/mask_formats.md describes them.",
    )
    parser.add_argument("project", type=Path, metavar="PROJECT")
    parser.add_argument("--format", required=True, choices=FORMATS, metavar="NAME", help="one of those below")
    parser.add_argument("--out", required=True, type=_local, metavar="FOLDER", help="new, empty, or of the same export")
    which = parser.add_argument_group("which masks")
    which.add_argument(
        "--state",
        nargs="+",
        default=["done"],
        choices=("todo", "in_progress", "done", "needs_review", "skipped"),
        help="states whose layers are taken (default: done)",
    )
    which.add_argument("--all", action="store_true", help="layers in any state")
    which.add_argument("--layer", type=int, default=1, choices=(1, 2), help="2: second opinions (default: 1)")
    which.add_argument("--proposals", action="store_true", help="also masks that are still the machine's")
    which.add_argument("--only", default="", metavar="PATTERN", help="items whose names fit, such as 's01/*'")
    how = parser.add_argument_group("how they are written")
    how.add_argument("--label", default="blur", help="name of what is blurred, where a format has one (default: blur)")
    how.add_argument(
        "--tolerance",
        type=float,
        default=0.0,
        metavar="PX",
        help="polygons: how far corners may move off the outline (default: 0, every step is kept)",
    )
    how.add_argument("--split", default="train", choices=("train", "test"), help="relo-blur: folder (default: train)")
    how.add_argument(
        "--image-prefix", default="", metavar="TEXT", help="label-studio: what goes before names of images"
    )
    how.add_argument("--shard-mb", type=float, default=1000.0, metavar="MB", help="shards: size (default: 1000)")
    return parser


def _local(place: str) -> Path:
    if "://" in place:
        raise argparse.ArgumentTypeError("exports are written to a folder of this machine; copy it from there")
    return Path(place).expanduser()


def _table(index: Index, folder: Path) -> str:
    from annotation.tables import counted, left_out_lines

    lost = [item for item in index.items if item.iou < 1 or item.note]
    files = counted(len(index.files), "file")
    lines = [f"exported    {counted(len(index.items), 'mask')} as {index.format}, {files}: {folder}"]
    if lost:
        mean = sum(item.iou for item in index.items) / len(index.items)
        worst = sorted(lost, key=lambda item: (item.iou, item.name))
        lines.append(
            f"lost        {counted(len(lost), 'mask')} cannot be held whole; mean IoU {mean:.4f} of all; the worst:"
        )
        lines += [f"  IoU {item.iou:.4f}  {item.name}{f' ({item.note})' if item.note else ''}" for item in worst[:10]]
    else:
        lines.append("compared    every mask was read back and is the same, bit for bit")
    return "\n".join([*lines, *left_out_lines(index.left_out)])
