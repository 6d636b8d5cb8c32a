"""Pairs to tune proposals on: local blur made from sharp photographs, as different from each other as real pairs are.

Nothing here looks at the pictures that proposals are scored on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from million_ird.local_blur import LocalBlurSettings, blur_locally
from million_ird.local_blur.exposure import from_linear, to_linear
from million_ird.local_blur.objects import blob, snap

Pixels = npt.NDArray[np.uint8]

SIZE = (960, 640)
"""Width and height of a tuning picture; smaller photographs stay as they are."""


SINGLE_SIZE = (640, 480)
_SHARP_ENOUGH = 0.3
"""Least 20th percentile of the local share of fine detail: photographs have blurred backgrounds of their own."""


@dataclass(frozen=True)
class Triple:
    """A pair, its mask, and the photograph it was made of."""

    photograph: str
    blurred: Pixels
    sharp: Pixels
    mask: npt.NDArray[np.bool_]


def photographs(folder: Path) -> list[Path]:
    """All JPEG files under a folder, in the order of their names."""
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg"))


def tuning_pairs(files: list[Path], rounds: int, seed: int) -> Iterator[Triple]:
    """`rounds` pairs of each photograph; a pure function of its arguments."""
    for number in range(rounds):
        for index, file in enumerate(files):
            rng = np.random.default_rng((seed, number, index))
            photo, other = (_crop(path, SIZE, rng) for path in (file, files[rng.integers(len(files))]))
            yield _pair(file.name, photo, other, rng)


def _pair(name: str, photo: Pixels, other: Pixels, rng: np.random.Generator) -> Triple:
    clean = rng.random() < 0.35
    settings = LocalBlurSettings(
        objects=(1, 3),
        size=(0.04, 0.5),
        trail=(0.008, 0.12),
        borrowed=0.75,
        instant=(0.3, 0.7),
        misalignment=0.0 if clean else 0.5,
        gain=0.0 if clean else 0.08,
        noise=(0.0, 0.0) if clean else (0.0, 5.0),
    )
    own = rng.random() < 0.4  # an object that looks like the rest of the picture
    made = blur_locally(photo, rng, settings, None if own else other)
    blurred, sharp, mask = made.blurred, made.sharp, made.mask
    if rng.random() < 0.4:
        blurred = _shaded(blurred, mask, rng)
    if rng.random() < 0.1:  # as where the other frame shows the empty scene
        sharp = photo
    if rng.random() < 0.25:
        blurred, sharp = (_through_jpeg(frame, int(rng.integers(70, 96))) for frame in (blurred, sharp))
    if rng.random() < 0.2:
        blurred = _unevenly_lit(blurred, rng)
    return Triple(name, blurred, sharp, mask)


def _crop(file: Path, wanted: tuple[int, int], rng: np.random.Generator) -> Pixels:
    """A crop of a photograph at a random scale, `wanted` (width, height) large; a smaller photograph as it is."""
    return next(_crops(file, wanted, rng))


def _crops(file: Path, wanted: tuple[int, int], rng: np.random.Generator) -> Iterator[Pixels]:
    """Endlessly many of them, at one scale, never enlarged."""
    picture = cv2.imread(str(file), cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION)
    if picture is None:
        raise SystemExit(f"{file} cannot be read as a photograph; give a folder of sound ones")
    height, width = picture.shape[:2]
    least = max(wanted[0] / width, wanted[1] / height)
    if least < 1:
        factor = min(1.0, least * rng.uniform(1, 1.8))
        size = (max(wanted[0], round(width * factor)), max(wanted[1], round(height * factor)))
        picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    top, left = (max(0, picture.shape[axis] - wanted[1 - axis]) for axis in (0, 1))
    while True:
        y, x = rng.integers(0, top + 1), rng.integers(0, left + 1)
        yield np.ascontiguousarray(picture[y : y + wanted[1], x : x + wanted[0]], np.uint8)


def _through_jpeg(pixels: Pixels, quality: int) -> Pixels:
    _, data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_UNCHANGED), np.uint8)


def _shaded(pixels: Pixels, mask: npt.NDArray[np.bool_], rng: np.random.Generator) -> Pixels:
    """Soft shadows or reflections beside what moves, in this frame alone: a difference that is no blur."""
    height, width = mask.shape
    rows, columns = np.nonzero(mask)
    shade = np.zeros(mask.shape, np.float32)
    for _ in range(rng.integers(1, 4)):
        place = rng.integers(len(rows))
        x, y = columns[place] + rng.normal(0, 0.06) * width, rows[place] + rng.normal(0, 0.06) * width
        shape = blob(height, width, float(x), float(y), float(rng.uniform(0.04, 0.2)) * width, rng)
        shade += rng.uniform(-0.16, 0.1) * cv2.GaussianBlur(shape, (0, 0), rng.uniform(3, 25))
    return np.clip(np.rint(pixels * (1 + shade[..., None])), 0, 255).astype(np.uint8)


def _unevenly_lit(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """A little lighter on one side than on the other, as between two exposures under changing light."""
    coarse = rng.uniform(-0.04, 0.04, (3, 3)).astype(np.float32)
    light = cv2.resize(coarse, (pixels.shape[1], pixels.shape[0]), interpolation=cv2.INTER_CUBIC)
    return np.clip(np.rint(pixels * (1 + light[..., None])), 0, 255).astype(np.uint8)


def tuning_singles(files: list[Path], rounds: int, seed: int) -> Iterator[Triple]:
    """Frames of `SINGLE_SIZE` in which a part is blurred, by focus or by motion, `rounds` of each sharp photograph."""
    for number in range(rounds):
        for index, file in enumerate(files):
            rng = np.random.default_rng((seed, number, index, 1))
            photo = _sharpest_crop(file, rng)
            if photo is not None:
                yield _single(file.name, photo, rng)


def _sharpest_crop(file: Path, rng: np.random.Generator) -> Pixels | None:
    """The one of six crops that is sharpest all over, or None where even that one is not."""
    crops = list(islice(_crops(file, SINGLE_SIZE, rng), 6))
    scores = [_sharpness(crop) for crop in crops]
    best = int(np.argmax(scores))
    return crops[best] if scores[best] > _SHARP_ENOUGH else None


def _sharpness(picture: Pixels) -> float:
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
    fine, coarse = (np.abs(grey - cv2.GaussianBlur(grey, (0, 0), sigma)) for sigma in (1.0, 4.0))
    share = cv2.GaussianBlur(fine, (0, 0), 16) / (cv2.GaussianBlur(coarse, (0, 0), 16) + 1)
    return float(np.percentile(share, 20))


def _single(name: str, photo: Pixels, rng: np.random.Generator) -> Triple:
    height, width = photo.shape[:2]
    if rng.random() < 0.25:
        made = blur_locally(photo, rng, LocalBlurSettings(size=(0.2, 0.8), trail=(0.01, 0.06), borrowed=0.3))
        frame, mask = made.blurred, made.mask
    else:
        diameter = min(height, width) * rng.uniform(0.3, 1.1)
        place = rng.uniform(0.1, 0.9, 2) * (width, height)
        outline = snap(photo, blob(height, width, place[0], place[1], diameter, rng), rng)
        mask = outline < 0.5 if rng.random() < 0.6 else outline >= 0.5
        kernel = _disc(rng.uniform(1.5, 9)) if rng.random() < 0.5 else _streak(rng.uniform(5, 50), rng.uniform(0, 180))
        light = to_linear(photo)
        opacity = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), rng.uniform(1, 3))[..., None]
        frame = np.rint(from_linear(light + opacity * (cv2.filter2D(light, -1, kernel) - light))).astype(np.uint8)
    noise = rng.normal(0, rng.choice((0.0, 1.0, 2.5)), frame.shape)
    noisy = np.clip(np.rint(frame + noise), 0, 255).astype(np.uint8)
    return Triple(name, _through_jpeg(noisy, int(rng.integers(75, 98))), photo, mask)


def _disc(radius: float) -> npt.NDArray[np.float32]:
    """The point spread of a lens out of focus."""
    reach = int(np.ceil(radius)) + 1
    rows, columns = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    kernel = np.clip(radius + 0.5 - np.hypot(rows, columns), 0, 1).astype(np.float32)
    return np.asarray(kernel / kernel.sum(), np.float32)


def _streak(length: float, angle: float) -> npt.NDArray[np.float32]:
    """The point spread of a straight movement."""
    reach = int(np.ceil(length / 2)) + 1
    kernel = np.zeros((2 * reach + 1, 2 * reach + 1), np.float32)
    for along in np.linspace(-length / 2, length / 2, int(4 * length)):
        x, y = reach + along * np.cos(np.radians(angle)), reach + along * np.sin(np.radians(angle))
        kernel[round(y), round(x)] += 1
    return np.asarray(kernel / kernel.sum(), np.float32)
