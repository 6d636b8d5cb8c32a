"""Counts and names as lines for a person."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

_SHOWN = 5
_MOST_REASONS = 12
_LONGEST = 60


def counted(count: int, what: str) -> str:
    """`1 mask`, `2,000 masks`."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def some(names: Sequence[str]) -> str:
    """The first few names."""
    shown = ", ".join(name if len(name) <= _LONGEST else f"{name[:_LONGEST]}…" for name in names[:_SHOWN])
    return f"{shown}, …" if len(names) > _SHOWN else shown


def left_out_lines(left_out: Iterable[tuple[str, str]], title: str = "left out") -> list[str]:
    """(name, reason) pairs as one line for each reason, the most frequent first, with a few of the names."""
    reasons: dict[str, list[str]] = {}
    for name, reason in left_out:
        reasons.setdefault(reason, []).append(name)
    sorted_reasons = sorted(reasons.items(), key=lambda entry: -len(entry[1]))
    lines = [f"{title:10}  {len(names):,} {reason}: {some(names)}" for reason, names in sorted_reasons[:_MOST_REASONS]]
    rest = [name for _, names in sorted_reasons[_MOST_REASONS:] for name in names]
    return [*lines, f"{title:10}  {len(rest):,} for other reasons: {some(rest)}"] if rest else lines
