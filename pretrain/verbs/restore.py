"""`million-ird restore CHECKPOINT INPUT --out PLACE`: a network applied to a picture or to a folder of them."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pretrain.verbs.options import add_restoring, restoring
from pretrain.verbs.threads import sleep_when_idle

if TYPE_CHECKING:
    import torch

    from pretrain.models.pretrained import Pretrained
    from pretrain.restore import Restorer, RestoreSettings


def main(argv: Sequence[str]) -> int:
    """Arguments in, pictures out; the exit code is 3 where some were refused."""
    arguments = _parser().parse_args(argv)
    from million_ird.progress import Progress

    sleep_when_idle()
    from pretrain.models.pretrained import from_pretrained
    from pretrain.restore import Restorer, choose_device
    from pretrain.restore_files import Wanted, plan_jobs, restore_files, summary
    from pretrain.restore_trial import trial_of
    from pretrain.signals import ended_in_order

    place, jobs = plan_jobs(Path(arguments.input).expanduser(), arguments.out)
    settings = restoring(arguments)
    device = choose_device(arguments.device)
    pretrained = from_pretrained(arguments.checkpoint)
    variant = pretrained.variant(arguments.variant)
    trial = trial_of(pretrained, arguments.checkpoint) if arguments.degrade else None
    watch = _watch(pretrained, settings, device) if arguments.windows else None
    progress = Progress("restore", len(jobs), unit="pictures")
    restorer = Restorer(pretrained.model, variant, settings, device, progress.within)
    wanted = Wanted(arguments.compare, arguments.overwrite, trial, watch)
    with ended_in_order():
        outcome = restore_files(jobs, place, restorer, progress, wanted)
    progress.close()
    print(summary(outcome, place, variant.name))
    return 3 if outcome.refused else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="million-ird restore",
        description="Restore a picture or a folder of pictures, with any network. Outputs are sRGB PNG files, upright, "
        "in the same tree; what is there already is left alone, so the same command goes on after an interruption.",
        epilog="exit codes: 0 done; 3 some files were refused, each with a line that says why; 130 stopped by "
        "Ctrl-C or SIGTERM: the same command goes on",
    )
    parser.add_argument("checkpoint", help="a run, one of its checkpoints, a folder of a model, or a weights file")
    parser.add_argument("input", help="a picture, or a folder of pictures")
    parser.add_argument("--out", required=True, metavar="PLACE", help="a folder, or FILE.png for one picture")
    parser.add_argument("--variant", default="", metavar="NAME", help="such as small; default: the checkpoint's first")
    add_restoring(
        parser,
        "auto",
        "auto: whole if memory allows, else banded (DyNet), which gives the same result, or tiled (all others), which "
        "approximates it",
    )
    parser.add_argument(
        "--compare",
        action="store_true",
        help="also write before and after side by side; a smaller input enlarged by bicubic interpolation",
    )
    parser.add_argument(
        "--windows",
        action="store_true",
        help="of LMD-ViT: also write which windows it kept; what it left alone is dark",
    )
    parser.add_argument(
        "--degrade",
        action="store_true",
        help="take the pictures as clean ones: degrade them as the checkpoint's training did, restore that, and say "
        "the PSNR before and after",
    )
    parser.add_argument("--overwrite", action="store_true", help="restore also what is there already")
    return parser


def _watch(network: Pretrained, settings: RestoreSettings, device: torch.device) -> Restorer:
    """What says which windows are kept, run as the network is."""
    from million_ird.errors import UsageError
    from pretrain.kept_shares import KeptShares
    from pretrain.models.lmd_vit.network import LMDViT
    from pretrain.restore import Restorer

    if not isinstance(network.model, LMDViT):
        raise UsageError("--windows: LMD-ViT alone leaves out windows")
    return Restorer(KeptShares(network.model), network.variant(), settings, device)
