"""Every reason to leave a file out, each on a file made here; and that its neighbours stay."""

from __future__ import annotations

import io
import re
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from million_ird.errors import UsageError
from million_ird.pixels import DecodeSettings, read_header
from million_ird.records import Rejection

Pixels = npt.NDArray[np.uint8]
Save = Callable[..., bytes]
Reason = Callable[..., str]


def _chunk(name: bytes, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload)) + name + payload + struct.pack(">I", zlib.crc32(name + payload))


def _with_chunk(png: bytes, name: bytes, payload: bytes) -> bytes:
    """A PNG with one more chunk behind its header."""
    return png[:33] + _chunk(name, payload) + png[33:]


def _patched(data: bytes, position: int, new: bytes) -> bytes:
    return data[:position] + new + data[position + len(new) :]


def _frame_header(jpeg: bytes, marker: bytes = b"\xff\xc0") -> int:
    return jpeg.index(marker)


def _translucent(photo: Pixels, lowest: int = 100) -> Image.Image:
    alpha = np.full(photo.shape[:2], 255, np.uint8)
    alpha[:20] = lowest
    return Image.fromarray(np.dstack([photo, alpha]))


def test_no_image_at_all(reason: Reason) -> None:
    assert reason(b"") == "empty"
    for data in (b"\n", b"<!doctype html><p>404", b"%PDF-1.4", b"\0" * 100, b"\0\0\0\x18ftypisom\0\0\0\0isom"):
        assert reason(data) == "not_an_image"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "format_heic"),
        (b"\xff\x0a\0\0", "format_jxl"),
        (b"<svg></svg>", "format_svg"),
        (b"8BPS\0\1", "format_psd"),
        (b"II*\0\x10\0\0\0CR\2\0", "format_raw"),
    ],
)
def test_pictures_of_other_kinds(data: bytes, expected: str, reason: Reason) -> None:
    assert reason(data) == expected


def test_other_kinds_that_pillow_writes(save: Save, photo: Pixels, reason: Reason) -> None:
    assert reason(save("ICO", photo)) == "format_ico"
    assert reason(save("JPEG2000", photo)) == "format_jp2"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP", "AVIF"])
def test_limits_are_judged_for_every_format(kind: str, save: Save, photo: Pixels) -> None:
    data = save(kind, photo)
    exact = DecodeSettings(max_pixels=90 * 80, max_nbytes=len(data), allow_paletted=True)
    assert not isinstance(read_header(data, exact), Rejection)
    too_large = read_header(data, DecodeSettings(max_pixels=90 * 80 - 1))
    assert isinstance(too_large, Rejection)
    assert (too_large.reason, too_large.measured) == ("too_many_pixels", 7200.0)
    too_long = read_header(data, DecodeSettings(max_nbytes=len(data) - 1))
    assert isinstance(too_long, Rejection) and too_long.reason == "too_many_bytes"


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "AVIF", "PNG"])
def test_animations(kind: str, save: Save, photo: Pixels, reason: Reason) -> None:
    frames = [Image.fromarray(np.roll(photo, shift, axis=0)) for shift in (5, 9)]
    data = save(kind, photo, save_all=True, append_images=frames)
    assert reason(data) == "animated"
    assert reason(data, max_frames=3, allow_paletted=True) == "kept"


def test_pages(save: Save, photo: Pixels, reason: Reason) -> None:
    data = save("TIFF", photo, save_all=True, append_images=[Image.fromarray(photo)])
    assert reason(data) == "multi_page"


@pytest.mark.parametrize("kind", ["PNG", "GIF", "BMP", "TIFF"])
def test_palettes(kind: str, save: Save, photo: Pixels, reason: Reason, kept: Callable[..., object]) -> None:
    picture = Image.fromarray(photo).quantize(64)
    data = save(kind, picture)
    assert reason(data) == "paletted"
    _, pixels = kept(data, allow_paletted=True)
    assert np.array_equal(pixels, np.array(picture.convert("RGB")))


def test_transparent_palette_entries(save: Save, photo: Pixels, reason: Reason) -> None:
    for kind in ("PNG", "GIF"):
        data = save(kind, Image.fromarray(photo).quantize(64), transparency=3)
        assert reason(data, allow_paletted=True) == "alpha"


def test_a_gif_frame_that_leaves_part_of_the_canvas_open(save: Save, photo: Pixels, reason: Reason) -> None:
    data = save("GIF", Image.fromarray(photo).quantize(64))
    larger_canvas = _patched(data, 6, struct.pack("<HH", 100, 90))
    assert reason(larger_canvas, allow_paletted=True) == "alpha"


@pytest.mark.parametrize(("kind", "options"), [("PNG", {}), ("WEBP", {"lossless": True}), ("WEBP", {}), ("TIFF", {})])
def test_transparency(kind: str, options: dict[str, bool], save: Save, photo: Pixels, reason: Reason) -> None:
    assert reason(save(kind, _translucent(photo), **options)) == "alpha"


def test_transparency_in_other_places(save: Save, photo: Pixels, reason: Reason) -> None:
    assert reason(save("AVIF", _translucent(photo))) == "alpha"
    assert reason(save("PNG", _translucent(photo).convert("LA"))) == "alpha"
    colour = tuple(int(value) for value in photo[5, 5])
    assert reason(save("PNG", photo, transparency=colour)) == "alpha"
    assert reason(save("PNG", photo, transparency=(1, 2, 3))) == "kept"  # no pixel has that colour
    grey = Image.fromarray(photo).convert("L")
    assert reason(save("PNG", grey, transparency=grey.getpixel((0, 0)))) == "alpha"


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
def test_opaque_alpha_is_dropped(kind: str, save: Save, photo: Pixels, kept: Callable[..., object]) -> None:
    data = save(kind, Image.fromarray(photo).convert("RGBA"), **({"lossless": True} if kind == "WEBP" else {}))
    _, pixels = kept(data)
    assert np.array_equal(pixels, photo)


def test_one_bit_to_four(save: Save, photo: Pixels, reason: Reason) -> None:
    assert reason(save("PNG", Image.fromarray(photo).convert("1"))) == "bit_depth"
    assert reason(save("TIFF", Image.fromarray(photo).convert("1"))) == "bit_depth"


def test_five_bits(save: Save, photo: Pixels, reason: Reason) -> None:
    assert reason(_patched(save("BMP", photo), 28, struct.pack("<H", 16))) == "bit_depth"


def test_floating_point(save: Save, photo: Pixels, reason: Reason) -> None:
    assert reason(save("TIFF", Image.fromarray(photo).convert("F"))) == "bit_depth"


def test_twelve_bit_jpeg(make_jpeg: Callable[..., bytes], photo: Pixels, reason: Reason) -> None:
    data = make_jpeg(photo)
    assert reason(_patched(data, _frame_header(data) + 4, b"\x0c"), high_bit_depth="round") == "bit_depth"


@pytest.mark.parametrize(
    ("marker", "expected"),
    [(0xC3, "jpeg_lossless"), (0xC5, "jpeg_hierarchical"), (0xC9, "jpeg_arithmetic"), (0xCA, "jpeg_arithmetic")],
)
def test_unusual_jpeg_processes(
    marker: int, expected: str, make_jpeg: Callable[..., bytes], photo: Pixels, reason: Reason
) -> None:
    data = make_jpeg(photo)
    assert reason(_patched(data, _frame_header(data) + 1, bytes([marker]))) == expected


def test_jpeg_height_after_the_scan(make_jpeg: Callable[..., bytes], photo: Pixels, reason: Reason) -> None:
    data = make_jpeg(photo)
    assert reason(_patched(data, _frame_header(data) + 5, b"\0\0")) == "jpeg_height_later"


def test_jpeg_of_two_components(make_jpeg: Callable[..., bytes], photo: Pixels, reason: Reason) -> None:
    data = make_jpeg(photo)
    assert reason(_patched(data, _frame_header(data) + 9, b"\x02")) == "jpeg_components"


def test_odd_jpeg_sampling(make_jpeg: Callable[..., bytes], photo: Pixels, reason: Reason) -> None:
    data = make_jpeg(photo, subsampling="4:2:2")
    assert reason(_patched(data, _frame_header(data) + 11, b"\x31")) == "jpeg_sampling"


def test_cmyk_without_a_profile(save: Save, photo: Pixels, reason: Reason) -> None:
    picture = Image.fromarray(photo).convert("CMYK")
    assert reason(save("JPEG", picture)) == "cmyk"
    assert reason(save("TIFF", picture)) == "cmyk"


def test_lab_and_ycbcr_tiff(save: Save, photo: Pixels, reason: Reason) -> None:
    assert reason(save("TIFF", Image.fromarray(photo).convert("LAB"))) == "colour_model"
    assert reason(save("TIFF", Image.fromarray(photo).convert("YCbCr"))) == "colour_model"


def test_tiff_layouts_that_are_not_taken(save: Save, photo: Pixels, reason: Reason) -> None:
    assert reason(save("TIFF", photo, compression="jpeg")) == "tiff_layout"
    assert reason(save("TIFF", photo, tiffinfo={284: 2}, compression="tiff_lzw")) in ("tiff_layout", "truncated")
    assert reason(save("TIFF", Image.fromarray(photo).convert("L"), tiffinfo={262: 0})) == "tiff_layout"


def test_sensor_data_in_a_tiff(save: Save, photo: Pixels, reason: Reason) -> None:
    assert reason(save("TIFF", photo, tiffinfo={50706: b"\1\4\0\0"})) == "format_raw"
    assert reason(save("TIFF", photo, tiffinfo={254: 1})) == "format_raw"


def test_bmp_that_holds_a_jpeg(save: Save, photo: Pixels, reason: Reason) -> None:
    assert reason(_patched(save("BMP", photo), 30, struct.pack("<I", 4))) == "bmp_layout"


def test_high_dynamic_range(save: Save, photo: Pixels, reason: Reason) -> None:
    png = save("PNG", photo)
    for transfer in (16, 18):
        assert reason(_with_chunk(png, b"cICP", bytes([9, transfer, 0, 1]))) == "hdr"
    avif = save("AVIF", photo)
    colours = avif.index(b"nclx") + 4
    assert reason(_patched(avif, colours, struct.pack(">HH", 9, 16))) == "hdr"


def test_damaged_png_chunks(save: Save, photo: Pixels, reason: Reason) -> None:
    png = save("PNG", photo)
    pixels = png.index(b"IDAT")
    assert reason(_patched(png, pixels + 20, bytes([png[pixels + 20] ^ 1]))) == "damaged"
    comment = _with_chunk(png, b"tEXt", b"Comment\0fine")
    assert reason(comment) == "kept"
    assert reason(comment.replace(b"fine", b"find")) == "damaged"


def test_png_whose_pixel_data_stops_early(save: Save, photo: Pixels, reason: Reason) -> None:
    """Checksums and structure are right, only rows are missing."""
    png = save("PNG", photo)
    rows = zlib.compress(b"".join(b"\0" + row.tobytes() for row in photo[:40]))
    short = png[:33] + _chunk(b"IDAT", rows) + _chunk(b"IEND", b"")
    whole = png[:33] + _chunk(b"IDAT", zlib.compress(b"".join(b"\0" + row.tobytes() for row in photo)))
    assert reason(whole + _chunk(b"IEND", b"")) == "kept"
    assert reason(short) in ("truncated", "damaged")
    assert reason(png[:33] + _chunk(b"IEND", b"")) == "truncated"


def test_png_with_a_huge_comment_is_kept(save: Save, photo: Pixels, reason: Reason) -> None:
    """A decoder's own limit on comments is no reason to lose the pixels."""
    bomb = b"Comment\0\0" + zlib.compress(bytes(2_000_000))
    assert reason(_with_chunk(save("PNG", photo), b"zTXt", bomb)) == "kept"


def test_picture_without_pixels(save: Save, photo: Pixels, reason: Reason) -> None:
    png = save("PNG", photo)
    header = b"IHDR" + struct.pack(">II", 0, 80) + png[24:29]
    assert reason(png[:12] + header + struct.pack(">I", zlib.crc32(header)) + png[33:]) == "no_pixels"


def test_settings_refuse_nonsense() -> None:
    for wrong in ({"max_pixels": 0}, {"max_frames": 0}, {"colour": "guess"}, {"high_bit_depth": "cut"}):
        with pytest.raises(UsageError, match=next(iter(wrong))):
            DecodeSettings(**wrong)


def test_a_broken_first_stage_never_reaches_pillow(photo: Pixels, save: Save, reason: Reason) -> None:
    """A picture that its name calls PNG and its bytes JPEG is a JPEG; nothing but the bytes is asked."""
    assert reason(save("JPEG", photo)) == "kept"
    assert reason(io.BytesIO(save("PNG", photo)).getvalue()[1:]) == "not_an_image"


def test_every_reason_is_documented_and_no_other() -> None:
    root = Path(__file__).parents[3]
    code = "".join(path.read_text(encoding="utf-8") for path in (root / "million_ird" / "pixels").glob("*.py"))
    calls = re.findall(r'(?:rejected|Error)\(\s*(?:reason|"([a-z_]+)"(?: if [^"]* else "([a-z_]+)")?)', code)
    chosen = re.findall(r'reason = "([a-z_]+)" if [^"]*"[^"]*" else "([a-z_]+)"', code)
    reasons = {reason for pair in calls + chosen for reason in pair if reason} | {"animated", "multi_page"}
    reasons |= {f"format_{kind}" for kind in ("heic", "jxl", "jp2", "svg", "ico", "psd")}
    reasons |= {f"jpeg_{process}" for process in ("arithmetic", "lossless", "hierarchical")}
    reasons |= {"crashes_decoder"}  # given by the fetch step, where a worker died of the image
    page = (root / "docs" / "decoding.md").read_text(encoding="utf-8")
    table = page[page.index("## Reasons") :]
    documented = set(re.findall(r"`([a-z0-9_]+)`", "".join(re.findall(r"^\|([^|]*)\|", table, re.M))))
    assert documented == reasons
