"""Photographs for benchmarks, where no folder is given: mosaics of those in the scikit-image and scikit-learn wheels.

Every tile is a crop of a photograph, mirrored or not and a little lighter or darker, so every mosaic is a picture of
its own with the detail and the noise of photographs.
"""

from __future__ import annotations

import importlib.util
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

Pixels = npt.NDArray[np.uint8]

_PICTURES = (
    ("sklearn", "datasets/images/china.jpg"),
    ("sklearn", "datasets/images/flower.jpg"),
    ("skimage", "data/astronaut.png"),
    ("skimage", "data/chelsea.png"),
    ("skimage", "data/coffee.png"),
    ("skimage", "data/motorcycle_left.png"),
    ("skimage", "data/rocket.jpg"),
)
_TILE = 300
"""Side of a tile in pixels: what the smallest of the photographs holds."""


def mosaic(seed: int, width: int, height: int) -> Pixels:
    """A mosaic like no other, (height, width, 3) uint8 RGB; a pure function of its arguments."""
    random = np.random.default_rng(seed)
    pictures = _wheel_pictures()
    canvas = np.empty((-(-height // _TILE) * _TILE, -(-width // _TILE) * _TILE, 3), np.uint8)
    for top in range(0, height, _TILE):
        for left in range(0, width, _TILE):
            canvas[top : top + _TILE, left : left + _TILE] = _tile(pictures[random.integers(len(pictures))], random)
    return np.ascontiguousarray(canvas[:height, :width])


def write_mosaics(folder: Path, count: int, width: int, height: int, quality: int = 95) -> list[Path]:
    """`count` mosaics as baseline 4:2:0 JPEG files with standard Huffman tables."""
    paths = []
    for seed in range(count):
        paths.append(folder / f"mosaic-{seed:04d}.jpg")
        paths[-1].write_bytes(_encode(mosaic(seed, width, height), quality))
    return paths


def _tile(picture: Pixels, random: np.random.Generator) -> Pixels:
    top, left = (int(random.integers(0, length - _TILE + 1)) for length in picture.shape[:2])
    tile = picture[top : top + _TILE, left : left + _TILE]
    if random.random() < 0.5:
        tile = tile[:, ::-1]
    return np.clip(tile * random.uniform(0.85, 1.1), 0, 255).astype(np.uint8)


def _wheel_pictures() -> list[Pixels]:
    if not _cache:
        _cache.extend(_read_pictures())
    return _cache


_cache: list[Pixels] = []


def _read_pictures() -> Iterator[Pixels]:
    for package, path in _PICTURES:
        spec = importlib.util.find_spec(package)
        file = Path(spec.origin or "").parent / path if spec else None
        if file is not None and file.is_file():
            with Image.open(file) as picture:
                yield np.asarray(picture.convert("RGB"))


def _encode(rgb: Pixels, quality: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, "JPEG", quality=quality, subsampling="4:2:0", optimize=False)
    return buffer.getvalue()
