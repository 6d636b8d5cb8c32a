"""Masks and made-up items that the tests of formats share."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from annotation.formats.model import Found, Labelled, PictureFile, Reading, Unreadable, Writing, Written
from annotation.formats.registry import FORMATS, open_format
from annotation.mask import Mask

ALL = tuple(FORMATS)
LOSSY = ("coco-polygons", "labelme-polygons")
RASTER = tuple(name for name in ALL if name not in LOSSY)


@st.composite
def masks(draw: st.DrawFn, longest: int = 20) -> Mask:
    """Masks of any small size: noise of any density, so also empty, full, with holes, and touching at corners."""
    height, width = draw(st.integers(1, longest)), draw(st.integers(1, longest))
    density = draw(st.sampled_from((0.0, 0.02, 0.3, 0.5, 0.8, 0.98, 1.0)))
    block = draw(st.sampled_from((1, 1, 3)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    coarse = rng.random((-(-height // block), -(-width // block))) < density
    return np.ascontiguousarray(np.kron(coarse, np.ones((block, block), bool))[:height, :width])


def ring(width: int = 40, height: int = 30) -> Mask:
    """A mask with a hole."""
    mask = np.zeros((height, width), np.bool_)
    mask[5:25, 8:30] = True
    mask[10:15, 12:20] = False
    return mask


def png_bytes(pixels: NDArray[np.uint8]) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def picture(width: int, height: int, seed: int = 0) -> PictureFile:
    """A picture of noise, as a PNG file."""
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    return PictureFile(lambda: png_bytes(pixels), lambda: pixels)


def labelled(name: str, mask: Mask, file_name: str = "") -> Labelled:
    """A mask of a pair."""
    height, width = mask.shape
    return Labelled(
        name,
        file_name or f"{name}.jpg",
        width,
        height,
        lambda: mask,
        picture(width, height, 1),
        picture(width, height, 2),
        {"annotator": "Ada", "layer": 1},
    )


def write(form: str, content: Mapping[str, Mask], folder: Path, writing: Writing | None = None) -> list[Written]:
    """Writes masks by name in a format."""
    found = open_format(form).write(
        [labelled(name, mask) for name, mask in content.items()], folder, writing or Writing()
    )
    return [each for each in found if isinstance(each, Written)]


def read(form: str, place: Path, reading: Reading | None = None) -> list[Found | Unreadable]:
    return list(open_format(form).read(place, reading or Reading()))


def read_masks(form: str, place: Path, sizes: Sequence[tuple[int, int]], reading: Reading | None = None) -> list[Mask]:
    """The masks in the order in which they are found, given their (width, height)."""
    found = read(form, place, reading)
    assert not [each for each in found if isinstance(each, Unreadable)], found
    return [each.load(size) for each, size in zip(found, sizes, strict=True) if isinstance(each, Found)]


def only(form: str, place: Path, reading: Reading | None = None) -> Found:
    """The one mask that is found."""
    (found,) = read(form, place, reading)
    assert isinstance(found, Found), found
    return found


def refusal(form: str, place: Path, reading: Reading | None = None) -> str:
    """Why the one record that is found cannot be read."""
    (found,) = read(form, place, reading)
    assert isinstance(found, Unreadable), found
    return found.reason
