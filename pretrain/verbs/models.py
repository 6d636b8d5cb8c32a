"""`million-ird models`: the networks there are, with their parameters and operations."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence


def main(argv: Sequence[str]) -> int:
    """Prints the table, or the same as JSON."""
    parser = argparse.ArgumentParser(
        prog="million-ird models",
        description="Networks and their variants: parameters, and operations of one pass over one image.",
    )
    parser.add_argument("--size", type=int, default=224, metavar="PIXELS", help="side of the image (default 224)")
    parser.add_argument("--width", type=int, default=48, metavar="CHANNELS", help="of the networks (default 48)")
    parser.add_argument("--json", action="store_true", help="JSON in place of a table, with every number in full")
    arguments = parser.parse_args(argv)
    from million_ird.errors import UsageError
    from pretrain.models.table import describe, rows

    if arguments.size < 1:
        raise UsageError(f"--size must be 1 or more, not {arguments.size}")
    found = rows(arguments.size, arguments.width)
    print(json.dumps([row.as_json() for row in found], indent=2) if arguments.json else describe(found))
    return 0
