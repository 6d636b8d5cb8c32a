"""Masks survive their two encodings bit for bit; what is no mask is told apart from one."""

from __future__ import annotations

import io
import struct
import zlib

import hypothesis.extra.numpy as arrays
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from annotation.mask import MAX_PIXELS, Mask, MaskError, decode_mask, encode_mask, pack_bits, unpack_bits

masks = arrays.arrays(np.bool_, arrays.array_shapes(min_dims=2, max_dims=2, max_side=40))


def _saved(pixels: npt.NDArray[np.generic], kind: str = "PNG", mode: str | None = None) -> bytes:
    out = io.BytesIO()
    picture = Image.fromarray(pixels)
    (picture.convert(mode) if mode else picture).save(out, kind)
    return out.getvalue()


@given(masks)
def test_a_mask_survives_its_png_and_its_packed_bits(mask: Mask) -> None:
    size = mask.shape[1], mask.shape[0]
    png = encode_mask(mask)
    assert np.array_equal(decode_mask(png, size), mask)
    assert np.array_equal(unpack_bits(pack_bits(mask), *size), mask)
    assert encode_mask(mask) == png


@given(masks)
def test_an_independent_reader_sees_a_1_bit_picture_of_0_and_255(mask: Mask) -> None:
    with Image.open(io.BytesIO(encode_mask(mask))) as picture:
        assert picture.mode == "1"
        assert np.array_equal(np.asarray(picture.convert("L")), np.where(mask, 255, 0))


@given(masks)
def test_packed_bits_are_rows_of_whole_bytes_highest_bit_first(mask: Mask) -> None:
    rows = zlib.decompress(pack_bits(mask))
    stride = (mask.shape[1] + 7) // 8
    bits = "".join(f"{byte:08b}" for byte in rows)
    assert len(rows) == stride * mask.shape[0]
    assert all((bits[8 * stride * y + x] == "1") == mask[y, x] for y, x in np.ndindex(mask.shape))


@pytest.mark.parametrize("mode", ["1", "L", "RGB", "RGBA", "P"])
def test_masks_of_other_programs_are_read(mode: str) -> None:
    mask = np.arange(35).reshape(5, 7) % 3 == 0
    assert np.array_equal(decode_mask(_saved(np.where(mask, 255, 0).astype(np.uint8), mode=mode)), mask)


def test_16_bit_masks_are_read() -> None:
    mask = np.eye(5, dtype=np.bool_)
    assert np.array_equal(decode_mask(_saved(np.where(mask, 65535, 0).astype(np.uint16))), mask)
    with pytest.raises(MaskError, match="65535"):
        decode_mask(_saved(np.where(mask, 255, 0).astype(np.uint16)))


def test_grey_levels_are_an_error_with_a_hint_unless_every_value_may_count() -> None:
    values = np.array([[0, 255], [128, 255]], np.uint8)
    with pytest.raises(MaskError, match=r"values 0 … 255 \(3 different\), expected exactly 0 and 255 .*threshold"):
        decode_mask(_saved(values))
    assert np.array_equal(decode_mask(_saved(values), any_nonzero=True), values != 0)


def test_a_mask_of_0_and_1_is_told_apart_from_grey_edges() -> None:
    with pytest.raises(MaskError, match=r"values 0 … 1 .*multiply by 255"):
        decode_mask(_saved(np.eye(4, dtype=np.uint8)))


def test_a_jpeg_of_a_mask_is_grey() -> None:
    mask = np.zeros((32, 32), np.uint8)
    mask[3:17, 5:21] = 255
    with pytest.raises(MaskError, match="JPEG"):
        decode_mask(_saved(mask, "JPEG"))


def _own(width: int, height: int, rows: bytes) -> bytes:
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)), (b"IDAT", rows), (b"IEND", b"")]
    body = (
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(body)


PNG = encode_mask(np.eye(20, dtype=np.bool_))


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "0 bytes"),
        (b"no picture at all", "no format that is read here"),
        (PNG[:-5], "ends too early"),
        (PNG[:50] + bytes([PNG[50] ^ 1]) + PNG[51:], "checksum"),
        (_own(20, 20, zlib.compress(b"")), "do not hold exactly"),
        (_own(20, 20, zlib.compress(bytes(10**6))), "do not hold exactly"),
        (_own(20, 20, b"no zlib"), "damaged"),
        (_own(50_000, 50_000, zlib.compress(b"")), "larger than"),
        (_saved(np.zeros((4, 4, 3), np.uint8) + np.array([9, 0, 0], np.uint8)), "colours"),
        (_saved(np.zeros((4, 4, 4), np.uint8)), "transparent"),
    ],
)
def test_what_is_no_mask_ends_in_one_line(data: bytes, says: str) -> None:
    with pytest.raises(MaskError, match=says) as raised:
        decode_mask(data)
    assert "\n" not in str(raised.value)


@given(st.binary(max_size=200))
def test_random_bytes_never_raise_anything_else(data: bytes) -> None:
    for file in (data, PNG[:8] + data, PNG[: len(data) % len(PNG)] + data):
        with pytest.raises(MaskError):
            decode_mask(file)
    with pytest.raises(MaskError):
        unpack_bits(data, 20, 20)


@pytest.mark.parametrize("is_own", [True, False])
def test_another_size_is_refused(is_own: bool) -> None:
    data = PNG if is_own else _saved(np.zeros((20, 20), np.uint8))
    with pytest.raises(MaskError, match="20x20, its image 20x21"):
        decode_mask(data, (20, 21))


@pytest.mark.parametrize("packed", [zlib.compress(bytes(59)), zlib.compress(bytes(61)), pack_bits(np.eye(20) > 0)[:-1]])
def test_packed_bits_of_another_length_are_refused(packed: bytes) -> None:
    with pytest.raises(MaskError, match="exactly the 60 bytes"):
        unpack_bits(packed, 20, 20)


def test_bytes_behind_the_packed_bits_are_refused() -> None:
    with pytest.raises(MaskError, match="exactly"):
        unpack_bits(pack_bits(np.eye(20) > 0) + b"x", 20, 20)


@pytest.mark.parametrize("size", [(0, 5), (5, -1), (MAX_PIXELS, 2)])
def test_impossible_sizes_are_refused_before_anything_is_inflated(size: tuple[int, int]) -> None:
    with pytest.raises(MaskError, match="cannot be"):
        unpack_bits(b"", *size)


@pytest.mark.parametrize("array", [np.zeros((2, 2), np.uint8), np.zeros(4, np.bool_), np.zeros((0, 3), np.bool_)])
def test_only_bool_arrays_of_two_dimensions_are_encoded(array: Mask) -> None:
    with pytest.raises(MaskError, match="bool array of two dimensions"):
        encode_mask(array)


def test_a_file_of_several_frames_is_no_mask() -> None:
    out = io.BytesIO()
    frames = [Image.fromarray(np.full((6, 6), value, np.uint8)) for value in (255, 0)]
    frames[0].save(out, "TIFF", save_all=True, append_images=frames[1:])
    with pytest.raises(MaskError, match="holds 2 pictures"):
        decode_mask(out.getvalue())
