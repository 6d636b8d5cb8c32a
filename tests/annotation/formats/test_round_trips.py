"""Every format gives back what it was given: bit for bit, or with the loss that it states."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotation.exporting import iou_of
from annotation.formats.model import Found, Writing
from annotation.formats.polygons import outlines
from annotation.formats.registry import FORMATS, open_format
from annotation.mask import Mask
from tests.annotation.formats.world import ALL, LOSSY, RASTER, masks, read, read_masks, ring, write

NAMES = ("a", "s01/00", "ä b/ü.v2")


@pytest.mark.parametrize("form", RASTER)
@settings(max_examples=20, deadline=None)
@given(drawn=st.lists(masks(), min_size=1, max_size=3))
def test_a_raster_format_gives_every_mask_back_bit_for_bit(form: str, drawn: list[Mask]) -> None:
    content = dict(zip(NAMES, drawn, strict=False))
    with tempfile.TemporaryDirectory() as folder:
        written = write(form, content, Path(folder))
        assert [each.name for each in written] == list(content)
        found = {found.names[-1]: found for found in read(form, Path(folder)) if isinstance(found, Found)}
        assert len(found) == len(content)
        back = {min(content, key=lambda name: _distance(name, each)): each for each in found.values()}
        for name, mask in content.items():
            assert np.array_equal(back[name].load((mask.shape[1], mask.shape[0])), mask)


def _distance(name: str, found: Found) -> int:
    """0 if one of the names that was found is the item's, as file or as image."""
    return 0 if any(candidate in (name, f"{name}.jpg", f"train/{name}") for candidate in found.names) else 1


@pytest.mark.parametrize("form", LOSSY)
@settings(max_examples=20, deadline=None)
@given(mask=masks())
def test_polygons_lose_holes_and_nothing_else(form: str, mask: Mask) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (written,) = write(form, {"a": mask}, Path(folder))
        (back,) = read_masks(form, Path(folder), [(mask.shape[1], mask.shape[0])])
    holes = outlines(mask).holes
    assert (back | mask).sum() == back.sum()
    assert np.array_equal(back, mask) == (holes == 0)
    assert written.note == ("" if not holes else f"{holes} hole{'s' * (holes > 1)} filled")


@pytest.mark.parametrize("form", LOSSY)
def test_an_outline_that_vanishes_leaves_an_empty_mask(form: str, tmp_path: Path) -> None:
    mask = np.zeros((30, 40), np.bool_)
    mask[4, 5] = True
    write(form, {"a": mask}, tmp_path, Writing(tolerance=50))
    (back,) = read_masks(form, tmp_path, [(40, 30)])
    assert not back.any()


@pytest.mark.parametrize("form", LOSSY)
def test_simplified_polygons_are_near(form: str, tmp_path: Path) -> None:
    y, x = np.mgrid[:120, :160]
    mask = (x - 80) ** 2 / 3 + (y - 60) ** 2 < 40**2
    write(form, {"a": mask}, tmp_path, Writing(tolerance=1.0))
    (back,) = read_masks(form, tmp_path, [(160, 120)])
    assert 0.95 < iou_of(mask, back) < 1


@pytest.mark.parametrize("form", ALL)
def test_equal_masks_give_equal_bytes(form: str, tmp_path: Path) -> None:
    content = {"a": ring(), "b/c": ~ring()}
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        write(form, content, tmp_path / name)
    one, two = (
        {path.relative_to(root): path.read_bytes() for path in root.rglob("*") if path.is_file()}
        for root in (tmp_path / "one", tmp_path / "two")
    )
    assert one == two
    assert one


@pytest.mark.parametrize("form", ALL)
def test_the_label_of_a_file_is_the_one_that_was_asked_for(form: str, tmp_path: Path) -> None:
    write(form, {"a": ring()}, tmp_path, Writing(label='moved "fast" & <far>'))
    (back,) = read_masks(form, tmp_path, [(40, 30)])
    assert back.any()


def test_the_registry_names_every_format_as_it_names_itself() -> None:
    assert [open_format(name).name for name in FORMATS] == list(FORMATS)
    assert {name for name in FORMATS if open_format(name).is_lossy} == set(LOSSY)
