"""`million-ird models`: the networks there are, with their parameters and operations."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence

_LARGEST = 16_384
"""Side of an image in pixels: of a larger one, ESRT's pairs of pixels are more than PyTorch can count."""
_WIDEST = 4_096
"""Channels: weights of more are larger than any tensor."""


def main(argv: Sequence[str]) -> int:
    """Prints the table, or the same as JSON."""
    parser = argparse.ArgumentParser(
        prog="million-ird models",
        description="Networks and their variants: parameters, and multiply-accumulates of one pass over one image.",
    )
    parser.add_argument("network", nargs="?", metavar="NETWORK", help="list only this one, such as dynet")
    parser.add_argument(
        "--size", type=int, metavar="PIXELS", help="side of the image (default: each network's own, 224 for dynet)"
    )
    parser.add_argument("--width", type=int, default=48, metavar="CHANNELS", help="of dynet (default 48)")
    parser.add_argument("--json", action="store_true", help="JSON in place of a table, with every number in full")
    arguments = parser.parse_args(argv)
    from million_ird.errors import UsageError
    from pretrain.models.table import describe, rows

    if arguments.size is not None and not 1 <= arguments.size <= _LARGEST:
        raise UsageError(f"--size must be 1 to {_LARGEST}, not {arguments.size}")
    if arguments.width > _WIDEST:
        raise UsageError(f"--width must be {_WIDEST} or less, not {arguments.width}")
    found = rows(arguments.network, arguments.size, arguments.width)
    print(json.dumps([row.as_json() for row in found], indent=2) if arguments.json else describe(found))
    return 0
