"""Measuring whole sets: the published protocol recomputed step by step, and what cannot be used."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from blake3 import blake3
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio

from million_ird.errors import DatasetError
from pretrain.evaluate.folders import find_sets, set_of_pairs
from pretrain.evaluate.measure import INPUT, measure
from pretrain.evaluate.protocols import FIXED, PROMPTIR, Floats
from tests.pretrain.picture_files import Pixels, picture, write_picture, write_pictures


def _halved(given: Floats) -> Floats:
    return np.asarray(given * np.float32(0.5) + np.float32(0.25))


def _psnr(output: Floats, clean: Pixels) -> float:
    truth = clean.astype(np.float32) / np.float32(255)
    return float(peak_signal_noise_ratio(truth, np.clip(output, 0, 1), data_range=1))


def test_denoising_is_measured_as_the_published_code_does(tmp_path: Path) -> None:
    files = [*write_pictures(tmp_path / "one", "a.png", "b.png", height=50), *write_pictures(tmp_path / "two", "c.png")]
    scores = measure(find_sets(tmp_path), {"halved": _halved}, PROMPTIR, [15, 50])
    np.random.seed(0)
    for score, sigma, chosen in zip(
        scores, (15, 50, 15, 50), (files[:2], files[:2], files[2:], files[2:]), strict=True
    ):
        assert (score.sigma, score.degradation) == (sigma, f"denoise σ={sigma}")
        expected: dict[str, list[float]] = {INPUT: [], "halved": []}
        for file, image in zip(chosen, score.images, strict=True):
            stored = np.asarray(Image.open(file))
            clean = stored[1:49] if stored.shape[0] == 50 else stored
            noisy = np.clip(clean + np.random.randn(*clean.shape) * sigma, 0, 255).astype(np.uint8)
            given = noisy.astype(np.float32) / np.float32(255)
            expected[INPUT].append(_psnr(given, clean))
            expected["halved"].append(_psnr(_halved(given), clean))
            assert (image.height, image.width, image.checksums) == (48, 64, (blake3(file.read_bytes()).hexdigest(16),))
        for name, values in expected.items():
            assert [image.values[name]["psnr"] for image in score.images] == pytest.approx(values, abs=1e-5)
            assert score.mean(name, "psnr") == pytest.approx(sum(values) / len(values), abs=1e-5)


def test_under_promptir_a_pictures_noise_depends_on_the_others_and_under_fixed_it_does_not(tmp_path: Path) -> None:
    write_pictures(tmp_path / "both", "a.png", "b.png")
    write_pictures(tmp_path / "alone", "b.png")
    differs = {}
    for protocol in (PROMPTIR, FIXED):
        (both,) = measure(find_sets(tmp_path / "both"), {}, protocol, [25])
        (alone,) = measure(find_sets(tmp_path / "alone"), {}, protocol, [25])
        differs[protocol.name] = both.images[1].values != alone.images[0].values
    assert differs == {"promptir": True, "fixed": False}


def test_pairs_are_measured_once_and_as_they_are(tmp_path: Path) -> None:
    clean = write_pictures(tmp_path / "Rain100L" / "gt", "norain-1.png")[0]
    rainy = write_pictures(tmp_path / "Rain100L" / "rainy", "rain-1.png")[0]
    (score,) = measure(find_sets(tmp_path), {"halved": _halved}, PROMPTIR, [15, 25])
    given = np.asarray(Image.open(rainy)).astype(np.float32) / np.float32(255)
    assert score.degradation == "derain"
    assert score.mean(INPUT, "psnr") == pytest.approx(_psnr(given, np.asarray(Image.open(clean))), abs=1e-5)
    assert len(score.images[0].checksums) == 2


def test_a_perfect_restorer_is_infinitely_good(tmp_path: Path) -> None:
    write_pictures(tmp_path / "a", "1.png")
    write_pictures(tmp_path / "b", "1.png")
    (score,) = measure([set_of_pairs(tmp_path / "a", tmp_path / "b")], {}, FIXED, [])
    assert score.mean(INPUT, "psnr") == float("inf")
    assert score.mean(INPUT, "ssim") == pytest.approx(1)


def test_what_cannot_be_used_is_left_out_with_a_reason(tmp_path: Path) -> None:
    hazy, gt = tmp_path / "hazy", tmp_path / "gt"
    write_pictures(gt, "1.png", "2.png", "3.png", "4.png")
    write_pictures(hazy, "1_1.png", "9_1.png")
    write_picture(hazy / "2_1.png", picture("2", 32, 64))
    (hazy / "3_1.png").write_bytes((gt / "3.png").read_bytes()[:500])
    Image.fromarray(picture("4")).convert("CMYK").save(hazy / "4_1.jpg")
    write_picture(gt / "5.png", picture("5", 10, 10))
    write_picture(hazy / "5_1.png", picture("5", 10, 10))
    (score,) = measure(find_sets(tmp_path), {}, PROMPTIR, [])
    assert [image.name for image in score.images] == ["1_1.png"]
    reasons = {left.path.name: left.reason for left in score.left_out}
    assert reasons.keys() == {"9_1.png", "2_1.png", "3_1.png", "4_1.jpg", "5.png"}
    assert reasons["9_1.png"] == "no clean picture of that name"
    assert reasons["2_1.png"] == "degraded and clean picture differ in size: 64×32 and 64×48"
    assert reasons["3_1.png"].startswith("truncated")
    assert reasons["4_1.jpg"].startswith("cmyk")
    assert reasons["5.png"] == "10×10 pixels; at least 16×16 are needed"


def test_a_set_of_which_nothing_can_be_used_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("no picture")
    with pytest.raises(DatasetError, match=r"none of 1 pictures can be used; the first: a\.png: not_an_image"):
        measure(find_sets(tmp_path), {}, PROMPTIR, [25])


def test_progress_counts_every_picture_at_every_sigma(tmp_path: Path) -> None:
    write_pictures(tmp_path, "a.png", "b.png")
    told: list[tuple[int, int]] = []
    measure(find_sets(tmp_path), {}, FIXED, [15, 25], lambda done, total: told.append((done, total)))
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_real_pictures_have_the_psnr_that_their_noise_implies(shared_data: Path) -> None:
    (score,) = measure(find_sets(shared_data / "testsets" / "Set5"), {}, FIXED, [25])
    assert len(score.images) == 5
    implied = 20 * np.log10(255 / 25)
    assert implied < score.mean(INPUT, "psnr") < implied + 1  # clipping to [0, 1] removes some of the noise
