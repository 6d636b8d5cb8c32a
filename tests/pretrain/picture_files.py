"""Small generated pictures and files of them, for tests of what reads folders."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]


def picture(name: str, height: int = 48, width: int = 64) -> Pixels:
    """(height, width, 3) uint8: soft shapes of three colours with some grain, decided by the name."""
    seed = int.from_bytes(hashlib.blake2b(name.encode(), digest_size=4).digest(), "little")
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    waves = rng.uniform(0.05, 0.35, (3, 2)), rng.uniform(0, 6, 3)
    planes = [np.sin(fy * y + fx * x + phase) for (fy, fx), phase in zip(waves[0], waves[1], strict=True)]
    edges = np.sign(np.sin(0.11 * x + 0.07 * y + rng.uniform(0, 6)))[..., None]
    smooth = 128 + 60 * np.stack(planes, axis=-1) + 25 * edges
    return np.clip(smooth + rng.normal(0, 2, smooth.shape), 0, 255).astype(np.uint8)


def write_picture(path: Path, pixels: Pixels) -> Path:
    """Writes a file in the format of its suffix, folders included."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


def write_pictures(folder: Path, *names: str, height: int = 48, width: int = 64) -> list[Path]:
    """Writes `picture(stem)` under each name."""
    return [write_picture(folder / name, picture(Path(name).stem, height, width)) for name in names]
