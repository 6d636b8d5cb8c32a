"""How the exposure of the two frames of a pair differs: a gain and an offset for each channel.

What moved would pull an ordinary fit towards itself, so pixels count the less the further they lie from the line
(Tukey's biweight, iterated), and those that are clipped or lie on an edge count nothing at all.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]

_SAMPLES = 60_000
_STEADY = 4.0
"""Grey levels: what gain is 1 unless the picture says otherwise by a variance of more than about this, squared."""


@dataclass(frozen=True, slots=True)
class Exposure:
    """value of the blurred frame ≈ gain · value of the sharp frame + offset, for each of R, G, B; values 0..255."""

    gains: tuple[float, float, float]
    offsets: tuple[float, float, float]

    @staticmethod
    def same() -> Exposure:
        """Frames exposed alike."""
        return Exposure((1.0, 1.0, 1.0), (0.0, 0.0, 0.0))

    @property
    def gain(self) -> float:
        """Mean of the three gains."""
        return sum(self.gains) / 3

    def apply(self, sharp: npt.NDArray[np.uint8] | npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """(H, W, 3) values of the sharp frame as the blurred frame's exposure shows them: float32, not clipped."""
        return sharp.astype(np.float32) * np.array(self.gains, np.float32) + np.array(self.offsets, np.float32)


def match_exposure(blurred: Pixels, sharp: Pixels) -> Exposure:
    """Fits the exposure of two frames that lie on each other: RGB, uint8, (H, W, 3) both."""
    step = max(1, round((blurred.shape[0] * blurred.shape[1] / _SAMPLES) ** 0.5))
    # A little smoothing takes away noise, which would flatten the line (errors in both variables), and most of what a
    # small misalignment leaves.
    pair = [cv2.GaussianBlur(picture, (0, 0), 1.5).astype(np.float32)[::step, ::step] for picture in (blurred, sharp)]
    fits = [_fit_channel(pair[0][..., channel].ravel(), pair[1][..., channel].ravel()) for channel in range(3)]
    return Exposure(tuple(fit[0] for fit in fits), tuple(fit[1] for fit in fits))  # type: ignore[arg-type]


def _fit_channel(target: npt.NDArray[np.float32], source: npt.NDArray[np.float32]) -> tuple[float, float]:
    usable = (source > 3) & (source < 252) & (target > 3) & (target < 252)
    if usable.sum() < 50:
        return 1.0, 0.0
    target, source = target[usable], source[usable]
    gain, offset = 1.0, float(np.median(target - source))
    for _ in range(15):
        residual = target - gain * source - offset
        spread = max(1.4826 * float(np.median(np.abs(residual))), 0.5)
        weight = np.square(np.clip(1 - np.square(residual / (4.685 * spread)), 0, None))
        total = float(weight.sum())
        mean_s, mean_t = float((weight * source).sum()) / total, float((weight * target).sum()) / total
        centred = source - mean_s
        variance = float((weight * centred * centred).sum()) / total
        covariance = float((weight * centred * (target - mean_t)).sum()) / total
        # Towards 1 where the picture hardly varies and so says nothing about gain.
        gain = (covariance + _STEADY**2) / (variance + _STEADY**2)
        offset = mean_t - gain * mean_s
    return round(gain, 5), round(offset, 3)
