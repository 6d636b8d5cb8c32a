"""Read and judge a file's header before a single pixel is decoded."""

from __future__ import annotations

from million_ird.pixels.model import DecodeSettings, Header
from million_ird.records import Rejection


def read_header(data: bytes, settings: DecodeSettings) -> Header | Rejection:
    """Read the header of the file `data` and judge it by `settings`; no pixel is decoded.

    Every limit is judged here, so a decompression bomb costs nothing. Never raises on any input.
    """
    raise NotImplementedError
