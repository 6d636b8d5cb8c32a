"""Pixels come out exactly as stored, or not at all."""

from __future__ import annotations

import io
import struct
import tracemalloc
import warnings
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile

from million_ird.pixels import DecodeSettings, Header, decode, read_header
from million_ird.records import Rejection

Pixels = npt.NDArray[np.uint8]
Save = Callable[..., bytes]
Kept = Callable[..., tuple[Header, Pixels]]


def _by_pillow(data: bytes) -> Pixels:
    with Image.open(io.BytesIO(data)) as picture:
        return np.array(picture.convert("RGB"))


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0"])
def test_jpeg_equals_pillow(
    subsampling: str, progressive: bool, make_jpeg: Callable[..., bytes], photo: Pixels, kept: Kept
) -> None:
    data = make_jpeg(photo, subsampling=subsampling, progressive=progressive)
    header, pixels = kept(data)
    assert np.array_equal(pixels, _by_pillow(data))
    assert (header.subsampling, header.progressive) == (subsampling, progressive)
    assert (header.width, header.height, header.channels, header.bit_depth) == (90, 80, 3, 8)
    assert not header.needs_conversion


def test_jpeg_stored_as_rgb_and_grey(save: Save, photo: Pixels, kept: Kept) -> None:
    data = save("JPEG", photo, keep_rgb=True)
    header, pixels = kept(data)
    assert header.colour_model == "rgb"
    assert np.array_equal(pixels, _by_pillow(data))
    data = save("JPEG", photo[:, :, 1])
    header, pixels = kept(data)
    assert (header.colour_model, header.channels, header.subsampling) == ("grey", 1, "4:0:0")
    assert np.array_equal(pixels, _by_pillow(data))


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("PNG", {}),
        ("WEBP", {"lossless": True}),
        ("BMP", {}),
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("TIFF", {"compression": "tiff_adobe_deflate"}),
        ("TIFF", {"compression": "packbits"}),
        ("TIFF", {"big_tiff": True}),
    ],
)
def test_lossless_formats_give_back_what_went_in(
    kind: str, options: dict[str, Any], save: Save, photo: Pixels, kept: Kept
) -> None:
    assert np.array_equal(kept(save(kind, photo, **options))[1], photo)


def test_lossy_webp_equals_pillow(save: Save, photo: Pixels, kept: Kept) -> None:
    data = save("WEBP", photo, quality=80)
    assert np.array_equal(kept(data)[1], _by_pillow(data))


def test_webp_of_one_animation_frame(save: Save, photo: Pixels, kept: Kept) -> None:
    """Built as an animation, but a still picture; and the first frame of one with several, if those are allowed."""
    frames = [Image.fromarray(np.roll(photo, 9, axis=0))]
    data = save("WEBP", photo, save_all=True, append_images=frames, lossless=True, duration=50)
    assert np.array_equal(kept(data, max_frames=2)[1], photo)
    second = data.rindex(b"ANMF")
    single = data[:4] + struct.pack("<I", second - 8) + data[8:second]
    header, pixels = kept(single)
    assert header.frames == 1
    assert np.array_equal(pixels, photo)


def test_webp_with_an_alpha_flag_but_no_alpha(save: Save, photo: Pixels, kept: Kept) -> None:
    data = bytearray(save("WEBP", photo, lossless=True, exif=b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0"))
    assert data[12:16] == b"VP8X"
    data[20] |= 0x10
    header, pixels = kept(bytes(data))
    assert header.has_alpha
    assert np.array_equal(pixels, photo)


def test_webp_with_alpha_but_no_flag(save: Save, photo: Pixels, reason: Callable[..., str]) -> None:
    picture = Image.fromarray(photo).convert("RGBA")
    picture.putpixel((3, 4), (9, 9, 9, 0))
    for lossless in (True, False):
        data = bytearray(save("WEBP", picture, lossless=lossless, exif=b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0"))
        assert data[12:16] == b"VP8X" and data[20] & 0x10
        data[20] &= 0xEF
        assert reason(bytes(data)) == "alpha"


def test_avif(save: Save, photo: Pixels, kept: Kept) -> None:
    data = save("AVIF", photo, quality=90, subsampling="4:4:4")
    header, pixels = kept(data)
    assert np.array_equal(pixels, _by_pillow(data))
    assert (header.format, header.bit_depth, header.colour_space) == ("avif", 8, "srgb")


def test_interlaced_png(photo: Pixels, kept: Kept) -> None:
    header, pixels = kept(_interlaced_png(photo))
    assert header.progressive
    assert np.array_equal(pixels, photo)


def test_top_down_bmp(save: Save, photo: Pixels, kept: Kept) -> None:
    data = bytearray(save("BMP", photo[::-1]))
    struct.pack_into("<i", data, 22, -80)
    assert np.array_equal(kept(bytes(data))[1], photo)


@pytest.mark.parametrize("order", ["<", ">"])
def test_tiff_of_both_byte_orders_tiles_and_predictor(order: str, photo: Pixels, kept: Kept) -> None:
    import tifffile

    for options in ({}, {"tile": (32, 32)}, {"compression": "zlib", "predictor": True, "rowsperstrip": 16}):
        out = io.BytesIO()
        tifffile.imwrite(out, photo, photometric="rgb", byteorder=order, **options)
        assert np.array_equal(kept(out.getvalue())[1], photo)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP", "AVIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_recorded_and_nothing_is_turned(
    kind: str, orientation: int, save: Save, photo: Pixels, kept: Kept
) -> None:
    exif = Image.Exif()
    exif[274] = orientation
    options: dict[str, Any] = {"lossless": True} if kind == "WEBP" else {}
    header, pixels = kept(save(kind, photo, exif=exif.tobytes(), **options))
    _, plain = kept(save(kind, photo, **options))
    assert header.orientation == orientation
    assert np.array_equal(pixels, plain)


@pytest.mark.parametrize("blob", [b"", b"II*\0", b"Exif\0\0", b"MM\0*\0\0\0\x08\xff\xff", b"II*\0\xff\xff\xff\xff"])
def test_broken_exif_means_upright(blob: bytes, save: Save, photo: Pixels, kept: Kept) -> None:
    data = save("JPEG", photo)
    payload = b"Exif\0\0" + blob
    header, _ = kept(data[:2] + b"\xff\xe1" + struct.pack(">H", 2 + len(payload)) + payload + data[2:])
    assert header.orientation == 1


def test_impossible_orientation_means_upright(save: Save, photo: Pixels, kept: Kept) -> None:
    exif = Image.Exif()
    for value in (0, 9, 65535):
        exif[274] = value
        assert kept(save("JPEG", photo, exif=exif.tobytes()))[0].orientation == 1


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bits_are_rejected_or_rounded(kind: str, photo: Pixels, kept: Kept, judge: Callable[..., Any]) -> None:
    import cv2

    wide = photo.astype(np.uint16) * 257
    wide[0, :5, 0] = (0, 128, 129, 65406, 65407)  # the borders of rounding: half a level is 128.5
    data = cv2.imencode("." + kind.lower(), wide[:, :, ::-1])[1].tobytes()
    outcome = judge(data)
    assert isinstance(outcome, Rejection)
    assert (outcome.reason, outcome.measured) == ("bit_depth", 16.0)
    header, pixels = kept(data, high_bit_depth="round")
    assert header.needs_conversion
    assert np.array_equal(pixels, np.rint(wide / 257).astype(np.uint8))
    assert pixels[0, :5, 0].tolist() == [0, 0, 1, 254, 255]


def test_what_follows_a_whole_jpeg_does_not_matter(save: Save, photo: Pixels, kept: Kept) -> None:
    data = save("JPEG", photo)
    for trailer in (b"\0" * 64, b"SEFH junk SEFT", data, data[: len(data) // 2]):
        assert np.array_equal(kept(data + trailer)[1], kept(data)[1])


def test_pictures_behind_the_base_picture_are_counted_not_used(save: Save, photo: Pixels, kept: Kept) -> None:
    other = Image.fromarray(255 - photo)
    header, pixels = kept(save("MPO", photo, save_all=True, append_images=[other]))
    assert (header.format, header.extra_pictures, header.frames) == ("jpeg", 1, 1)
    assert np.array_equal(pixels, _by_pillow(save("JPEG", photo)))


@pytest.mark.parametrize(
    ("marker", "payload"),
    [
        (
            0xE1,
            b"http://ns.adobe.com/xap/1.0/\0<x xmlns:hdrgm='http://ns.adobe.com/hdr-gain-map/1.0/' hdrgm:Version='1'/>",
        ),
        (0xE2, b"urn:iso:std:iso:ts:21496:-1\0\0\0\0\0"),
    ],
)
def test_gain_map_is_recorded(marker: int, payload: bytes, save: Save, photo: Pixels, kept: Kept) -> None:
    data = save("JPEG", photo)
    with_map = data[:2] + bytes([0xFF, marker]) + struct.pack(">H", 2 + len(payload)) + payload + data[2:] + data
    header, pixels = kept(with_map)
    assert header.has_gain_map and not kept(data)[0].has_gain_map
    assert np.array_equal(pixels, kept(data)[1])


# --- strictness -------------------------------------------------------------------------------------------------


_FILES = {
    "baseline": ("JPEG", {}),
    "progressive": ("JPEG", {"progressive": True}),
    "restart markers": ("JPEG", {"restart_marker_rows": 1}),
    "png": ("PNG", {}),
    "lossy webp": ("WEBP", {}),
    "lossless webp": ("WEBP", {"lossless": True}),
    "avif": ("AVIF", {}),
    "gif": ("GIF", {}),
    "bmp": ("BMP", {}),
    "tiff": ("TIFF", {}),
    "lzw tiff": ("TIFF", {"compression": "tiff_lzw"}),
}


@pytest.mark.parametrize("name", _FILES)
def test_every_beginning_of_a_file_is_rejected(
    name: str, save: Save, photo: Pixels, reason: Callable[..., str]
) -> None:
    """Cut anywhere, a file gives a reason and never pixels padded with grey."""
    kind, options = _FILES[name]
    data = save(kind, photo[:24, :31], **options)
    assert reason(data, allow_paletted=True) == "kept"
    for length in range(len(data)):
        found = reason(data[:length], allow_paletted=True)
        assert found in {"empty", "not_an_image", "truncated", "damaged"}, (length, found)


@pytest.mark.parametrize("progressive", [False, True])
def test_jpeg_cut_short_and_closed_again(
    progressive: bool, make_jpeg: Callable[..., bytes], photo: Pixels, reason: Callable[..., str]
) -> None:
    """An end-of-image marker behind half of the data does not make it whole."""
    data = make_jpeg(photo, progressive=progressive)
    for share in (0.5, 0.9, 0.99):
        assert reason(data[: int(len(data) * share)] + b"\xff\xd9") in ("truncated", "damaged")


def test_progressive_jpeg_without_its_last_scans(
    make_jpeg: Callable[..., bytes], photo: Pixels, judge: Callable[..., Any]
) -> None:
    """Decoders show what they have, without a warning; the missing refinement is found in the scan headers."""
    data = make_jpeg(photo, progressive=True)
    scans = [at for at in range(len(data)) if data[at : at + 2] == b"\xff\xda"]
    assert len(scans) > 5
    for scan in scans[1:]:
        before = data.rindex(b"\xff\xc4", 0, scan)  # its Huffman table, which belongs to it
        outcome = judge(data[:before] + b"\xff\xd9")
        assert isinstance(outcome, Rejection)
        assert (outcome.reason, outcome.detail[:5]) == ("truncated", "scans")


def test_jpeg_of_separate_scans_needs_all_of_them(make_jpeg: Callable[..., bytes], photo: Pixels, kept: Kept) -> None:
    """Baseline with one scan per component (made by splitting a grey file's scan) is accepted when whole."""
    grey = make_jpeg(photo[:, :, 0])
    frame, scan = grey.index(b"\xff\xc0"), grey.index(b"\xff\xda")
    coded = grey[scan + 10 : -2]
    three = b"\xff\xc0\0\x11\x08" + grey[frame + 5 : frame + 9] + b"\x03\1\x11\0\2\x11\0\3\x11\0"
    head = grey[:frame] + three + grey[frame + 13 : scan]
    parts = [b"\xff\xda\0\x08\1" + bytes([number]) + b"\0\0\x3f\0" + coded for number in (1, 2, 3)]
    _, pixels = kept(head + b"".join(parts) + b"\xff\xd9")
    assert pixels.std() > 10
    policy = DecodeSettings()
    header = read_header(head + parts[0] + parts[1] + b"\xff\xd9", policy)
    assert isinstance(header, Header)
    outcome = decode(head + parts[0] + parts[1] + b"\xff\xd9", header, policy)
    assert isinstance(outcome, Rejection) and outcome.reason == "truncated"


def test_jpeg_structure_that_no_encoder_writes(
    make_jpeg: Callable[..., bytes], photo: Pixels, reason: Callable[..., str]
) -> None:
    data = make_jpeg(photo)
    frame = data.index(b"\xff\xc0")
    assert reason(b"\xff\xd8" + data) == "damaged"  # begins twice
    assert reason(data[:frame] + data[frame : frame + 19] + data[frame:]) == "damaged"  # two frames
    assert reason(data[:2] + b"\0\0junk" + data[2:]) in ("damaged", "not_an_image")
    assert reason(data[:2] + b"\xff" * 40 + data[2:]) == "kept"  # fill bytes are allowed
    assert reason(data[:-2] + b"\x12\x34" * 20 + b"\xff\xd9") == "damaged"


def test_restart_markers_out_of_order(save: Save, photo: Pixels, reason: Callable[..., str]) -> None:
    data = save("JPEG", photo, restart_marker_rows=1)
    assert reason(data) == "kept"
    assert reason(data.replace(b"\xff\xd1", b"\xff\xd4")) == "damaged"


def test_sixteen_bit_quantisation_tables(make_jpeg: Callable[..., bytes], photo: Pixels, kept: Kept) -> None:
    data = make_jpeg(photo[:, :, 0])
    at = data.index(b"\xff\xdb")
    assert data[at + 2 : at + 5] == b"\0\x43\0"
    wide = b"\xff\xdb\0\x83\x10" + b"".join(bytes([0, value]) for value in data[at + 5 : at + 69])
    header, pixels = kept(data[:at] + wide + data[at + 69 :])
    assert header.quantisation == kept(data)[0].quantisation
    assert np.array_equal(pixels, kept(data)[1])


@given(
    data=st.binary(max_size=200),
    start=st.sampled_from([b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"II*\0"]),
)
@settings(max_examples=300, deadline=None)
def test_random_bytes_never_raise(data: bytes, start: bytes) -> None:
    policy = DecodeSettings(allow_paletted=True)
    header = read_header(start + data, policy)
    result = decode(start + data, header, policy) if isinstance(header, Header) else header
    assert isinstance(result, (Rejection, np.ndarray))


@given(choice=st.data())
@settings(max_examples=400, deadline=None)
def test_mutated_files_never_raise(choice: st.DataObject, save: Save, photo: Pixels) -> None:
    kind, options = _FILES[choice.draw(st.sampled_from(sorted(_FILES)))]
    data = bytearray(save(kind, photo[:24, :31], **options))
    for _ in range(choice.draw(st.integers(1, 4))):
        at = choice.draw(st.integers(0, len(data) - 1))
        change = choice.draw(st.sampled_from(["flip", "insert", "remove", "cut"]))
        if change == "flip":
            data[at] ^= 1 << choice.draw(st.integers(0, 7))
        elif change == "insert":
            data[at:at] = choice.draw(st.binary(min_size=1, max_size=8))
        elif change == "remove":
            del data[at : at + 3]
        else:
            del data[at + 1 :]
        if not data:
            break
    policy = DecodeSettings(allow_paletted=True, colour=choice.draw(st.sampled_from(["convert", "keep"])))
    header = read_header(bytes(data), policy)
    if isinstance(header, Header):
        outcome = decode(bytes(data), header, policy)
        assert isinstance(outcome, Rejection) or outcome.shape == (header.height, header.width, 3)


# --- a good neighbour -------------------------------------------------------------------------------------------


def _png_bomb(side: int) -> bytes:
    def chunk(name: bytes, payload: bytes) -> bytes:
        return struct.pack(">I", len(payload)) + name + payload + struct.pack(">I", zlib.crc32(name + payload))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(1_000_000))) + chunk(b"IEND", b"")


def test_bombs_cost_nothing(make_jpeg: Callable[..., bytes], save: Save, photo: Pixels) -> None:
    jpeg = make_jpeg(photo)
    frame = jpeg.index(b"\xff\xc0")
    gif = save("GIF", photo)
    bombs = [
        _png_bomb(16384),
        _png_bomb(65536),
        jpeg[: frame + 5] + struct.pack(">HH", 14000, 20000) + jpeg[frame + 9 :],
        gif[:6] + struct.pack("<HH", 65535, 65535) + gif[10:],
    ]
    for bomb in bombs:
        tracemalloc.start()
        outcome = read_header(bomb, DecodeSettings())
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert isinstance(outcome, Rejection) and outcome.reason == "too_many_pixels"
        assert peak < 1_000_000


def test_pillow_is_left_as_it_was(save: Save, photo: Pixels, kept: Kept, reason: Callable[..., str]) -> None:
    """A caller's limits and leniency neither matter here nor change, and no warning comes out."""
    png = save("PNG", photo)
    before = Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES
    try:
        Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES = 100, True
        filters = list(warnings.filters)
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            for kind in ("PNG", "TIFF", "WEBP", "BMP", "AVIF"):
                kept(save(kind, photo))
                assert reason(save(kind, photo)[:-200]) in ("truncated", "damaged")
            kept(save("GIF", photo), allow_paletted=True)
        assert not seen
        assert (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES) == (100, True)
        assert list(warnings.filters) == filters
    finally:
        Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES = before
    assert np.array_equal(kept(png)[1], photo)


def test_threads_get_the_same_pixels(save: Save, photo: Pixels, kept: Kept) -> None:
    files = [save(kind, photo) for kind in ("JPEG", "PNG", "WEBP", "TIFF")] * 8
    alone = [kept(data)[1] for data in files]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda data: kept(data)[1], files))
    assert all(np.array_equal(a, b) for a, b in zip(alone, together, strict=True))


def test_tiff_with_tiles_far_larger_than_its_picture(photo: Pixels, reason: Callable[..., str]) -> None:
    import tifffile

    out = io.BytesIO()
    tifffile.imwrite(out, photo, photometric="rgb", tile=(32, 32), compression="zlib")
    data = bytearray(out.getvalue())
    for tag in (322, 323):  # tile width and length
        at = data.index(struct.pack("<HHI", tag, 4, 1)) if struct.pack("<HHI", tag, 4, 1) in data else -1
        at = at if at >= 0 else data.index(struct.pack("<HHI", tag, 3, 1))
        struct.pack_into("<HHII", data, at, tag, 4, 1, 1 << 20)
    assert reason(bytes(data)) == "damaged"


def _interlaced_png(photo: Pixels) -> bytes:
    """An Adam7 PNG by the standard's own pass table."""

    def chunk(name: bytes, payload: bytes) -> bytes:
        return struct.pack(">I", len(payload)) + name + payload + struct.pack(">I", zlib.crc32(name + payload))

    passes = [(0, 8, 0, 8), (0, 8, 4, 8), (4, 8, 0, 4), (0, 4, 2, 4), (2, 4, 0, 2), (0, 2, 1, 2), (1, 2, 0, 1)]
    rows = b"".join(b"\0" + row.tobytes() for top, down, left, right in passes for row in photo[top::down, left::right])
    height, width = photo.shape[:2]
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 1))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def test_a_flipped_bit_of_a_deflated_tiff_is_noticed(photo: Pixels) -> None:
    """libtiff itself lets some of these pass: it does not read the checksum of a strip that is full."""
    out = io.BytesIO()
    Image.fromarray(photo).save(out, "TIFF", compression="tiff_adobe_deflate")
    whole = out.getvalue()
    settings = DecodeSettings()
    assert not isinstance(decode(whole, _header_of(whole, settings), settings), Rejection)
    chance = np.random.default_rng(5)
    for place in chance.integers(200, len(whole) // 2, 40):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << int(chance.integers(8))
        header = read_header(bytes(damaged), settings)
        result = header if isinstance(header, Rejection) else decode(bytes(damaged), header, settings)
        same = not isinstance(result, Rejection) and np.array_equal(result, photo)  # a bit of padding, perhaps
        assert same or isinstance(result, Rejection), f"byte {place} changed pixels unnoticed"


def _header_of(data: bytes, settings: DecodeSettings) -> Header:
    header = read_header(data, settings)
    assert isinstance(header, Header)
    return header
