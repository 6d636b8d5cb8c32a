"""The files of one picture of a test set, read, checked against each other, cut and degraded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from million_ird.errors import UsageError
from million_ird.pixels import read_header
from million_ird.records import Rejection
from million_ird.shards import checksum
from pretrain.degradations import Degradation, Degraded, GaussianNoise, degrade_whole
from pretrain.evaluate.picture_set import Item
from pretrain.evaluate.protocols import Noise, Protocol
from pretrain.images import AS_STORED, Pixels, decode_image, explain, file_bytes
from pretrain.pairs import LeftOut

_WHITE = 128
"""A mask's level from which on a pixel counts as degraded."""


def read_item(
    item: Item, degradation: Degradation | None, protocol: Protocol, noise: Noise
) -> tuple[Degraded, tuple[str, ...]] | LeftOut:
    """What is measured, and the checksums of its files (degraded, clean, mask, as far as there are such).

    Args:
        item: of the test set.
        degradation: of its clean picture; None: it has a degraded one.
        protocol: how pictures are cut.
        noise: where noise comes from.

    Returns:
        Or else the file that cannot be used, and why.
    """
    files = [_read(path, decode_image) for path in (item.degraded, item.clean) if path is not None]
    files += [_read(item.mask, decode_mask)] if item.mask is not None else []
    for file in files:
        if isinstance(file, LeftOut):
            return file
    pictures = [file for file in files if not isinstance(file, LeftOut)]
    pixels = [picture.pixels for picture in pictures]
    problem = _unfit(item, pixels, protocol)
    if problem is not None:
        return problem
    checksums = tuple(picture.checksum for picture in pictures)
    if degradation is not None:
        try:
            return _degraded(degradation, protocol.cut(pixels[0]), item.name, protocol, noise), checksums
        except UsageError as error:  # a degradation may need more pixels than a protocol
            return LeftOut(item.clean, f"{_size(pixels[0])} pixels: {error}")
    mask = protocol.cut(pixels[2] >= _WHITE) if item.mask is not None else None
    seen = protocol.cut(pixels[0]) if protocol.scale == 1 else pixels[0]
    return Degraded(seen, protocol.cut(pixels[1]), mask), checksums


def _degraded(degradation: Degradation, clean: Pixels, name: str, protocol: Protocol, noise: Noise) -> Degraded:
    """The input made of a clean picture that is cut as the protocol says.

    Noise is the protocol's. What else is drawn depends on the name of the file alone.
    """
    if isinstance(degradation, GaussianNoise):
        return Degraded(protocol.add_noise(clean, degradation.sigma, noise, name), clean)
    return degrade_whole(degradation, clean, name)


@dataclass(frozen=True, slots=True)
class _Picture:
    pixels: Pixels
    """(H, W, 3), of a mask (H, W)."""
    checksum: str


def _read(path: Path, decoded: Callable[[bytes], Pixels | Rejection]) -> _Picture | LeftOut:
    data = file_bytes(path)
    if isinstance(data, Rejection):
        return LeftOut(path, explain(data))
    pixels = decoded(data)
    return LeftOut(path, explain(pixels)) if isinstance(pixels, Rejection) else _Picture(pixels, checksum(data))


def decode_mask(data: bytes) -> Pixels | Rejection:
    """The grey levels of a mask, (H, W); 1-bit pictures, which the rules for photographs refuse, are 0 and 255."""
    header = read_header(data, AS_STORED)
    if isinstance(header, Rejection) and header.reason != "bit_depth":
        return header
    levels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)
    if levels is None:
        return Rejection(step="decode", reason="truncated", detail="as a mask")
    return np.asarray(levels, np.uint8)


def _unfit(item: Item, pixels: Sequence[Pixels], protocol: Protocol) -> LeftOut | None:
    clean = pixels[0 if item.degraded is None else 1]
    if item.degraded is not None and not _fits(pixels[0], clean, protocol.scale):
        wanted = "" if protocol.scale == 1 else f", expected 1 to {protocol.scale}"
        sizes = f"{_size(pixels[0])} and {_size(clean)}{wanted}"
        return LeftOut(item.degraded, f"degraded and clean picture differ in size: {sizes}")
    if item.mask is not None and pixels[2].shape != clean.shape[:2]:
        return LeftOut(item.mask, f"mask and clean picture differ in size: {_size(pixels[2])} and {_size(clean)}")
    if min(clean.shape[:2]) < protocol.smallest:
        needed = f"{protocol.smallest}×{protocol.smallest}"
        return LeftOut(item.clean, f"{_size(clean)} pixels; at least {needed} are needed")
    return None


def _fits(degraded: Pixels, clean: Pixels, scale: int) -> bool:
    """Whether the clean picture has `scale` times the sides of the degraded one, a remainder aside."""
    return degraded.shape[:2] == (clean.shape[0] // scale, clean.shape[1] // scale)


def _size(pixels: NDArray[Any]) -> str:
    return f"{pixels.shape[1]}×{pixels.shape[0]}"
