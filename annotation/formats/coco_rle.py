"""The run lengths of COCO: column after column, as a list or compressed to text.

The text is what `maskApi.c` of the COCO API writes: from the fourth run on, each run is replaced by its difference to
the run two before; a number is cut into groups of 5 bits, lowest first, two's complement, each in one character from
`0` (48) on whose sixth bit says that another one follows.
"""

from __future__ import annotations

import numpy as np

from annotation.formats.runs import Counts, counts_of, flat_of
from annotation.mask import Mask, MaskError

_LONGEST = 8
"""Characters of one number: 40 bits, far more than any run of a mask needs."""


def encode(mask: Mask) -> Counts:
    """Run lengths of a mask (H, W), column by column."""
    return counts_of(mask.ravel(order="F"))


def decode(counts: Counts, width: int, height: int) -> Mask:
    """The mask (height, width) of some run lengths; MaskError if they do not fit it."""
    return np.ascontiguousarray(flat_of(counts, width * height).reshape(width, height).T)


def to_text(counts: Counts) -> str:
    """Run lengths as compressed text."""
    differences = counts.copy()
    differences[3:] -= counts[1:-2]
    out = bytearray()
    for value in differences.tolist():
        more = True
        while more:
            group = value & 0x1F
            value >>= 5
            more = value != (-1 if group & 0x10 else 0)
            out.append(48 + group + (0x20 if more else 0))
    return out.decode("ascii")


def from_text(text: str) -> Counts:
    """The run lengths in a compressed text.

    Raises:
        MaskError: characters that do not belong there, or a text that ends within a number.
    """
    differences: list[int] = []
    value = shift = 0
    for char in text:
        group = ord(char) - 48
        if not 0 <= group < 64 or shift >= 5 * _LONGEST:
            raise MaskError("its compressed runs hold a character or a number that cannot be")
        value |= (group & 0x1F) << shift
        shift += 5
        if not group & 0x20:
            differences.append(value - (1 << shift) if group & 0x10 else value)
            value = shift = 0
    if shift:
        raise MaskError("its compressed runs end within a number")
    return _undo_differences(differences)


def _undo_differences(differences: list[int]) -> Counts:
    """Every second run adds up from the second (or third) on; the first stands alone."""
    counts = np.array(differences, np.int64)
    for first in (1, 2):
        counts[first::2] = np.cumsum(counts[first::2])
    return counts
