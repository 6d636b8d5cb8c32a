"""Patches are coded in restart intervals, and a rectangle is decoded from those that show it: the same pixels."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import simplejpeg

from million_ird.jpeg import Cutter
from million_ird.jpeg import region as region_module
from million_ird.jpeg.fallback import JpeglibCutter
from million_ird.jpeg.region import WholeDecoder, decode_region
from million_ird.jpeg.restarts import interval_boxes, intervals_showing, join_intervals
from million_ird.jpeg.turbo import TurboCutter, load_library
from million_ird.patches import Box
from million_ird.pixels import DecodeSettings, Header, read_header
from tests.million_ird.jpeg.sources import SOURCES, encode, encode_with_pillow, picture, source_data

HEIGHT, WIDTH = picture().shape[:2]
WIDE, HIGH = 320, 288
"""A patch of the test picture in whole MCUs."""


def _cutters() -> list[Cutter]:
    library = load_library()
    return [JpeglibCutter(), *([TurboCutter(library)] if library else [])]


def _patch(source: str, cutter: Cutter, height: int = HIGH) -> bytes:
    data = source_data(source)
    header = read_header(data, DecodeSettings(colour="keep"))
    assert isinstance(header, Header)
    patches = cutter.cut(data, header, [Box(0, 0, WIDE, height)])
    assert isinstance(patches, list)
    return patches[0].data


def _boxes(width: int, height: int, count: int = 30) -> list[Box]:
    random = np.random.default_rng(4)
    boxes = [Box(0, 0, width, height), Box(0, height - 1, width, 1), Box(5, 0, 1, 1)]
    boxes += [Box(7, y, 40, 30) for y in range(0, height - 30, 5)]
    for _ in range(count):
        x, y = int(random.integers(width)), int(random.integers(height))
        boxes.append(Box(x, y, int(random.integers(width - x)) + 1, int(random.integers(height - y)) + 1))
    return boxes


def _markers(data: bytes) -> list[int]:
    return [found[1] for found in re.findall(rb"\xff[\xd0-\xd7]", data[data.index(b"\xff\xda") :])]


@pytest.mark.parametrize("cutter", _cutters(), ids=lambda cutter: type(cutter).__name__)
@pytest.mark.parametrize("source", SOURCES)
def test_a_patch_has_a_marker_after_every_64_rows(source: str, cutter: Cutter) -> None:
    for height, markers in ((32, 0), (64, 0), (128, 1), (272, 4), (HIGH, 4)):
        patch = _patch(source, cutter, height)
        assert _markers(patch) == [0xD0 + number % 8 for number in range(markers)]
        whole = simplejpeg.decode_jpeg(source_data(source), "RGB")[2 : height - 2, 2 : WIDE - 2]
        found = simplejpeg.decode_jpeg(patch, "RGB", strict=True)
        assert found.shape == (height, WIDE, 3)
        np.testing.assert_array_equal(found[2:-2, 2:-2], whole)


@pytest.mark.parametrize("whole_only", [False, True])
@pytest.mark.parametrize("source", SOURCES)
def test_a_rectangle_of_a_patch_is_the_slice_of_the_full_decode(
    source: str, whole_only: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if whole_only:
        monkeypatch.setattr(region_module, "find_region_decoder", WholeDecoder)
    patch = _patch(source, _cutters()[-1])
    whole = simplejpeg.decode_jpeg(patch, "RGB", strict=True)
    for box in _boxes(WIDE, HIGH):
        expected = whole[box.y : box.y + box.height, box.x : box.x + box.width]
        np.testing.assert_array_equal(decode_region(patch, WIDE, HIGH, box), expected, str(box))


@pytest.mark.parametrize("interval", [1, 3, 7, 21, 42, 84])
@pytest.mark.parametrize("sampling", ["4:2:0", "4:4:4", "4:4:0"])
def test_intervals_of_other_encoders_are_used_where_rows_begin_with_one(sampling: str, interval: int) -> None:
    """331 pixels are 21 MCUs of 16, and 42 of 8."""
    data = encode(sampling, restart=interval)
    whole = simplejpeg.decode_jpeg(data, "RGB", strict=True)
    used = 0
    for box in _boxes(WIDTH, HEIGHT):
        shown = intervals_showing(data, WIDTH, HEIGHT, box)
        if shown is not None:
            part, height, inside = shown
            assert len(part) < len(data) and height < HEIGHT
            used += 1
            pixels = simplejpeg.decode_jpeg(part, "RGB", strict=True)
            assert pixels.shape == (height, WIDTH, 3)
            pixels = pixels[inside.y : inside.y + box.height, inside.x : inside.x + box.width]
            np.testing.assert_array_equal(
                pixels, whole[box.y : box.y + box.height, box.x : box.x + box.width], str(box)
            )
    assert used > 20


@pytest.mark.parametrize(
    "data",
    [
        encode(),  # none
        encode(restart=5),  # 21 MCUs a row
        encode(restart=21, progressive=True),
        encode_with_pillow("CMYK"),
        encode(restart=21)[:1000],
        b"",
        b"\xff\xd8\xff\xda",
        b"\xff\xd8\xff\xc0\x00\x02\xff\xda\x00\x02",
        b"\xff\xd8\xff\xc0\x00\x02\xff\xda\x00\x08" + bytes(20),
    ],
)
def test_other_files_are_left_to_the_decoder(data: bytes) -> None:
    assert intervals_showing(data, WIDTH, HEIGHT, Box(40, 140, 30, 30)) is None


def test_another_size_than_said_is_left_to_the_decoder() -> None:
    data = encode(restart=21)
    assert intervals_showing(data, WIDTH, HEIGHT, Box(40, 140, 30, 30)) is not None
    for width, height in ((WIDTH + 1, HEIGHT), (WIDTH, HEIGHT - 1)):
        assert intervals_showing(data, width, height, Box(40, 140, 30, 30)) is None
        with pytest.raises(ValueError, match="another size"):
            decode_region(data, width, height, Box(40, 140, 30, 30))


def test_inks_are_refused_with_markers_too() -> None:
    data = encode_with_pillow("CMYK", restart_marker_rows=1)
    assert intervals_showing(data, WIDTH, HEIGHT, Box(40, 140, 30, 30)) is not None
    with pytest.raises(ValueError, match=r"\w"):
        decode_region(data, WIDTH, HEIGHT, Box(40, 140, 30, 30))


def test_a_lost_or_misnumbered_marker_leaves_the_verdict_to_the_whole_decode() -> None:
    data = encode("4:4:4", restart=42)
    lost = data.replace(b"\xff\xd3", b"", 1)
    wrong = data.replace(b"\xff\xd3", b"\xff\xd4", 1)
    for broken in (lost, wrong):
        with pytest.raises(ValueError, match=r"\w"):
            decode_region(broken, WIDTH, HEIGHT, Box(40, 140, 30, 30))


def test_a_picture_behind_the_end_mark_is_not_taken_for_intervals() -> None:
    """A file that ends early, with another picture behind it whose markers would continue the count."""
    first, second = encode("4:4:4", restart=42), encode("4:4:4", restart=42, quality=60)
    markers = [found.start() for found in re.finditer(rb"\xff[\xd0-\xd7]", first)]
    both = first[: markers[16]] + b"\xff\xd9" + second
    assert WholeDecoder().decode(first, WIDTH, HEIGHT, Box(40, 200, 30, 30)).any()
    with pytest.raises(ValueError, match=r"\w"):
        decode_region(both, WIDTH, HEIGHT, Box(40, 200, 30, 30))


def test_fill_bytes_before_any_marker_are_passed_over() -> None:
    data = encode("4:2:0", restart=21)
    box = Box(40, 140, 30, 30)
    expected = WholeDecoder().decode(data, WIDTH, HEIGHT, box)
    filled = re.sub(rb"\xff([\xc0\xc4\xda\xdb\xdd\xd0-\xd7])", b"\xff\xff\xff\xff\\1", data)
    assert len(filled) > len(data) + 3 * 18
    assert intervals_showing(filled, WIDTH, HEIGHT, box) is not None
    np.testing.assert_array_equal(decode_region(filled, WIDTH, HEIGHT, box), expected)


def test_damage_inside_is_refused_and_damage_elsewhere_is_not_looked_at() -> None:
    """Checksums of a dataset's rows see all of it."""
    data = encode("4:4:4", restart=42)  # 8 rows
    markers = [found.start() for found in re.finditer(rb"\xff[\xd0-\xd7]", data)]
    inside = data[: markers[17] + 20] + data[markers[17] + 24 :]  # rows 144 to 151
    with pytest.raises(ValueError, match=r"\w"):
        decode_region(inside, WIDTH, HEIGHT, Box(40, 140, 30, 30))
    expected = WholeDecoder().decode(data, WIDTH, HEIGHT, Box(40, 240, 30, 30))
    np.testing.assert_array_equal(decode_region(inside, WIDTH, HEIGHT, Box(40, 240, 30, 30)), expected)


def test_mutated_files_decode_or_are_refused() -> None:
    data = encode(restart=21)
    random = np.random.default_rng(8)
    refused = 0
    for _ in range(1500):
        mutated = bytearray(data)
        for _ in range(int(random.integers(1, 4))):
            # Half of them in the header, which says how the rest is divided.
            end = 700 if random.random() < 0.5 else len(data)
            mutated[int(random.integers(2, end))] = int(random.integers(256))
        try:
            pixels = decode_region(bytes(mutated), WIDTH, HEIGHT, Box(40, 140, 30, 30))
        except ValueError:
            refused += 1
            continue
        assert pixels.shape == (30, 30, 3)
    assert 100 < refused < 1500


def test_parts_with_other_tables_are_not_joined() -> None:
    first, second = (encode(quality=quality, rgb=picture(64, 32)) for quality in (80, 81))
    with pytest.raises(ValueError, match="different tables"):
        join_intervals([first, second], 64, 8)
    with pytest.raises(ValueError, match="sequential"):
        join_intervals([encode(progressive=True, rgb=picture(64, 32))] * 2, 64, 8)
    assert join_intervals([first], 32, 8) == first


def test_interval_boxes_cover_a_box() -> None:
    assert interval_boxes(Box(8, 16, 64, 144)) == [Box(8, 16, 64, 64), Box(8, 80, 64, 64), Box(8, 144, 64, 16)]
    assert interval_boxes(Box(0, 0, 32, 32)) == [Box(0, 0, 32, 32)]


def test_real_files_with_markers_are_as_exact(shared_data: Path) -> None:
    used = 0
    for path in sorted(shared_data.rglob("*.jpg")):
        data = path.read_bytes()
        header = read_header(data, DecodeSettings(colour="keep"))
        if b"\xff\xdd\x00\x04" not in data[:50_000] or not isinstance(header, Header) or header.channels == 4:
            continue
        box = Box(header.width // 3, header.height // 2, 64, header.height // 4)
        if intervals_showing(data, header.width, header.height, box) is None:
            continue
        whole = simplejpeg.decode_jpeg(data, "RGB")
        expected = whole[box.y : box.y + box.height, box.x : box.x + 64]
        np.testing.assert_array_equal(decode_region(data, header.width, header.height, box), expected, path.name)
        used += 1
    assert used >= 2
