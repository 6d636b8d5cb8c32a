"""The only place that turns picture files into pixels and pixels into files.

`sniff` tells the format by the bytes alone, `read_header` judges a file before any pixel is decoded, `decode` gives
the pixels or says why not, and the encoders write what the dataset stores. Nothing here rotates a picture, pads it,
or guesses: whatever cannot be decoded exactly is a `Rejection` with a reason of its own (see docs/decoding.md).
"""

from __future__ import annotations

from million_ird.pixels.decode import decode
from million_ird.pixels.encode import decode_patch, encode_png, encode_thumbnail, encode_webp_lossless
from million_ird.pixels.header import read_header
from million_ird.pixels.model import DecodeSettings, Header
from million_ird.pixels.sniff import sniff

__all__ = [
    "DecodeSettings",
    "Header",
    "decode",
    "decode_patch",
    "encode_png",
    "encode_thumbnail",
    "encode_webp_lossless",
    "read_header",
    "sniff",
]
