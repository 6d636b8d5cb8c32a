"""How deep a network may be."""

from __future__ import annotations

from million_ird.errors import UsageError

MOST_BLOCKS = 1_000
"""Blocks in a row, or applications of one (ours: published networks have some tens). More is a slip of the pen or a
stranger's joke, and would be built, or run, for hours."""


def check_blocks(name: str, count: int, least: int = 1) -> None:
    """Whether a setting is a number of blocks, `least` to `MOST_BLOCKS`.

    Raises:
        UsageError: it is not; the text begins with `name`.
    """
    if not least <= count <= MOST_BLOCKS:
        raise UsageError(f"{name}: got {count}, expected {least} to {MOST_BLOCKS}")
