"""How a test picture is cut, made noisy and judged. A few protocols, each stated completely.

`promptir` is what the published tables of AirNet, PromptIR and DyNet were measured with (their `test.py`,
`utils/dataset_utils.py` and `utils/val_utils.py`). `fixed` is ours: no noise depends on which other pictures are in a
folder, nothing is cut off or rounded, and luma is judged beside RGB. `sr` is how the literature judges super-resolution
(ESRT, GhostSR, GRL and nearly all others), `sr-rgb` how EDSR and GhostSR judge it on DIV2K.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from million_ird.errors import UsageError
from million_ird.metrics import luma, psnr, ssim, weighted_psnr, weighted_ssim
from pretrain.degradations.noise import NoiseKind, noisy_levels
from pretrain.images import Pixels
from pretrain.levels import Picture, to_unit

Mask = NDArray[np.bool_]
"""(H, W), True = degraded."""
Noise = Callable[[tuple[int, ...], float, str], NDArray[np.float64]]
"""(shape, σ, file name) → standard normal noise."""

MULTIPLE = 16
"""What `promptir` cuts height and width to a multiple of."""

ProtocolName = Literal["promptir", "fixed", "sr", "sr-rgb"]

_SSIM_SIDE = 11
"""Pixels of the largest SSIM window."""
_HALF_WINDOW = _SSIM_SIDE // 2
_SR_RGB_BORDER = 6
"""Pixels that `sr-rgb` cuts off each side besides the scale (EDSR's code)."""

METRICS: Mapping[str, Callable[[Picture, Picture, int], float]] = {
    "psnr": lambda a, b, border: psnr(a, b, 1.0, border=border),
    "ssim": lambda a, b, border: ssim(a, b, 1.0, border=border),
    "psnr_y": lambda a, b, border: psnr(luma(a, 1.0), luma(b, 1.0), 1.0, border=border),
    "ssim_y": lambda a, b, border: ssim(luma(a, 1.0), luma(b, 1.0), 1.0, window="gaussian", border=border),
}
"""By name: (output, clean picture, pixels cut off each side) → value."""
WEIGHTED = ("psnr_w", "ssim_w")
"""Of the degraded pixels alone, where a mask says which they are; added to any protocol's metrics."""


@dataclass(frozen=True)
class Protocol:
    """One way to measure."""

    name: ProtocolName
    text: str
    """The protocol in words, for tables and JSON."""
    multiple: int
    """Clean pictures are cut to a multiple of this many pixels; 1 leaves them whole."""
    noise: NoiseKind
    """What becomes of noisy numbers that are no levels; see `noisy_levels`."""
    metrics: tuple[str, ...]
    make_noise: Callable[[], Noise]
    """Begins the noise of a run."""
    scale: int = 1
    """Side of the clean picture per side of what the network sees."""
    cut_from: Literal["centre", "corner"] = "centre"
    """What stays of a picture that is cut to a multiple: the part around its centre, or from its upper left corner."""
    rounded: bool = False
    """Whether the output is rounded to whole levels before it is judged."""
    border: int = 0
    """Pixels that are cut off each side before it is judged."""

    @property
    def smallest(self) -> int:
        """Pixels that a clean picture must have along each side."""
        return max(_SSIM_SIDE + 2 * self.border, self.multiple)

    def cut(self, picture: NDArray[Any]) -> NDArray[Any]:
        """A clean `picture`, or a mask, (H, W, …) as it is tested; empty if it is too small for the multiple."""
        height, width = picture.shape[:2]
        rows, columns = height // self.multiple * self.multiple, width // self.multiple * self.multiple
        centred = self.cut_from == "centre"
        top, left = ((height - rows) // 2, (width - columns) // 2) if centred else (0, 0)
        return picture[top : top + rows, left : left + columns]

    def add_noise(self, clean: Pixels, sigma: float, noise: Noise, name: str) -> NDArray[Any]:
        """The levels of the noisy picture (H, W, 3), see `noisy_levels`. `sigma` is in levels of 255."""
        return noisy_levels(clean, noise(clean.shape, sigma, name), sigma, self.noise)

    def score(self, restored: Picture, clean: Pixels, mask: Mask | None = None) -> dict[str, float]:
        """Each metric of `restored` (H, W, 3), clipped to [0, 1], against the clean picture.

        With a mask in which anything is degraded, also `psnr_w` and, where it has a window, `ssim_w`.
        """
        output, truth = np.clip(restored, 0, 1), to_unit(clean)
        if self.rounded:
            output = to_unit(np.rint(output * 255))
        values = {metric: METRICS[metric](output, truth, self.border) for metric in self.metrics}
        if mask is not None and mask.any():
            values["psnr_w"] = weighted_psnr(output, truth, mask, 1.0)
            if mask[_HALF_WINDOW:-_HALF_WINDOW, _HALF_WINDOW:-_HALF_WINDOW].any():
                values["ssim_w"] = weighted_ssim(output, truth, mask, 1.0)
        return values


def continuing_noise() -> Noise:
    """One stream of numpy's legacy generator, seed 0, that runs on over pictures, σ and sets."""
    state = np.random.RandomState(0)

    def draw(shape: tuple[int, ...], _sigma: float, _name: str) -> NDArray[np.float64]:
        return state.standard_normal(shape)

    return draw


def noise_by_name() -> Noise:
    """Noise that only the file's name without suffix, σ and the shape decide.

    Numpy's legacy generator, whose streams are frozen for ever, seeded with the four 32-bit words (little-endian) of
    BLAKE2b-128 of "<name without suffix> <sigma>", σ in the shortest decimal form of a float.
    """

    def draw(shape: tuple[int, ...], sigma: float, name: str) -> NDArray[np.float64]:
        digest = hashlib.blake2b(f"{PurePath(name).stem} {float(sigma)!r}".encode(), digest_size=16).digest()
        words = np.frombuffer(digest, "<u4")
        return np.random.RandomState(words).standard_normal(shape)

    return draw


PROMPTIR = Protocol(
    "promptir",
    "RGB; centre cut to multiples of 16; noise from numpy.random.seed(0), running on in the order of files, σ and "
    "sets; noisy pictures clipped and truncated to whole levels; output clipped to [0, 1], not rounded; PSNR over RGB, "
    "SSIM with uniform 7×7 windows",
    MULTIPLE,
    "truncated",
    ("psnr", "ssim"),
    continuing_noise,
)

FIXED = Protocol(
    "fixed",
    "whole pictures; noise seeded by file name and σ, neither clipped nor rounded; output clipped to [0, 1], not "
    "rounded; PSNR and SSIM (uniform 7×7) over RGB; PSNR and SSIM (Gaussian 11×11) of BT.601 luma, peak 255",
    1,
    "float",
    ("psnr", "ssim", "psnr_y", "ssim_y"),
    noise_by_name,
)


def protocol_for(name: ProtocolName, scale: int) -> Protocol:
    """The protocol of a name for a network of that scale.

    Raises:
        UsageError: the protocol is not for such a network.
    """
    if name in ("sr", "sr-rgb"):
        if scale == 1:
            raise UsageError(f"--protocol {name} is for networks that enlarge, which this one does not")
        return _sr(scale) if name == "sr" else _sr_rgb(scale)
    if scale > 1:
        raise UsageError(f"--protocol {name}: this network enlarges by {scale}; sr and sr-rgb measure that")
    return PROMPTIR if name == "promptir" else FIXED


def _sr(scale: int) -> Protocol:
    return Protocol(
        "sr",
        f"clean picture cut at its right and lower edge to multiples of {scale}; downscaled by {scale} with "
        "antialiased bicubic interpolation, rounded to whole levels; output clipped and rounded to whole levels; PSNR "
        "and SSIM (Gaussian 11×11) of BT.601 luma (not rounded), peak 255, and PSNR over RGB, all without "
        f"{scale} pixels of border",
        scale,
        "float",
        ("psnr_y", "ssim_y", "psnr"),
        noise_by_name,
        scale=scale,
        cut_from="corner",
        rounded=True,
        border=scale,
    )


def _sr_rgb(scale: int) -> Protocol:
    border = _SR_RGB_BORDER + scale
    text = f"as sr, but PSNR over RGB alone, without {border} pixels of border (EDSR, GhostSR on DIV2K)"
    return replace(_sr(scale), name="sr-rgb", text=text, metrics=("psnr",), border=border)
