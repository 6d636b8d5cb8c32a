"""The patches of one image: every box of the grid gets a candidate, kept or with a reason."""

from __future__ import annotations

import numpy as np
import pytest

from million_ird.cut import cut, encoding_for
from million_ird.jpeg import find_cutter
from million_ird.patches import PatchSettings, grid
from million_ird.pixels import DecodeSettings, decode_patch
from million_ird.records import Rejection
from tests.flow.world import jpeg, picture, png
from tests.million_ird.jpeg.sources import coefficients

SETTINGS = PatchSettings(size=64, max_flat_fraction=0.5)


def _half_flat(width: int = 256, height: int = 128) -> np.ndarray:
    """Texture on the left, one colour on the right."""
    rgb = picture(5, width, height)
    rgb[:, width // 2 :] = 90
    return rgb


@pytest.mark.parametrize("encoding", ["jpg", "webp"])
def test_every_box_has_a_candidate_with_a_verdict(encoding: str) -> None:
    rgb = _half_flat()
    data = jpeg(rgb) if encoding == "jpg" else png(rgb)
    candidates = cut(data, encoding, find_cutter(), DecodeSettings(), SETTINGS)
    assert not isinstance(candidates, Rejection)
    assert [each.box for each in candidates] == grid(256, 128, SETTINGS)
    for each in candidates:
        assert each.flat_fraction is not None and each.flat_fraction == round(each.flat_fraction, 4)
        is_flat = each.flat_fraction > SETTINGS.max_flat_fraction
        assert (each.rejection.reason if each.rejection else "") == ("flat" if is_flat else "")
        assert is_flat == (each.box.x >= 128) or each.box.x == each.box.y == 0  # its corner is flat as well
    assert {bool(each.rejection) for each in candidates} == {True, False}


def test_patches_from_pixels_hold_the_pixels() -> None:
    rgb = picture(1, 200, 136)
    candidates = cut(png(rgb), "webp", find_cutter(), DecodeSettings(), PatchSettings(size=64, max_flat_fraction=1.0))
    assert not isinstance(candidates, Rejection)
    assert len(candidates) == 6
    for each in candidates:
        square = rgb[each.box.y : each.box.y + 64, each.box.x : each.box.x + 64]
        assert (decode_patch(each.data) == square).all()
        pixels = each.pixels()
        assert pixels is not None and (pixels == square).all()


def test_patches_of_a_jpeg_hold_its_coefficients() -> None:
    data = jpeg(picture(1, 200, 136))
    candidates = cut(data, "jpg", find_cutter(), DecodeSettings(), PatchSettings(size=64, max_flat_fraction=1.0))
    assert not isinstance(candidates, Rejection)
    luma = coefficients(data)[0]
    for each in candidates:
        x, y = each.box.x // 8, each.box.y // 8
        assert (coefficients(each.data)[0] == luma[y : y + 8, x : x + 8]).all()
        pixels = each.pixels()
        assert pixels is not None and pixels.shape == (64, 64, 3)


def test_a_rejected_patch_from_pixels_is_not_encoded() -> None:
    candidates = cut(png(_half_flat()), "webp", find_cutter(), DecodeSettings(), SETTINGS)
    assert not isinstance(candidates, Rejection)
    assert all(bool(each.data) == (each.rejection is None) for each in candidates)


def test_an_image_smaller_than_a_patch_has_none() -> None:
    assert cut(jpeg(picture(1, 60, 200)), "jpg", find_cutter(), DecodeSettings(), SETTINGS) == []


@pytest.mark.parametrize("encoding", ["jpg", "webp"])
def test_an_image_that_is_none_any_more_is_a_rejection(encoding: str) -> None:
    data = jpeg(picture(1, 200, 136))
    for broken in (b"", b"<html>", data[:2000]):
        assert isinstance(cut(broken, encoding, find_cutter(), DecodeSettings(), SETTINGS), Rejection)


def test_the_encoding_follows_from_image_and_size() -> None:
    assert encoding_for(True, PatchSettings(size=512)) == "jpg"
    assert encoding_for(False, PatchSettings(size=512)) == "webp"
    assert encoding_for(True, PatchSettings(size=500)) == "webp", "no multiple of the largest MCU"
