"""PNG files of tools that write 1 for what is marked, not 255."""

from __future__ import annotations

import numpy as np

from annotation.mask import MAX_PIXELS, Mask, MaskError, decode_mask
from million_ird.pixels import DecodeSettings, decode, read_header
from million_ird.records import Rejection

_SETTINGS = DecodeSettings(max_pixels=MAX_PIXELS, colour="keep", allow_paletted=True)


def decode_zero_one(data: bytes, any_nonzero: bool, most: int) -> Mask:
    """The mask in a PNG whose values are 0 and 255, or 0 and 1.

    Raises:
        MaskError: as `decode_mask`; or more than `most` pixels, of which none is then decoded.
    """
    if not data.startswith(b"\x89PNG\r\n\x1a\n"):
        raise MaskError("it is no PNG")
    if int.from_bytes(data[16:20], "big") * int.from_bytes(data[20:24], "big") > most:
        raise MaskError("it is larger than its image")
    try:
        return decode_mask(data, None, any_nonzero)
    except MaskError:
        header = read_header(data, _SETTINGS)
        pixels = header if isinstance(header, Rejection) else decode(data, header, _SETTINGS)
        if isinstance(pixels, Rejection) or pixels.max() != 1:
            raise
    return np.asarray(pixels[:, :, 0] == 1)
