"""What the marker segments say, against other readers of the same files."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
import simplejpeg
from PIL import Image

from million_ird.pixels import Header
from million_ird.pixels.jpeg_header import judge_scans, read_jpeg_header

Pixels = npt.NDArray[np.uint8]


def _header(data: bytes) -> Header:
    read = read_jpeg_header(data)
    assert isinstance(read, tuple)
    return read[0]


@pytest.mark.parametrize("quality", [30, 75, 95])
def test_quantisation_tables_equal_pillows(quality: int, make_jpeg: Callable[..., bytes], photo: Pixels) -> None:
    data = make_jpeg(photo, quality=quality)
    with Image.open(io.BytesIO(data)) as picture:
        tables = picture.quantization  # row-major since Pillow 8.3
    luma, blue, red = _header(data).quantisation
    assert list(luma) == list(tables[0])
    assert list(blue) == list(red) == list(tables[1])


def test_luma_table_is_the_standards_at_quality_50(make_jpeg: Callable[..., bytes], photo: Pixels) -> None:
    """At 50 an encoder of the Independent JPEG Group's kind writes T.81 table K.1 itself; this is its first row."""
    assert _header(make_jpeg(photo, quality=50)).quantisation[0][:8] == (16, 11, 10, 16, 24, 40, 51, 61)


@pytest.mark.parametrize(
    ("chroma", "name"), [("444", "4:4:4"), ("422", "4:2:2"), ("420", "4:2:0"), ("440", "4:4:0"), ("411", "4:1:1")]
)
def test_subsampling(chroma: str, name: str, photo: Pixels) -> None:
    assert _header(simplejpeg.encode_jpeg(photo, colorsubsampling=chroma)).subsampling == name


@pytest.mark.parametrize("name", ["china", "flower", "hubble", "retina", "rocket"])
def test_photographs_of_the_wheels(
    name: str, wheel_photo_file: Callable[[str], bytes], kept: Callable[..., tuple[Header, Pixels]]
) -> None:
    data = wheel_photo_file(name)
    header, pixels = kept(data, colour="keep")
    with Image.open(io.BytesIO(data)) as picture:
        assert (header.width, header.height) == picture.size
        assert header.progressive == bool(picture.info.get("progressive"))
        assert np.array_equal(pixels, np.array(picture.convert("RGB")))


def test_nothing_is_missing_of_whole_files(make_jpeg: Callable[..., bytes], photo: Pixels) -> None:
    for options in ({}, {"progressive": True}, {"progressive": True, "restart_marker_rows": 1}):
        assert judge_scans(make_jpeg(photo, **options)) is None
    assert judge_scans(make_jpeg(photo[:, :, 0], progressive=True)) is None


def test_a_thumbnail_in_exif_is_not_taken_for_a_scan(make_jpeg: Callable[..., bytes], photo: Pixels) -> None:
    thumbnail = make_jpeg(photo[:16, :16])
    data = make_jpeg(photo, exif=b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0" + thumbnail)
    assert _header(data).width == 90
    assert judge_scans(data) is None
    assert judge_scans(make_jpeg(photo, comment=b"\xff\xda\xff\xd9")) is None
