"""The recipe's section `[stream]`: which samples, in which order, read how."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

from million_ird.errors import UsageError
from million_ird.order import MAX_WINDOW


@dataclass(frozen=True)
class HoldoutSettings:
    """Which images are kept out of training, to validate on."""

    fraction: float = 0.01
    """Share of the images, 0 to 0.5. One in a hundred, bounded by the next two. Ours: the paper names no split."""
    min_images: int = 1
    """At least so many images, as long as `fraction` is not 0."""
    max_images: int = 1000
    """At most so many images: more make validation slow and no more certain."""

    def __post_init__(self) -> None:
        if not 0 <= self.fraction <= 0.5:
            raise UsageError(f"stream.holdout.fraction must be 0 to 0.5, not {self.fraction}")
        if self.min_images < 1:
            raise UsageError(f"stream.holdout.min_images must be at least 1, not {self.min_images}")
        if self.max_images < self.min_images:
            raise UsageError(
                f"stream.holdout.max_images must be at least min_images, {self.min_images}, not {self.max_images}"
            )


@dataclass(frozen=True)
class StreamSettings:
    """How patches become the sequence of samples, and how they are read."""

    crop: int | tuple[tuple[int, int], ...] = 128
    """Side of the crops in pixels, a multiple of 16. Or a schedule, `[[0, 96], [500000, 128]]`: from each step (the
    first is 0) the side that holds. 128 is the paper's."""
    crops_per_patch: int = 1
    """Crops of a patch in each epoch; they come one after the other in their lane and share one decode."""
    lanes: int = 64
    """Contiguous ranges of an epoch that run side by side. The number of ranks must divide it, and it should not be
    smaller than the batch, so that crops of one patch never share a batch. Each lane has about one shard open at a
    time. Changing it changes the sequence."""
    window: int = 4096
    """Patches of a block inside which a lane's order is shuffled: with 64 lanes about 260,000 patches are being mixed
    at any time. A larger one touches more shards at a time. At most 131,072. Changing it changes the sequence."""
    workers: int = 4
    """Reading processes of each rank; 0 reads in the training process. No number changes the sequence."""
    prefetch: int = 4
    """Steps that workers run ahead of the training."""
    cache: str = ""
    """Folder on this machine for copies of remote shards and for indices; empty is `$MILLION_IRD_CACHE`,
    or else `~/.cache/million-ird`. Local datasets are read in place, only their index is kept here."""
    cache_gb: float = 100.0
    """Most that copies of remote shards may take, in 10^9 bytes. Shards come and go as lanes move through them: room
    for two shards of each of the machine's lanes avoids fetching twice."""
    max_damaged_share: float = 0.01
    """Largest share of samples that may be damaged before the run stops, 0 to 1."""
    damage_grace: int = 1000
    """Samples of a rank to see before that share is judged."""
    holdout: HoldoutSettings = field(default_factory=HoldoutSettings)
    """Chosen once, when a run begins."""

    def __post_init__(self) -> None:
        for name, least in _LEAST.items():
            if getattr(self, name) < least:
                raise UsageError(f"stream.{name} must be at least {least}, not {getattr(self, name)}")
        if self.window > MAX_WINDOW:
            raise UsageError(f"stream.window must be at most {MAX_WINDOW}, not {self.window}")
        if not 0 < self.cache_gb < float("inf"):
            raise UsageError(f"stream.cache_gb must be a number above 0, not {self.cache_gb}")
        if not 0 <= self.max_damaged_share <= 1:
            raise UsageError(f"stream.max_damaged_share must be 0 to 1, not {self.max_damaged_share}")
        _check_sides(self.stages)

    @property
    def stages(self) -> tuple[tuple[int, int], ...]:
        """The schedule of crops as (first step, side), in the order of the steps."""
        return ((0, self.crop),) if isinstance(self.crop, int) else self.crop

    @property
    def largest_crop(self) -> int:
        return max(side for _, side in self.stages)

    def side(self, step: int) -> int:
        """The side of the crops at a 0-based step."""
        return [side for first, side in self.stages if first <= step][-1]


_LEAST = {"crops_per_patch": 1, "lanes": 1, "window": 1, "workers": 0, "prefetch": 1, "damage_grace": 1}


def _check_sides(stages: tuple[tuple[int, int], ...]) -> None:
    if not stages or stages[0][0] != 0:
        raise UsageError("stream.crop: a schedule must begin at step 0, as in [[0, 96], [500000, 128]]")
    steps = [first for first, _ in stages]
    if any(later <= earlier for earlier, later in pairwise(steps)):
        raise UsageError(f"stream.crop: the steps of a schedule must increase, got {steps}")
    for _, side in stages:
        if side < 16 or side % 16:
            raise UsageError(f"stream.crop must be a multiple of 16, the side of a cell, not {side}")
