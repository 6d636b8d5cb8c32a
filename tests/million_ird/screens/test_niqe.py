from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from million_ird.errors import UsageError
from million_ird.screens import NiqeModel, Photo, fit_niqe
from million_ird.screens.niqe import _half, distance, niqe, patch_features

MakePhoto = Callable[[np.ndarray], Photo]
MODEL = NiqeModel(np.zeros(36), np.eye(36), "a test")


def test_shipped_model_is_a_distribution() -> None:
    model = NiqeModel.shipped()
    assert model.mean.shape == (36,)
    assert np.allclose(model.covariance, model.covariance.T)
    assert np.linalg.eigvalsh(model.covariance).min() > 0
    assert "docs/screens.md" in model.about


def test_white_noise_gives_the_features_of_a_gaussian() -> None:
    luma = np.clip(np.random.default_rng(0).normal(128, 30, (480, 480)), 0, 255).astype(np.uint8)
    shape, width, product_shape, product_mean, left, right = patch_features(luma).features.mean(axis=0)[:6]
    # Normalising by its own neighbourhood trims the tails of white noise and, because the local mean is taken off,
    # leaves neighbours slightly negatively correlated: products peak sharply, and more of them lie left of zero.
    assert 2 < shape < 5
    assert 0.5 < width < 1.5
    assert product_shape < shape / 2
    assert -0.2 < product_mean < 0
    assert left > right > 0


def test_features_do_not_know_the_contrast_far_above_the_constant() -> None:
    base = np.random.default_rng(0).normal(0, 1, (192, 192))
    strong, stronger = (np.clip(128 + base * scale, 0, 255).astype(np.uint8) for scale in (20, 40))
    one, two = (patch_features(luma).features.mean(axis=0) for luma in (strong, stronger))
    assert np.abs(one - two).max() < 0.12


def test_sharpness_is_the_local_deviation() -> None:
    luma = np.full((96, 192), 100, np.uint8)
    luma[:, 96:] = np.random.default_rng(0).normal(128, 20, (96, 96)).clip(0, 255)
    _, sharpness = patch_features(luma)
    assert sharpness[0] < 2
    assert sharpness[1] == pytest.approx(20, rel=0.15)


def test_halving_keeps_what_half_the_pixels_can_hold() -> None:
    y, x = np.mgrid[:96, :96].astype(np.float32)
    ramp = _half(2 * x + y)
    inner = slice(4, -4)
    # The new pixel (i, j) lies at (2 i + 1/2, 2 j + 1/2) of the old grid.
    expected = 2 * (2 * x[:48, :48] + 0.5) + 2 * y[:48, :48] + 0.5
    assert np.allclose(ramp[inner, inner], expected[inner, inner], atol=1e-3)
    finest = np.where((x + y) % 2 == 0, 255, 0).astype(np.float32)
    assert np.ptp(_half(finest)[inner, inner]) < 1e-2


def test_distance_of_a_known_pair() -> None:
    features = np.random.default_rng(0).normal(0, 1, (20_000, 36))
    features[:, 0] += 3
    # Both covariances are the unit matrix, the means differ by 3 in one of 36 places.
    assert distance(features, MODEL) == pytest.approx(3, rel=0.02)
    assert distance(features[:1], MODEL) is None


@pytest.mark.parametrize("name", ["coffee", "astronaut", "china", "motorcycle"])
def test_blur_noise_and_compression_raise_it(
    name: str,
    photo_from_pixels: MakePhoto,
    wheel_photo: Callable[[str], np.ndarray],
    recompressed: Callable[[np.ndarray, int], np.ndarray],
) -> None:
    clean = wheel_photo(name)
    noise = np.random.default_rng(0).normal(0, 1, clean.shape)
    for worse_and_worse in (
        [clean, *(cv2.GaussianBlur(clean, (0, 0), sigma) for sigma in (1.5, 3))],
        [clean, *(np.clip(clean + sigma * noise, 0, 255).astype(np.uint8) for sigma in (10, 25))],
        [clean, *(recompressed(clean, quality) for quality in (30, 10))],
    ):
        scores = [niqe(photo_from_pixels(pixels)) for pixels in worse_and_worse]
        assert scores == sorted(scores, key=float)  # type: ignore[arg-type]


def test_pictures_without_enough_to_see_have_no_number(photo_from_pixels: MakePhoto) -> None:
    rng = np.random.default_rng(0)
    assert niqe(photo_from_pixels(rng.integers(0, 256, (95, 500), np.uint8))) is None
    assert niqe(photo_from_pixels(rng.integers(0, 256, (96, 96), np.uint8))) is None  # one patch has no covariance
    assert niqe(photo_from_pixels(np.full((500, 500), 7, np.uint8))) is None


def test_flat_patches_are_left_out() -> None:
    luma = np.random.default_rng(0).integers(0, 256, (192, 288), np.uint8)
    luma[:112, :112] = 200  # wide enough that no filter of the first patch sees beyond
    features = patch_features(luma).features
    assert not np.isfinite(features[0]).all()
    textured = distance(features[1:], MODEL)
    assert textured is not None
    assert distance(features, MODEL) == textured


def test_fitting_learns_from_sharp_patches_only(wheel_photo: Callable[[str], np.ndarray]) -> None:
    rng = np.random.default_rng(0)
    sharp = np.dstack([rng.integers(0, 256, (960, 1056), np.uint8)] * 3)
    half_blurred = np.concatenate([sharp, cv2.GaussianBlur(sharp, (0, 0), 4)])
    one, two = fit_niqe([sharp]), fit_niqe([half_blurred])
    # The seam's row of patches differs a little; the blurred 110 of 220 patches would move the mean far.
    assert np.abs(one.mean - two.mean).max() < 0.02


def test_too_little_to_fit_on() -> None:
    with pytest.raises(UsageError, match=r"only 0 sharp patches .* at least 100"):
        fit_niqe([])
    with pytest.raises(UsageError, match="at least 100"):
        fit_niqe([np.zeros((500, 500, 3), np.uint8), np.zeros((20, 20, 3), np.uint8)])


def test_a_model_file_has_one_spelling(tmp_path: Path) -> None:
    one, two = tmp_path / "one.npz", tmp_path / "two.npz"
    MODEL.save(one)
    NiqeModel.load(one).save(two)
    assert one.read_bytes() == two.read_bytes()
    loaded = NiqeModel.load(two)
    assert np.array_equal(loaded.covariance, MODEL.covariance)
    assert loaded.about == "a test"


@pytest.mark.parametrize("content", [None, b"", b"no archive at all", b"PK\x05\x06" + b"\0" * 18])
def test_a_file_that_is_no_model(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "model.npz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UsageError, match="cannot be read as a NIQE model"):
        NiqeModel.load(path)


def test_a_model_of_other_features(tmp_path: Path) -> None:
    NiqeModel(np.zeros(4), np.eye(4)).save(tmp_path / "model.npz")
    with pytest.raises(UsageError, match="features, not of 36"):
        NiqeModel.load(tmp_path / "model.npz")
