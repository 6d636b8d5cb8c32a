"""`million-ird export CHECKPOINT --out FILE`: one variant of a network as a program or as ONNX."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path


def main(argv: Sequence[str]) -> int:
    """Writes the file."""
    parser = argparse.ArgumentParser(
        prog="million-ird export",
        description="Write one variant of a network as a file that runs without million-ird, for images of any size.",
    )
    parser.add_argument("checkpoint", help="a model's folder, a run, a checkpoint, or a published .ckpt")
    parser.add_argument("--out", required=True, type=Path, metavar="FILE", help="the file, by custom .pt2 or .onnx")
    parser.add_argument(
        "--variant", default="", metavar="NAME", help="the one to build in (default: the model's first)"
    )
    parser.add_argument(
        "--format",
        choices=("program", "onnx"),
        default="program",
        help="for torch.export.load (default), or for ONNX runtimes",
    )
    arguments = parser.parse_args(argv)
    from pretrain.export import SMALLEST, export
    from pretrain.models.pretrained import from_pretrained

    pretrained = from_pretrained(arguments.checkpoint)
    variant = pretrained.variant(arguments.variant)
    export(pretrained.model, variant, arguments.out, arguments.format)
    print(f"{variant.name} {list(variant.repeats)}: {arguments.out} (images of at least {SMALLEST} pixels a side)")
    return 0
