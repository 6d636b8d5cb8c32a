"""Made-up pairs: a scene with much detail, in which one object moved while the blurred frame was taken."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from annotation.mask import Mask, encode_mask
from million_ird.pixels import encode_png

Pixels = npt.NDArray[np.uint8]

HEIGHT, WIDTH = 160, 240


def scene(seed: int, height: int = HEIGHT, width: int = WIDTH) -> tuple[Pixels, Pixels, Mask]:
    """(blurred, sharp, mask): RGB uint8 (height, width, 3) twice and bool (height, width)."""
    rng = np.random.default_rng(seed)
    background, thing = _texture(rng, height, width, 120), _texture(rng, height, width, 150)
    rows, columns = np.mgrid[:height, :width]
    middle = height * rng.uniform(0.4, 0.6), width * rng.uniform(0.4, 0.6)
    radius = min(height, width) * rng.uniform(0.18, 0.25)
    shape = ((rows - middle[0]) ** 2 + (columns - middle[1]) ** 2 < radius**2).astype(np.float32)
    kernel = np.ones((1, 15), np.float32) / 15
    cover = cv2.filter2D(shape, -1, kernel)[..., None]
    sharp = background * (1 - shape[..., None]) + thing * shape[..., None]
    blurred = background * (1 - cover) + cv2.filter2D(thing * shape[..., None], -1, kernel)
    as_bytes = tuple(
        np.clip(picture + rng.normal(0, 1, picture.shape), 0, 255).astype(np.uint8) for picture in (blurred, sharp)
    )
    return as_bytes[0], as_bytes[1], np.asarray(cover[..., 0] > 1e-4)


def write_pairs(folder: Path, number: int) -> dict[str, Mask]:
    """`blur`, `sharp` and `mask` below a folder, files `00.png` …; the masks by name."""
    masks = {}
    for seed in range(number):
        blurred, sharp, mask = scene(seed)
        name = f"{seed:02d}"
        masks[name] = mask
        for kind, data in (("blur", encode_png(blurred)), ("sharp", encode_png(sharp)), ("mask", encode_mask(mask))):
            (folder / kind).mkdir(parents=True, exist_ok=True)
            (folder / kind / f"{name}.png").write_bytes(data)
    return masks


def _texture(rng: np.random.Generator, height: int, width: int, mean: float) -> npt.NDArray[np.float32]:
    """Detail at every scale, as photographs have."""
    picture = np.full((height, width, 3), mean, np.float32)
    for scale, contrast in ((1, 14), (2, 14), (4, 14), (12, 20)):
        noise = rng.normal(0, contrast, (height // scale + 2, width // scale + 2, 1)).astype(np.float32)
        large = cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)
        picture += large[..., None] * np.array((1.0, 0.9, 0.8), np.float32)
    return picture
