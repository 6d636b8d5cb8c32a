"""Shards of triples in which every pixel says where it comes from."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from million_ird.shards import ShardWriter

SIDE = 96
Mask = NDArray[np.bool_]


def disc(x: int, y: int, radius: int = 12, side: int = SIDE) -> Mask:
    rows, columns = np.mgrid[:side, :side]
    found: Mask = (columns - x) ** 2 + (rows - y) ** 2 <= radius**2
    return found


def picture(number: int, side: int = SIDE) -> NDArray[np.uint8]:
    """Red is the column, green the row, blue the number of the picture: (side, side, 3)."""
    rows, columns = np.mgrid[:side, :side]
    return np.stack([columns, rows, np.full_like(rows, number)], axis=-1).astype(np.uint8)


def encoded(pixels: Any, kind: str = "PNG", **options: Any) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, kind, **options)
    return out.getvalue()


def members(number: int, mask: Mask, side: int = SIDE) -> dict[str, bytes]:
    """The sharp picture is the negative of the blurred one, so that each crop shows whether both are the same place."""
    blurred = picture(number, side)
    return {
        "blur.png": encoded(blurred),
        "sharp.png": encoded(255 - blurred),
        "mask.png": encoded(mask),
        "json": b"{}",
    }


def write_tar(path: Path, samples: Mapping[str, Mapping[str, bytes]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with ShardWriter(path) as tar:
        for key, parts in samples.items():
            for ending, data in parts.items():
                tar.add(f"{key}.{ending}", data)
    return path


def masks_of(number: int) -> Mask:
    """One disc, elsewhere in each picture."""
    return disc(20 + 9 * number % 60, 24 + 13 * number % 50)


def write_folder(folder: Path, count: int = 6) -> Path:
    """Two tars of triples, below a folder as an export has them."""
    samples = {f"s01/{number:02d}": members(number, masks_of(number)) for number in range(count)}
    keys = list(samples)
    write_tar(folder / "pairs-png-png/00000.tar", {key: samples[key] for key in keys[: count // 2]})
    write_tar(folder / "pairs-png-png/00001.tar", {key: samples[key] for key in keys[count // 2 :]})
    return folder
