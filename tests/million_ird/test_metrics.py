"""PSNR and SSIM against scikit-image, against arithmetic by hand, and at their edges."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from skimage.color import rgb2ycbcr
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from million_ird.metrics import luma, psnr, ssim


def _pair(shape: tuple[int, ...], seed: int = 0) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """A smooth picture with texture, and the same with noise, uint8."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    base = 120 + 80 * np.sin(rows / 7) * np.cos(columns / 11)
    clean = (base[..., None] if len(shape) == 3 else base) + rng.normal(0, 10, shape)
    noisy = clean + rng.normal(0, 25, shape)
    return tuple(np.clip(picture, 0, 255).astype(np.uint8) for picture in (clean, noisy))  # type: ignore[return-value]


@pytest.mark.parametrize("shape", [(40, 53, 3), (33, 64), (7, 7, 3)])
@pytest.mark.parametrize("as_floats", [False, True])
def test_the_default_is_scikit_images_as_promptir_calls_it(shape: tuple[int, ...], as_floats: bool) -> None:
    a, b = (picture / 255.0 if as_floats else picture for picture in _pair(shape))
    data_range = 1.0 if as_floats else 255
    axis = -1 if len(shape) == 3 else None
    assert psnr(a, b, data_range) == pytest.approx(peak_signal_noise_ratio(a, b, data_range=data_range), abs=1e-9)
    expected = structural_similarity(a, b, data_range=data_range, channel_axis=axis)
    assert ssim(a, b, data_range) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("shape", [(40, 53, 3), (33, 64), (11, 11)])
def test_the_gaussian_window_is_that_of_the_ssim_paper(shape: tuple[int, ...]) -> None:
    a, b = _pair(shape)
    options: dict[str, Any] = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    expected = structural_similarity(a, b, data_range=255, channel_axis=-1 if len(shape) == 3 else None, **options)
    assert ssim(a, b, 255, window="gaussian") == pytest.approx(expected, abs=1e-9)
    if shape != (11, 11):
        assert abs(ssim(a, b, 255) - expected) > 1e-4, "the two windows must differ for this test to say anything"


def test_float32_pictures_are_measured_in_float64() -> None:
    a, b = (picture.astype(np.float32) / 255 for picture in _pair((32, 32, 3)))
    assert psnr(a, b, 1.0) == psnr(a.astype(np.float64), b.astype(np.float64), 1.0)


def test_psnr_by_hand() -> None:
    black = np.zeros((4, 4, 3), np.uint8)
    one_off = black.copy()
    one_off[0, 0, 0] = 12  # mean squared error 144 / 48 = 3
    assert psnr(black, one_off, 255) == pytest.approx(10 * math.log10(255**2 / 3))
    assert psnr(one_off, black, 255) == psnr(black, one_off, 255), "no wrap-around in uint8"


def test_equal_pictures_have_infinite_psnr_and_ssim_one() -> None:
    a, _ = _pair((16, 16, 3))
    assert psnr(a, a, 255) == math.inf
    assert ssim(a, a, 255) == pytest.approx(1.0) and ssim(a, a, 255, window="gaussian") == pytest.approx(1.0)


def test_luma_is_studio_swing_bt601() -> None:
    a, _ = _pair((9, 9, 3))
    np.testing.assert_allclose(luma(a, 255), rgb2ycbcr(a)[..., 0], atol=1e-9)
    np.testing.assert_allclose(luma(a / 255.0, 1.0) * 255, luma(a, 255), atol=1e-9)
    white = np.full((1, 1, 3), 255, np.uint8)
    assert luma(white, 255)[0, 0] == pytest.approx(235) and luma(0 * white, 255)[0, 0] == 16


def test_grey_errors_weigh_less_on_luma_than_on_rgb() -> None:
    """A grey error of one level is 219/255 of a level of luma: the known 1.32 dB between the two protocols."""
    a = np.full((8, 8, 3), 100, np.uint8)
    b = a + np.uint8(5)
    gain = psnr(luma(a, 255), luma(b, 255), 255) - psnr(a, b, 255)
    assert gain == pytest.approx(20 * math.log10(255 / 219), abs=1e-6)


def test_the_border_is_cut_off_every_side() -> None:
    a, b = _pair((30, 41, 3))
    assert psnr(a, b, 255, border=4) == psnr(a[4:-4, 4:-4], b[4:-4, 4:-4], 255)
    assert ssim(a, b, 255, border=4) == ssim(a[4:-4, 4:-4], b[4:-4, 4:-4], 255)


@pytest.mark.parametrize(
    ("a", "b", "data_range", "border", "message"),
    [
        (np.zeros((8, 8, 3)), np.zeros((8, 9, 3)), 1.0, 0, "one shape"),
        (np.zeros(8), np.zeros(8), 1.0, 0, r"\(H, W\)"),
        (np.zeros((8, 8)), np.zeros((8, 8)), 0.0, 0, "data_range"),
        (np.zeros((8, 8)), np.zeros((8, 8)), math.inf, 0, "data_range"),
        (np.zeros((8, 8)), np.zeros((8, 8)), 1.0, 4, "border of 4"),
        (np.zeros((8, 8)), np.zeros((8, 8)), 1.0, -1, "border of -1"),
        (np.zeros((8, 8)), np.full((8, 8), np.nan), 1.0, 0, "not finite"),
    ],
)
def test_what_cannot_be_compared_is_said(
    a: NDArray[Any], b: NDArray[Any], data_range: float, border: int, message: str
) -> None:
    for measure in (psnr, ssim):
        with pytest.raises(ValueError, match=message):
            measure(a, b, data_range, border=border)


def test_a_picture_smaller_than_the_window_is_refused() -> None:
    small = np.zeros((10, 10, 3))
    assert ssim(small, small, 1.0) == 1.0
    with pytest.raises(ValueError, match="11×11 needs a larger picture than 10×10"):
        ssim(small, small, 1.0, window="gaussian")


def test_luma_wants_three_channels() -> None:
    with pytest.raises(ValueError, match="RGB"):
        luma(np.zeros((4, 4)), 1.0)
