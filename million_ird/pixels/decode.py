"""Decode a whole file strictly, or say why not."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import simplejpeg

from million_ird.pixels.colour import ProfileError
from million_ird.pixels.convert import convert_grey_to_srgb, convert_to_srgb
from million_ird.pixels.jpeg_header import has_adobe_marker, judge_scans
from million_ird.pixels.model import DecodeSettings, Header, rejected
from million_ird.pixels.png_header import only_pixel_chunks, pixel_stream_is_complete
from million_ird.pixels.still import BrokenPictureError, open_still, open_still_16, open_webp
from million_ird.pixels.tiff_header import deflated_data_is_sound, without_orientation
from million_ird.pixels.webp_header import is_animation
from million_ird.records import Rejection

Pixels = npt.NDArray[np.uint8]


def decode(data: bytes, header: Header, settings: DecodeSettings) -> Pixels | Rejection:
    """Decode the whole file strictly.

    Args:
        data: the file's bytes.
        header: what `read_header(data, settings)` returned.
        settings: the same settings.

    Returns:
        RGB, uint8, shape (height, width, 3), contiguous, in stored orientation (never rotated), sRGB unless
        `settings.colour` is "keep"; grey pictures have three equal channels. A `Rejection` if the data is truncated
        or damaged, or the pixels show what the header could not (real transparency). Never raises on any input.
    """
    stored = _decode_jpeg(data, header) if header.format == "jpeg" else _decode_still(data, header)
    if isinstance(stored, Rejection):
        return stored
    if stored.shape[:2] != (header.height, header.width):
        return rejected("damaged", f"{stored.shape[1]}x{stored.shape[0]} pixels, not as the header says")
    try:
        return np.ascontiguousarray(_to_rgb(stored, header, settings))
    except ProfileError as error:
        return rejected("colour_profile", str(error))


def _decode_jpeg(data: bytes, header: Header) -> Pixels | Rejection:
    """RGB, or for CMYK the inks (255 = full)."""
    if header.progressive or _has_several_scans(data):
        unfit = judge_scans(data)
        if unfit is not None:
            return unfit
    try:
        pixels: Pixels = simplejpeg.decode_jpeg(data, "CMYK" if header.is_cmyk else "RGB", strict=True)
    except ValueError as error:
        return _explain_jpeg_error(str(error), header)
    if not header.is_cmyk:
        return pixels
    if not has_adobe_marker(data):
        return rejected("cmyk", "no Adobe segment says whether its inks are inverted")
    return 255 - pixels


def _has_several_scans(data: bytes) -> bool:
    """More than one start of scan; one that only looks like it costs nothing but a closer look."""
    first = data.find(b"\xff\xda")
    return data.find(b"\xff\xda", first + 2) >= 0


def _explain_jpeg_error(message: str, header: Header) -> Rejection:
    if "subsampling" in message and header.subsampling.count("x"):
        return rejected("jpeg_sampling", header.subsampling)
    is_short = "Premature end" in message or "premature end" in message
    return rejected("truncated" if is_short else "damaged", message)


def _decode_still(data: bytes, header: Header) -> Pixels | Rejection:
    """Everything but JPEG: (H, W, n) as stored, without alpha if it is opaque throughout; palettes looked up."""
    if header.format == "png":
        data = only_pixel_chunks(data)
    elif header.format == "tiff":
        if not deflated_data_is_sound(data):
            return rejected("damaged", "a deflated strip or tile does not fit its checksum")
        data = without_orientation(data)
    try:
        if header.bit_depth == 16:
            stored = _decode_16(data, header)
        elif header.format == "webp" and not is_animation(data):
            stored = open_webp(data, header)
        else:
            stored = open_still(data, header)
    except BrokenPictureError as error:
        return rejected(error.reason, str(error))
    if header.format == "png" and _may_lack_rows(stored, header) and not pixel_stream_is_complete(data, header):
        return rejected("truncated", "rows are missing")
    return _drop_alpha(stored, header)


def _may_lack_rows(stored: Pixels, header: Header) -> bool:
    """Whether the last rows could be missing: decoders leave them black, without an error, if the data ends early.

    Only then is the data inflated a second time to count its rows. Interlaced rows come in another order, and 16-bit
    pixels from a decoder that repairs more: there it is always done.
    """
    return header.progressive or header.bit_depth == 16 or bool((stored[-1] == stored[-1, 0]).all())


def _decode_16(data: bytes, header: Header) -> Pixels:
    """The nearest of 256 levels: 65535 = 255 · 257, so half a level is 128. Opaque alpha stays opaque.

    An alpha that is not quite opaque must not become so, hence it alone is rounded down.
    """
    wide = open_still_16(data)
    if header.has_alpha and wide.shape[2] in (1, 3):
        raise BrokenPictureError("alpha", "transparency that the decoder of 16 bits does not bring")
    out = np.empty(wide.shape, np.uint8)
    for row in range(wide.shape[0]):  # row by row: no copy of four bytes a value beside a large picture
        out[row] = (wide[row].astype(np.uint32) + 128) // 257
        if wide.shape[2] in (2, 4):
            out[row, :, -1] = wide[row, :, -1] // 257
    return out


def _drop_alpha(pixels: Pixels, header: Header) -> Pixels | Rejection:
    """Drop an opaque last channel of two or four; a CMYK picture has no such channel."""
    if header.is_cmyk or pixels.shape[2] not in (2, 4):
        return pixels
    lowest = int(pixels[:, :, -1].min())
    if lowest < 255:
        return rejected("alpha", "the least opaque pixel, of 1", lowest / 255)
    return pixels[:, :, :-1]


def _to_rgb(stored: Pixels, header: Header, settings: DecodeSettings) -> Pixels:
    converts = bool(header.icc) and (header.is_cmyk or settings.colour == "convert")
    converts = converts and header.colour_space not in ("srgb", "unknown")
    is_grey = header.colour_model == "grey"
    if is_grey:
        grey = stored[:, :, 0]
        grey = convert_grey_to_srgb(grey, header.icc) if converts else grey
        return np.repeat(grey[:, :, None], 3, axis=2)
    return convert_to_srgb(stored, header.icc) if converts else stored
