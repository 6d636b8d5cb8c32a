"""Which of LMD-ViT's windows a blur mask touches, and what share of the network's work that costs.

LMD-ViT (arXiv 2306.14268) cuts each of its nine stages into windows of 8×8 features and works only on those that its
predictor calls blurred. On the picture such a window is a square of 8, 16, 32, 64 or 128 pixels, in this order from
the full resolution to the bottleneck. The picture is first padded with zeros to a multiple of 128, centred: 1436×2152
(rows × columns) becomes 1536×2176 with 50 rows above and 12 columns left of it. Windows of padding count as windows.

Blocks 0, 2, 4 … of a stage use the plain grid, blocks 1, 3, 5 … one shifted by half a window (`shifted=True`): the
padded picture is rolled up and left as `torch.roll` does, so the last row and column of windows hold the far edges of
the picture side by side.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Rule = Literal["any", "majority", "mean"]
"""How a window gets its label: `any`, one blurred pixel is enough; `majority`, at least half of its pixels (exactly
half is kept); `mean`, the label is the share of blurred pixels, float32 in [0, 1]. Padding is not blurred."""

SIZES = (8, 16, 32, 64, 128)
"""Sides of the windows in pixels of the picture, full resolution first."""

PAD_MULTIPLE = 128
"""To what the picture's sides are padded: the side of the largest window (the authors' code)."""

_WINDOW = 8  # features
_STRIPES = 16  # side up to which sums are quicker over stripes of columns than over pieces of rows
_FIXED_GMACS = 39.3  # measured at 512²: predictors 26.1 and convolutions 13.2, which run whatever is kept
_MEASURED_SIDE = 512


@dataclass(frozen=True)
class Padding:
    """Where a picture lies inside its padded frame, in pixels."""

    left: int
    top: int
    width: int
    height: int
    """`width` and `height` are those of the frame."""


@dataclass(frozen=True)
class Stage:
    """One stage of LMD-ViT, from the authors' code."""

    name: str
    dim: int
    """Channels."""
    depth: int
    """Blocks."""
    size: int
    """Side of its windows in pixels of the picture."""

    @property
    def block_gmacs(self) -> float:
        """Multiply-accumulates (10⁹) of one block over a picture of 512², all windows kept.

        A token of C channels in a window of 64 costs 4 C² in the four projections of attention, 2 · 64 C in its two
        products, 8 C² in the two layers of LeFF (C → 4 C → C), and 9 · 4 C in the 3×3 depthwise convolution between.
        """
        tokens = (_MEASURED_SIDE * _WINDOW // self.size) ** 2
        return tokens * (12 * self.dim**2 + (2 * _WINDOW**2 + 9 * 4) * self.dim) / 1e9


STAGES = (
    Stage("enc0", 32, 1, 8),
    Stage("enc1", 64, 2, 16),
    Stage("enc2", 128, 8, 32),
    Stage("enc3", 256, 8, 64),
    Stage("bottleneck", 512, 2, 128),
    Stage("dec0", 512, 8, 64),
    Stage("dec1", 256, 8, 32),
    Stage("dec2", 128, 2, 16),
    Stage("dec3", 64, 1, 8),
)


def padding(height: int, width: int, multiple: int = PAD_MULTIPLE) -> Padding:
    """The frame of a picture of `height`×`width`: the next multiples, the picture centred.

    Where the padding is odd, the smaller half stands above and left.

    Raises:
        ValueError: a picture without pixels.
    """
    if min(height, width) < 1:
        raise ValueError(f"a picture of {width}×{height} has no windows")
    frame_height, frame_width = (-(-side // multiple) * multiple for side in (height, width))
    return Padding((frame_width - width) // 2, (frame_height - height) // 2, frame_width, frame_height)


def window_labels(
    mask: NDArray[np.bool_], size: int, rule: Rule = "any", *, shifted: bool = False, multiple: int = PAD_MULTIPLE
) -> NDArray[Any]:
    """The label of every window of `size`×`size` pixels: bool (rows, columns), or float32 where the rule is `mean`.

    Args:
        mask: bool (H, W), True = blurred.
        size: side of a window in pixels, a divisor of `multiple`; LMD-ViT's are `SIZES`.
        shifted: the grid of the odd blocks. Window (r, c) then begins at row r·size + size/2 of the padded picture,
            and what lies beyond the last row continues at the first; columns alike.
        multiple: to what the picture is padded.

    Raises:
        ValueError: no mask, or a size that does not fit.
    """
    _check_mask(mask)
    if size < 1 or multiple % size or (shifted and size % 2):
        raise ValueError(f"windows of {size} pixels do not divide a picture padded to multiples of {multiple}")
    return _labels(_counts(_padded(mask, multiple), size, shifted), size, rule)


def kept_share(
    mask: NDArray[np.bool_], size: int, rule: Rule = "any", *, shifted: bool = False, multiple: int = PAD_MULTIPLE
) -> float:
    """The share of windows kept, in [0, 1], of all windows of the padded picture.

    With `mean` it is the share expected where each window is kept with the probability of its label; that is the
    blurred share of the padded picture, whatever the size.
    """
    return float(window_labels(mask, size, rule, shifted=shifted, multiple=multiple).mean(dtype=np.float64))


def kept_shares(mask: NDArray[np.bool_], rule: Rule = "any") -> dict[tuple[int, bool], float]:
    """`kept_share` of all `SIZES` in one pass over the pixels: (size, shifted) → share.

    Raises:
        ValueError: no mask.
    """
    _check_mask(mask)
    step = SIZES[0] // 2  # every grid, shifted or not, is made of squares of this side
    squares = _counts(_padded(mask, PAD_MULTIPLE), step, shifted=False)
    shares = {}
    for size in SIZES:
        for shifted in (False, True):
            labels = _labels(_counts(squares, size // step, shifted), size, rule)
            shares[size, shifted] = float(labels.mean(dtype=np.float64))
    return shares


def compute_share(mask: NDArray[np.bool_], rule: Rule = "any") -> float:
    """What LMD-ViT would spend on this mask's windows, as a share of what it spends when it keeps all; in (0.1, 1].

    Raises:
        ValueError: no mask.
    """
    return cost_of_shares(kept_shares(mask, rule))


def cost_of_shares(shares: Mapping[tuple[int, bool], float]) -> float:
    """The same from the shares of windows kept, as `kept_shares` gives them.

    Every block costs in proportion to the windows of its own grid that are kept; predictors and convolutions run in
    any case. With all windows kept the parts sum to 372.6 GMAC at 512², with none to 39.3, as measured on the
    authors' code. docs/mask_quality.md compares further.
    """
    spent = _FIXED_GMACS
    for stage in STAGES:
        odd_blocks = stage.depth // 2
        plain, rolled = shares[stage.size, False], shares[stage.size, True]
        spent += stage.block_gmacs * ((stage.depth - odd_blocks) * plain + odd_blocks * rolled)
    return spent / (_FIXED_GMACS + sum(stage.depth * stage.block_gmacs for stage in STAGES))


def _check_mask(mask: NDArray[np.bool_]) -> None:
    if mask.dtype != np.bool_ or mask.ndim != 2 or not mask.size:
        raise ValueError(
            f"a mask is bool (H, W), not {mask.dtype} of shape {mask.shape}; of grey levels pass `grey > 0`"
        )


def _padded(mask: NDArray[np.bool_], multiple: int) -> NDArray[np.bool_]:
    height, width = mask.shape
    frame = padding(height, width, multiple)
    padded = np.zeros((frame.height, frame.width), np.bool_)
    padded[frame.top : frame.top + height, frame.left : frame.left + width] = mask
    return padded


def _counts(numbers: NDArray[Any], side: int, shifted: bool) -> NDArray[np.int32]:
    """Sums over squares of `side`×`side` elements."""
    if shifted:
        numbers = np.roll(numbers, (-(side // 2), -(side // 2)), (0, 1))
    # Narrow numbers in long rows first: most of the time goes into reading the pixels once.
    kind = np.uint16 if numbers.dtype == np.bool_ else np.int32
    rows = np.add.reduce(numbers.reshape(-1, side, numbers.shape[1]), axis=1, dtype=kind)
    if side > _STRIPES:
        return np.asarray(rows.reshape(len(rows), -1, side).sum(axis=2, dtype=np.int32))
    sums: NDArray[np.int32] = rows[:, ::side].astype(np.int32)
    for column in range(1, side):
        sums += rows[:, column::side]
    return sums


def _labels(counts: NDArray[np.int32], size: int, rule: Rule) -> NDArray[Any]:
    if rule == "any":
        return counts > 0
    if rule == "majority":
        return 2 * counts >= size * size
    if rule == "mean":
        return (counts / (size * size)).astype(np.float32)
    raise ValueError(f"no rule {rule!r} for windows: any, majority or mean")
