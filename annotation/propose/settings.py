"""What steers proposals. Every default is ours, tuned on pairs made from sharp photographs (docs/proposals.md)."""

from __future__ import annotations

from dataclasses import dataclass

from million_ird.errors import UsageError


@dataclass(frozen=True)
class PairSettings:
    """Proposals from a blurred and a sharp frame."""

    seed: float = 0.95
    """Probability of blur that a region must reach somewhere."""
    grow: float = 0.68
    """Probability down to which it then extends."""
    bridge: float = 0.006
    """Gaps up to twice this share of the longer side are closed."""
    least_area: float = 0.0005
    """Share of the picture below which a region is taken for a speck."""

    def __post_init__(self) -> None:
        _check_thresholds(self.seed, self.grow)
        _check_shares(self.bridge, self.least_area)


@dataclass(frozen=True)
class SingleSettings:
    """Proposals from a blurred frame alone."""

    seed: float = 0.7
    """Probability of blur that a region must reach somewhere."""
    grow: float = 0.5
    """Probability down to which it then extends."""
    bridge: float = 0.008
    """Gaps up to twice this share of the longer side are closed."""
    largest_hole: float = 0.01
    """Share of the picture up to which a sharp place inside a blurred one is taken for a mistake."""
    least_area: float = 0.005
    """Share of the picture below which a region is taken for a speck."""

    def __post_init__(self) -> None:
        _check_thresholds(self.seed, self.grow)
        _check_shares(self.bridge, self.least_area, self.largest_hole)


def _check_thresholds(seed: float, grow: float) -> None:
    if not 0 < grow <= seed < 1:
        raise UsageError(f"seed and grow are probabilities with 0 < grow ≤ seed < 1, not {seed} and {grow}")


def _check_shares(*shares: float) -> None:
    if not all(0 <= share < 1 for share in shares):
        raise UsageError(f"bridge, least_area and largest_hole are shares, 0 to below 1, not {shares}")
