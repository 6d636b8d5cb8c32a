"""labelme's JSON, one file beside each image: shapes that are masks (a crop as PNG in base64), or polygons."""

from __future__ import annotations

import base64
import binascii
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from annotation.formats.boxes import storable_box
from annotation.formats.files import MASK_FILE_BYTES, files_below, not_empty, write_file
from annotation.formats.json_file import items, read_json, size_of, table, text, to_json
from annotation.formats.labels import choose_label
from annotation.formats.model import (
    MOST_MASKS,
    Format,
    FormatError,
    Found,
    Labelled,
    Reading,
    Size,
    Unreadable,
    Writing,
    Written,
)
from annotation.formats.names import one_file_each
from annotation.formats.polygons import check_polygon, fill, outlines
from annotation.formats.zero_one import decode_zero_one
from annotation.mask import Mask, MaskError, check_size, encode_mask

_VERSION = "5.4.1"
"""The first versions with masks are 5.3; what they write has not changed since."""

_Shapes = Callable[[Mask, Writing], tuple[list[dict[str, Any]], str]]
"""The shapes of a mask, and a note on what they cannot hold."""


def _write(shapes_of: _Shapes, masks: Sequence[Labelled], folder: Path, writing: Writing) -> Iterator[Written]:
    paths = [f"{mask.name}.json" for mask in masks]
    one_file_each([mask.name for mask in masks], paths)
    for labelled, path in zip(masks, paths, strict=True):
        shapes, note = shapes_of(labelled.mask(), writing)
        content: dict[str, Any] = {
            "version": _VERSION,
            "flags": {},
            "shapes": shapes,
            "imagePath": labelled.file_name.rpartition("/")[2],
            "imageData": None,
            "imageHeight": labelled.height,
            "imageWidth": labelled.width,
        }
        write_file(folder / path, to_json(content))
        yield Written(labelled.name, (path,), note)


def _shape(kind: str, points: list[Any], label: str) -> dict[str, Any]:
    return {
        "label": label,
        "points": points,
        "group_id": None,
        "description": "",
        "shape_type": kind,
        "flags": {},
        "mask": None,
    }


def _as_mask(mask: Mask, writing: Writing) -> tuple[list[dict[str, Any]], str]:
    return [_mask_shape(mask, writing.label)], ""


def _mask_shape(mask: Mask, label: str) -> dict[str, Any]:
    left, top, width, height = storable_box(mask)
    shape = _shape("mask", [[left, top], [left + width - 1, top + height - 1]], label)
    crop = np.ascontiguousarray(mask[top : top + height, left : left + width])
    shape["mask"] = base64.b64encode(encode_mask(crop)).decode("ascii")
    return shape


def _as_polygons(mask: Mask, writing: Writing) -> tuple[list[dict[str, Any]], str]:
    found = outlines(mask, writing.tolerance)
    shapes = [_shape("polygon", polygon.tolist(), writing.label) for polygon in found.polygons]
    if not shapes:  # no polygon says that nothing is blurred; a mask of one sharp pixel does
        shapes = [_mask_shape(np.zeros_like(mask), writing.label)]
    return shapes, f"{found.holes} hole{'s' * (found.holes != 1)} filled" if found.holes else ""


def read(place: Path, reading: Reading) -> Iterator[Found | Unreadable]:
    """The union of all shapes of a file that have the label that means blurred."""
    files = files_below(place, (".json",))
    not_empty(files, place, "JSON file")
    for name, path in files:
        yield _found(name, path, reading)


def _found(name: str, path: Path, reading: Reading) -> Found | Unreadable:
    try:
        content = table(read_json(path, MASK_FILE_BYTES), "the file")
        shapes = [table(shape, "a shape") for shape in items(content.get("shapes"), "its shapes")]
        size = size_of(content.get("imageWidth"), content.get("imageHeight"))
        label = choose_label((text(shape.get("label"), "a label") for shape in shapes), reading.label, name)
        names = _names(name, content.get("imagePath"))
    except (MaskError, FormatError) as error:
        return Unreadable(name, str(error))
    chosen = [shape for shape in shapes if shape.get("label") == label]
    if not chosen:
        return Unreadable(name, "no shape with the label that means blurred")
    return Found(name, name, names, size, partial(_load, chosen, size, reading))


def _names(name: str, image: Any) -> tuple[str, ...]:
    """The image lies where `imagePath` says, seen from the file; else it has the name of the file."""
    folder = name.rpartition("/")[0]
    last = image.replace("\\", "/").rpartition("/")[2] if isinstance(image, str) else ""
    beside = [f"{folder}/{last}" if folder else last] if last else []
    return *beside, name.removesuffix(".json")


def _load(shapes: list[dict[str, Any]], stated: Size, reading: Reading, size: Size) -> Mask:
    check_size(stated, size)
    kinds = Counter(str(shape.get("shape_type")) for shape in shapes)
    if set(kinds) - {"mask", "polygon"}:
        raise MaskError("it has a shape that is neither a mask nor a polygon")
    if kinds["mask"] > MOST_MASKS:
        raise MaskError(f"{kinds['mask']:,} masks are for one image, more than anybody draws")
    mask = fill([check_polygon(shape.get("points")) for shape in shapes if shape["shape_type"] == "polygon"], *size)
    for shape in shapes:
        if shape["shape_type"] == "mask":
            _draw(mask, shape, reading)
    return mask


def _draw(mask: Mask, shape: dict[str, Any], reading: Reading) -> None:
    crop = decode_zero_one(_unbase64(shape.get("mask")), reading.any_nonzero, mask.size)
    points = items(shape.get("points"), "the points of a mask")
    corners = [_corner(point) for point in points]
    if len(corners) != 2:
        raise MaskError(f"a mask has {len(corners)} points, not two")
    (left, top), (right, bottom) = corners
    height, width = crop.shape
    # The second point is the last pixel; some versions write the first one behind it.
    if (right - left + 1 - width, bottom - top + 1 - height) not in ((0, 0), (1, 1)):
        raise MaskError(
            f"a mask of {width}x{height} pixels does not fit its points {left}, {top} and {right}, {bottom}"
        )
    if min(left, top) < 0 or left + width > mask.shape[1] or top + height > mask.shape[0]:
        raise MaskError("a mask reaches out of the image")
    mask[top : top + height, left : left + width] |= crop


def _corner(point: Any) -> tuple[int, int]:
    """A point from a file as a pixel; MaskError if it is none."""
    values = items(point, "a point")
    if len(values) != 2 or any(type(value) not in (int, float) or not abs(value) < 1e7 for value in values):
        raise MaskError("a point is no pair of numbers")
    return int(values[0]), int(values[1])


def _unbase64(value: Any) -> bytes:
    try:
        return base64.b64decode(text(value, "the picture of a mask"), validate=True)
    except (binascii.Error, ValueError):
        raise MaskError("the picture of a mask is not in base64") from None


MASKS = Format("labelme", partial(_write, _as_mask), read)
POLYGONS = Format("labelme-polygons", partial(_write, _as_polygons), read, is_lossy=True)
