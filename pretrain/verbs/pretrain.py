"""`million-ird pretrain RECIPE --out DIR`: dynamic pre-training, begun or gone on with."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from pretrain.verbs.options import add_training
from pretrain.verbs.threads import sleep_when_idle


def main(argv: Sequence[str]) -> int:
    """Arguments in, one run; the exit code is 75 where the run was told to stop and has saved."""
    parser = argparse.ArgumentParser(
        prog="million-ird pretrain",
        description="Train a DyNet and its variants on the patches of a dataset; also under torchrun or on Ray.",
        epilog="exit codes: 0 done; 75 stopped by SIGTERM after saving, the same command with --resume goes on",
    )
    add_training(parser, "pretrain_million_ird, pretrain_small")
    parser.add_argument("--dataset", default="", metavar="URL", help="the patches, in place of the recipe's dataset")
    arguments = parser.parse_args(argv)
    sleep_when_idle()
    from pretrain.recipe import load_recipe
    from pretrain.train import launch

    recipe = load_recipe(arguments.recipe, arguments.set, arguments.dataset)
    return launch(recipe, arguments.out, arguments.resume, arguments.device, arguments.ray_workers)
