"""Decode only a rectangle of a JPEG: a training crop of 128² out of a patch of 512² for a third of a full decode.

Of a file with restart markers only the intervals that show the rectangle are given to a decoder (see `restarts`).

Three ways give the same pixels; the first that this machine has is used:

1. our extension `_region.c` over libjpeg-turbo, which stops after the last row (built on installation if a C compiler
   and jpeglib.h are there),
2. libturbojpeg 3 through ctypes, which reads the file to its end (and refuses progressive ones),
3. the whole picture by simplejpeg, of which the rectangle is a slice.

What 1 or 2 refuse is decoded by 3, so that one rule says what is damaged. Only, damage that lies below the rectangle is
not seen by 1, nor damage in other intervals by any; the checksums of a dataset's rows see all of it.
"""

from __future__ import annotations

import contextlib
import ctypes
from functools import cache
from importlib.metadata import version
from typing import Protocol

import numpy as np
import numpy.typing as npt
import simplejpeg

from million_ird.jpeg.restarts import intervals_showing
from million_ird.jpeg.turbo import Region, load_library
from million_ird.patches import Box

Pixels = npt.NDArray[np.uint8]

# Numbers of turbojpeg.h, 3.x.
_INIT_DECOMPRESS = 1
_STOP_ON_WARNING, _SUBSAMPLING, _WIDTH, _HEIGHT, _PROGRESSIVE = 0, 4, 5, 6, 12
_PIXELS_RGB = 0
_MCU_WIDTHS = (8, 16, 16, 8, 8, 32, 8)  # by subsampling: 4:4:4, 4:2:2, 4:2:0, grey, 4:4:0, 4:1:1, 4:4:1
_MARGIN = 8
"""Pixels decoded around the rectangle where it does not touch the picture's border: upsampling looks at neighbours."""


class RegionDecoder(Protocol):
    """Something that decodes a rectangle."""

    @property
    def name(self) -> str:
        """What it is, for a person."""

    def decode(self, data: bytes, width: int, height: int, box: Box) -> Pixels:
        """The rectangle `box` of the JPEG `data` of width × height pixels: RGB, uint8, (box.height, box.width, 3).

        Raises:
            ValueError: damaged, of another size, or more than this decoder can do.
        """


def decode_region(data: bytes, width: int, height: int, box: Box) -> Pixels:
    """Decode a rectangle of a JPEG: exactly the slice of the full decode, as fast as this machine can.

    Args:
        data: the whole file.
        width: of the picture in pixels, in stored orientation, as its row says.
        height: likewise.
        box: the rectangle, within the picture.

    Returns:
        RGB, uint8, shape (box.height, box.width, 3), contiguous; grey pictures have three equal channels.

    Raises:
        ValueError: the data is damaged, of another size, or no JPEG with RGB, YCbCr or grey pixels.
    """
    decoder = find_region_decoder()
    shown = intervals_showing(data, width, height, box)
    if shown is not None:
        part, part_height, part_box = shown
        with contextlib.suppress(ValueError):
            return decoder.decode(part, width, part_height, part_box)
    elif not isinstance(decoder, WholeDecoder):
        with contextlib.suppress(ValueError):
            return decoder.decode(data, width, height, box)
    return WholeDecoder().decode(data, width, height, box)  # it judges what is damaged, and finds the words


@cache
def find_region_decoder() -> RegionDecoder:
    """The fastest decoder of rectangles on this machine. Searched once per process."""
    return region_decoders()[0]


def region_decoder() -> str:
    """What `find_region_decoder` found, in one line for a status output."""
    return f"region decoder: {find_region_decoder().name}"


def region_decoders() -> list[RegionDecoder]:
    """Every decoder that this machine has, the fastest first."""
    found: list[RegionDecoder] = []
    with contextlib.suppress(ImportError):  # not built, or the libjpeg that it was built with is gone
        found.append(ExtensionDecoder())
    library = load_library()
    if library is not None and hasattr(library, "tj3SetCroppingRegion"):
        found.append(TurboDecoder(library))
    return [*found, WholeDecoder()]


class ExtensionDecoder:
    """By our extension. `ImportError` where it was not built."""

    def __init__(self) -> None:
        from million_ird.jpeg import _region

        self._decode = _region.decode_region
        self.name = f"extension over libjpeg-turbo {_region.version()}"

    def decode(self, data: bytes, width: int, height: int, box: Box) -> Pixels:
        """See `RegionDecoder.decode`."""
        out = np.empty((box.height, box.width, 3), np.uint8)
        self._decode(data, out, width, height, box.x, box.y, box.width, box.height)
        return out


class TurboDecoder:
    """By a loaded libturbojpeg 3. Holds no state between calls; may be used by several threads."""

    name = "libturbojpeg 3"

    def __init__(self, library: ctypes.CDLL) -> None:
        self._library = _declare(library)

    def decode(self, data: bytes, width: int, height: int, box: Box) -> Pixels:
        """See `RegionDecoder.decode`."""
        library = self._library
        handle = library.tj3Init(_INIT_DECOMPRESS)
        try:
            self._check(handle, library.tj3Set(handle, _STOP_ON_WARNING, 1))
            self._check(handle, library.tj3DecompressHeader(handle, data, len(data)))
            if (library.tj3Get(handle, _WIDTH), library.tj3Get(handle, _HEIGHT)) != (width, height):
                raise ValueError("the file has another size than its row says")
            if library.tj3Get(handle, _PROGRESSIVE):
                raise ValueError("progressive; pixels that missing scans leave open would differ from the whole's")
            region = _widened(box, width, height, library.tj3Get(handle, _SUBSAMPLING))
            self._check(handle, library.tj3SetCroppingRegion(handle, region))
            out = np.empty((region.h, region.w, 3), np.uint8)
            self._check(handle, library.tj3Decompress8(handle, data, len(data), out.ctypes.data, 0, _PIXELS_RGB))
        finally:
            library.tj3Destroy(handle)
        y, x = box.y - region.y, box.x - region.x
        return np.ascontiguousarray(out[y : y + box.height, x : x + box.width])

    def _check(self, handle: int, failed: int) -> None:
        if failed:
            raise ValueError(self._library.tj3GetErrorStr(handle).decode("utf-8", "replace"))


class WholeDecoder:
    """The slice of a full decode by simplejpeg."""

    @property
    def name(self) -> str:
        """The reason for the speed."""
        return (
            f"simplejpeg {version('simplejpeg')}, whole pictures (slower: no C compiler with jpeglib.h on installation)"
        )

    def decode(self, data: bytes, width: int, height: int, box: Box) -> Pixels:
        """See `RegionDecoder.decode`."""
        if simplejpeg.decode_jpeg_header(data)[2] in ("CMYK", "YCCK"):
            raise ValueError("inks, which can only be guessed to be RGB")
        pixels: Pixels = simplejpeg.decode_jpeg(data, "RGB", strict=True)
        if pixels.shape != (height, width, 3):
            raise ValueError("the file has another size than its row says")
        return np.ascontiguousarray(pixels[box.y : box.y + box.height, box.x : box.x + box.width])


def _widened(box: Box, width: int, height: int, subsampling: int) -> Region:
    """The rectangle with a margin, beginning on the border of an MCU, as libturbojpeg wants it."""
    if not 0 <= subsampling < len(_MCU_WIDTHS):
        raise ValueError("an unusual subsampling")
    left = max(box.x - _MARGIN, 0) // _MCU_WIDTHS[subsampling] * _MCU_WIDTHS[subsampling]
    top = max(box.y - _MARGIN, 0)
    right, bottom = min(box.x + box.width + _MARGIN, width), min(box.y + box.height + _MARGIN, height)
    return Region(left, top, right - left, bottom - top)


def _declare(library: ctypes.CDLL) -> ctypes.CDLL:
    handle, number, size = ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t
    for name, result, arguments in (
        ("tj3Init", handle, [number]),
        ("tj3Destroy", None, [handle]),
        ("tj3Set", number, [handle, number, number]),
        ("tj3Get", number, [handle, number]),
        ("tj3DecompressHeader", number, [handle, ctypes.c_char_p, size]),
        ("tj3SetCroppingRegion", number, [handle, Region]),
        ("tj3Decompress8", number, [handle, ctypes.c_char_p, size, ctypes.c_void_p, number, number]),
        ("tj3GetErrorStr", ctypes.c_char_p, [handle]),
    ):
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library
