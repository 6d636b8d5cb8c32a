"""Small pictures, written where a test wants them."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

Pixels = npt.NDArray[np.uint8]
_ORIENTATION = 0x0112


def noise(seed: int = 0, width: int = 24, height: int = 16) -> Pixels:
    """RGB, uint8, (height, width, 3)."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def encoded(pixels: Pixels, kind: str = "PNG", orientation: int = 1) -> bytes:
    """A file of a format that Pillow writes, with an EXIF orientation if it is not 1."""
    out = io.BytesIO()
    exif = Image.Exif()
    if orientation != 1:
        exif[_ORIENTATION] = orientation
    Image.fromarray(pixels).save(out, kind, exif=exif)
    return out.getvalue()


def write_pictures(folder: Path, *names: str, width: int = 24, height: int = 16) -> Path:
    """A picture of its own for each name, its format by its suffix; the folder."""
    for seed, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        kind = "JPEG" if path.suffix == ".jpg" else "PNG"
        path.write_bytes(encoded(noise(seed, width, height), kind))
    return folder
