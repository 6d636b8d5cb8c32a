"""From a mask's bytes to a subject: strictly first, and where that fails as other programs would read it."""

from __future__ import annotations

from annotation.check.finding import Finding
from annotation.mask import Mask, MaskError, decode_mask


def read_mask(data: bytes, size: tuple[int, int] | None) -> tuple[Mask | None, tuple[Finding, ...]]:
    """The mask in a file, and what is wrong with the file.

    Grey levels are an error, but the mask is looked at all the same: every value but 0 as blurred, which is how
    published training code reads it.

    Args:
        data: the file's bytes.
        size: (width, height) of the picture; None where it is not known.
    """
    if not data:
        return None, (Finding("zero_bytes", "error", "the file is empty (0 bytes): write it again"),)
    found: list[Finding] = []
    try:
        mask = decode_mask(data)
    except MaskError as strict:
        try:
            mask = decode_mask(data, any_nonzero=True)
        except MaskError as error:
            return None, (Finding("undecodable", "error", str(error)),)
        found.append(Finding("values", "error", str(strict)))
    if size is not None and mask.shape != (size[1], size[0]):
        text = (
            f"the mask is {mask.shape[1]}x{mask.shape[0]}, its picture {size[0]}x{size[1]}: draw on the picture itself"
        )
        found.append(Finding("size", "error", text))
    return mask, tuple(found)
