"""Decode a whole file strictly, or say why not."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from million_ird.pixels.model import DecodeSettings, Header
from million_ird.records import Rejection


def decode(data: bytes, header: Header, settings: DecodeSettings) -> npt.NDArray[np.uint8] | Rejection:
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
    raise NotImplementedError
