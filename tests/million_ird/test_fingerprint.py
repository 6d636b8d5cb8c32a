"""The perceptual hash follows turns and mirrors, ignores encoding and size, and tells pictures apart."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from million_ird.fingerprint import (
    HASH_BYTES,
    TRANSFORMS,
    Transform,
    compose,
    fingerprint,
    inverse,
    perceptual_hash,
    pixel_hash,
    transformed,
    transformed_hash,
)

Pixels = npt.NDArray[np.uint8]
Photo = Callable[[str], Pixels]


def bits_between(a: bytes, b: bytes) -> int:
    return (int.from_bytes(a) ^ int.from_bytes(b)).bit_count()


def test_a_fingerprint_has_both_hashes(wheel_photo: Photo) -> None:
    photo = wheel_photo("china")
    found = fingerprint(photo)
    assert len(found.phash) == HASH_BYTES
    assert found.phash == perceptual_hash(photo)
    assert found.pixel_hash == pixel_hash(photo)
    assert len(found.pixel_hash) == 32


def test_one_changed_pixel_changes_the_pixel_hash_only(wheel_photo: Photo) -> None:
    photo = wheel_photo("china")
    other = photo.copy()
    other[200, 300, 1] ^= 1
    assert pixel_hash(other) != pixel_hash(photo)
    assert bits_between(perceptual_hash(other), perceptual_hash(photo)) <= 2


def test_the_same_pixels_in_another_shape_hash_differently() -> None:
    pixels = np.arange(2 * 6 * 3, dtype=np.uint8)
    assert pixel_hash(pixels.reshape(2, 6, 3)) != pixel_hash(pixels.reshape(6, 2, 3))


def test_a_view_hashes_like_its_copy(wheel_photo: Photo) -> None:
    view = wheel_photo("china")[::-1, ::2]
    assert pixel_hash(view) == pixel_hash(view.copy())


@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("name", ["china", "coffee", "chelsea"])
def test_the_hash_of_a_turned_picture_follows_from_its_own(wheel_photo: Photo, transform: Transform, name: str) -> None:
    photo = wheel_photo(name)
    turned = np.ascontiguousarray(transformed(photo, transform))
    assert bits_between(perceptual_hash(turned), transformed_hash(perceptual_hash(photo), transform)) <= 6


def test_quarter_turns_mean_what_they_say() -> None:
    picture = np.arange(6, dtype=np.uint8).reshape(2, 3)
    assert np.array_equal(transformed(picture, "rot90"), np.rot90(picture))
    assert np.array_equal(transformed(picture, "rot270"), np.rot90(picture, -1))
    assert np.array_equal(transformed(picture, "mirror"), np.fliplr(picture))


@pytest.mark.parametrize(("outer", "inner"), list(itertools.product(TRANSFORMS, TRANSFORMS)))
def test_transforms_compose_and_undo(outer: Transform, inner: Transform) -> None:
    picture = np.arange(6, dtype=np.uint8).reshape(2, 3)
    both = transformed(transformed(picture, inner), outer)
    assert np.array_equal(transformed(picture, compose(outer, inner)), both)
    assert compose(inverse(outer), outer) == "identity"


@pytest.mark.parametrize("quality", [30, 95])
@pytest.mark.parametrize("scale", [0.5, 1.0, 1.7])
def test_encoding_and_size_hardly_matter(wheel_photo: Photo, quality: int, scale: float) -> None:
    photo = wheel_photo("coffee")
    smaller = cv2.resize(photo, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    copy = cv2.imdecode(cv2.imencode(".jpg", smaller, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_COLOR)
    assert bits_between(perceptual_hash(np.asarray(copy, np.uint8)), perceptual_hash(photo)) <= 12


def test_different_photographs_are_far_apart(wheel_photo: Photo) -> None:
    names = ["china", "flower", "coffee", "astronaut", "rocket", "chelsea", "brick"]
    hashes = [perceptual_hash(wheel_photo(name)) for name in names]
    for a, b in itertools.combinations(hashes, 2):
        assert min(bits_between(a, transformed_hash(b, t)) for t in TRANSFORMS) > 85


def test_luma_hashes_like_its_picture(wheel_photo: Photo) -> None:
    photo = wheel_photo("coffee")
    assert perceptual_hash(cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)) == perceptual_hash(photo)


def test_a_picture_without_content_has_the_empty_hash() -> None:
    assert perceptual_hash(np.full((90, 120, 3), 77, np.uint8)) == bytes(HASH_BYTES)


def test_orientation_tags_do_not_matter(shared_data: Path) -> None:
    folder = shared_data / "photos" / "exif_orientation_examples"
    stored: dict[int, Transform] = {2: "mirror", 3: "rot180", 5: "transpose", 6: "rot270", 8: "rot90"}
    upright = perceptual_hash(_stored(folder / "Landscape_1.jpg"))
    for orientation, transform in stored.items():
        other = perceptual_hash(_stored(folder / f"Landscape_{orientation}.jpg"))
        assert bits_between(upright, transformed_hash(other, transform)) <= 12


def _stored(path: Path) -> Pixels:
    with Image.open(path) as picture:
        return np.array(picture.convert("RGB"))
