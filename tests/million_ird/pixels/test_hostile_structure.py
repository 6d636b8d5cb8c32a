"""Files whose structure is a trap: each ends soon, with a reason, whatever it claims."""

from __future__ import annotations

import struct
import tracemalloc
import zlib
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

from million_ird.pixels.colour import ProfileError, meaning_of_icc, named_meaning
from million_ird.pixels.tiff_fields import BrokenFieldsError, TiffFields, read_exif

Pixels = npt.NDArray[np.uint8]
Save = Callable[..., bytes]
Reason = Callable[..., str]


def test_jpeg_of_thousands_of_scans(make_jpeg: Callable[..., bytes], photo: Pixels, reason: Reason) -> None:
    """Each empty refinement scan costs a decoder a pass over the picture."""
    data = make_jpeg(photo, progressive=True)
    last = data.rindex(b"\xff\xda")
    end = last + 2 + int.from_bytes(data[last + 2 : last + 4], "big")
    scan = data[last:end] + b"\0"
    assert reason(data[:-2] + scan * 3000 + b"\xff\xd9") == "too_many_scans"


def test_jpeg_of_countless_segments(make_jpeg: Callable[..., bytes], photo: Pixels, reason: Reason) -> None:
    data = make_jpeg(photo)
    assert reason(data[:2] + b"\xff\xfe\0\2" * 1000 + data[2:]) == "kept"
    assert reason(data[:2] + b"\xff\xfe\0\2" * 200_000 + data[2:]) == "damaged"
    assert reason(data[:2] + b"\xff" * 200_000 + data[2:]) == "damaged"


def test_png_of_countless_chunks(save: Save, photo: Pixels, reason: Reason) -> None:
    png = save("PNG", photo)
    empty = struct.pack(">I4sI", 0, b"teXt", zlib.crc32(b"teXt"))
    assert reason(png[:33] + empty * 1000 + png[33:]) == "kept"
    assert reason(png[:33] + empty * 150_000 + png[33:]) == "damaged"


def test_webp_of_countless_chunks(save: Save, photo: Pixels, reason: Reason) -> None:
    webp = save("WEBP", photo) + b"JUNK\0\0\0\0" * 150_000
    assert reason(webp[:4] + struct.pack("<I", len(webp) - 8) + webp[8:]) == "damaged"


def test_webp_whose_canvas_hides_a_larger_picture(save: Save, photo: Pixels, reason: Reason) -> None:
    """The limit on pixels is judged by the canvas, so the picture must not be larger."""
    webp = bytearray(save("WEBP", photo, exif=b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0"))
    assert webp[12:16] == b"VP8X" and reason(bytes(webp)) == "kept"
    webp[24:30] = bytes(6)  # 1x1
    assert reason(bytes(webp), max_pixels=100) == "damaged"


def test_gif_of_countless_blocks(save: Save, photo: Pixels, reason: Reason) -> None:
    gif = save("GIF", photo)
    assert reason(gif[:-1] + b"\x21\xfe\0" * 1000 + b"\x3b") == "paletted"
    assert reason(gif[:-1] + b"\x21\xfe" + b"\1\0" * 1_100_000 + b"\0\x3b") == "paletted"
    assert reason(gif[:-1] + b"\x21\xfe" + b"\1x" * 2_100_000 + b"\0\x3b") == "damaged"


def test_avif_of_countless_boxes(save: Save, photo: Pixels, reason: Reason) -> None:
    assert reason(save("AVIF", photo) + b"\0\0\0\x08free" * 150_000) == "damaged"


def test_tiff_directories_in_a_circle(reason: Reason) -> None:
    entry = struct.pack("<HHII", 256, 3, 1, 10)
    assert reason(b"II*\0\x08\0\0\0" + struct.pack("<H", 1) + entry + struct.pack("<I", 8)) == "damaged"


def test_tiff_fields_that_all_claim_the_whole_file() -> None:
    """Fields are read only when asked for, so pointing at the same megabytes a thousand times costs nothing."""
    entries = b"".join(struct.pack("<HHII", tag, 4, 1_000_000, 8) for tag in range(900))
    data = b"II*\0\x08\0\0\0" + bytes(4_000_100)
    data += struct.pack("<H", 900) + entries + bytes(4)
    reader, _ = TiffFields.open(data)
    tracemalloc.start()
    fields, _ = reader.directory(8 + 4_000_100)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(fields) == 900 and peak < 2_000_000


def test_tiff_fields_that_reach_past_the_end() -> None:
    for count, start in ((1_000_000, 8), (4, 1 << 31), (0xFFFFFFFF, 8)):
        data = b"II*\0\x08\0\0\0" + struct.pack("<HHHIII", 1, 273, 4, count, start, 0)
        reader, offset = TiffFields.open(data)
        with pytest.raises(BrokenFieldsError):
            reader.directory(offset)


def test_exif_that_points_at_itself() -> None:
    blob = struct.pack("<2sHIHHHIII", b"II", 42, 8, 1, 0x8769, 4, 1, 8, 0)
    assert read_exif(blob).orientation == 1


def test_profile_of_countless_entries() -> None:
    icc = bytearray(named_meaning("srgb").icc + bytes(40_000))
    struct.pack_into(">I", icc, 0, len(icc))
    struct.pack_into(">I", icc, 128, 2000)
    with pytest.raises(ProfileError, match="2000 entries"):
        meaning_of_icc(bytes(icc))


@pytest.mark.parametrize("values", [(2**31 - 1,) * 7, (-(2**31),) * 7, (0,) * 7, (-65536, 0, 0, 0, 0, 0, 0)])
@pytest.mark.parametrize("kind", range(6))
def test_curves_that_overflow(kind: int, values: tuple[int, ...]) -> None:
    """Neither a warning (they are errors in these tests) nor anything but a verdict."""
    icc = named_meaning("srgb").icc
    entries = {icc[at : at + 4]: at for at in range(132, 132 + 12 * 9, 12)}
    start = int.from_bytes(icc[entries[b"rTRC"] + 4 : entries[b"rTRC"] + 8], "big")
    curve = b"para\0\0\0\0" + struct.pack(">HH7i", kind, 0, *values)
    try:
        meaning = meaning_of_icc(icc[:start] + curve + icc[start + len(curve) :])
    except ProfileError:
        return
    assert meaning.colour_space == "other_rgb"
