"""Photographs for the screens' tests: from files through the real codec layer, or straight from pixels."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from million_ird.pixels import DecodeSettings, Header, decode, read_header
from million_ird.records import Rejection
from million_ird.screens import Photo

Pixels = npt.NDArray[np.uint8]


@pytest.fixture(scope="session")
def photo_from_file() -> Callable[[bytes], Photo]:
    """A photograph as the build makes it: header, then pixels, both from the file's bytes."""

    def read(data: bytes) -> Photo:
        header = read_header(data, DecodeSettings())
        assert not isinstance(header, Rejection), header
        rgb = decode(data, header, DecodeSettings())
        assert not isinstance(rgb, Rejection), rgb
        return Photo(header, data, rgb)

    return read


@pytest.fixture(scope="session")
def photo_from_pixels() -> Callable[[Pixels], Photo]:
    """A photograph that was stored without loss; (H, W) grey pixels become three equal channels."""

    def wrap(pixels: Pixels) -> Photo:
        rgb = np.ascontiguousarray(pixels if pixels.ndim == 3 else np.dstack([pixels] * 3))
        header = Header("png", rgb.shape[1], rgb.shape[0], 3, 8, "rgb")
        return Photo(header, b"\0" * 1000, rgb)

    return wrap


@pytest.fixture(scope="session")
def recompressed() -> Callable[[Pixels, int], Pixels]:
    """The pixels after saving them as a JPEG of the given quality (4:2:0)."""

    def save(pixels: Pixels, quality: int) -> Pixels:
        out = io.BytesIO()
        Image.fromarray(pixels).save(out, "JPEG", quality=quality, subsampling="4:2:0")
        with Image.open(io.BytesIO(out.getvalue())) as picture:
            return np.array(picture)

    return save
