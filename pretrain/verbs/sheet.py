"""`million-ird sheet DATASET --out sheet.png`: what a training run would see, as a picture."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path


def main(argv: Sequence[str]) -> int:
    """Writes the picture."""
    parser = argparse.ArgumentParser(
        prog="million-ird sheet",
        description="A picture of the first samples of a training run: clean, corrupted, and masked crops.",
    )
    parser.add_argument("dataset", help="a dataset or tars: a folder, or any fsspec URL")
    parser.add_argument("--out", required=True, metavar="FILE.png", help="the picture to write")
    parser.add_argument("--recipe", default="pretrain_million_ird", help="a pre-training recipe (default: the paper's)")
    parser.add_argument("--rows", type=int, default=6, help="samples to show (default 6)")
    parser.add_argument("--seed", type=int, help="of the run, in place of the recipe's")
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE", help="override a setting")
    arguments = parser.parse_args(argv)
    from million_ird.errors import UsageError
    from million_ird.pixels import encode_png
    from pretrain.corrupt import degrade
    from pretrain.recipe import load_recipe
    from pretrain.sheet import draw_sheet, sheet_rows
    from pretrain.stream.stream import open_stream

    if not 1 <= arguments.rows <= 100:
        raise UsageError(f"--rows must be 1 to 100, not {arguments.rows}")
    seed = [] if arguments.seed is None else [f"seed={arguments.seed}"]
    recipe = load_recipe(arguments.recipe, arguments.set + seed, arguments.dataset)
    make = partial(degrade, corrupting=recipe.corrupt, masking=recipe.mask)
    stream = open_stream(recipe.dataset, replace(recipe.stream, workers=0), recipe.seed, make)
    sheet = draw_sheet(sheet_rows(stream, arguments.rows, recipe.corrupt, recipe.mask))
    try:
        Path(arguments.out).write_bytes(encode_png(sheet))
    except OSError as error:
        raise UsageError(f"--out {arguments.out}: {error.strerror or error}") from None
    print(f"{arguments.rows} samples of {len(stream):,} patches: {arguments.out}")
    return 0
