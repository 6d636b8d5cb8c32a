"""A small photograph, and short ways to write it and to ask what becomes of a file."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from million_ird.pixels import DecodeSettings, Header, decode, read_header
from million_ird.records import Rejection

Pixels = npt.NDArray[np.uint8]


@pytest.fixture(scope="session")
def photo(wheel_photo: Callable[[str], Pixels]) -> Pixels:
    """A detail of a photograph, 90 wide and 80 high, so that no side is a multiple of a JPEG block of 16."""
    return np.ascontiguousarray(wheel_photo("flower")[100:180, 200:290])


@pytest.fixture(scope="session")
def save() -> Callable[..., bytes]:
    """Write pixels or a Pillow picture in a format."""

    def write(kind: str, picture: Pixels | Image.Image, **options: object) -> bytes:
        out = io.BytesIO()
        image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
        image.save(out, kind, **options)
        return out.getvalue()

    return write


@pytest.fixture(scope="session")
def judge() -> Callable[..., Rejection | tuple[Header, Pixels]]:
    """Header and pixels, or the rejection, of bytes under settings given by name."""

    def run(data: bytes, **settings: object) -> Rejection | tuple[Header, Pixels]:
        policy = DecodeSettings(**settings)
        header = read_header(data, policy)
        if isinstance(header, Rejection):
            return header
        pixels = decode(data, header, policy)
        if isinstance(pixels, Rejection):
            return pixels
        assert pixels.dtype == np.uint8 and pixels.flags.c_contiguous
        assert pixels.shape == (header.height, header.width, 3)
        return header, pixels

    return run


@pytest.fixture(scope="session")
def reason(judge: Callable[..., Rejection | tuple[Header, Pixels]]) -> Callable[..., str]:
    """The reason a file is rejected for, or `kept`."""

    def ask(data: bytes, **settings: object) -> str:
        outcome = judge(data, **settings)
        if isinstance(outcome, Rejection):
            assert outcome.step == "decode"
            return outcome.reason
        return "kept"

    return ask


@pytest.fixture(scope="session")
def kept(judge: Callable[..., Rejection | tuple[Header, Pixels]]) -> Callable[..., tuple[Header, Pixels]]:
    """Header and pixels of a file that must be kept."""

    def ask(data: bytes, **settings: object) -> tuple[Header, Pixels]:
        outcome = judge(data, **settings)
        assert not isinstance(outcome, Rejection), outcome
        return outcome

    return ask
