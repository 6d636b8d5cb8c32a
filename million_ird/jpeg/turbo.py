"""Cutting with libturbojpeg: all patches of an image in one call, so that its entropy-coded data is read once.

libturbojpeg writes no restart markers here, so each interval of a patch is written as a JPEG of its own, and joined.

Works with libturbojpeg 2.1 and 3.x, through the functions that both have. Besides the patches, the one call carries one
more transform that writes nothing: its filter sees the luma coefficients of the whole image, row of blocks by row of
blocks, and measures their variance (see `flatness`).
"""

from __future__ import annotations

import ctypes
import ctypes.util
import os
import re
import sys
from collections.abc import Callable, Sequence
from functools import cached_property
from itertools import chain
from pathlib import Path

import numpy as np
import numpy.typing as npt

from million_ird.errors import UsageError
from million_ird.flatness import (
    COARSE_TERMS,
    BlockVariance,
    coarse_energy,
    coarse_weights,
    rgb_coarse_energy,
    rgb_luma_part,
)
from million_ird.jpeg.cutter import CutPatch, Huffman, cut_failed, finish_patches, parts_of
from million_ird.patches import Box
from million_ird.pixels import Header
from million_ird.records import Rejection

LIBRARY_VARIABLE = "MILLION_IRD_TURBOJPEG"
"""Environment variable with the path of the libturbojpeg to use instead of the system's; "none" for no libturbojpeg."""

# Names that the dynamic loader resolves (Linux, macOS, Windows), then Homebrew's folders, which it does not search.
_LIBRARY_NAMES = (
    "libturbojpeg.so.0",
    "libturbojpeg.so",
    "libturbojpeg.0.dylib",
    "libturbojpeg.dylib",
    "/opt/homebrew/opt/jpeg-turbo/lib/libturbojpeg.dylib",
    "/usr/local/opt/jpeg-turbo/lib/libturbojpeg.dylib",
    "turbojpeg.dll",
    "libturbojpeg.dll",
)

# Numbers of turbojpeg.h, the same in 2.1 and 3.x.
_OPTION_CROP = 4
_OPTION_GREY = 8
_OPTION_NO_OUTPUT = 16
_OPTION_COPY_NONE = 64
_OPTION_OPTIMISE = 256  # ignored by 2.1
_FLAG_STOP_ON_WARNING = 8192
_FLAG_LIMIT_SCANS = 32768  # a progressive file with more than 500 scans is an attack, not a photograph

_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4  # of glibc's malloc.h


class Region(ctypes.Structure):
    """`tjregion`."""

    _fields_ = (("x", ctypes.c_int), ("y", ctypes.c_int), ("w", ctypes.c_int), ("h", ctypes.c_int))


# int filter(short *coefficients, tjregion array, tjregion plane, int component, int transform, tjtransform *)
_Filter = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, Region, Region, ctypes.c_int, ctypes.c_int, ctypes.c_void_p)


class _Transform(ctypes.Structure):
    """`tjtransform`."""

    _fields_ = (
        ("r", Region),
        ("op", ctypes.c_int),
        ("options", ctypes.c_int),
        ("data", ctypes.c_void_p),
        ("customFilter", _Filter),
    )


def load_library() -> ctypes.CDLL | None:
    """Load libturbojpeg with its argument types declared, or None if this machine has none.

    Raises:
        UsageError: `MILLION_IRD_TURBOJPEG` names something that is no libturbojpeg.
    """
    wanted = os.environ.get(LIBRARY_VARIABLE, "")
    if wanted == "none":
        return None
    for name in (wanted,) if wanted else (str(Path(sys.prefix, "lib", _LIBRARY_NAMES[0])), *_LIBRARY_NAMES):
        try:
            return _declare(ctypes.CDLL(name))
        except (OSError, AttributeError):  # not there, or a library without these functions
            continue
    if wanted:
        raise UsageError(f"{LIBRARY_VARIABLE}={wanted} is no libturbojpeg that can be loaded")
    return None


def _declare(library: ctypes.CDLL) -> ctypes.CDLL:
    library.tjInitTransform.argtypes = []
    library.tjInitTransform.restype = ctypes.c_void_p
    library.tjTransform.argtypes = [
        ctypes.c_void_p,
        ctypes.c_char_p,
        ctypes.c_ulong,
        ctypes.c_int,
        ctypes.POINTER(ctypes.c_void_p),
        ctypes.POINTER(ctypes.c_ulong),
        ctypes.POINTER(_Transform),
        ctypes.c_int,
    ]
    library.tjTransform.restype = ctypes.c_int
    library.tjGetErrorStr2.argtypes = [ctypes.c_void_p]
    library.tjGetErrorStr2.restype = ctypes.c_char_p
    library.tjFree.argtypes = [ctypes.c_void_p]
    library.tjFree.restype = None
    library.tjDestroy.argtypes = [ctypes.c_void_p]
    library.tjDestroy.restype = ctypes.c_int
    return library


def keep_freed_memory() -> None:
    """Let glibc keep the memory that one image took for the next one; nothing happens with other C libraries.

    libjpeg asks for up to 3 bytes per pixel for each image. glibc gives blocks of more than 32 MB back at once, and the
    kernel then clears every 4 KB page anew: measured, that doubled the time of a cut. The price is that the process
    stays at its peak size.
    """
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None
    if libc is not None and hasattr(libc, "gnu_get_libc_version"):
        libc.mallopt(_M_MMAP_MAX, 0)
        libc.mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)


class TurboCutter:
    """A `Cutter` over a loaded libturbojpeg. Holds no state between calls; may be used by several threads.

    libturbojpeg 2.1 cannot optimise Huffman tables; patches with such are then cut by jpeglib, 5 times as slowly.
    """

    hint = ""

    def __init__(self, library: ctypes.CDLL) -> None:
        self._library = library
        self._optimises = hasattr(library, "tj3Init")

    @cached_property
    def name(self) -> str:
        """`libturbojpeg` and its version."""
        return f"libturbojpeg {_version(self._library)}"

    def cut(
        self, data: bytes, header: Header, boxes: Sequence[Box], huffman: Huffman = "standard"
    ) -> list[CutPatch] | Rejection:
        """See `Cutter.cut`."""
        if not boxes:
            return []
        if huffman == "optimised" and not self._optimises:
            from million_ird.jpeg.fallback import JpeglibCutter

            return JpeglibCutter().cut(data, header, boxes, huffman)
        luma = _LumaFilter(header, boxes)
        parts = parts_of(boxes, huffman)
        encoded = self._transform(data, list(chain.from_iterable(parts)), luma, optimise=huffman == "optimised")
        patches = encoded if isinstance(encoded, Rejection) else finish_patches(encoded, parts, header)
        if isinstance(patches, Rejection):
            return patches
        return [CutPatch(patch, luma.variance(box)) for patch, box in zip(patches, boxes, strict=True)]

    def _transform(
        self, data: bytes, boxes: Sequence[Box], luma: _LumaFilter, *, optimise: bool
    ) -> list[bytes] | Rejection:
        """The one call: each box's JPEG, with `luma` having seen the coefficients."""
        count = len(boxes) + 1
        transforms = (_Transform * count)()
        for transform, box in zip(transforms, boxes, strict=False):
            transform.r = Region(box.x, box.y, box.width, box.height)
            transform.options = _OPTION_CROP | _OPTION_COPY_NONE | (_OPTION_OPTIMISE if optimise else 0)
        callback = _Filter(luma.row)
        transforms[-1].options = _OPTION_NO_OUTPUT | _OPTION_COPY_NONE | luma.options
        transforms[-1].customFilter = callback
        buffers = (ctypes.c_void_p * count)()
        sizes = (ctypes.c_ulong * count)()
        library = self._library
        handle = library.tjInitTransform()
        try:
            failed = library.tjTransform(
                handle, data, len(data), count, buffers, sizes, transforms, _FLAG_STOP_ON_WARNING | _FLAG_LIMIT_SCANS
            )
            if luma.error is not None:
                raise luma.error
            if failed:
                return cut_failed(library.tjGetErrorStr2(handle).decode("utf-8", "replace"))
            return [ctypes.string_at(address, size) for address, size in zip(buffers, sizes, strict=True) if address]
        finally:
            for buffer in buffers:  # a failed call leaves the patches that it had finished
                library.tjFree(buffer)
            library.tjDestroy(handle)


class _LumaFilter:
    """Measures the luma blocks that any box covers, while libturbojpeg walks over the image."""

    def __init__(self, header: Header, boxes: Sequence[Box]) -> None:
        self.error: Exception | None = None
        self._rows = max(box.y + box.height for box in boxes) // 8
        self._columns = max(box.x + box.width for box in boxes) // 8
        self._energy = np.zeros((self._rows, self._columns), np.float32)
        self._measure: Callable[[int, int, npt.NDArray[np.int16]], None]
        if header.colour_model == "rgb":
            self.options = 0
            self._planes = np.zeros((self._rows, self._columns, COARSE_TERMS))
            self._quantisation = header.quantisation
            self._measure = self._add_rgb
        else:
            self.options = _OPTION_GREY  # the filter then sees the luma component alone
            self._weights = coarse_weights(header.quantisation[0])
            self._measure = self._add_luma

    def row(self, address: int, array: Region, _plane: Region, component: int, _index: int, _transform: int) -> int:
        """The filter itself: one row of blocks of one component; nothing is changed. -1 stops the transform."""
        row = array.y // 8
        if row >= self._rows:
            return 0
        try:
            values = (ctypes.c_short * (array.w * 8)).from_address(address)
            blocks = np.frombuffer(values, np.int16).reshape(-1, 64)[: self._columns]
            self._measure(component, row, blocks)
        except Exception as error:  # noqa: BLE001 - nothing can be raised through C; `_transform` raises it
            self.error = error
            return -1
        return 0

    def _add_luma(self, _component: int, row: int, blocks: npt.NDArray[np.int16]) -> None:
        self._energy[row] = coarse_energy(blocks, self._weights)

    def _add_rgb(self, component: int, row: int, blocks: npt.NDArray[np.int16]) -> None:
        """Red, green and blue come one after the other, each for the whole image."""
        self._planes[row] += rgb_luma_part(component, blocks, self._quantisation[component])
        if component == 2:
            self._energy[row] = rgb_coarse_energy(self._planes[row])

    def variance(self, box: Box) -> BlockVariance:
        """Variance of the blocks of `box`."""
        rows = slice(box.y // 8, (box.y + box.height) // 8)
        columns = slice(box.x // 8, (box.x + box.width) // 8)
        return self._energy[rows, columns] / np.float32(64)


class _SymbolInfo(ctypes.Structure):
    """`Dl_info` of dladdr(3)."""

    _fields_ = (
        ("file", ctypes.c_char_p),
        ("base", ctypes.c_void_p),
        ("symbol", ctypes.c_char_p),
        ("address", ctypes.c_void_p),
    )


def _version(library: ctypes.CDLL) -> str:
    """The version that is written in the library's file (no function tells it), or "unknown"."""
    file = Path(library._name)
    if hasattr(os, "RTLD_NOW"):  # not on Windows
        info = _SymbolInfo()
        ctypes.CDLL(None).dladdr(ctypes.cast(library.tjTransform, ctypes.c_void_p), ctypes.byref(info))
        file = Path(os.fsdecode(info.file or b""))
    if not file.is_file():
        return "unknown"
    found = re.search(rb"libjpeg-turbo version (\d+(?:\.\d+)+)", file.read_bytes())
    return found[1].decode("ascii") if found else "unknown"
