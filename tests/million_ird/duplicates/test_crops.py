"""Crops that keep three quarters are found by their keypoints, also turned; smaller ones and strangers are not."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from million_ird.duplicates import PAIR_SCHEMA, DuplicateSettings
from million_ird.duplicates.crop_index import crop_pairs
from million_ird.duplicates.crops import crop_features, verify_crop
from million_ird.fingerprint import Transform, inverse, transformed

Pixels = npt.NDArray[np.uint8]
Photo = Callable[[str], Pixels]
SETTINGS = DuplicateSettings(crops=True)
PHOTOS = ["china", "flower", "coffee", "astronaut", "rocket", "chelsea"]


def features(picture: Pixels) -> bytes:
    return crop_features(picture, SETTINGS.crop_features)


def crop(picture: Pixels, across: float, down: float, scale: float = 1.0, transform: Transform = "identity") -> Pixels:
    height, width = picture.shape[:2]
    x, y = round(width * (1 - across) * 0.7), round(height * (1 - down) * 0.3)
    part = picture[y : y + round(height * down), x : x + round(width * across)]
    part = cv2.resize(part, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    data = cv2.imencode(".jpg", np.ascontiguousarray(transformed(part, transform)), [cv2.IMWRITE_JPEG_QUALITY, 85])[1]
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)


@pytest.mark.parametrize("transform", ["identity", "mirror", "rot90", "transverse"])
def test_crops_are_found_and_confirmed(wheel_photo: Photo, transform: Transform) -> None:
    photos = [wheel_photo(name) for name in PHOTOS]
    crops = [crop(photo, 0.88, 0.88, 0.8, transform) for photo in photos]
    pairs = crop_pairs([features(picture) for picture in photos + crops], SETTINGS)
    assert pairs.schema == PAIR_SCHEMA
    found_pairs = {(row["first"], row["second"]) for row in pairs.to_pylist()}
    wanted = {(i, i + 6) for i in range(6)}
    assert wanted <= found_pairs
    pictures = photos + crops
    for i, j in sorted(found_pairs - wanted):  # a few codes coincide; pixels do not
        assert not verify_crop(pictures[i], pictures[j], SETTINGS)[0].accepted
    for photo, part in zip(photos, crops, strict=True):
        agreement, found = verify_crop(photo, part, SETTINGS)
        assert agreement.accepted, agreement
        assert found == inverse(transform)
        assert agreement.overlap == pytest.approx(0.88**2, abs=0.03)
        assert verify_crop(part, photo, SETTINGS)[0].accepted


def test_a_mirrored_pair_is_marked(wheel_photo: Photo) -> None:
    photo = wheel_photo("coffee")
    pairs = crop_pairs([features(photo), features(crop(photo, 1.0, 0.8, transform="mirror"))], SETTINGS)
    assert pairs["transform"].to_pylist() == ["mirror"]


def test_a_crop_that_keeps_half_is_another_picture(wheel_photo: Photo) -> None:
    photo = wheel_photo("coffee")
    agreement, _ = verify_crop(photo, crop(photo, 0.7, 0.7), SETTINGS)
    assert not agreement.accepted
    assert agreement.reason == "small overlap"


def test_strangers_share_nothing(wheel_photo: Photo) -> None:
    agreement, _ = verify_crop(wheel_photo("coffee"), wheel_photo("china"), SETTINGS)
    assert not agreement.accepted


def test_common_codes_cost_a_bounded_number_of_comparisons() -> None:
    same = np.arange(SETTINGS.crop_features * 4, dtype="<u4").tobytes()
    pairs = crop_pairs([same] * 500, DuplicateSettings(crop_bucket=4))
    assert 499 <= pairs.num_rows <= 500 * 4


def test_pictures_without_keypoints_have_no_features() -> None:
    plain = np.full((200, 300, 3), 90, np.uint8)
    assert features(plain) == b""
    assert crop_pairs([b"", b""], SETTINGS).num_rows == 0
    assert crop_pairs([], SETTINGS).num_rows == 0
    assert not verify_crop(plain, plain, SETTINGS)[0].accepted


def test_features_are_the_same_on_any_number_of_threads(wheel_photo: Photo) -> None:
    threads = cv2.getNumThreads()
    try:
        results = set()
        for number in (1, 4):
            cv2.setNumThreads(number)
            results.add(features(wheel_photo("china")))
    finally:
        cv2.setNumThreads(threads)
    assert len(results) == 1
    assert len(results.pop()) == SETTINGS.crop_features * 16
