"""`million-ird finetune RECIPE --out DIR`: all-in-one fine-tuning, begun or gone on with."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from pretrain.verbs.options import add_training
from pretrain.verbs.threads import sleep_when_idle


def main(argv: Sequence[str]) -> int:
    """Arguments in, one run; the exit code is 75 where the run was told to stop and has saved."""
    parser = argparse.ArgumentParser(
        prog="million-ird finetune",
        description="Train a network on tasks: noise, JPEG, super-resolution, demosaicking, local blur, pairs of "
        "pictures; from a checkpoint or from scratch; also under torchrun or on Ray.",
        epilog="exit codes: 0 done; 75 stopped by SIGTERM after saving, the same command with --resume goes on",
    )
    add_training(parser, "finetune_all_in_one, esrt_laptop, … (docs/training_recipes.md)")
    parser.add_argument("--init", default="", metavar="CHECKPOINT", help="what to begin with, in place of the recipe's")
    parser.add_argument(
        "--dataset", default="", metavar="URL", help="the clean photographs of all tasks that degrade them themselves"
    )
    arguments = parser.parse_args(argv)
    sleep_when_idle()
    from pretrain.finetune.recipe import load_finetune_recipe
    from pretrain.finetune.run import launch

    recipe = load_finetune_recipe(arguments.recipe, arguments.set, arguments.init, arguments.dataset)
    return launch(recipe, arguments.out, arguments.resume, arguments.device, arguments.ray_workers)
