"""The two protocols against the same numbers computed here, by scikit-image where it can."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from numpy.typing import NDArray
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from pretrain.evaluate.protocols import FIXED, PROMPTIR, continuing_noise, noise_by_name
from tests.pretrain.picture_files import picture

_CLEAN = picture("clean", 48, 64)


def test_promptir_cuts_around_the_centre_to_multiples_of_sixteen() -> None:
    wide = np.arange(55 * 70 * 3, dtype=np.uint8).reshape(55, 70, 3)
    assert np.array_equal(PROMPTIR.cut(wide), wide[3:51, 3:67])  # 7 rows and 6 columns too many
    assert np.array_equal(FIXED.cut(wide), wide)
    assert PROMPTIR.cut(wide[:15]).size == 0


def test_promptir_noise_is_numpys_global_stream_of_seed_zero() -> None:
    draw = continuing_noise()
    np.random.seed(0)
    for sigma, name in ((15.0, "a"), (15.0, "b"), (25.0, "a")):  # it runs on, whatever is asked for
        assert np.array_equal(draw((5, 4, 3), sigma, name), np.random.randn(5, 4, 3))


def test_promptir_noisy_pictures_are_truncated_to_levels() -> None:
    np.random.seed(0)
    levels = np.clip(_CLEAN + np.random.randn(*_CLEAN.shape) * 25, 0, 255).astype(np.uint8)
    noisy = PROMPTIR.add_noise(_CLEAN, 25, continuing_noise(), "any")
    assert noisy.dtype == np.uint8
    assert np.array_equal(noisy, levels)


def test_truncation_darkens_by_about_half_a_level() -> None:
    grey = np.full((256, 256, 3), 128, np.uint8)
    shift = PROMPTIR.add_noise(grey, 15, continuing_noise(), "any").mean() - 128
    assert shift == pytest.approx(-0.5, abs=0.1)
    assert FIXED.add_noise(grey, 15, noise_by_name(), "any").mean() - 128 == pytest.approx(0, abs=0.15)


def test_fixed_noise_depends_on_name_and_sigma_alone() -> None:
    draw = noise_by_name()
    first = draw((4, 4, 3), 25, "a.png")
    draw((9, 9, 3), 15, "b.png")
    assert np.array_equal(draw((4, 4, 3), 25.0, "a.bmp"), first)
    assert not np.array_equal(draw((4, 4, 3), 25, "b.png"), first)
    assert not np.array_equal(draw((4, 4, 3), 15, "a.png"), first)


def test_fixed_noise_is_what_its_words_say_and_stays_so() -> None:
    words = np.frombuffer(hashlib.blake2b(b"kodim01 25.0", digest_size=16).digest(), "<u4")
    drawn = noise_by_name()((2, 2, 1), 25, "kodim01.png")
    assert np.array_equal(drawn, np.random.RandomState(words).standard_normal((2, 2, 1)))
    assert drawn.ravel().tolist() == pytest.approx(
        [1.1214196607231417, 0.5235085176252965, -0.12617323804649444, 0.21486939723001539], abs=1e-15
    )


def test_fixed_noise_is_neither_clipped_nor_rounded() -> None:
    dark = np.zeros((32, 32, 3), np.uint8)
    noise = noise_by_name()
    noisy = FIXED.add_noise(dark, 50, noise, "a")
    assert noisy.min() < 0
    assert np.allclose(noisy, noise(dark.shape, 50, "a") * 50, atol=1e-4)


def _restored() -> NDArray[np.float32]:
    rng = np.random.default_rng(1)
    return (_CLEAN / 255 + rng.normal(0, 0.2, _CLEAN.shape)).astype(np.float32)  # some of it outside [0, 1]


def test_scores_are_scikit_images_of_the_clipped_output() -> None:
    output = _restored()
    assert output.min() < 0 or output.max() > 1
    clipped, truth = np.clip(output, 0, 1), (_CLEAN / 255).astype(np.float32)
    expected = {
        "psnr": peak_signal_noise_ratio(truth, clipped, data_range=1),
        "ssim": structural_similarity(truth, clipped, data_range=1, channel_axis=2),
    }
    assert PROMPTIR.score(output, _CLEAN) == pytest.approx(expected, rel=1e-6)


def test_fixed_judges_luma_too() -> None:
    output = _restored()
    scores = FIXED.score(output, _CLEAN)
    assert tuple(scores) == FIXED.metrics

    def luma(rgb: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray((16 + rgb @ np.array([65.481, 128.553, 24.966])) / 255)

    output_y, truth_y = luma(np.clip(output.astype(np.float64), 0, 1)), luma(_CLEAN / 255)
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 1}
    assert scores["psnr_y"] == pytest.approx(peak_signal_noise_ratio(truth_y, output_y, data_range=1), abs=1e-4)
    assert scores["ssim_y"] == pytest.approx(structural_similarity(truth_y, output_y, **options), abs=1e-4)
