"""Tables of text for a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def aligned(rows: Sequence[Sequence[str]], right: Iterable[int] = ()) -> list[str]:
    """One line for each row, the columns as wide as their widest cell.

    Args:
        rows: cells; all rows have equally many.
        right: columns that are set flush right.
    """
    if not rows:
        return []
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    flush = frozenset(right)

    def cell(column: int, text: str) -> str:
        return text.rjust(widths[column]) if column in flush else text.ljust(widths[column])

    return ["  ".join(cell(column, text) for column, text in enumerate(row)).rstrip() for row in rows]
