"""`million-ird restore CHECKPOINT INPUT --out PLACE`: a network applied to a picture or to a folder of them."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pretrain.verbs.options import add_restoring, restoring
from pretrain.verbs.threads import sleep_when_idle

if TYPE_CHECKING:
    from pretrain.restore_files import Corruption


def main(argv: Sequence[str]) -> int:
    """Arguments in, pictures out; the exit code is 3 where some were refused."""
    arguments = _parser().parse_args(argv)
    from million_ird.progress import Progress

    sleep_when_idle()
    from pretrain.models.pretrained import from_pretrained
    from pretrain.restore import Restorer, choose_device
    from pretrain.restore_files import plan_jobs, restore_files, summary

    place, jobs = plan_jobs(Path(arguments.input).expanduser(), arguments.out)
    settings = restoring(arguments)
    device = choose_device(arguments.device)
    pretrained = from_pretrained(arguments.checkpoint)
    variant = pretrained.variant(arguments.variant)
    corruption = _corruption(pretrained.metadata, arguments.checkpoint) if arguments.degrade else None
    progress = Progress("restore", len(jobs), unit="pictures")
    restorer = Restorer(pretrained.model, variant, settings, device, progress.within)
    outcome = restore_files(jobs, place, restorer, progress, arguments.compare, arguments.overwrite, corruption)
    progress.close()
    print(summary(outcome, place, variant.name))
    return 3 if outcome.refused else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="million-ird restore",
        description="Restore a picture or a folder of pictures. Outputs are sRGB PNG files, upright, in the same tree; "
        "what is there already is left alone, so the same command goes on after an interruption.",
        epilog="exit codes: 0 done; 3 some files were refused, each with a line that says why",
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
    parser.add_argument("--compare", action="store_true", help="also write before and after side by side")
    parser.add_argument(
        "--degrade",
        action="store_true",
        help="take the pictures as clean ones: corrupt and mask them as the checkpoint's training did, restore that, "
        "and say the PSNR before and after",
    )
    parser.add_argument("--overwrite", action="store_true", help="restore also what is there already")
    return parser


def _corruption(metadata: Mapping[str, str], checkpoint: str) -> Corruption:
    """As the recipe in the weights' metadata has it; the paper's where there is none."""
    import tomllib

    from million_ird.errors import DatasetError, UsageError
    from million_ird.settings import from_dict
    from pretrain.restore_files import Corruption

    try:
        recipe = tomllib.loads(metadata.get("recipe", ""))
        return from_dict(Corruption, {name: recipe[name] for name in ("corrupt", "mask") if name in recipe})
    except (tomllib.TOMLDecodeError, UsageError) as error:
        raise DatasetError(f"the recipe in {checkpoint} cannot be read: {error}") from error
