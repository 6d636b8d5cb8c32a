"""Disagreement in shape and in dB, against the metrics themselves on whole pictures."""

from __future__ import annotations

import math

import numpy as np
import pytest

from annotation.agree import Agreement, AgreeSettings, Opinions, Scores, compare
from annotation.agree.compare import grown
from annotation.mask import Mask
from annotation.pictures import PictureError
from annotation.registration import apply, register
from million_ird.metrics import weighted_psnr, weighted_ssim
from tests.annotation.scenes import scene


def _compare(first: Mask, second: Mask, seed: int = 0, margin: int = 3, pair: bool = True) -> Agreement:
    blurred, sharp, _ = scene(seed)
    frames = (lambda: blurred, lambda: sharp) if pair else (None, None)
    return compare(Opinions("a", ("Ada", "Berta"), (first, second), *frames), AgreeSettings(margin=margin))


def test_decibels_are_those_of_the_metrics_on_the_whole_pictures() -> None:
    blurred, sharp, mask = scene(0)
    other = np.roll(mask, 12, axis=1)
    result = _compare(mask, other)
    laid = apply(register(blurred, sharp), sharp)
    assert result.psnr is not None and result.ssim is not None
    for number, each in enumerate((mask, other)):
        masks = (each, grown(each, 3), grown(each, -3))
        psnr = [weighted_psnr(blurred, laid, one, 255) for one in masks]
        ssim = [weighted_ssim(blurred, laid, one, 255) for one in masks]
        assert result.psnr[number] == Scores(*map(pytest.approx, psnr))
        assert result.ssim[number] == Scores(*map(pytest.approx, ssim))
    assert result.psnr[0].mask is not None and result.psnr[1].mask is not None
    assert result.psnr_difference == result.psnr[0].mask - result.psnr[1].mask
    assert result.psnr_swing is not None and result.psnr_swing > 0
    assert result.shares == (mask.mean(), other.mean()) and result.tolerance == 3
    assert 0 < result.iou < 1 and 0 < result.boundary_f < 1 and result.note == ""


def test_equal_masks_agree_wholly() -> None:
    mask = scene(1)[2]
    result = _compare(mask, mask, 1)
    assert (result.iou, result.boundary_f, result.psnr_difference, result.ssim_difference) == (1, 1, 0, 0)


def test_a_single_frame_is_compared_in_shape_and_says_so() -> None:
    mask = scene(0)[2]
    result = _compare(mask, np.roll(mask, 2, 0), pair=False)
    assert result.psnr is None and result.ssim is None and result.psnr_difference is None and result.psnr_swing is None
    assert result.note == "single frame, so no dB" and result.iou > 0.8


def test_empty_masks_have_no_decibels_and_say_so() -> None:
    mask = scene(0)[2]
    result = _compare(mask, mask & False)
    assert result.psnr is not None and result.psnr[1] == Scores(None, None, None)
    assert result.psnr[0].mask is not None and result.psnr_difference is None
    assert "a mask is empty" in result.note and result.iou == 0


def test_a_mask_that_vanishes_when_narrowed() -> None:
    thin = np.zeros((160, 240), bool)
    thin[80, 40:60] = True
    result = _compare(thin, thin)
    assert result.psnr is not None and result.psnr[0].eroded is None and result.psnr[0].dilated is not None
    assert result.psnr[0].swing is not None


def test_blur_at_the_edge_alone_has_no_ssim() -> None:
    edge = np.zeros((160, 240), bool)
    edge[0, :50] = True
    result = _compare(edge, edge, margin=1)
    assert result.psnr is not None and result.psnr[0].mask is not None
    assert result.ssim is not None and result.ssim[0].mask is None


def test_equal_frames_have_an_infinite_psnr_and_no_difference() -> None:
    blurred, _, mask = scene(0)
    frames = (lambda: blurred, lambda: blurred)
    result = compare(Opinions("a", ("Ada", "Berta"), (mask, np.roll(mask, 9, 1)), *frames), AgreeSettings())
    assert result.psnr is not None and result.psnr[0].mask == math.inf and result.psnr_difference is None


def test_a_picture_that_is_gone_leaves_the_shapes() -> None:
    def gone() -> np.ndarray:  # type: ignore[type-arg]
        raise PictureError("a: cannot read blur/a.png")

    mask = scene(0)[2]
    result = compare(Opinions("a", ("Ada", "Berta"), (mask, mask), gone, gone), AgreeSettings())
    assert result.note == "no dB: a: cannot read blur/a.png" and result.iou == 1


@pytest.mark.parametrize("pixels", [-4, -1, 1, 3])
def test_masks_grow_and_shrink_by_a_disc(pixels: int) -> None:
    rng = np.random.default_rng(abs(pixels))
    mask = np.kron(rng.random((5, 6)) < 0.4, np.ones((4, 4), bool))
    expected = np.zeros_like(mask)
    for y, x in np.ndindex(mask.shape):
        near = [mask[v, u] for v, u in np.ndindex(mask.shape) if (v - y) ** 2 + (u - x) ** 2 <= pixels**2]
        expected[y, x] = any(near) if pixels > 0 else all(near)
    np.testing.assert_array_equal(grown(mask, pixels), expected)


def test_settings_are_checked() -> None:
    with pytest.raises(ValueError, match="tolerance"):
        AgreeSettings(tolerance=-1)
    with pytest.raises(ValueError, match="margin"):
        AgreeSettings(margin=0)
    mask = scene(0)[2]
    assert compare(Opinions("a", ("x", "y"), (mask, mask)), AgreeSettings(tolerance=7)).tolerance == 7
    with pytest.raises(ValueError, match="one shape"):
        compare(Opinions("a", ("x", "y"), (mask, mask[1:])), AgreeSettings())
