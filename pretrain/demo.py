"""The second half of `make demo`: a few minutes of training on the dataset that the first half built.

A narrow DyNet learns on one CPU to give back crops that were corrupted and masked. That is enough to see every part at
work, and far too little to restore well.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from million_ird.errors import MillionIrdError, UsageError
from pretrain.verbs.threads import sleep_when_idle

RECIPE = "pretrain_small"
_SETTINGS = (
    *("steps=400", "stream.holdout.min_images=3"),
    *("validation.every=400", "validation.crops=16", "validation.patches=0"),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Trains on the demo's dataset and says where the picture is; returns the exit code."""
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args(argv)
    try:
        code = _train(arguments.dataset, arguments.out)
    except MillionIrdError as error:
        print(f"demo: {error}", file=sys.stderr)
        return error.exit_code
    if code == 0:
        (picture,) = (arguments.out / "samples").glob("*.png")
        print(f"\nBefore and after: {picture.resolve().as_uri()}")
    return code


def _train(dataset: Path, out: Path) -> int:
    sleep_when_idle()
    from pretrain.recipe import load_recipe
    from pretrain.train import launch

    print(f"\nTraining {RECIPE} on {dataset}, some minutes on a CPU")
    _clear(out)
    recipe = load_recipe(RECIPE, _SETTINGS, str(dataset))
    return launch(recipe, out, resume=False, device="auto", ray_workers=0)


def _clear(out: Path) -> None:
    """Removes an earlier demo's run: it was trained on a dataset that has been made anew."""
    if not out.exists():
        return
    if any(out.iterdir()) and not (out / "recipe.toml").exists():
        raise UsageError(f"{out} holds something that is no run; name another folder: make demo OUT=…")
    shutil.rmtree(out)


if __name__ == "__main__":
    sys.exit(main())
