"""Read and judge a file's header before a single pixel is decoded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from million_ird.pixels.avif_header import read_avif_header
from million_ird.pixels.bmp_header import bmp_size, read_bmp_header
from million_ird.pixels.colour import Meaning
from million_ird.pixels.gif_header import gif_size, read_gif_header
from million_ird.pixels.jpeg_header import read_jpeg_header
from million_ird.pixels.model import DecodeSettings, Header, rejected
from million_ird.pixels.png_header import png_size, read_png_header
from million_ird.pixels.sniff import sniff
from million_ird.pixels.tiff_header import read_tiff_header
from million_ird.pixels.webp_header import read_webp_header
from million_ird.records import Rejection

_WithMeaning = tuple[Header, Meaning]

_READERS: dict[str, Callable[[bytes, bool], _WithMeaning | Rejection]] = {
    "jpeg": read_jpeg_header,
    "png": read_png_header,
    "webp": read_webp_header,
    "gif": lambda data, _: read_gif_header(data),
    "bmp": read_bmp_header,
    "tiff": read_tiff_header,
    "avif": read_avif_header,
}
_EARLY_SIZES = {"png": png_size, "gif": gif_size, "bmp": bmp_size}
"""Formats whose size stands in their first bytes: judged before the rest of the file is even walked through."""
_OTHER_PICTURES = ("heic", "jxl", "jp2", "svg", "ico", "psd", "raw")


def read_header(data: bytes, settings: DecodeSettings) -> Header | Rejection:
    """Read the header of the file `data` and judge it by `settings`; no pixel is decoded.

    Every limit is judged here, so a decompression bomb costs nothing. Never raises on any input.
    """
    kind = sniff(data)
    unfit = _judge_file(data, kind, settings)
    if unfit is not None:
        return unfit
    read = _READERS[kind](data, settings.colour != "keep")
    if isinstance(read, Rejection):
        return read
    header, meaning = read
    return (
        _judge_size(header.width, header.height, settings)
        or _judge_layout(header, settings)
        or _with_meaning(header, meaning, settings)
    )


def _judge_file(data: bytes, kind: str, settings: DecodeSettings) -> Rejection | None:
    """What the first bytes and the length of the file decide."""
    if kind == "empty":
        return rejected("empty", "no bytes")
    if len(data) > settings.max_nbytes:
        return rejected("too_many_bytes", "", float(len(data)))
    if kind in _OTHER_PICTURES:
        return rejected(f"format_{kind}")
    if kind not in _READERS:
        return rejected("not_an_image", kind)
    size = _EARLY_SIZES[kind](data) if kind in _EARLY_SIZES else None
    return _judge_size(*size, settings) if size is not None else None


def _judge_size(width: int, height: int, settings: DecodeSettings) -> Rejection | None:
    if width <= 0 or height <= 0:
        return rejected("no_pixels", f"{width}x{height}")
    if width * height > settings.max_pixels:
        return rejected("too_many_pixels", f"{width}x{height}", float(width * height))
    return None


def _judge_layout(header: Header, settings: DecodeSettings) -> Rejection | None:
    """Frames, palette and depth."""
    if header.frames > settings.max_frames:
        reason = "multi_page" if header.format == "tiff" else "animated"
        return rejected(reason, "", float(header.frames))
    if header.is_paletted and not settings.allow_paletted:
        return rejected("paletted")
    if header.bit_depth < 8 and not header.is_paletted:
        return rejected("bit_depth", "", float(header.bit_depth))
    can_round = header.format in ("png", "tiff", "avif") and header.bit_depth in (10, 12, 16)
    if header.bit_depth > 8 and not (can_round and settings.high_bit_depth == "round"):
        return rejected("bit_depth", "", float(header.bit_depth))
    return None


def _with_meaning(header: Header, meaning: Meaning, settings: DecodeSettings) -> Header | Rejection:
    """Complete the header by its colours, or reject them."""
    if meaning.colour_space == "hdr":
        return rejected("hdr", "PQ or HLG")
    if header.is_cmyk and meaning.model != "CMYK":
        return rejected("cmyk", "no CMYK profile says what its inks look like")
    if meaning.model and not _profile_fits(header, meaning):
        if settings.colour != "keep":
            return rejected("colour_profile", f"a {meaning.model} profile for a {header.colour_model} picture")
        meaning = Meaning()
    is_foreign = meaning.colour_space not in ("srgb", "unknown")
    if is_foreign and settings.colour == "reject":
        return rejected("cmyk" if header.is_cmyk else "colour_space", meaning.colour_space)
    converts = header.is_cmyk or (is_foreign and settings.colour == "convert")
    return replace(
        header,
        colour_space=meaning.colour_space,
        icc=meaning.icc,
        needs_conversion=converts or header.bit_depth > 8,
    )


def _profile_fits(header: Header, meaning: Meaning) -> bool:
    """An RGB profile also fits a grey picture (equal channels); a grey one fits only grey."""
    if header.is_cmyk:
        return meaning.model == "CMYK"
    return meaning.model == "RGB" or (meaning.model == "GRAY" and header.colour_model == "grey")
