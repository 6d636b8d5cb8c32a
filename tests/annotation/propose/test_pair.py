from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from annotation.propose import PairSettings, propose_pair
from annotation.registration import RegistrationError
from million_ird.errors import UsageError
from million_ird.local_blur import BlurredPair, LocalBlurSettings, blur_locally

Pixels = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]
Photo = Callable[[str], Pixels]

REAL = LocalBlurSettings(size=(0.2, 0.4), trail=(0.03, 0.08), borrowed=1.0, misalignment=0.4, gain=0.05, noise=(1, 3))


def overlap(first: Mask, second: Mask) -> float:
    return float((first & second).sum() / max((first | second).sum(), 1))


def made(photo: Pixels, other: Pixels, seed: int, settings: LocalBlurSettings = REAL) -> BlurredPair:
    return blur_locally(photo, np.random.default_rng(seed), settings, other)


def test_trails_are_found_in_photographs_that_nothing_was_tuned_on(wheel_photo: Photo) -> None:
    names = ("china", "astronaut", "coffee", "motorcycle")
    overlaps, confidences = [], []
    for seed, (name, other) in enumerate(zip(names, names[1:] + names[:1], strict=True)):
        pair = made(wheel_photo(name), wheel_photo(other), seed)
        found = propose_pair(pair.blurred, pair.sharp)
        overlaps.append(overlap(found.mask, pair.mask))
        confidences.append(found.confidence)
        assert found.registration is not None
        assert found.registration.trusted
    assert np.mean(overlaps) > 0.8
    assert abs(np.mean(confidences) - np.mean(overlaps)) < 0.15


def test_nothing_is_found_where_nothing_moved(wheel_photo: Photo) -> None:
    photo = wheel_photo("china")
    rng = np.random.default_rng(0)
    frames = [np.clip(photo * gain + rng.normal(0, 3, photo.shape), 0, 255).astype(np.uint8) for gain in (1, 0.95)]
    frames[1] = np.roll(frames[1], 1, axis=1)
    found = propose_pair(*frames)
    assert found.mask.mean() < 0.002
    assert (found.confidence == 0) == (not found.mask.any())


def test_equal_frames_give_an_empty_mask_without_confidence(wheel_photo: Photo) -> None:
    found = propose_pair(wheel_photo("coffee"), wheel_photo("coffee"))
    assert not found.mask.any()
    assert found.confidence == 0
    assert found.regions == ()
    assert found.note.startswith("nothing found")


def test_a_mask_has_neither_holes_nor_specks(wheel_photo: Photo) -> None:
    pair = made(wheel_photo("china"), wheel_photo("coffee"), 1)
    mask = propose_pair(pair.blurred, pair.sharp).mask
    _, _, statistics, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    assert statistics[1:, cv2.CC_STAT_AREA].min() >= mask.size * PairSettings().least_area
    outside, _ = cv2.connectedComponents((~np.pad(mask, 1)).astype(np.uint8), connectivity=4)
    assert outside == 2  # the mask, and one outside


def test_regions_and_note_say_what_was_found(wheel_photo: Photo) -> None:
    pair = made(wheel_photo("china"), wheel_photo("coffee"), 2)
    found = propose_pair(pair.blurred, pair.sharp)
    assert sum(region.area for region in found.regions) == found.mask.sum()
    assert list(found.regions) == sorted(found.regions, key=lambda region: -region.area)
    for region in found.regions:
        assert 0.5 < region.probability <= 1
        assert found.mask[region.y : region.y + region.height, region.x : region.x + region.width].any()
    assert "shift" in found.note
    assert "correlation" in found.note


def test_frames_that_cannot_be_registered_are_compared_as_they_lie(wheel_photo: Photo) -> None:
    rng = np.random.default_rng(0)
    blurred = np.clip(rng.normal(120, 2, (200, 300, 3)), 0, 255).astype(np.uint8)
    sharp = np.clip(rng.normal(120, 2, (200, 300, 3)), 0, 255).astype(np.uint8)
    sharp[60:140, 100:180] = wheel_photo("coffee")[60:140, 100:180]
    found = propose_pair(blurred, sharp)
    assert found.registration is not None
    assert not found.registration.trusted
    assert "not registered" in found.note
    assert found.mask[100, 140]


def test_a_large_picture_gets_a_mask_of_its_own_size(wheel_photo: Photo) -> None:
    pair = made(wheel_photo("china"), wheel_photo("coffee"), 2)
    frames = [cv2.resize(frame, (1801, 1201), interpolation=cv2.INTER_CUBIC) for frame in (pair.blurred, pair.sharp)]
    truth = cv2.resize(pair.mask.astype(np.uint8), (1801, 1201), interpolation=cv2.INTER_NEAREST) > 0
    found = propose_pair(*(np.asarray(frame, np.uint8) for frame in frames))
    assert found.mask.shape == (1201, 1801)
    assert overlap(found.mask, truth) > 0.7


@pytest.mark.parametrize("size", [(1, 1), (2, 300), (16, 16), (30, 40)])
def test_very_small_frames_are_no_failure(size: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    frames = [rng.integers(0, 256, (*size, 3), np.uint8) for _ in range(2)]
    found = propose_pair(*frames)
    assert found.mask.shape == size
    assert 0 <= found.confidence <= 1


def test_frames_of_different_size_are_refused() -> None:
    with pytest.raises(RegistrationError):
        propose_pair(np.zeros((40, 40, 3), np.uint8), np.zeros((40, 41, 3), np.uint8))


@pytest.mark.parametrize("wrong", [{"seed": 0.5, "grow": 0.6}, {"seed": 1.0}, {"grow": 0.0}, {"least_area": -0.1}])
def test_settings_that_cannot_be(wrong: dict[str, float]) -> None:
    with pytest.raises(UsageError):
        PairSettings(**wrong)


def test_the_exact_masks_of_real_scenes_are_met(shared_data: Path) -> None:
    """The aim of docs/proposals.md, on pictures that nothing was tuned on: the six worst of its twelve."""
    folder = shared_data / "blur" / "synthetic_pairs"
    overlaps = []
    for name in ("02.png", "03.png", "04.png", "05.png", "09.png", "10.png"):
        blurred, sharp = (cv2.imread(str(folder / kind / name), cv2.IMREAD_COLOR_RGB) for kind in ("blur", "sharp"))
        truth = cv2.imread(str(folder / "mask" / name), cv2.IMREAD_GRAYSCALE)
        assert blurred is not None
        assert sharp is not None
        assert truth is not None
        found = propose_pair(np.asarray(blurred, np.uint8), np.asarray(sharp, np.uint8))
        overlaps.append(overlap(found.mask, np.asarray(truth > 127)))
    assert np.mean(overlaps) >= 0.75
