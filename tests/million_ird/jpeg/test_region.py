"""Decoding a rectangle of a JPEG: every way gives exactly the slice of the full decode, and refuses what is damaged."""

from __future__ import annotations

import re
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import simplejpeg

from million_ird.jpeg import region
from million_ird.jpeg.region import (
    ExtensionDecoder,
    RegionDecoder,
    TurboDecoder,
    WholeDecoder,
    decode_region,
    find_region_decoder,
    region_decoder,
    region_decoders,
)
from million_ird.jpeg.turbo import LIBRARY_VARIABLE, load_library
from million_ird.patches import Box
from million_ird.pixels.jpeg_header import read_segments
from tests.million_ird.jpeg.sources import SOURCES, arithmetic, encode, encode_with_pillow, picture, source_data

HEIGHT, WIDTH = picture().shape[:2]


@pytest.fixture(params=["extension", "libturbojpeg", "whole"])
def decoder(request: pytest.FixtureRequest) -> RegionDecoder:
    """Each way in turn, where this machine has it."""
    if request.param == "extension":
        return _extension()
    if request.param == "libturbojpeg":
        library = load_library()
        if library is None or not hasattr(library, "tj3SetCroppingRegion"):
            pytest.skip(f"no libturbojpeg 3 on this machine; name one by ${LIBRARY_VARIABLE}")
        return TurboDecoder(library)
    return WholeDecoder()


def _extension() -> ExtensionDecoder:
    try:
        return ExtensionDecoder()
    except ImportError:
        pytest.skip("the extension was not built: no C compiler, or no jpeglib.h of libjpeg-turbo")


def _boxes(count: int = 25) -> list[Box]:
    """The corners, the whole, single pixels, every residue of an MCU, and random rectangles."""
    random = np.random.default_rng(3)
    boxes = [Box(0, 0, WIDTH, HEIGHT), Box(WIDTH - 1, HEIGHT - 1, 1, 1), Box(0, 0, 1, 1)]
    boxes += [Box(x, y, 64, 64) for x in (0, WIDTH - 64) for y in (0, HEIGHT - 64)]
    boxes += [Box(96 + i, 80 + 31 - i, 33, 18) for i in range(32)]
    for _ in range(count):
        x, y = int(random.integers(WIDTH)), int(random.integers(HEIGHT))
        boxes.append(Box(x, y, int(random.integers(WIDTH - x)) + 1, int(random.integers(HEIGHT - y)) + 1))
    return boxes


@pytest.mark.parametrize("source", SOURCES)
def test_a_rectangle_is_the_slice_of_the_full_decode(source: str, decoder: RegionDecoder) -> None:
    data = source_data(source)
    if isinstance(decoder, TurboDecoder) and "progressive" in source:
        pytest.skip("refused by libturbojpeg's way, decoded whole")
    whole = simplejpeg.decode_jpeg(data, "RGB", strict=True)
    for box in _boxes()[:: 12 if isinstance(decoder, WholeDecoder) else 1]:  # that one is slow, and a slice anyway
        pixels = decoder.decode(data, WIDTH, HEIGHT, box)
        assert pixels.dtype == np.uint8 and pixels.flags.c_contiguous
        expected = whole[box.y : box.y + box.height, box.x : box.x + box.width]
        np.testing.assert_array_equal(pixels, expected, str(box))


def test_real_patches_are_as_exact(shared_data: Path, decoder: RegionDecoder) -> None:
    folder = shared_data / "photos" / "debian_plasma-workspace-wallpapers"
    files = [path.read_bytes() for path in sorted(folder.rglob("*.jpg"))]
    files = [data for data in files if read_segments(data).process == 0][:3]
    assert files
    for data in files:
        whole = simplejpeg.decode_jpeg(data, "RGB", strict=True)
        height, width = whole.shape[:2]
        for x, y in ((0, 0), (77, 130), (width - 128, height - 128)):
            pixels = decoder.decode(data, width, height, Box(x, y, 128, 128))
            np.testing.assert_array_equal(pixels, whole[y : y + 128, x : x + 128])


def _flipped(data: bytes) -> bytes:
    """A marker where coded data should be, in the first rows."""
    start = data.index(b"\xff\xda") + 40
    return data[:start] + b"\xff\xd9" + data[start:]


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[: len(data) // 3],
        lambda data: b"",
        lambda data: b"no picture at all",
        lambda data: data[2:],
        _flipped,
    ],
)
def test_damage_is_an_error(damage: object, decoder: RegionDecoder) -> None:
    assert callable(damage)
    data = damage(encode("4:2:0"))
    with pytest.raises(ValueError, match=r"\w"):
        decoder.decode(data, WIDTH, HEIGHT, Box(64, HEIGHT - 64, 64, 64))
    with pytest.raises(ValueError, match=r"\w"):
        decode_region(data, WIDTH, HEIGHT, Box(64, HEIGHT - 64, 64, 64))


def test_another_size_than_said_is_an_error(decoder: RegionDecoder) -> None:
    for width, height in ((WIDTH + 1, HEIGHT), (WIDTH, HEIGHT - 1), (10_000, 10_000)):
        with pytest.raises(ValueError, match="another size"):
            decoder.decode(encode(), width, height, Box(0, 0, 8, 8))


def test_colours_that_are_no_rgb_are_an_error(decoder: RegionDecoder) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        decoder.decode(encode_with_pillow("CMYK"), WIDTH, HEIGHT, Box(0, 0, 8, 8))


def test_arithmetic_coding_is_no_trap(decoder: RegionDecoder, tmp_path: Path) -> None:
    data = arithmetic(tmp_path)
    whole = WholeDecoder().decode(data, WIDTH, HEIGHT, Box(0, 0, WIDTH, HEIGHT))
    np.testing.assert_array_equal(decoder.decode(data, WIDTH, HEIGHT, Box(70, 90, 50, 60)), whole[90:150, 70:120])


def test_a_scan_repeated_endlessly_is_refused(decoder: RegionDecoder) -> None:
    data = encode("4:4:4", progressive=True)
    scan = data.rindex(b"\xff\xda")
    with pytest.raises(ValueError, match="rogress"):
        decoder.decode(data[:scan] + data[scan:-2] * 300 + data[-2:], WIDTH, HEIGHT, Box(0, 0, 64, 64))


@pytest.mark.parametrize("scans", [1, 4, 9])
def test_what_missing_scans_leave_open_is_the_same_in_every_rectangle(scans: int, decoder: RegionDecoder) -> None:
    """libjpeg fills it by looking at blocks around; a rectangle has others at its border than the picture has there."""
    data = encode("4:2:0", progressive=True)
    starts = [found.start() for found in re.finditer(rb"\xff\xda", data)]
    data = data[: starts[scans]] + b"\xff\xd9"
    whole = simplejpeg.decode_jpeg(data, "RGB", strict=True)
    if not isinstance(decoder, WholeDecoder):
        with pytest.raises(ValueError, match="scans"):
            decoder.decode(data, WIDTH, HEIGHT, Box(70, 90, 50, 60))
    for box in _boxes():
        expected = whole[box.y : box.y + box.height, box.x : box.x + box.width]
        np.testing.assert_array_equal(decode_region(data, WIDTH, HEIGHT, box), expected, str(box))


def test_the_extension_checks_its_arguments() -> None:
    _extension()
    from million_ird.jpeg import _region

    out = np.zeros((8, 8, 3), np.uint8)
    for arguments in ((WIDTH - 7, 0, 8, 8), (0, HEIGHT, 8, 8), (2**32 - 4, 0, 8, 8), (0, 0, 8, 9), (0, 0, 0, 0)):
        with pytest.raises(ValueError, match="does not lie"):
            _region.decode_region(encode(), out, WIDTH, HEIGHT, *arguments)
    out.flags.writeable = False
    with pytest.raises((TypeError, BufferError, ValueError)):
        _region.decode_region(encode(), out, WIDTH, HEIGHT, 0, 0, 8, 8)


def test_what_the_fast_way_refuses_is_decoded_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    class Refuses:
        name = "refuses"

        def decode(self, data: bytes, width: int, height: int, box: Box) -> npt.NDArray[np.uint8]:
            raise ValueError("an unusual subsampling")

    monkeypatch.setattr(region, "find_region_decoder", Refuses)
    box = Box(3, 5, 40, 30)
    expected = WholeDecoder().decode(encode(), WIDTH, HEIGHT, box)
    np.testing.assert_array_equal(decode_region(encode(), WIDTH, HEIGHT, box), expected)


def test_without_extension_and_library_whole_pictures_are_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "million_ird.jpeg._region", None)
    monkeypatch.delattr("million_ird.jpeg._region", raising=False)
    monkeypatch.setenv(LIBRARY_VARIABLE, "none")
    assert [type(found) for found in region_decoders()] == [WholeDecoder]


def test_the_choice_is_the_first_and_can_be_shown() -> None:
    assert type(find_region_decoder()) is type(region_decoders()[0])
    assert region_decoder() == f"region decoder: {find_region_decoder().name}"
    assert type(region_decoders()[-1]) is WholeDecoder


@pytest.mark.parametrize("subsampling", range(7))
def test_libturbojpegs_rectangle_holds_ours_and_begins_on_an_mcu(subsampling: int) -> None:
    for box in _boxes(100):
        wide = region._widened(box, WIDTH, HEIGHT, subsampling)
        assert wide.x % region._MCU_WIDTHS[subsampling] == 0
        assert 0 <= wide.x <= max(box.x - 8, 0) and 0 <= wide.y <= max(box.y - 8, 0)
        assert min(box.x + box.width + 8, WIDTH) == wide.x + wide.w
        assert min(box.y + box.height + 8, HEIGHT) == wide.y + wide.h


def test_threads_may_decode_at_once(decoder: RegionDecoder) -> None:
    data, boxes = encode(), _boxes()
    alone = [decoder.decode(data, WIDTH, HEIGHT, box) for box in boxes]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda box: decoder.decode(data, WIDTH, HEIGHT, box), boxes))
    assert all(np.array_equal(a, b) for a, b in zip(alone, together, strict=True))
