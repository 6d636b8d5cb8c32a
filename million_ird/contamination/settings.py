"""What decides about contamination: the recipe's `[contamination]`."""

from __future__ import annotations

from dataclasses import dataclass

from million_ird.errors import UsageError


@dataclass(frozen=True)
class ContaminationSettings:
    """Settings of the guard against benchmark pictures. The defaults were measured: `docs/duplicates.md`."""

    folders: tuple[str, ...] = ()
    """Folders of benchmark pictures; a folder's name is the set's name."""

    hash_files: tuple[str, ...] = ()
    """Files written by `BenchmarkTable.save`, instead of or besides the pictures."""

    smallest_window: float = 0.15
    """Side of the smallest window of a source, as a share of its shorter side: a 500-pixel cut of a 12-megapixel
    photograph spans 0.17. Time grows with the square of its inverse."""

    max_bits: int = 12
    """Bits (of 63) between a window and a benchmark square up to which they are compared further."""

    min_correlation: float = 0.87
    """Least correlation of their 32×32 luma reductions for a comparison on pixels."""

    min_agreement: float = 0.60
    """Least agreement, 0 to 1, of the benchmark picture with the place where it was found (see `duplicates.verify`)."""

    max_candidates: int = 8
    """Places in one source that are compared on pixels, most alike first. Bounds time."""

    def __post_init__(self) -> None:
        if not 0.03 <= self.smallest_window <= 1.0:
            raise UsageError(f"contamination.smallest_window = {self.smallest_window}: choose 0.03 to 1")
        if not 0 <= self.max_bits <= 20:
            raise UsageError(f"contamination.max_bits = {self.max_bits}: choose 0 to 20")
        for name in ("min_correlation", "min_agreement"):
            if not 0.0 < getattr(self, name) <= 1.0:
                raise UsageError(f"contamination.{name} = {getattr(self, name)}: choose a number in (0, 1]")
        if self.max_candidates < 1:
            raise UsageError(f"contamination.max_candidates = {self.max_candidates}: choose 1 or more")
