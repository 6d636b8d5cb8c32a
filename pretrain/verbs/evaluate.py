"""`million-ird evaluate CHECKPOINT FOLDER …`: PSNR and SSIM on test sets, all variants in one go."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from million_ird.errors import UsageError
from pretrain.verbs.options import add_restoring, restoring
from pretrain.verbs.threads import sleep_when_idle

if TYPE_CHECKING:
    from pretrain.degradations import Degradation
    from pretrain.evaluate.picture_set import PictureSet


def main(argv: Sequence[str]) -> int:
    """Arguments in, a table out; 3 where pictures had to be left out."""
    arguments = _parser().parse_args(argv)
    from million_ird.progress import Progress

    sleep_when_idle()
    from pretrain.evaluate.record import check_writable, write
    from pretrain.evaluate.run import evaluate
    from pretrain.evaluate.table import render
    from pretrain.restore import choose_device

    degradations = _degradations(arguments)
    sets = _sets(arguments)
    settings = restoring(arguments)
    device = choose_device(arguments.device)
    if arguments.out is not None:
        check_writable(arguments.out)
    progress: list[Progress] = []

    def after_picture(_done: int, total: int) -> None:
        if not progress:
            progress.append(Progress("evaluate", total, unit="pictures"))
        progress[0].advance({})

    done = evaluate(
        arguments.checkpoint,
        sets,
        arguments.protocol,
        degradations,
        arguments.variant,
        settings,
        device,
        after_picture,
    )
    progress[0].close()
    print(render(done.scores, done.variants, done.protocol))
    if arguments.out is not None:
        write(done.record, arguments.out)
        print(f"\n{arguments.out}: every number, and what is needed to repeat them")
    return 3 if any(score.left_out for score in done.scores) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="million-ird evaluate",
        description="Measure a network on test sets: Set5, Set14, BSD68, B100, Urban100, Manga109, Kodak (clean "
        "pictures, which are degraded as the network was trained), Rain100L, SOTS, ReLoBlur, folders of these, or any "
        "two folders with equal names. docs/evaluation.md says how.",
        epilog="exit codes: 0 done; 3 done, but pictures without a partner or that cannot be read were left out",
    )
    parser.add_argument(
        "checkpoint", type=Path, help="a model folder, a checkpoint, a run (its best), or a weights file"
    )
    parser.add_argument("folder", nargs="*", type=Path, help="test sets, in this order")
    parser.add_argument("--input", type=Path, metavar="FOLDER", help="degraded pictures; with --target, after FOLDERs")
    parser.add_argument("--target", type=Path, metavar="FOLDER", help="the clean pictures of --input")
    parser.add_argument(
        "--protocol",
        choices=("promptir", "fixed", "sr", "sr-rgb"),
        help="sr (default for networks that enlarge): luma without borders; sr-rgb: as EDSR on DIV2K; promptir "
        "(default for DyNet): as its published tables; fixed (default for all others): noise by file name, whole "
        "pictures, luma too",
    )
    parser.add_argument("--variant", nargs="+", default=[], metavar="NAME", help="only these (default: all)")
    group = parser.add_argument_group(
        "clean test sets", "what is done to them; by default what the network was trained for, or else noise 15 25 50"
    )
    group.add_argument("--sigma", nargs="+", type=float, default=[], help="Gaussian noise, levels of 255")
    group.add_argument("--jpeg", nargs="+", type=int, default=[], metavar="QUALITY", help="JPEG, 4:2:0")
    group.add_argument("--demosaic", action="store_true", help="one colour per pixel, filled in linearly")
    group.add_argument("--local-blur", action="store_true", help="objects that moved, drawn over the picture")
    parser.add_argument("--out", type=Path, metavar="FILE.json", help="write every number and how it was measured")
    parser.add_argument(
        "--order",
        default="sorted",
        metavar="sorted|listing|FILE.json",
        help="order of files, which promptir's noise depends on: by name (default), as the file system lists them "
        "(the published code), or as an earlier --out has it",
    )
    add_restoring(
        parser,
        "whole",
        "banded (DyNet) gives the same numbers with less memory, tiled approximates them, auto takes whole, banded or "
        "tiled as memory allows",
    )
    return parser


def _degradations(arguments: argparse.Namespace) -> list[Degradation]:
    """What was asked for; none where nothing was."""
    if any(not 0 < sigma <= 255 for sigma in arguments.sigma):
        raise UsageError("--sigma: noise levels lie between 0 and 255")
    if any(not 1 <= quality <= 100 for quality in arguments.jpeg):
        raise UsageError("--jpeg: qualities lie between 1 and 100")
    from pretrain.degradations import Demosaic, Jpeg, LocalBlur
    from pretrain.evaluate.network_degradations import noises

    found = noises(arguments.sigma)
    found += [Jpeg(quality) for quality in arguments.jpeg]
    found += [Demosaic()] if arguments.demosaic else []
    found += [LocalBlur()] if arguments.local_blur else []
    return found


def _sets(arguments: argparse.Namespace) -> list[PictureSet]:
    from pretrain.evaluate.folders import find_sets, set_of_pairs, with_own_names
    from pretrain.evaluate.order import arrange

    if (arguments.input is None) != (arguments.target is None):
        raise UsageError("--input and --target go together")
    found = [each for folder in arguments.folder for each in find_sets(folder)]
    if arguments.input is not None:
        found.append(set_of_pairs(arguments.input, arguments.target))
    if not found:
        raise UsageError("name at least one folder with a test set, or --input and --target")
    return arrange(with_own_names(found), arguments.order)
