from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from million_ird.screens import Photo
from million_ird.screens.jpeg_quality import jpeg_quality


@pytest.mark.parametrize("quality", [1, 5, 10, 30, 49, 50, 51, 75, 85, 90, 95, 99, 100])
def test_finds_the_quality_it_was_saved_at(
    quality: int, photo_from_file: Callable[[bytes], Photo], make_jpeg: Callable[..., bytes]
) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    assert jpeg_quality(photo_from_file(make_jpeg(pixels, quality=quality))) == quality


def test_grey_progressive_jpeg_has_a_quality_too(
    photo_from_file: Callable[[bytes], Photo], make_jpeg: Callable[..., bytes]
) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8)
    data = make_jpeg(pixels, quality=60, progressive=True, subsampling=-1)
    assert jpeg_quality(photo_from_file(data)) == 60


def test_foreign_tables_get_the_nearest_quality(
    photo_from_file: Callable[[bytes], Photo], make_jpeg: Callable[..., bytes]
) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    flat = make_jpeg(pixels, quality=-1, qtables=[[8] * 64, [8] * 64])
    coarser = make_jpeg(pixels, quality=-1, qtables=[[16] * 64, [16] * 64])
    qualities = [jpeg_quality(photo_from_file(data)) for data in (flat, coarser)]
    assert qualities[0] is not None and qualities[1] is not None
    assert 80 < qualities[0] < 97
    assert qualities[1] < qualities[0]


def test_other_formats_have_none(photo_from_pixels: Callable[[np.ndarray], Photo]) -> None:
    assert jpeg_quality(photo_from_pixels(np.zeros((64, 64), np.uint8))) is None
