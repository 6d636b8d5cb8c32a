"""Copies agree on pixels; other exposures of the scene, and skies that merely look alike, do not."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from million_ird.duplicates import DuplicateSettings, verify_pair
from million_ird.fingerprint import TRANSFORMS, Transform, inverse, transformed

Pixels = npt.NDArray[np.uint8]
Photo = Callable[[str], Pixels]
SETTINGS = DuplicateSettings()
PHOTOS = ["china", "coffee", "chelsea", "rocket"]


def jpeg(picture: Pixels, quality: int) -> Pixels:
    data = cv2.imencode(".jpg", np.ascontiguousarray(picture), [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)


def resized(picture: Pixels, scale: float) -> Pixels:
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(picture, None, fx=scale, fy=scale, interpolation=method), np.uint8)


def without_border(picture: Pixels, share: float) -> Pixels:
    rows, columns = round(picture.shape[0] * share), round(picture.shape[1] * share)
    return picture[rows:-rows, columns:-columns]


COPIES: dict[str, Callable[[Pixels], Pixels]] = {
    "itself": lambda p: p.copy(),
    "quality 30": lambda p: jpeg(p, 30),
    "quality 95": lambda p: jpeg(p, 95),
    "a quarter of the size": lambda p: jpeg(resized(p, 0.25), 90),
    "twice the size": lambda p: jpeg(resized(p, 2.0), 85),
    "without 1 % of border": lambda p: jpeg(without_border(p, 0.01), 90),
    "without 2 % of border": lambda p: jpeg(without_border(p, 0.02), 90),
    "without 2 % on one side": lambda p: jpeg(p[:, round(p.shape[1] * 0.02) :], 90),
    "a little brighter": lambda p: jpeg(np.clip(p * 1.05 + 3, 0, 255).astype(np.uint8), 90),
    "grey": lambda p: np.repeat(cv2.cvtColor(p, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2),
}


@pytest.mark.parametrize("name", PHOTOS)
@pytest.mark.parametrize("kind", COPIES)
def test_copies_are_accepted(wheel_photo: Photo, name: str, kind: str) -> None:
    photo = wheel_photo(name)
    agreement = verify_pair(photo, COPIES[kind](photo), "identity", SETTINGS)
    assert agreement.accepted, agreement


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_turned_copies_are_accepted_under_their_transform_only(wheel_photo: Photo, transform: Transform) -> None:
    photo = wheel_photo("coffee")
    copy = jpeg(transformed(resized(photo, 0.8), inverse(transform)), 85)
    assert verify_pair(photo, copy, transform, SETTINGS).accepted
    wrong: Transform = "mirror" if transform != "mirror" else "identity"
    assert not verify_pair(photo, copy, wrong, SETTINGS).accepted


def parallax(picture: Pixels) -> Pixels:
    other = picture.copy()
    half = picture.shape[0] // 2
    other[half:] = np.roll(picture, round(0.008 * picture.shape[1]), axis=1)[half:]
    return other


def perspective(picture: Pixels) -> Pixels:
    height, width = picture.shape[:2]
    corners = np.array([[0, 0], [width, 0], [0, height], [width, height]], np.float32)
    moved = corners + np.array([[0.012, 0], [0, 0.01], [0, 0], [-0.01, -0.008]], np.float32) * width
    matrix = cv2.getPerspectiveTransform(corners, moved)
    return np.asarray(cv2.warpPerspective(picture, matrix, (width, height), borderMode=cv2.BORDER_REFLECT), np.uint8)


def camera_turned(picture: Pixels) -> Pixels:
    height, width = picture.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), 0.9, 1.0)
    return np.asarray(cv2.warpAffine(picture, matrix, (width, height), borderMode=cv2.BORDER_REFLECT), np.uint8)


def object_moved(picture: Pixels) -> Pixels:
    other = picture.copy()
    side, top, left = picture.shape[1] // 10, picture.shape[0] // 2, picture.shape[1] * 2 // 5
    other[top : top + side, left : left + side] = 255 - picture[top : top + side, left : left + side]
    return other


@pytest.mark.parametrize("name", PHOTOS)
@pytest.mark.parametrize("change", [parallax, perspective, camera_turned, object_moved])
def test_another_exposure_is_no_duplicate(wheel_photo: Photo, name: str, change: Callable[[Pixels], Pixels]) -> None:
    photo = wheel_photo(name)
    noise = np.random.default_rng(0).normal(0, 2, photo.shape)
    other = np.clip(change(photo) * 1.03 + noise, 0, 255).astype(np.uint8)
    agreement = verify_pair(photo, jpeg(other, 92), "identity", SETTINGS)
    assert not agreement.accepted, agreement


def test_a_stereo_pair_is_no_duplicate() -> None:
    spec = find_spec("skimage")
    assert spec is not None and spec.origin is not None
    left, right = (_read(Path(spec.origin).parent / "data" / f"motorcycle_{side}.png") for side in ("left", "right"))
    assert not verify_pair(left, right, "identity", SETTINGS).accepted


def sky(seed: int, clouds: float) -> Pixels:
    """A blue gradient with soft clouds of a given contrast in grey levels."""
    random = np.random.default_rng(seed)
    cloud = cv2.resize(random.normal(0, 1, (9, 12)), (720, 480), interpolation=cv2.INTER_CUBIC)
    tone = np.linspace(110, 220, 480)[:, None] + clouds * cloud + random.normal(0, 1, (480, 720))
    return np.clip(np.stack([tone - 40, tone - 15, tone + 20], axis=-1), 0, 255).astype(np.uint8)


def test_a_similar_sky_is_no_duplicate_but_its_copy_is() -> None:
    for clouds in (6.0, 12.0, 25.0):
        first, second = sky(1, clouds), sky(2, clouds)
        assert not verify_pair(first, second, "identity", SETTINGS).accepted
        assert verify_pair(first, jpeg(first, 80), "identity", SETTINGS).accepted


def test_pictures_without_detail_are_compared_by_tone() -> None:
    plain = np.full((300, 400, 3), 120, np.uint8)
    assert verify_pair(plain, plain.copy(), "identity", SETTINGS).accepted
    assert not verify_pair(plain, plain + np.uint8(20), "identity", SETTINGS).accepted


def test_different_photographs_disagree(wheel_photo: Photo) -> None:
    for a, b in itertools.combinations(PHOTOS, 2):
        assert not verify_pair(wheel_photo(a), wheel_photo(b), "identity", SETTINGS).accepted


def test_a_caption_is_forgiven_only_if_asked(wheel_photo: Photo) -> None:
    photo = wheel_photo("coffee")
    captioned = photo.copy()
    cv2.putText(captioned, "copyright", (200, 380), cv2.FONT_HERSHEY_SIMPLEX, 1.0, (255, 255, 255), 2)
    assert not verify_pair(photo, captioned, "identity", SETTINGS).accepted
    assert verify_pair(photo, captioned, "identity", DuplicateSettings(forgiven_share=0.15)).accepted


@pytest.mark.parametrize("shape", [(1, 1), (3, 900), (16, 16)])
def test_tiny_pictures_do_not_break_it(shape: tuple[int, int]) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    assert isinstance(verify_pair(picture, picture, "identity", SETTINGS).accepted, bool)


def test_the_verdict_does_not_depend_on_threads(wheel_photo: Photo) -> None:
    photo = wheel_photo("china")
    copy = COPIES["without 2 % of border"](photo)
    threads = cv2.getNumThreads()
    try:
        results = []
        for number in (1, 4):
            cv2.setNumThreads(number)
            results.append(verify_pair(photo, copy, "identity", SETTINGS))
    finally:
        cv2.setNumThreads(threads)
    assert results[0] == results[1]


def test_other_views_of_an_object_are_no_duplicates(shared_data: Path) -> None:
    folder = shared_data / "oddcases" / "imagededup_tests"
    views = [_read(path) for path in sorted((folder / "base_images").glob("*.jpg"))]
    assert len(views) == 10
    for a, b in itertools.combinations(views, 2):
        assert not verify_pair(a, b, "identity", SETTINGS).accepted
    original = _read(folder / "mixed_images" / "ukbench00120.jpg")
    assert verify_pair(
        original, _read(folder / "mixed_images" / "ukbench00120_resize.jpg"), "identity", SETTINGS
    ).accepted
    assert verify_pair(original, _read(folder / "mixed_images" / "ukbench00120_hflip.jpg"), "mirror", SETTINGS).accepted


def _read(path: Path) -> Pixels:
    with Image.open(path) as picture:
        return np.array(picture.convert("RGB"))
