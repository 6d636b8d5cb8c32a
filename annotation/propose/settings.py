"""What steers proposals."""

from __future__ import annotations

from dataclasses import dataclass

from million_ird.errors import UsageError


@dataclass(frozen=True)
class PairSettings:
    """Proposals from a blurred and a sharp frame."""

    seed: float = 6.0
    """Where a blurred region begins: difference in standard deviations of the noise. Ours: tuned on synthetic pairs."""
    grow: float = 3.0
    """How far it goes on, in the same unit. Ours: tuned on synthetic pairs."""
    least_area: float = 0.0005
    """Share of the picture below which a region is taken for a speck."""

    def __post_init__(self) -> None:
        if not 0 < self.grow <= self.seed:
            raise UsageError(f"grow must be positive and at most seed ({self.seed}), not {self.grow}")
        if not 0 <= self.least_area < 1:
            raise UsageError(f"least_area is a share of the picture, 0 to 1, not {self.least_area}")


@dataclass(frozen=True)
class SingleSettings:
    """Proposals from a blurred frame alone."""

    limit: float = 0.4
    """Share of the picture's own sharpness below which a place counts as blurred. Ours: tuned on synthetic blur."""
    least_area: float = 0.002
    """Share of the picture below which a region is taken for a speck."""

    def __post_init__(self) -> None:
        if not 0 < self.limit < 1:
            raise UsageError(f"limit must lie between 0 and 1, not {self.limit}")
        if not 0 <= self.least_area < 1:
            raise UsageError(f"least_area is a share of the picture, 0 to 1, not {self.least_area}")
