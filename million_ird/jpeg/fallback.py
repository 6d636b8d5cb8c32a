"""Cutting with jpeglib, for machines without libturbojpeg: as exact, but slower (it works through temporary files)."""

from __future__ import annotations

import io
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import simplejpeg
from PIL import Image

from million_ird.flatness import coarse_energy, coarse_weights, rgb_coarse_energy, rgb_luma_part
from million_ird.jpeg.cutter import MCU_SIDES, CutPatch, Huffman, cut_failed, finish_patches, parts_of
from million_ird.patches import Box
from million_ird.pixels import Header
from million_ird.records import Rejection

_ENGINE = "turbo210"  # of jpeglib's codecs the one that knows arithmetic coding and is fast
_OPTIMISE = ["+OPTIMIZE_CODING"]
_SOS = 0xDA
_METADATA = frozenset(range(0xE1, 0xF0)) - {0xEE} | {0xFE}  # APP1 to APP15 without Adobe's APP14; comments
_lock = threading.Lock()  # jpeglib keeps the markers it reads in global variables

Coefficients = npt.NDArray[np.int16]
"""One component: int16, shape (rows of blocks, columns of blocks, 8, 8)."""


class JpeglibCutter:
    """A `Cutter` from the package index alone."""

    hint = (
        "libturbojpeg was not found, so JPEG patches are cut about 6 times slower; install it with "
        "`apt install libturbojpeg0`, `brew install jpeg-turbo` or `conda install -c conda-forge libjpeg-turbo`"
    )

    @property
    def name(self) -> str:
        """`jpeglib` and its version."""
        return f"jpeglib {version('jpeglib')}"

    def cut(
        self, data: bytes, header: Header, boxes: Sequence[Box], huffman: Huffman = "standard"
    ) -> list[CutPatch] | Rejection:
        """See `Cutter.cut`."""
        if not boxes:
            return []
        try:  # jpeglib prints warnings about damaged data and goes on
            simplejpeg.decode_jpeg(data, "GRAY", strict=True)
        except ValueError as error:
            return cut_failed(str(error))
        with _jpeglib() as jpeglib, tempfile.TemporaryDirectory(prefix="million-ird-") as folder:
            source = Path(folder, "image.jpg")
            source.write_bytes(_without_metadata(data))
            try:
                image = jpeglib.read_dct(source)
                planes = [plane for plane in (image.Y, image.Cb, image.Cr) if plane is not None]
                writer = _PatchWriter(jpeglib, Path(folder), header, _OPTIMISE if huffman == "optimised" else [])
                parts = parts_of(boxes, huffman)
                encoded = [writer.write(_crop(planes, part, header)) for part in chain.from_iterable(parts)]
            except OSError as error:
                return cut_failed(str(error))
        patches = finish_patches(encoded, parts, header)
        if isinstance(patches, Rejection):
            return patches
        return [CutPatch(patch, _variance(planes, box, header)) for patch, box in zip(patches, boxes, strict=True)]


@contextmanager
def _jpeglib() -> Iterator[Any]:
    """jpeglib with our codec chosen, for one thread at a time."""
    import jpeglib

    with _lock:
        if jpeglib.version.get() != _ENGINE:
            jpeglib.version.set(_ENGINE)
        yield jpeglib


class _PatchWriter:
    """Writes the patches of one image."""

    def __init__(self, jpeglib: Any, folder: Path, header: Header, flags: list[str]) -> None:
        self._jpeglib = jpeglib
        self._folder = folder
        self._flags = flags
        tables = list(dict.fromkeys(header.quantisation))
        self._tables = np.array(tables, np.uint16).reshape(-1, 8, 8)
        self._numbers = np.array([tables.index(table) for table in header.quantisation])
        self._is_rgb = header.colour_model == "rgb"

    def write(self, planes: list[Coefficients]) -> bytes:
        """One patch from the coefficients of its components."""
        image = self._rgb_template(planes) if self._is_rgb else self._jpeglib.from_dct(*planes, qt=self._tables)
        image.qt = self._tables
        image.quant_tbl_no = self._numbers
        path = self._folder / "patch.jpg"
        image.write_dct(str(path), flags=self._flags)
        return path.read_bytes()

    def _rgb_template(self, planes: list[Coefficients]) -> Any:
        """An RGB JPEG of the patch's size to put the coefficients into (jpeglib starts only YCbCr ones by itself)."""
        rows, columns = planes[0].shape[:2]
        buffer = io.BytesIO()
        Image.new("RGB", (columns * 8, rows * 8)).save(buffer, "JPEG", keep_rgb=True)
        path = self._folder / "template.jpg"
        path.write_bytes(buffer.getvalue())
        image = self._jpeglib.read_dct(path)
        image.load()
        image.markers = []
        image.Y, image.Cb, image.Cr = planes
        return image


def _without_metadata(data: bytes) -> bytes:
    """The JPEG `data` without comments and application segments but JFIF and Adobe ones, which tell the colours.

    jpeglib has room for 50 segments; photographs with more are common. `data` was decoded before, so its segments can
    be followed.
    """
    kept = [data[:2]]
    position = 2
    while data[position + 1] != _SOS:
        if data[position + 1] == 0xFF:  # fill byte
            position += 1
            continue
        end = position + 2 + int.from_bytes(data[position + 2 : position + 4])
        if data[position + 1] not in _METADATA:
            kept.append(data[position:end])
        position = end
    return b"".join([*kept, data[position:]])


def _crop(planes: list[Coefficients], box: Box, header: Header) -> list[Coefficients]:
    """The blocks of `box` of every component; a block of chroma covers an MCU, since luma alone has more in one."""
    cropped = []
    for plane, (across, down) in zip(planes, ((8, 8), *[MCU_SIDES[header.subsampling]] * 2), strict=False):
        rows = slice(box.y // down, (box.y + box.height) // down)
        columns = slice(box.x // across, (box.x + box.width) // across)
        cropped.append(np.ascontiguousarray(plane[rows, columns]))
    return cropped


def _variance(planes: list[Coefficients], box: Box, header: Header) -> npt.NDArray[np.float32]:
    """Luma variance of the blocks of `box`."""
    blocks = [plane.reshape(*plane.shape[:2], 64) for plane in _crop(planes, box, header)]
    if header.colour_model == "rgb":
        parts = [rgb_luma_part(i, blocks[i], header.quantisation[i]) for i in range(3)]
        return rgb_coarse_energy(parts[0] + parts[1] + parts[2]) / np.float32(64)
    return coarse_energy(blocks[0], coarse_weights(header.quantisation[0])) / np.float32(64)
