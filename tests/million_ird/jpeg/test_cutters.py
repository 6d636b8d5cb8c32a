"""Both cutters against an independent coefficient reader and an independent decoder."""

from __future__ import annotations

import ctypes
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import simplejpeg

from million_ird.flatness import block_variance_from_pixels
from million_ird.jpeg import CutPatch, Cutter, is_cuttable
from million_ird.jpeg.cutter import MCU_SIDES
from million_ird.jpeg.fallback import JpeglibCutter
from million_ird.jpeg.turbo import TurboCutter, load_library
from million_ird.patches import Box
from million_ird.pixels import DecodeSettings, Header, read_header
from million_ird.pixels.jpeg_header import read_segments
from million_ird.records import Rejection

from .sources import SOURCES, arithmetic, coefficients, encode, picture, quantisation, source_data

BOXES = [Box(0, 0, 128, 128), Box(128, 64, 64, 64), Box(192, 160, 96, 128), Box(32, 96, 32, 32)]
KEEP = DecodeSettings(colour="keep")


def turbo() -> TurboCutter:
    library = load_library()
    if library is None:
        pytest.skip("libturbojpeg is not installed")
    return TurboCutter(library)


@pytest.fixture(params=["libturbojpeg", "jpeglib"])
def cutter(request: pytest.FixtureRequest) -> Cutter:
    return turbo() if request.param == "libturbojpeg" else JpeglibCutter()


def header_of(data: bytes) -> Header:
    header = read_header(data, KEEP)
    assert isinstance(header, Header), header
    return header


def cut(cutter: Cutter, data: bytes, boxes: list[Box] = BOXES, huffman: str = "standard") -> list[CutPatch]:
    patches = cutter.cut(data, header_of(data), boxes, huffman)  # type: ignore[arg-type]
    assert isinstance(patches, list), patches
    assert len(patches) == len(boxes)
    return patches


@pytest.mark.parametrize("huffman", ["standard", "optimised"])
@pytest.mark.parametrize("source", SOURCES)
def test_patches_hold_the_coefficients_of_their_source(cutter: Cutter, source: str, huffman: str) -> None:
    data = source_data(source)
    assert is_cuttable(header_of(data), BOXES)
    planes = coefficients(data)
    tables = quantisation(data)
    for box, patch in zip(BOXES, cut(cutter, data, huffman=huffman), strict=True):
        found = coefficients(patch.data)
        assert len(found) == len(planes)
        for plane, cut_plane in zip(planes, found, strict=True):
            down = 8 * round(planes[0].shape[0] / plane.shape[0])
            across = 8 * round(planes[0].shape[1] / plane.shape[1])
            rows = slice(box.y // down, (box.y + box.height) // down)
            columns = slice(box.x // across, (box.x + box.width) // across)
            np.testing.assert_array_equal(cut_plane, plane[rows, columns])
        assert quantisation(patch.data) == tables


@pytest.mark.parametrize("width", [33, 40, 48, 65, 97, 104, 129, 136])
@pytest.mark.parametrize("sampling", ["4:1:1", "4:2:2", "4:2:0", "4:4:0"])
def test_a_picture_that_ends_within_an_mcu_has_its_chroma_where_it_belongs(
    cutter: Cutter, sampling: str, width: int
) -> None:
    """Its planes are not as much smaller as they are subsampled: in 4:1:1, 5 blocks of luma and 2 of chroma."""
    data = encode(sampling, rgb=picture(width, 41))
    boxes = [Box(x, 0, 32, 32) for x in range(0, width - 31, 32)]
    mcu_width, mcu_height = MCU_SIDES[sampling]
    planes = coefficients(data)
    for box, patch in zip(boxes, cut(cutter, data, boxes), strict=True):
        found = coefficients(patch.data)
        np.testing.assert_array_equal(found[0], planes[0][:4, box.x // 8 : box.x // 8 + 4])
        columns = slice(box.x // mcu_width, (box.x + 32) // mcu_width)
        for chroma in (1, 2):
            np.testing.assert_array_equal(found[chroma], planes[chroma][: 32 // mcu_height, columns])


@pytest.mark.parametrize("source", SOURCES)
def test_patches_decode_to_the_pixels_of_their_source(cutter: Cutter, source: str) -> None:
    data = source_data(source)
    whole = simplejpeg.decode_jpeg(data)
    header = header_of(data)
    # The decoder smooths subsampled chroma across the patch's border, so only the inside is the same there.
    ring = 0 if header.subsampling in ("4:4:4", "4:0:0") else 1
    for box, patch in zip(BOXES, cut(cutter, data), strict=True):
        found = simplejpeg.decode_jpeg(patch.data)
        assert found.shape[:2] == (box.height, box.width)
        expected = whole[box.y : box.y + box.height, box.x : box.x + box.width]
        inside = (slice(ring, box.height - ring), slice(ring, box.width - ring))
        np.testing.assert_array_equal(found[inside], expected[inside])


@pytest.mark.parametrize("source", SOURCES)
def test_patches_are_sequential_and_carry_no_metadata(cutter: Cutter, source: str) -> None:
    data = source_data(source)
    for patch in cut(cutter, data):
        header = header_of(patch.data)
        assert read_segments(patch.data).process in (0, 1)
        assert header.subsampling == header_of(data).subsampling
        assert (header.orientation, header.icc, header.progressive) == (1, b"", False)
        for marker in (b"\xff\xe1", b"\xff\xe2", b"\xff\xfe"):  # EXIF, ICC, comment
            assert marker not in patch.data[: patch.data.index(b"\xff\xda")]


def test_arithmetic_sources_become_huffman_patches(cutter: Cutter, tmp_path: Path) -> None:
    plain = encode()
    coded = arithmetic(tmp_path)
    assert read_segments(coded).process == 9
    patches = cutter.cut(coded, header_of(plain), BOXES)
    assert isinstance(patches, list)
    for patch, expected in zip(patches, cut(cutter, plain), strict=True):
        assert read_segments(patch.data).process == 0
        for found, wanted in zip(coefficients(patch.data), coefficients(expected.data), strict=True):
            np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("source", SOURCES)
def test_block_variance_is_that_of_the_decoded_luma(cutter: Cutter, source: str) -> None:
    data = source_data(source)
    luma = simplejpeg.decode_jpeg(data, "GRAY")[..., 0]
    for box, patch in zip(BOXES, cut(cutter, data), strict=True):
        pixels = block_variance_from_pixels(luma[box.y : box.y + box.height, box.x : box.x + box.width])
        assert patch.block_variance.shape == (box.height // 8, box.width // 8)
        assert patch.block_variance.dtype == np.float32
        # Where nothing is clipped, rounding to whole levels is all that separates the two.
        close = np.abs(patch.block_variance - pixels) <= 0.1 + 0.25 * np.sqrt(pixels)
        assert close.mean() > 0.85


@pytest.mark.parametrize("source", SOURCES)
def test_both_cutters_measure_the_same_number(source: str) -> None:
    data = source_data(source)
    for fast, slow in zip(cut(turbo(), data), cut(JpeglibCutter(), data), strict=True):
        np.testing.assert_array_equal(fast.block_variance, slow.block_variance)


def test_optimised_tables_save_bytes_and_standard_ones_are_the_standards(cutter: Cutter) -> None:
    data = encode(rgb=picture(512, 512))
    box = [Box(0, 0, 512, 512)]
    standard, optimised = cut(cutter, data, box)[0].data, cut(cutter, data, box, "optimised")[0].data
    assert len(optimised) < len(standard)
    # A standard table's segment: all 162 AC symbols are there, in the order of ITU-T T.81 K.3.3.2.
    assert bytes((0x01, 0x02, 0x03, 0x00, 0x04, 0x11, 0x05, 0x12, 0x21, 0x31, 0x41, 0x06)) in standard


def test_a_cut_is_deterministic(cutter: Cutter) -> None:
    data = encode()
    assert [p.data for p in cut(cutter, data)] == [p.data for p in cut(cutter, data)]
    # … and a patch does not depend on which others are cut with it.
    assert cut(cutter, data, BOXES[2:3])[0].data == cut(cutter, data)[2].data


def test_no_boxes_give_no_patches(cutter: Cutter) -> None:
    data = encode()
    assert cutter.cut(data, header_of(data), []) == []


def damaged_versions(data: bytes) -> dict[str, bytes]:
    middle = len(data) // 2
    marker = data[:middle] + b"\xff\xc4\x00" + data[middle + 3 :]
    return {"truncated": data[:middle], "no end": data[:-40], "stray marker": marker, "only a header": data[:700]}


@pytest.mark.parametrize("kind", ["truncated", "no end", "stray marker", "only a header"])
@pytest.mark.parametrize("progressive", [False, True])
def test_damaged_data_is_rejected(
    cutter: Cutter, kind: str, progressive: bool, capfd: pytest.CaptureFixture[str]
) -> None:
    data = encode(progressive=progressive)
    result = cutter.cut(damaged_versions(data)[kind], header_of(data), BOXES)
    assert isinstance(result, Rejection)
    assert (result.step, result.reason) == ("cut", "cut_failed")
    assert result.detail
    assert "\n" not in result.detail
    assert cut(cutter, data)  # the next image is cut as if nothing had happened
    assert capfd.readouterr() == ("", "")


def test_a_wrong_quantisation_table_in_the_header_is_noticed(cutter: Cutter) -> None:
    other = header_of(encode(quality=50))
    result = cutter.cut(encode(quality=95), other, BOXES)
    if isinstance(cutter, TurboCutter):
        assert isinstance(result, Rejection)
        assert "quantisation" in result.detail


def test_threads_do_not_disturb_each_other(cutter: Cutter) -> None:
    sources = [encode(sampling) for sampling in MCU_SIDES if sampling != "4:0:0"]
    expected = [[p.data for p in cut(cutter, data)] for data in sources]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda data: [p.data for p in cut(cutter, data)], sources * 4))
    assert found == expected * 4


LIBC = ctypes.CDLL(None)


def resident_bytes() -> int:
    """Memory that this process holds, less what its allocator keeps for later."""
    LIBC.malloc_trim(0)
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


@pytest.mark.skipif(
    not (Path("/proc/self/statm").exists() and hasattr(LIBC, "malloc_trim")),
    reason="memory in use is read from Linux's /proc and glibc",
)
@pytest.mark.parametrize("fails", [False, True])
def test_memory_is_given_back(fails: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    cutter = turbo()
    data = encode(rgb=picture(1100, 1100))
    header = header_of(data)
    boxes = [Box(x, y, 512, 512) for x in (0, 512) for y in (0, 512)]
    if fails:  # in the filter, when all patches are written: what could leak on the way out
        monkeypatch.setattr("million_ird.jpeg.turbo.coarse_energy", fail)

    def cut_often(times: int) -> None:
        for _ in range(times):
            if fails:
                with pytest.raises(MemoryError, match="in the filter"):
                    cutter.cut(data, header, boxes)
            else:
                cutter.cut(data, header, boxes)

    cut_often(10)
    before = resident_bytes()
    cut_often(60)
    assert 60 * len(data) > 20_000_000  # several times what is allowed to grow
    assert resident_bytes() - before < 5_000_000


def fail(*_: object) -> None:
    raise MemoryError("in the filter")


def test_jpeglib_leaves_no_file_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    data = encode()
    cut(JpeglibCutter(), data)
    JpeglibCutter().cut(data[:2000], header_of(data), BOXES)
    assert list(tmp_path.iterdir()) == []


def test_real_photographs(cutter: Cutter, shared_data: Path) -> None:
    """Camera files of several makers: 4:2:2 progressive, 4:2:0 baseline, restart markers, grey, much metadata."""
    files = sorted((shared_data / "photos").glob("*/*.jp*g"))
    photos = [path for path in files if path.stat().st_size < 700_000][::6]
    assert len(photos) > 5
    for path in photos:
        data = path.read_bytes()
        header = read_header(data, KEEP)
        if isinstance(header, Rejection) or header.width < 512 or header.height < 512:
            continue
        box = Box(header.width // 64 * 32 - 256, header.height // 64 * 32 - 256, 512, 512)
        if not is_cuttable(header, [box]):
            continue
        patch = cut(cutter, data, [box])[0]
        luma = coefficients(data)[0][box.y // 8 : box.y // 8 + 64, box.x // 8 : box.x // 8 + 64]
        np.testing.assert_array_equal(coefficients(patch.data)[0], luma, err_msg=path.name)
