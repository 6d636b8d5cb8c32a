from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from million_ird.records import IMAGE_COLUMNS
from million_ird.screens import SCREENS, Photo, Screen, measure_all

MakePhoto = Callable[[np.ndarray], Photo]


def test_names_are_words_of_their_own() -> None:
    names = [screen.name for screen in SCREENS]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", name) for name in names)
    assert not set(names) & {field.name for field in IMAGE_COLUMNS}
    assert not any(name.startswith("learned_") for name in names)


def test_every_screen_is_described() -> None:
    page = (Path(__file__).parents[3] / "docs" / "screens.md").read_text("utf-8")
    for screen in SCREENS:
        assert screen.unit and screen.measured_on and screen.source
        assert f"`{screen.name}`" in page, f"docs/screens.md does not explain {screen.name}"


def test_numbers_are_rounded_to_the_stated_digits(
    photo_from_pixels: MakePhoto, wheel_photo: Callable[[str], np.ndarray]
) -> None:
    measures = measure_all(photo_from_pixels(wheel_photo("coffee")), SCREENS)
    assert list(measures) == [screen.name for screen in SCREENS]
    assert measures.pop("jpeg_quality") is None
    for screen in SCREENS:
        if screen.name in measures:
            value = measures[screen.name]
            assert value is not None and value == round(value, screen.digits)


def test_what_is_not_finite_is_not_measured(photo_from_pixels: MakePhoto) -> None:
    photo = photo_from_pixels(np.zeros((8, 8), np.uint8))
    screen = SCREENS[0]
    for measured, stored in ((float("nan"), None), (float("inf"), None), (None, None), (-0.0001, 0.0)):
        probe = Screen("probe", screen.unit, 2, "", "", "cheap", lambda _, measured=measured: measured)
        assert probe.value(photo) == stored
    assert str(probe.value(photo)) == "0.0"


@pytest.mark.parametrize(
    "shape", [(1, 1), (1, 300), (300, 1), (2, 2), (7, 9), (33, 32), (97, 95), (192, 96), (257, 31), (40, 30_000)]
)
@pytest.mark.parametrize("content", ["black", "noise"])
def test_no_shape_and_no_content_upsets_a_screen(
    shape: tuple[int, int], content: str, photo_from_pixels: MakePhoto
) -> None:
    rng = np.random.default_rng(0)
    luma = np.zeros(shape, np.uint8) if content == "black" else rng.integers(0, 256, shape, np.uint8)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        measures = measure_all(photo_from_pixels(luma), SCREENS)
    assert all(value is None or np.isfinite(value) for value in measures.values())
