"""How a test picture is cut, made noisy and judged. Two protocols, each stated completely.

`promptir` is what the published tables of AirNet, PromptIR and DyNet were measured with (their `test.py`,
`utils/dataset_utils.py` and `utils/val_utils.py`). `fixed` is ours: no noise depends on which other pictures are in a
folder, nothing is cut off or rounded, and luma is judged beside RGB.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from million_ird.metrics import luma, psnr, ssim
from pretrain.images import Pixels

Floats = NDArray[np.float32]
Noise = Callable[[tuple[int, ...], float, str], NDArray[np.float64]]
"""(shape, σ, file name) → standard normal noise."""

MULTIPLE = 16
"""What `promptir` cuts height and width to a multiple of."""

NoiseKind = Literal["truncated", "float"]


@dataclass(frozen=True)
class Protocol:
    """One way to measure."""

    name: Literal["promptir", "fixed"]
    text: str
    """The protocol in words, for tables and JSON."""
    multiple: int
    """Pictures are cut around their centre to a multiple of this many pixels; 1 leaves them whole."""
    noise: NoiseKind
    """What becomes of noisy numbers that are no levels; see `noisy_levels`."""
    metrics: tuple[str, ...]
    make_noise: Callable[[], Noise]
    """Begins the noise of a run."""

    def cut(self, picture: Pixels) -> Pixels:
        """`picture` (H, W, 3) as it is tested; empty if it is too small for the multiple."""
        height, width = picture.shape[:2]
        rows, columns = height // self.multiple * self.multiple, width // self.multiple * self.multiple
        top, left = (height - rows) // 2, (width - columns) // 2
        return picture[top : top + rows, left : left + columns]

    def add_noise(self, clean: Pixels, sigma: float, noise: Noise, name: str) -> Floats:
        """The noisy picture (H, W, 3) as the network sees it: [0, 1], or beyond where nothing is clipped.

        `sigma` is in levels of 255.
        """
        return to_unit(noisy_levels(clean, noise(clean.shape, sigma, name), sigma, self.noise))

    def score(self, restored: Floats, clean: Pixels) -> dict[str, float]:
        """Each metric of `restored` (H, W, 3), clipped to [0, 1] and not rounded, against the clean picture."""
        output = np.clip(restored, 0, 1)
        truth = to_unit(clean)
        values = {"psnr": psnr(output, truth, 1.0), "ssim": ssim(output, truth, 1.0)}
        if "psnr_y" in self.metrics:
            output_y, truth_y = luma(output, 1.0), luma(truth, 1.0)
            values["psnr_y"] = psnr(output_y, truth_y, 1.0)
            values["ssim_y"] = ssim(output_y, truth_y, 1.0, window="gaussian")
        return values


def noisy_levels(clean: Pixels, normal: NDArray[np.float64], sigma: float, kind: NoiseKind) -> NDArray[Any]:
    """`clean` with noise of standard deviation `sigma` in levels, made of standard normal numbers of its shape.

    Returns:
        `truncated`: uint8, clipped and cut down (not rounded) to whole levels, as the published codes do, which is half
        a level darker in the mean. `float`: float32, neither clipped nor rounded.
    """
    noisy = clean + normal * sigma
    return np.clip(noisy, 0, 255).astype(np.uint8) if kind == "truncated" else noisy.astype(np.float32)


def to_unit(levels: NDArray[Any]) -> Floats:
    """Levels (0 … 255) as float32 in [0, 1]."""
    return np.asarray(levels, np.float32) / np.float32(255)


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

PROTOCOLS = {protocol.name: protocol for protocol in (PROMPTIR, FIXED)}
