"""Which images can be cut, and which cutter is found."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from million_ird.errors import UsageError
from million_ird.jpeg import find_cutter, is_cuttable
from million_ird.jpeg.fallback import JpeglibCutter
from million_ird.jpeg.turbo import LIBRARY_VARIABLE, TurboCutter, load_library
from million_ird.patches import Box, PatchSettings, grid
from million_ird.pixels import Header

HEADER = Header(
    format="jpeg",
    width=1500,
    height=1100,
    channels=3,
    bit_depth=8,
    colour_model="ycbcr",
    subsampling="4:2:0",
    quantisation=((1,) * 64,) * 3,
)


@pytest.fixture(autouse=True)
def fresh_search() -> Iterator[None]:
    find_cutter.cache_clear()
    yield
    find_cutter.cache_clear()


@pytest.mark.parametrize("sampling", ["4:4:4", "4:2:2", "4:2:0", "4:4:0", "4:1:1"])
def test_the_default_grid_can_be_cut_at_every_common_sampling(sampling: str) -> None:
    header = replace(HEADER, subsampling=sampling)
    for settings in (PatchSettings(), PatchSettings(margin=1), PatchSettings(size=256, margin=40)):
        boxes = grid(header.width, header.height, settings)
        assert boxes
        assert is_cuttable(header, boxes)


@pytest.mark.parametrize(
    "change",
    [
        {"format": "png"},
        {"subsampling": "4:1:0"},
        {"subsampling": "3x1,1x1,1x1"},
        {"subsampling": ""},
        {"bit_depth": 12},
        {"colour_model": "cmyk", "channels": 4},
        {"colour_model": "ycck", "channels": 4},
        {"colour_model": "rgb"},  # with subsampling: which of its planes would be luma?
        {"needs_conversion": True},
        {"quantisation": ()},
    ],
)
def test_what_cannot_be_cut(change: dict[str, object]) -> None:
    assert is_cuttable(HEADER)
    assert not is_cuttable(replace(HEADER, **change))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("sampling", "box", "cuttable"),
    [
        ("4:2:0", Box(16, 16, 512, 512), True),
        ("4:2:0", Box(8, 16, 512, 512), False),
        ("4:2:0", Box(16, 8, 512, 512), False),
        ("4:2:0", Box(0, 0, 504, 512), False),
        ("4:2:2", Box(16, 8, 512, 512), True),
        ("4:2:2", Box(8, 8, 512, 512), False),
        ("4:4:4", Box(8, 8, 504, 504), True),
        ("4:4:4", Box(0, 4, 512, 512), False),
        ("4:1:1", Box(16, 0, 512, 512), False),
        ("4:4:4", Box(1000, 0, 512, 512), False),  # beyond the right edge
    ],
)
def test_boxes_must_lie_on_mcu_borders_inside_the_image(sampling: str, box: Box, cuttable: bool) -> None:
    assert is_cuttable(replace(HEADER, subsampling=sampling), [box]) is cuttable


def test_an_odd_patch_size_is_not_cut_in_the_coefficient_domain() -> None:
    boxes = grid(HEADER.width, HEADER.height, PatchSettings(size=500))
    assert not is_cuttable(HEADER, boxes)


def test_without_libturbojpeg_jpeglib_is_found_with_a_hint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(LIBRARY_VARIABLE, "none")
    cutter = find_cutter()
    assert isinstance(cutter, JpeglibCutter)
    assert cutter.name.startswith("jpeglib ")
    for manager in ("apt install", "brew install", "conda install"):
        assert manager in cutter.hint
    assert "\n" not in cutter.hint


def test_libturbojpeg_is_preferred_and_names_its_version() -> None:
    library = load_library()
    if library is None:
        pytest.skip("libturbojpeg is not installed")
    cutter = find_cutter()
    assert isinstance(cutter, TurboCutter)
    assert cutter.hint == ""
    name, version = cutter.name.split()
    assert name == "libturbojpeg"
    assert version == "unknown" or version[0] in "23"


@pytest.mark.parametrize("wanted", ["/nowhere/libturbojpeg.so", "libc.so.6"])
def test_a_wrong_library_is_an_error_that_names_it(monkeypatch: pytest.MonkeyPatch, wanted: str) -> None:
    monkeypatch.setenv(LIBRARY_VARIABLE, wanted)
    with pytest.raises(UsageError, match=wanted):
        find_cutter()
