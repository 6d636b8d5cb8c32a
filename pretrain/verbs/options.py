"""Options that several verbs share."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pretrain.restore import RestoreSettings


def add_restoring(parser: argparse.ArgumentParser, mode: str, mode_help: str) -> None:
    """How a network is applied to pictures, with `mode` as the default; read by `restoring`."""
    modes = ("auto", "whole", "banded", "tiled")
    parser.add_argument("--mode", choices=modes, default=mode, help=mode_help)
    own = "default: as suits the network"
    parser.add_argument("--tile", type=int, metavar="PIXELS", help=f"side of a tile of the input ({own})")
    parser.add_argument("--overlap", type=int, metavar="PIXELS", help=f"of neighbouring tiles ({own})")
    parser.add_argument("--band-rows", type=int, default=32, metavar="ROWS", help="rows of a band (default 32); DyNet")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:1; auto takes a GPU if there is one")
    parser.add_argument("--precision", choices=("fp32", "bf16"), default="fp32", help="of the computation")


def restoring(arguments: argparse.Namespace) -> RestoreSettings:
    """The settings that `add_restoring` asked for."""
    from pretrain.restore import RestoreSettings

    return RestoreSettings(arguments.mode, arguments.tile, arguments.overlap, arguments.band_rows, arguments.precision)


def add_training(parser: argparse.ArgumentParser, recipes: str) -> None:
    """What every training verb takes; `recipes` names those that come along."""
    parser.add_argument("recipe", help=f"a TOML file, or the name of one that comes along: {recipes}")
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="the run: checkpoints, log, samples")
    parser.add_argument("--resume", action="store_true", help="go on from the newest checkpoint in DIR, if it has one")
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE", help="override a setting")
    parser.add_argument(
        "--device", choices=("auto", "cpu", "cuda"), default="auto", help="auto takes a GPU where there is one"
    )
    parser.add_argument("--ray-workers", type=int, default=0, metavar="N", help="train on N workers of a Ray cluster")
