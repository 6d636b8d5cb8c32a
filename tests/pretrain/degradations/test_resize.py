"""Resizing equals MATLAB's formula, written out plainly in `plain_resize`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from million_ird.errors import UsageError
from million_ird.metrics import luma, psnr
from million_ird.records import Rejection
from pretrain.degradations.resize import SCALES, as_large, cut_to_multiple, downscale, enlarge, enlargement
from pretrain.images import read_image
from pretrain.levels import to_pixels, to_unit
from tests.pretrain.degradations.plain_resize import plain_imresize


def _random(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


@settings(deadline=None)
@given(st.sampled_from(SCALES), st.integers(4, 40), st.integers(4, 40), st.integers(0, 9))
def test_downscale_is_the_plain_formula_on_all_sizes(scale: int, height: int, width: int, seed: int) -> None:
    picture = _random(height, width, seed)
    expected = plain_imresize(cut_to_multiple(picture, scale), 1 / scale)
    np.testing.assert_array_equal(downscale(picture, scale), expected)


@settings(deadline=None)
@given(st.sampled_from(SCALES), st.integers(1, 20), st.integers(1, 20), st.integers(0, 9))
def test_enlarge_is_the_plain_formula_on_all_sizes(scale: int, height: int, width: int, seed: int) -> None:
    picture = _random(height, width, seed)
    np.testing.assert_array_equal(enlarge(picture, scale), plain_imresize(picture, scale))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("scale", SCALES)
def test_floats_are_not_rounded(scale: int, dtype: type[np.floating]) -> None:
    picture = np.random.default_rng(1).normal(0.5, 1, (27, 31, 3)).astype(dtype)
    small, large = downscale(picture, scale), enlarge(picture, scale)
    assert small.dtype == large.dtype == dtype
    np.testing.assert_allclose(small, plain_imresize(cut_to_multiple(picture, scale), 1 / scale), atol=3e-6)
    np.testing.assert_allclose(large, plain_imresize(picture, scale), atol=3e-6)


@pytest.mark.parametrize("scale", SCALES)
def test_one_channel_keeps_its_axis(scale: int) -> None:
    picture = _random(12, 24)
    np.testing.assert_array_equal(downscale(picture[..., :1], scale), downscale(picture, scale)[..., :1])
    np.testing.assert_array_equal(enlarge(picture[..., :1], scale), enlarge(picture, scale)[..., :1])


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("level", [0, 1, 77, 255])
def test_a_flat_picture_stays_flat(scale: int, level: int) -> None:
    flat = np.full((17, 22, 3), level, np.uint8)
    assert (downscale(flat, scale) == level).all()
    assert (enlarge(flat, scale) == level).all()


@pytest.mark.parametrize("scale", SCALES)
def test_fine_stripes_turn_grey_instead_of_aliasing(scale: int) -> None:
    stripes = np.zeros((24, 24, 3), np.uint8)
    stripes[:, ::2] = 200
    assert np.abs(downscale(stripes, scale)[2:-2, 2:-2].astype(int) - 100).max() <= 20


@pytest.mark.parametrize("scale", SCALES)
def test_overshoot_is_clipped_and_not_wrapped(scale: int) -> None:
    edge = np.zeros((24, 24, 3), np.uint8)
    edge[:, 12:] = 255
    large = enlarge(edge, scale).astype(int)
    assert large[:, : 10 * scale].max() == 0
    assert large[:, 14 * scale :].min() == 255


def test_what_has_the_size_of_the_clean_picture_is_clipped_alone() -> None:
    seen = np.random.default_rng(0).normal(0.5, 1, (9, 7, 3)).astype(np.float32)
    np.testing.assert_array_equal(as_large(seen, _random(9, 7)), seen.clip(0, 1))


@pytest.mark.parametrize("scale", SCALES)
def test_a_smaller_input_is_enlarged_and_has_whole_levels(scale: int) -> None:
    small, clean = _random(8, 5), _random(8 * scale + 1, 5 * scale + 1)  # a clean picture may have a remainder
    assert enlargement(small, clean) == scale
    large = as_large(to_unit(small) + np.float32(0.001), clean)
    assert large.dtype == np.float32
    np.testing.assert_array_equal(to_pixels(large), plain_imresize(small, scale))
    np.testing.assert_array_equal(large, to_unit(to_pixels(large)))


def test_cut_to_multiple_keeps_the_upper_left() -> None:
    picture = _random(10, 11)
    np.testing.assert_array_equal(cut_to_multiple(picture, 3), picture[:9, :9])
    np.testing.assert_array_equal(cut_to_multiple(picture, 1), picture)


@pytest.mark.parametrize(("scale", "published"), [(2, 33.66), (3, 30.39), (4, 28.42)])
def test_bicubic_on_set5_gives_the_published_numbers(shared_data: Path, scale: int, published: float) -> None:
    """PSNR of luma, made smaller and larger again without rounding between: what SRCNN's MATLAB code measures."""
    values = []
    for file in sorted((shared_data / "testsets" / "Set5" / "HR").glob("*.png")):
        pixels = read_image(file)
        assert not isinstance(pixels, Rejection)
        whole = np.rint(luma(cut_to_multiple(pixels, scale).astype(np.float64), 255.0))
        again = np.rint(enlarge(downscale(whole[..., None], scale), scale))[..., 0]
        values.append(psnr(np.clip(again, 0, 255), whole, 255.0, border=scale))
    assert len(values) == 5
    assert np.mean(values) == pytest.approx(published, abs=0.006)


@pytest.mark.parametrize("resize", [downscale, enlarge])
@pytest.mark.parametrize("scale", [0, 1, 5, -2])
def test_other_scales_are_refused(resize: object, scale: int) -> None:
    with pytest.raises(UsageError, match="scale must be 2, 3 or 4"):
        resize(_random(8, 8), scale)  # type: ignore[operator]
