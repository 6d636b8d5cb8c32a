"""Mosaic and interpolation: a crop is a crop of the whole, and the filters are those of the paper."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from million_ird.patches import Box
from pretrain.degradations import Demosaic
from pretrain.degradations.demosaic import interpolate, mosaic
from pretrain.images import Pixels
from tests.pretrain.degradations.crops import cut, degrade_crop, noise_picture
from tests.pretrain.picture_files import picture


@settings(deadline=None)
@given(st.data(), st.integers(4, 30), st.integers(4, 30))
def test_a_crop_equals_the_whole_bit_for_bit(data: st.DataObject, width: int, height: int) -> None:
    clean = noise_picture(width, height)
    x, y = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    box = Box(x, y, data.draw(st.integers(1, width - x)), data.draw(st.integers(1, height - y)))
    made = degrade_crop(Demosaic(), clean, box)
    np.testing.assert_array_equal(made.input, cut(interpolate(mosaic(clean)), box))
    np.testing.assert_array_equal(made.target, cut(clean, box))
    assert made.mask is None


@settings(deadline=None)
@given(st.integers(2, 9), st.integers(2, 9))
def test_it_is_the_plain_formula(width: int, height: int) -> None:
    clean = noise_picture(width, height)
    np.testing.assert_array_equal(interpolate(mosaic(clean)), _plain(clean))


def _plain(clean: Pixels) -> Pixels:
    """The paper's three steps, pixel by pixel: bilinear, and a part (1/2, 5/8, 3/4) of the known Laplacian."""
    height, width = clean.shape[:2]
    out = np.zeros(clean.shape, np.uint8)
    for y in range(height):
        for x in range(width):
            for channel in range(3):
                out[y, x, channel] = np.clip(np.floor(_value(clean, y, x, channel) + 0.5), 0, 255)
    return out


_PATTERN = ((0, 1), (1, 2))


def _value(clean: Pixels, y: int, x: int, channel: int) -> float:
    here = _PATTERN[y % 2][x % 2]
    if channel == here:
        return float(clean[y, x, channel])
    near = _places([(-1, 0), (1, 0), (0, -1), (0, 1), (-1, -1), (-1, 1), (1, -1), (1, 1)], y, x, clean, channel)
    centre, crossing = _measured(clean, y, x), [(-2, 0), (2, 0), (0, -2), (0, 2)]
    if here != 1:
        laplacian = centre - np.mean([_measured(clean, y + dy, x + dx) for dy, dx in crossing])
        return float(np.mean(near) + (0.5 if channel == 1 else 0.75) * laplacian)
    # At green: diagonal neighbours count as those two away, but of the direction across, which counts against by half.
    along_rows = _PATTERN[y % 2][(x + 1) % 2] == channel
    along, across = ([(0, -2), (0, 2)], [(-2, 0), (2, 0)])[:: 1 if along_rows else -1]
    diagonal = sum(_measured(clean, y + dy, x + dx) for dy in (-1, 1) for dx in (-1, 1))
    straight = sum(_measured(clean, y + dy, x + dx) for dy, dx in along)
    sideways = sum(_measured(clean, y + dy, x + dx) for dy, dx in across)
    return float(np.mean(near) + (5 * centre - diagonal - straight + sideways / 2) / 8)  # 5/8, over the five


def _places(offsets: list[tuple[int, int]], y: int, x: int, clean: Pixels, channel: int) -> list[float]:
    """Levels of the pixels that are measured in that colour: the four beside it if there are some, else the others."""
    found = [(dy, dx) for dy, dx in offsets if _PATTERN[(y + dy) % 2][(x + dx) % 2] == channel]
    nearest = min(dy * dy + dx * dx for dy, dx in found)
    return [_measured(clean, y + dy, x + dx) for dy, dx in found if dy * dy + dx * dx == nearest]


def _measured(clean: Pixels, y: int, x: int) -> float:
    height, width = clean.shape[:2]
    y, x = _mirrored(y, height), _mirrored(x, width)
    return float(clean[y, x, _PATTERN[y % 2][x % 2]])


def _mirrored(place: int, length: int) -> int:
    """Without repeating the edge, so that even stays even."""
    period = 2 * (length - 1)
    return min(place % period, period - place % period)


def test_the_mosaic_keeps_red_green_and_blue_in_their_places() -> None:
    clean = noise_picture(6, 4)
    measured = mosaic(clean)
    np.testing.assert_array_equal(measured[::2, ::2], clean[::2, ::2, 0])
    np.testing.assert_array_equal(measured[1::2, 1::2], clean[1::2, 1::2, 2])
    np.testing.assert_array_equal(measured[::2, 1::2], clean[::2, 1::2, 1])
    np.testing.assert_array_equal(measured[1::2, ::2], clean[1::2, ::2, 1])


@pytest.mark.parametrize("phase", [(0, 0), (1, 0), (0, 1), (1, 1)])
def test_the_phase_says_where_the_pattern_begins(phase: tuple[int, int]) -> None:
    clean = noise_picture(9, 8)
    x, y = phase
    part = clean[y:, x:]
    np.testing.assert_array_equal(mosaic(part, phase), mosaic(clean)[y:, x:])


def test_what_was_measured_stays_and_grey_is_kept() -> None:
    grey: NDArray[np.uint8] = np.repeat(picture("grey", 24, 24)[..., :1], 3, axis=-1)
    out = interpolate(mosaic(grey))
    np.testing.assert_array_equal(out[::2, ::2, 0], grey[::2, ::2, 0])
    flat = np.full((8, 8, 3), 201, np.uint8)
    np.testing.assert_array_equal(interpolate(mosaic(flat)), flat)


def test_two_pixels_around_the_crop_are_needed() -> None:
    assert Demosaic().region(Box(7, 9, 10, 10), 100, 100) == Box(5, 7, 14, 14)
    assert Demosaic().region(Box(0, 1, 10, 10), 10, 11) == Box(0, 0, 10, 11)
    assert Demosaic().scale == 1
