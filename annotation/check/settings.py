"""From where on the check of masks says something."""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class CheckSettings:
    """Thresholds of the rules; docs/mask_quality.md says how they were found."""

    speck_share: float = 0.0005
    """Regions smaller than this share of the picture are specks. 0 to 1; 0.05 %, from which on regions were counted as
    specks in published human masks: 50 of 296 masks of motion blur have some."""
    hole_share: float = 0.005
    """Holes smaller than this share of the picture are told of; larger ones are taken as meant. 0 to 1; ours: ten
    times a speck, as something sharp that is seen through something blurred is seldom smaller."""
    pair_warning: float = 0.2
    """Polarity of a pair's mask at which a warning is given: the agreement is below minus this. 0 to 1; ours: no mask
    of the test pairs lies below 0.59, no inverted one above -0.59."""
    pair_error: float = 0.5
    """The same for an error."""
    single_warning: float = 0.45
    """Polarity of a single frame's mask at which a warning is given. 0 to 1; ours: the lowest right mask of 22 test
    frames lies at -0.39."""
    single_error: float = 0.75
    """The same for an error."""
    set_median: float = 0.3
    """A whole set is called inverted where the median of its polarities is below minus this. 0 to 1; ours."""
    set_least: int = 5
    """Masks with a polarity that it takes to judge a set. At least 1."""
    block_share: float = 0.1
    """An outline is called resampled where fewer than this share of its columns, and of its rows, stand next to
    another one. 0 to 1; ours: enlarging by 2 or more leaves 0, enlarging by 1.5 leaves 0.31 to 0.5, and 22 drawn
    and exact masks have 0.75 and more."""
    jagged_ratio: float = 1.3
    """An outline is called jagged where it is this many times as long as when smoothed. At least 1; ours: 22 drawn
    and exact masks reach 1.07, thresholds of noisy maps begin at 1.59."""

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            low, high = {"set_least": (1, 1e9), "jagged_ratio": (1, 1e9)}.get(each.name, (0, 1))
            if not low <= value <= high:
                raise ValueError(f"{each.name} lies between {low} and {high:g}, not at {value}")
