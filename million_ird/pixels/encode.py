"""Write what the dataset stores, and read it back."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def encode_webp_lossless(rgb: npt.NDArray[np.uint8]) -> bytes:
    """Encode (H, W, 3) uint8 RGB as lossless WebP. The same pixels always give the same bytes."""
    raise NotImplementedError


def encode_thumbnail(rgb: npt.NDArray[np.uint8], side: int = 160) -> bytes:
    """A small baseline JPEG of (H, W, 3) uint8 RGB whose longer side is at most `side` pixels; never enlarged."""
    raise NotImplementedError


def decode_patch(data: bytes) -> npt.NDArray[np.uint8]:
    """Decode a stored patch (JPEG or lossless WebP) to (H, W, 3) uint8 RGB.

    Raises:
        DatasetError: the bytes are damaged, or no patch of this project.
    """
    raise NotImplementedError
