"""Patches for the benchmarks of training: 512² JPEGs as a dataset holds them, packed into tars any loader reads."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

from photographs import write_mosaics

from million_ird.jpeg import find_cutter, is_cuttable
from million_ird.patches import Box
from million_ird.pixels import DecodeSettings, Header, read_header
from million_ird.records import Rejection
from million_ird.shards import ShardWriter

SIDE = 512
_QUALITY = 88
"""Of the mosaics: patches of the 62 to 76 KB that those of detailed photographs have."""
_MOSAIC = (4096, 3072)


def make_patches(photos: Path | None, count: int) -> list[bytes]:
    """`count` patches, cut in the coefficient domain from the JPEG files below a folder, or from mosaics.

    Of each photograph the quarter with the fewest bytes, its flat parts, is left out. `SystemExit` if there are fewer.
    """
    with tempfile.TemporaryDirectory() as folder:
        files = _mosaics(Path(folder), count) if photos is None else _files(photos)
        patches: list[bytes] = []
        for file in files:
            patches += _detailed(file.read_bytes())
            if len(patches) >= count:
                return patches[:count]
    raise SystemExit(f"only {len(patches)} patches of {SIDE} pixels in {photos}; {count} are needed")


def write_tars(patches: list[bytes], folder: Path, tars: int) -> list[Path]:
    """The patches as WebDataset tars of equal numbers of samples, each `<key>.jpg` and `<key>.json`."""
    share = -(-len(patches) // tars)
    paths = []
    for number in range(tars):
        paths.append(folder / f"{number:05d}.tar")
        with ShardWriter(paths[-1]) as shard:
            for index in range(number * share, min((number + 1) * share, len(patches))):
                key = f"{index:024x}-y00000-x00000-s{SIDE:05d}"
                shard.add(f"{key}.jpg", patches[index])
                row = {
                    "key": key,
                    "image_key": key[:24],
                    "x": 0,
                    "y": 0,
                    "width": SIDE,
                    "height": SIDE,
                    "license": "CC0",
                }
                shard.add(f"{key}.json", json.dumps(row).encode())
    return paths


def describe(patches: list[bytes]) -> str:
    """Their number and mean size."""
    return f"{len(patches)} patches of {SIDE}², {sum(map(len, patches)) / len(patches) / 1000:.1f} KB on average"


def _mosaics(folder: Path, count: int) -> Iterator[Path]:
    yield from write_mosaics(folder, count // 36 + 1, *_MOSAIC, quality=_QUALITY)


def _files(photos: Path) -> Iterator[Path]:
    yield from sorted(path for path in photos.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg"))


def _detailed(data: bytes) -> list[bytes]:
    header = read_header(data, DecodeSettings())
    if isinstance(header, Rejection):
        return []
    boxes = list(_boxes(header))
    if not boxes or not is_cuttable(header, boxes):
        return []
    cut = find_cutter().cut(data, header, boxes)
    if isinstance(cut, Rejection):
        return []
    by_size = sorted((len(patch.data), number) for number, patch in enumerate(cut))
    kept = {number for _, number in by_size[len(by_size) // 4 :]}
    return [patch.data for number, patch in enumerate(cut) if number in kept]


def _boxes(header: Header) -> Iterator[Box]:
    for y in range(0, header.height - SIDE + 1, SIDE):
        for x in range(0, header.width - SIDE + 1, SIDE):
            yield Box(x, y, SIDE, SIDE)
