"""Pictures that are carried along with a mask: their own bytes where any reader shows those upright, else as PNG."""

from __future__ import annotations

from annotation.formats.model import PictureFile
from million_ird.pixels import DecodeSettings, encode_png, read_header
from million_ird.records import Rejection

_SETTINGS = DecodeSettings(allow_paletted=True)
_EXTENSIONS = {"jpeg": "jpg", "png": "png", "webp": "webp"}


def portable_file(picture: PictureFile, formats: frozenset[str] = frozenset(_EXTENSIONS)) -> tuple[str, bytes]:
    """(extension, bytes) of a file with the picture.

    Its own bytes if it is of one of `formats` (as `Header.format` names them), upright, and RGB or grey; else PNG.
    """
    data = picture.data()
    header = read_header(data, _SETTINGS)
    if isinstance(header, Rejection) or header.format not in formats:
        return "png", encode_png(picture.pixels())
    is_plain = not (header.is_paletted or header.has_alpha or header.is_cmyk or header.needs_conversion)
    if header.orientation == 1 and is_plain:
        return _EXTENSIONS[header.format], data
    return "png", encode_png(picture.pixels())
