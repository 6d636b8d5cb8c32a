"""What decides the shapes of GRL's weights, its windows, and the published sizes and tasks as data.

Source: Li et al., "Efficient and Explicit Modelling of Image Hierarchies for Image Restoration", arXiv 2303.00748, and
the authors' model files and test commands.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from million_ird.errors import UsageError
from pretrain.models.limits import check_blocks
from pretrain.models.upsampling import held_enlarging

SizeName = Literal["tiny", "small", "base"]
TaskName = Literal["sr", "dn", "jpeg", "motion", "defocus", "demosaic", "bsr"]
LARGEST_WINDOW = 128
"""Of a window's side: its table of biases of all pairs then takes 1 GB a head."""
SMALLEST_LOCAL_WIDTH = 18
"""Channels that the local branch needs: its channel attention keeps an eighteenth."""


@dataclass(frozen=True)
class GRLSettings:
    """The recipe's section `[model]` for GRL. The defaults are the tiny network for a task without enlarging."""

    family: Literal["grl"] = field(default="grl", kw_only=True)
    """Of the network: GRL."""
    width: int = 64
    """Channels, a multiple of twice the heads (authors' tiny network)."""
    depths: tuple[int, ...] = (4, 4, 4, 4)
    """Blocks of each stage, at most 1000 in all (authors' tiny network). What a block does depends on its number in the
    stage, modulo 4."""
    heads: int = 2
    """Heads of window attention and of stripe attention, each of which has half of the channels (authors' tiny)."""
    local: bool = False
    """Whether each block has convolutions with channel attention beside its attention (authors: base network alone;
    the paper's figure shows them in every one)."""
    expansion: int = 2
    """Hidden channels of the feed-forward per channel (authors' code)."""
    scale: Literal[1, 2, 3, 4] = 1
    """Side of the result per side of the image."""
    upsampler: Literal["none", "direct", "shuffle", "nearest"] = "none"
    """How features become the result: `none` adds a residual to the image (scale 1), `direct` shuffles pixels once
    (authors: tiny), `shuffle` in steps of 2 or 3 between convolutions (authors: small and base), `nearest` repeats
    pixels before convolutions (authors: unknown degradations, scale 4 alone)."""
    colours: Literal[1, 3] = 3
    """Channels of the image: RGB, or grey alone."""
    window: int = 16
    """Side of the windows in pixels, 2 to 128 (authors: by task; see `WINDOWS`). Weights fit any."""
    stripe: tuple[int, int] = (64, 128)
    """Height and width in pixels of the stripes of even blocks; odd blocks swap them. Each a multiple of twice
    `anchor_factor`; height times width is at most 16,384 times `anchor_factor`, what the largest window would have
    (authors: by task; see `WINDOWS`). Weights fit any."""
    anchor_factor: int = 4
    """Side in pixels of the square that one anchor is the mean of (authors: 4; base 2 in super-resolution and
    denoising). Weights fit any."""
    drop_path: float = 0.1
    """Probability of leaving out a branch of the last block in training; it rises to this linearly from 0 at the first
    (authors' code)."""

    def __post_init__(self) -> None:
        for name, smallest in (("width", 2), ("heads", 1), ("expansion", 1), ("window", 2), ("anchor_factor", 1)):
            if getattr(self, name) < smallest:
                raise UsageError(f"{name}: got {getattr(self, name)}, expected {smallest} or more")
        if not self.depths or min(self.depths) < 1:
            raise UsageError(f"depths: got {list(self.depths)}, expected one or more numbers of 1 or more")
        check_blocks("depths", sum(self.depths))
        if self.width % (2 * self.heads):
            raise UsageError(f"width: got {self.width}, expected a multiple of twice the {self.heads} heads")
        if self.local and self.width < SMALLEST_LOCAL_WIDTH:
            raise UsageError(f"width: got {self.width}, expected {SMALLEST_LOCAL_WIDTH} or more where local = true")
        if len(self.stripe) != 2 or any(side < 1 or side % (2 * self.anchor_factor) for side in self.stripe):
            raise UsageError(
                f"stripe: got {list(self.stripe)}, expected two multiples of twice anchor_factor "
                f"({2 * self.anchor_factor})"
            )
        self._check_pairs()
        if not 0.0 <= self.drop_path < 1.0:
            raise UsageError(f"drop_path: got {self.drop_path}, expected at least 0 and below 1")
        allowed = {"none": (1,), "direct": (2, 3, 4), "shuffle": (2, 3, 4), "nearest": (4,)}[self.upsampler]
        if self.scale not in allowed:
            raise UsageError(f"scale: got {self.scale}, expected one of {allowed} with upsampler {self.upsampler!r}")

    def _check_pairs(self) -> None:
        """Whether the tables of all pairs of a window and of a stripe can be held."""
        if self.window > LARGEST_WINDOW:
            raise UsageError(f"window: got {self.window}, expected {LARGEST_WINDOW} or less")
        most = LARGEST_WINDOW**2 * self.anchor_factor
        if self.stripe[0] * self.stripe[1] > most:
            raise UsageError(
                f"stripe: got {list(self.stripe)}, expected height times width of {most} or less with "
                f"anchor_factor {self.anchor_factor}"
            )

    @property
    def multiple(self) -> int:
        """Height and width of the image are padded to a multiple of this: windows and stripes fit in, both ways."""
        return math.lcm(self.window, *self.stripe)

    def held(self, height: int, width: int) -> float:
        """Numbers that tensors hold at a time at most, to restore an image; see `pretrain.memory`."""
        rows, columns = (-(-side // self.multiple) * self.multiple for side in (height, width))
        in_steps = self.upsampler in ("shuffle", "nearest")
        enlarging = 64 * (held_enlarging(self.scale) + 4) if in_steps else 0  # an upsampler in steps has 64 channels
        stripe = self.stripe[0] * self.stripe[1]
        biases = self.heads * max(self.window**4, stripe * stripe // self.anchor_factor**2)  # of all pairs
        return max(18 * self.width, enlarging) * rows * columns + 2 * biases  # masks are added to them

    def drop_paths(self) -> list[list[float]]:
        """The probability for each block of each stage."""
        last = max(sum(self.depths) - 1, 1)
        firsts = [sum(self.depths[:stage]) for stage in range(len(self.depths))]
        return [
            [self.drop_path * (first + block) / last for block in range(depth)]
            for first, depth in zip(firsts, self.depths, strict=True)
        ]


class Windows(NamedTuple):
    """What a task changes of the settings."""

    window: int
    stripe: tuple[int, int]
    anchor_factor: int = 4


SIZES: dict[SizeName, GRLSettings] = {
    "tiny": GRLSettings(),
    "small": GRLSettings(width=128),
    "base": GRLSettings(width=180, depths=(4, 4, 8, 8, 8, 4, 4), heads=3, local=True),
}
"""The authors' three networks, as they are for denoising but for the base network's windows."""
WINDOWS: dict[TaskName, Windows] = {
    "sr": Windows(32, (64, 64)),
    "dn": Windows(16, (64, 128)),
    "jpeg": Windows(36, (72, 144)),
    "motion": Windows(12, (48, 96)),
    "defocus": Windows(16, (48, 96)),
    "demosaic": Windows(8, (32, 32)),
    "bsr": Windows(16, (32, 64)),
}
"""The authors' windows by task: super-resolution, Gaussian noise, JPEG, motion and defocus blur, demosaicking (of an
image that a plain method has demosaicked), super-resolution of unknown degradations."""
WINDOWS_OF_BASE: dict[TaskName, Windows] = {"sr": Windows(32, (64, 64), 2), "dn": Windows(32, (64, 128), 2)}
"""Where the base network's differ (they stand in the authors' test commands alone)."""


def preset(size: SizeName, task: TaskName, scale: Literal[1, 2, 3, 4] = 1, colours: Literal[1, 3] = 3) -> GRLSettings:
    """The authors' network of a size for a task.

    Raises:
        UsageError: there is no such size or task, or the scale is not one of the task's (super-resolution 2, 3 or 4;
            of unknown degradations 4; else 1).
    """
    if size not in SIZES:
        raise UsageError(f"there is no size {size!r} of grl; known are {', '.join(SIZES)}")
    if task not in WINDOWS:
        raise UsageError(f"there is no task {task!r} of grl; known are {', '.join(WINDOWS)}")
    windows = (WINDOWS_OF_BASE if size == "base" else WINDOWS).get(task, WINDOWS[task])
    upsampler: Literal["none", "direct", "shuffle", "nearest"] = "none"
    if task == "sr":
        upsampler = "direct" if size == "tiny" else "shuffle"
    elif task == "bsr":
        upsampler = "nearest"
    return dataclasses.replace(SIZES[size], scale=scale, colours=colours, upsampler=upsampler, **windows._asdict())
