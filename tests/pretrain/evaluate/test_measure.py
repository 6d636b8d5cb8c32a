"""Measuring whole sets: the published protocol recomputed step by step, and what cannot be used."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from blake3 import blake3
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio

from million_ird.errors import DatasetError
from million_ird.metrics import luma, psnr, ssim, weighted_psnr, weighted_ssim
from pretrain.degradations import Demosaic, Downscale, Jpeg, LocalBlur
from pretrain.degradations.resize import downscale, enlarge
from pretrain.evaluate.folders import find_sets, set_of_pairs
from pretrain.evaluate.measure import INPUT, measure
from pretrain.evaluate.network_degradations import noises
from pretrain.evaluate.protocols import FIXED, PROMPTIR, protocol_for
from pretrain.levels import Picture
from pretrain.restore import TooLargeError
from tests.pretrain.picture_files import Pixels, picture, write_picture, write_pictures


def _halved(given: Picture) -> Picture:
    return np.asarray(given * np.float32(0.5) + np.float32(0.25))


def _psnr(output: Picture, clean: Pixels) -> float:
    truth = clean.astype(np.float32) / np.float32(255)
    return float(peak_signal_noise_ratio(truth, np.clip(output, 0, 1), data_range=1))


def test_denoising_is_measured_as_the_published_code_does(tmp_path: Path) -> None:
    files = [*write_pictures(tmp_path / "one", "a.png", "b.png", height=50), *write_pictures(tmp_path / "two", "c.png")]
    scores = measure(find_sets(tmp_path), {"halved": _halved}, PROMPTIR, noises([15, 50]))
    np.random.seed(0)
    for score, sigma, chosen in zip(
        scores, (15, 50, 15, 50), (files[:2], files[:2], files[2:], files[2:]), strict=True
    ):
        assert (score.task, score.title) == ("denoise", f"denoise σ={sigma}")
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
        (both,) = measure(find_sets(tmp_path / "both"), {}, protocol, noises([25]))
        (alone,) = measure(find_sets(tmp_path / "alone"), {}, protocol, noises([25]))
        differs[protocol.name] = both.images[1].values != alone.images[0].values
    assert differs == {"promptir": True, "fixed": False}


def test_pairs_are_measured_once_and_as_they_are(tmp_path: Path) -> None:
    clean = write_pictures(tmp_path / "Rain100L" / "gt", "norain-1.png")[0]
    rainy = write_pictures(tmp_path / "Rain100L" / "rainy", "rain-1.png")[0]
    (score,) = measure(find_sets(tmp_path), {"halved": _halved}, PROMPTIR, noises([15, 25]))
    given = np.asarray(Image.open(rainy)).astype(np.float32) / np.float32(255)
    assert score.title == "derain"
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
        measure(find_sets(tmp_path), {}, PROMPTIR, noises([25]))


def test_such_a_set_costs_the_others_nothing(tmp_path: Path) -> None:
    write_pictures(tmp_path / "good", "a.png")
    write_pictures(tmp_path / "spoiled", "b.png")[0].write_text("no picture")
    good, spoiled = measure(find_sets(tmp_path), {}, FIXED, noises([25]))
    assert len(good.images) == 1 and not spoiled.images
    assert [file.path.name for file in spoiled.left_out] == ["b.png"] and spoiled.mean(INPUT, "psnr") is None


def test_a_picture_beyond_memory_is_left_out(tmp_path: Path) -> None:
    write_pictures(tmp_path, "a.png")
    write_pictures(tmp_path, "wide.png", width=200)

    def limited(seen: Picture) -> Picture:
        if seen.shape[1] > 100:
            raise TooLargeError("200×48 pixels need 9 GB or more in mode whole")
        return seen

    (score,) = measure(find_sets(tmp_path), {"limited": limited}, FIXED, noises([25]))
    assert [image.name for image in score.images] == ["a.png"]
    (left,) = score.left_out
    assert (left.path.name, left.reason) == ("wide.png", "too large: 200×48 pixels need 9 GB or more in mode whole")


def test_progress_counts_every_picture_at_every_sigma(tmp_path: Path) -> None:
    write_pictures(tmp_path, "a.png", "b.png")
    told: list[tuple[int, int]] = []
    measure(find_sets(tmp_path), {}, FIXED, noises([15, 25]), lambda done, total: told.append((done, total)))
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_real_pictures_have_the_psnr_that_their_noise_implies(shared_data: Path) -> None:
    (score,) = measure(find_sets(shared_data / "testsets" / "Set5"), {}, FIXED, noises([25]))
    assert len(score.images) == 5
    implied = 20 * np.log10(255 / 25)
    found = score.mean(INPUT, "psnr")
    assert found is not None and implied < found < implied + 1  # clipping to [0, 1] removes some of the noise


def _repeated(given: Picture) -> Picture:
    return given.repeat(3, 0).repeat(3, 1)


def test_super_resolution_is_measured_on_luma_without_its_border(tmp_path: Path) -> None:
    file = write_picture(tmp_path / "a.png", picture("a", 50, 64))
    (score,) = measure(find_sets(tmp_path), {"repeated": _repeated}, protocol_for("sr", 3), [Downscale(3)])
    clean = np.asarray(Image.open(file))[:48, :63]
    small = downscale(clean, 3)
    outputs = {INPUT: enlarge(small, 3), "repeated": small.repeat(3, 0).repeat(3, 1)}
    (image,) = score.images
    assert (image.height, image.width, score.title) == (48, 63, "enlarge ×3")
    for name, output in outputs.items():
        y, truth = luma(output, 255), luma(clean, 255)
        expected = {
            "psnr_y": psnr(y, truth, 255, border=3),
            "ssim_y": ssim(y, truth, 255, window="gaussian", border=3),
            "psnr": psnr(output, clean, 255, border=3),
        }
        assert image.values[name] == pytest.approx(expected, abs=1e-4)


def test_small_pictures_of_ones_own_are_taken_by_a_network_that_enlarges(tmp_path: Path) -> None:
    write_picture(tmp_path / "HR" / "a.png", picture("a", 50, 64))
    write_picture(tmp_path / "LR" / "a.png", picture("small", 16, 21))
    write_picture(tmp_path / "HR" / "b.png", picture("b", 50, 64))
    write_picture(tmp_path / "LR" / "b.png", picture("b", 17, 21))
    sets = [set_of_pairs(tmp_path / "LR", tmp_path / "HR")]
    (score,) = measure(sets, {"repeated": _repeated}, protocol_for("sr-rgb", 3), [])
    (image,) = score.images
    clean, small = (picture(name, *size) for name, size in (("a", (50, 64)), ("small", (16, 21))))
    expected = psnr(small.repeat(3, 0).repeat(3, 1), clean[:48, :63], 255, border=9)
    assert image.values["repeated"] == {"psnr": pytest.approx(expected, abs=1e-4)}
    (left,) = score.left_out
    assert left.reason == "degraded and clean picture differ in size: 21×17 and 64×50, expected 1 to 3"


def test_jpeg_mosaics_and_local_blur_are_made_of_the_whole_picture(tmp_path: Path) -> None:
    write_pictures(tmp_path, "a.png")
    how = [Jpeg(10), Jpeg(90), Demosaic(), LocalBlur()]
    scores = measure(find_sets(tmp_path), {}, FIXED, how)
    assert [score.title for score in scores] == ["dejpeg q=10", "dejpeg q=90", "demosaic", "deblur local"]
    found = [score.images[0].values[INPUT]["psnr"] for score in scores]
    assert 15 < found[0] < found[1] < 50 and 15 < found[2] < 60
    assert scores[2].mean(INPUT, "psnr_w") is None
    weighted = scores[3].mean(INPUT, "psnr_w")
    assert weighted is not None and weighted < found[3], "what is not blurred is as it was"
    again = measure(find_sets(tmp_path), {}, FIXED, how[3:])
    assert again[0].images == scores[3].images


def test_masks_weigh_the_pixels_that_are_degraded(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        write_pictures(tmp_path / "sharp", f"{name}.png")
        write_picture(tmp_path / "blur" / f"{name}.png", picture(name) // 2)
    mask = np.zeros((48, 64), np.uint8)
    mask[10:30, 20:40] = 255
    (tmp_path / "mask").mkdir()
    Image.fromarray(mask).convert("1").save(tmp_path / "mask" / "a.png")
    write_picture(tmp_path / "mask" / "b.png", np.zeros((48, 64), np.uint8))
    write_picture(tmp_path / "mask" / "c.png", np.zeros((32, 64), np.uint8))
    (score,) = measure(find_sets(tmp_path), {}, FIXED, [])
    first, second = score.images
    clean, blurred = (picture("a") / 255).astype(np.float32), (picture("a") // 2 / 255).astype(np.float32)
    assert first.values[INPUT]["psnr_w"] == pytest.approx(weighted_psnr(blurred, clean, mask > 0, 1.0), abs=1e-4)
    assert first.values[INPUT]["ssim_w"] == pytest.approx(weighted_ssim(blurred, clean, mask > 0, 1.0), abs=1e-5)
    assert len(first.checksums) == 3 and "psnr_w" not in second.values[INPUT]
    assert score.mean(INPUT, "psnr_w") == first.values[INPUT]["psnr_w"]
    assert [left.reason for left in score.left_out] == ["mask and clean picture differ in size: 64×32 and 64×48"]


def test_blur_at_the_very_edge_has_no_weighted_ssim() -> None:
    clean = picture("a")
    mask = np.zeros((48, 64), np.bool_)
    mask[:4] = True
    values = FIXED.score((clean / 255).astype(np.float32) * np.float32(0.5), clean, mask)
    assert "psnr_w" in values and "ssim_w" not in values


def test_a_picture_too_small_for_a_degradation_is_left_out(tmp_path: Path) -> None:
    write_pictures(tmp_path, "a.png")
    write_picture(tmp_path / "b.png", picture("b", 20, 64))
    (score,) = measure(find_sets(tmp_path), {}, FIXED, [LocalBlur()])
    assert [left.path.name for left in score.left_out] == ["b.png"] and "64×20 pixels: " in score.left_out[0].reason


def test_real_masks_leave_the_blurred_part(shared_data: Path) -> None:
    (found,) = find_sets(shared_data / "blur" / "synthetic_pairs")
    (score,) = measure([replace(found, items=found.items[:1])], {}, PROMPTIR, [])
    whole, weighted = score.mean(INPUT, "psnr"), score.mean(INPUT, "psnr_w")
    assert all(item.mask is not None for item in found.items)
    assert whole is not None and weighted is not None and weighted < whole - 3
