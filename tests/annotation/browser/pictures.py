"""Pictures made up for the page: a scene in which one thing moved, as blurred and sharp frame with the exact mask."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

Pixels = npt.NDArray[np.uint8]


def scene(width: int, height: int, seed: int, travel: int = 12) -> tuple[Pixels, Pixels, npt.NDArray[np.bool_]]:
    """A disc that moves sideways before a still background.

    Args:
        width, height: of the frames, pixels.
        seed: of colours, texture and place.
        travel: of the disc during the exposure, pixels.

    Returns:
        Blurred frame and sharp frame (middle of the exposure), uint8 RGB (H, W, 3), and the mask: bool (H, W), True
        wherever the disc was during the exposure.
    """
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[:height, :width]
    background = _background(rows, columns, random)
    column, row, radius = _place(width, height, seed)
    stripes = 127 + 100 * np.sin((columns - column) * 0.9) * np.sin((rows - row) * 0.5)
    thing = stripes[..., None] * random.uniform(0.4, 1.0, 3) + np.array([40, 0, 0])
    shifts = np.arange(travel) - travel // 2
    frames = []
    mask = np.zeros((height, width), bool)
    for shift in shifts:
        inside = (rows - row) ** 2 + (columns - column - shift) ** 2 <= radius**2
        frames.append(np.where(inside[..., None], np.roll(thing, shift, axis=1), background))
        mask |= inside
    blurred, sharp = np.mean(frames, axis=0), frames[travel // 2]
    return _bytes(blurred), _bytes(sharp), mask


def sharp_disc(width: int, height: int, seed: int) -> tuple[npt.NDArray[np.bool_], float, float, float]:
    """The disc on the sharp frame of a scene: its mask, its centre (x, y; a pixel's centre is at .5) and its radius."""
    rows, columns = np.mgrid[:height, :width]
    column, row, radius = _place(width, height, seed)
    return (rows - row) ** 2 + (columns - column) ** 2 <= radius**2, column + 0.5, row + 0.5, radius


def write_pair(folder: Path, name: str, width: int, height: int, seed: int) -> npt.NDArray[np.bool_]:
    """Writes `name_blur.png` and `name_sharp.png` as a ReLoBlur tree has them; returns the exact mask."""
    blurred, sharp, mask = scene(width, height, seed)
    folder.mkdir(parents=True, exist_ok=True)
    Image.fromarray(blurred).save(folder / f"{name}_blur.png")
    Image.fromarray(sharp).save(folder / f"{name}_sharp.png")
    return mask


def write_turned(file: Path, width: int, height: int) -> None:
    """Writes a JPEG that is stored lying on its side, with the EXIF orientation (6) that a camera would give it.

    Upright it is `width`×`height`: white above, black below, with a red square in the top left corner.
    """
    upright = np.zeros((height, width, 3), np.uint8)
    upright[: height // 2] = 255
    upright[: height // 4, : height // 4] = (220, 20, 20)
    stored = Image.fromarray(np.ascontiguousarray(np.rot90(upright)))
    exif = Image.Exif()
    exif[0x0112] = 6
    stored.save(file, quality=95, exif=exif)


def _place(width: int, height: int, seed: int) -> tuple[float, float, float]:
    """Column, row and radius of the disc."""
    random = np.random.default_rng([seed, 1])
    return width * random.uniform(0.4, 0.6), height * random.uniform(0.4, 0.6), min(width, height) / 6


def _background(
    rows: npt.NDArray[np.int_], columns: npt.NDArray[np.int_], random: np.random.Generator
) -> npt.NDArray[np.float64]:
    slope = 60 + 90 * rows / rows.max() + 30 * columns / columns.max()
    waves = sum(
        5 * np.sin(columns * fx + rows * fy + phase)
        for fx, fy, phase in random.uniform((-0.3, -0.3, 0), (0.3, 0.3, 6.28), (6, 3))
    )
    tint = random.uniform(0.7, 1.1, 3)
    grain = random.normal(0, 3, rows.shape)
    return np.clip((slope + waves + grain)[..., None] * tint, 0, 255)


def _bytes(values: npt.NDArray[np.float64]) -> Pixels:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
