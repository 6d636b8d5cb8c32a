"""What is stored comes back."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
import simplejpeg

from million_ird.errors import DatasetError
from million_ird.pixels import decode_patch, encode_thumbnail, encode_webp_lossless

Pixels = npt.NDArray[np.uint8]


def test_webp_is_lossless_and_repeatable(wheel_photo: Callable[[str], Pixels]) -> None:
    patch = wheel_photo("astronaut")[:256, :256]  # not contiguous
    data = encode_webp_lossless(patch)
    assert np.array_equal(decode_patch(data), patch)
    assert encode_webp_lossless(patch.copy()) == data
    assert len(data) < patch.size / 2


def test_webp_of_noise_and_of_one_colour() -> None:
    noise = np.random.default_rng(1).integers(0, 256, (33, 47, 3), dtype=np.uint8)
    for patch in (noise, np.zeros((16, 16, 3), np.uint8), np.full((1, 1, 3), 255, np.uint8)):
        assert np.array_equal(decode_patch(encode_webp_lossless(patch)), patch)


def test_jpeg_patches(photo: Pixels, make_jpeg: Callable[..., bytes]) -> None:
    data = make_jpeg(photo)
    assert np.array_equal(decode_patch(data), simplejpeg.decode_jpeg(data))
    grey = decode_patch(make_jpeg(photo[:, :, 0]))
    assert grey.shape == (80, 90, 3) and np.array_equal(grey[:, :, 0], grey[:, :, 2])


def test_damaged_patches_are_errors(photo: Pixels, make_jpeg: Callable[..., bytes]) -> None:
    jpeg, webp = make_jpeg(photo), encode_webp_lossless(photo)
    broken = webp[:30] + bytes(40) + webp[70:]
    for data in (b"", b"text", jpeg[:-10], jpeg[:100], webp[:-10], webp[:20], broken):
        with pytest.raises(DatasetError, match="damaged"):
            decode_patch(data)


@pytest.mark.parametrize(
    ("height", "width", "expected"), [(320, 640, (80, 160)), (500, 100, (160, 32)), (40, 60, (40, 60))]
)
def test_thumbnail_size(height: int, width: int, expected: tuple[int, int]) -> None:
    data = encode_thumbnail(np.full((height, width, 3), 90, np.uint8))
    assert simplejpeg.decode_jpeg_header(data)[:2] == expected
    assert np.abs(simplejpeg.decode_jpeg(data).astype(int) - 90).max() <= 1


def test_thumbnail_of_a_line_and_of_a_view() -> None:
    assert simplejpeg.decode_jpeg_header(encode_thumbnail(np.zeros((1, 5000, 3), np.uint8)))[:2] == (1, 160)
    view = np.zeros((300, 300, 3), np.uint8)[::2, ::2]
    assert simplejpeg.decode_jpeg_header(encode_thumbnail(view, side=200))[:2] == (150, 150)


def test_thumbnail_looks_like_its_picture(wheel_photo: Callable[[str], Pixels]) -> None:
    photo = wheel_photo("china")
    small = simplejpeg.decode_jpeg(encode_thumbnail(photo, side=64)).astype(float)
    assert small.shape == (43, 64, 3)
    assert np.abs(small.mean(axis=(0, 1)) - photo.mean(axis=(0, 1))).max() < 2
    assert encode_thumbnail(photo) == encode_thumbnail(photo.copy())


def test_importing_loads_neither_pillow_nor_opencv() -> None:
    """Workers that only cut JPEGs, and the command's help, start without them."""
    code = "import sys, million_ird.pixels; print([m for m in ('PIL', 'cv2', 'torch') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
