"""What a cutter is, which images it can cut, and which cutter this machine has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice
from typing import Literal, Protocol

from million_ird.flatness import BlockVariance
from million_ird.jpeg.restarts import ROWS, interval_boxes, join_intervals
from million_ird.patches import Box
from million_ird.pixels import Header
from million_ird.pixels.jpeg_header import read_segments
from million_ird.records import Rejection

Huffman = Literal["standard", "optimised"]

MCU_SIDES = {
    "4:4:4": (8, 8),
    "4:0:0": (8, 8),
    "4:2:2": (16, 8),
    "4:4:0": (8, 16),
    "4:2:0": (16, 16),
    "4:1:1": (32, 8),
}
"""Width and height in pixels of the smallest unit that can be cut, for each sampling that can be cut at all."""


@dataclass(frozen=True, slots=True)
class CutPatch:
    """A patch cut in the coefficient domain."""

    data: bytes
    """A sequential Huffman-coded JPEG without metadata. With the standard's Huffman tables, a restart marker follows
    every 64 rows (see `restarts`); tables optimised for a patch are not those that its intervals would get."""
    block_variance: BlockVariance
    """Luma variance of every 8×8 block, shape (height / 8, width / 8), in squared grey levels."""


class Cutter(Protocol):
    """Something that cuts patches in the coefficient domain."""

    @property
    def name(self) -> str:
        """Library and version. Part of a dataset's fingerprint: another library may code the same numbers otherwise."""

    @property
    def hint(self) -> str:
        """One line for the user if a faster cutter could be had, else empty."""

    def cut(
        self, data: bytes, header: Header, boxes: Sequence[Box], huffman: Huffman = "standard"
    ) -> list[CutPatch] | Rejection:
        """Cut all `boxes` out of the JPEG `data`.

        Args:
            data: the whole file.
            header: its header; `is_cuttable(header, boxes)` must hold.
            boxes: where, in pixels of the stored orientation.
            huffman: which Huffman tables the patches get.

        Returns:
            one patch per box, in their order; or a `Rejection` by the step `cut` with the reason `cut_failed` if the
            data is damaged or unusual (libjpeg's text in `detail`; its warnings count as errors).
        """


def is_cuttable(header: Header, boxes: Sequence[Box] = ()) -> bool:
    """Whether these boxes of the image can be cut in the coefficient domain.

    The image must be an 8-bit JPEG in YCbCr, RGB or grey, of a common sampling, whose numbers are used as they are (no
    conversion to sRGB), and the boxes must lie on its MCU borders. Anything else is cut from pixels.
    """
    sides = MCU_SIDES.get(header.subsampling)
    if header.format != "jpeg" or header.bit_depth != 8 or header.needs_conversion or sides is None:
        return False
    if header.colour_model not in ("grey", "ycbcr", "rgb") or not header.quantisation:
        return False
    if header.colour_model == "rgb" and header.subsampling != "4:4:4":
        return False
    width, height = sides
    return all(
        box.x % width == box.width % width == 0
        and box.y % height == box.height % height == 0
        and box.x + box.width <= header.width
        and box.y + box.height <= header.height
        for box in boxes
    )


def parts_of(boxes: Sequence[Box], huffman: Huffman) -> list[list[Box]]:
    """What is to be written of each patch, from top to bottom: each restart interval by itself, or the whole."""
    return [interval_boxes(box) if huffman == "standard" else [box] for box in boxes]


def finish_patches(encoded: Sequence[bytes], parts: Sequence[Sequence[Box]], header: Header) -> list[bytes] | Rejection:
    """The patches, of all their parts as written, one after the other.

    A patch must be sequential and Huffman-coded whatever its source was, and its luma must have the quantisation table
    by which the flatness was measured; else the image is rejected.
    """
    mcu_width, mcu_height = MCU_SIDES[header.subsampling]
    left = iter(encoded)
    patches = []
    for boxes in parts:
        mcus = boxes[0].width // mcu_width * (ROWS // mcu_height)
        try:
            patch = join_intervals(list(islice(left, len(boxes))), sum(box.height for box in boxes), mcus)
        except ValueError as error:
            return cut_failed(str(error))
        segments = read_segments(patch)
        if segments.process not in (0, 1):  # SOF1 is SOF0 with 16-bit quantisation tables
            return cut_failed(f"the patch is coded as SOF{segments.process}, not as a sequential Huffman JPEG")
        if segments.tables.get(segments.components[0].table) != header.quantisation[0]:
            return cut_failed("the patch has another luma quantisation table than the header says")
        patches.append(patch)
    return patches


def cut_failed(detail: str) -> Rejection:
    """A rejection of the whole image by the step `cut`."""
    return Rejection("cut", "cut_failed", detail=" ".join(detail.split()))


@cache
def find_cutter() -> Cutter:
    """The fastest cutter of this machine. Searched once per process; its `hint` is for the caller to show, once.

    With libturbojpeg, the process keeps freed memory for its next image from then on (see `keep_freed_memory`).
    """
    from million_ird.jpeg.fallback import JpeglibCutter
    from million_ird.jpeg.turbo import TurboCutter, keep_freed_memory, load_library

    library = load_library()
    if library is None:
        return JpeglibCutter()
    keep_freed_memory()
    return TurboCutter(library)
