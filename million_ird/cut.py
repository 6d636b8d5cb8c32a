"""The patches of one image: cut, measured, judged, encoded.

A patch of a JPEG is cut in the coefficient domain and holds exactly the quantised coefficients of the original; a
patch of anything else is encoded from pixels without loss.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from million_ird.flatness import BlockVariance, block_variance_from_pixels, flat_fraction
from million_ird.jpeg import Cutter
from million_ird.patches import GRID_STEP, Box, PatchSettings, grid, judge
from million_ird.pixels import DecodeSettings, Header, decode, decode_patch, encode_webp_lossless, read_header
from million_ird.records import Rejection


@dataclass(frozen=True, slots=True)
class Candidate:
    """One patch of the grid: where it lies, how flat it is (None if it was not cut), its verdict."""

    box: Box
    flat_fraction: float | None
    rejection: Rejection | None
    data: bytes = b""
    """The encoded patch; empty for a rejected one that was cut from pixels, which is not worth encoding."""
    rgb: NDArray[np.uint8] | None = None
    """(H, W, 3) pixels, of a patch cut from pixels."""

    def pixels(self) -> NDArray[np.uint8] | None:
        """The patch's pixels for a look at it; None if it was not cut."""
        if self.rgb is not None or not self.data:
            return self.rgb
        return decode_patch(self.data)


def encoding_for(cuttable: bool, patches: PatchSettings) -> str:
    """`jpg` for an image that can be cut in the coefficient domain, if the patch size is one that fits, else `webp`."""
    return "jpg" if cuttable and patches.size % GRID_STEP == 0 else "webp"


def cut(
    data: bytes, encoding: str, cutter: Cutter, decode_settings: DecodeSettings, patches: PatchSettings
) -> list[Candidate] | Rejection:
    """Every candidate patch of an image, in grid order; a rejection if it cannot be cut after all."""
    header = read_header(data, decode_settings)
    if isinstance(header, Rejection):
        return header
    boxes = grid(header.width, header.height, patches)
    if encoding == "jpg":
        return _cut_coefficients(data, header, boxes, cutter, patches)
    rgb = decode(data, header, decode_settings)
    return rgb if isinstance(rgb, Rejection) else _cut_pixels(rgb, boxes, patches)


def _cut_coefficients(
    data: bytes, header: Header, boxes: list[Box], cutter: Cutter, patches: PatchSettings
) -> list[Candidate] | Rejection:
    cuts = cutter.cut(data, header, boxes, patches.huffman)
    if isinstance(cuts, Rejection):
        return cuts
    flats = _flats([patch.block_variance for patch in cuts], patches)
    verdicts = judge(boxes, flats, patches)
    return [
        Candidate(box, flat, verdict, patch.data)
        for box, flat, verdict, patch in zip(boxes, flats, verdicts, cuts, strict=True)
    ]


def _cut_pixels(rgb: NDArray[np.uint8], boxes: list[Box], patches: PatchSettings) -> list[Candidate]:
    squares = [rgb[box.y : box.y + box.height, box.x : box.x + box.width] for box in boxes]
    flats = _flats([block_variance_from_pixels(_luma(square)) for square in squares], patches)
    verdicts = judge(boxes, flats, patches)
    return [
        Candidate(box, flat, verdict, b"" if verdict else encode_webp_lossless(square), square)
        for box, flat, verdict, square in zip(boxes, flats, verdicts, squares, strict=True)
    ]


def _flats(variances: Sequence[BlockVariance], patches: PatchSettings) -> list[float]:
    return [round(flat_fraction(variance, patches.flat_variance), 4) for variance in variances]


def _luma(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), np.uint8)
