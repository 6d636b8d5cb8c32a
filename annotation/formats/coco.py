"""COCO's JSON (instances): masks as run lengths, loss-free, or as polygons, which cannot hold holes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from annotation.formats.boxes import box_of
from annotation.formats.coco_rle import decode, encode, from_text, to_text
from annotation.formats.files import LIST_FILE_BYTES, only_file, write_file
from annotation.formats.json_file import items, read_json, size_of, table, text, to_json, whole
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
from annotation.formats.runs import whole_counts
from annotation.mask import Mask, MaskError, check_size

FILE = "annotations.json"

_Segment = Callable[[Mask, Writing], tuple[Any, str]]
"""A mask's segmentation, and a note on what it cannot hold."""


def _write(segment: _Segment, masks: Sequence[Labelled], folder: Path, writing: Writing) -> Iterator[Written]:
    one_file_each([mask.name for mask in masks], [mask.file_name for mask in masks])
    images, annotations, notes = [], [], []
    for number, labelled in enumerate(masks, start=1):
        mask = labelled.mask()
        segmentation, note = segment(mask, writing)
        images.append(
            {"id": number, "file_name": labelled.file_name, "width": labelled.width, "height": labelled.height}
        )
        annotations.append(_annotation(number, mask, segmentation))
        notes.append(note)
    content = {
        "info": {"description": "masks of what local motion blurred"},
        "licenses": [],
        "images": images,
        "annotations": annotations,
        "categories": [{"id": 1, "name": writing.label, "supercategory": ""}],
    }
    write_file(folder / FILE, to_json(content))
    for labelled, note in zip(masks, notes, strict=True):
        yield Written(labelled.name, (FILE,), note)


def _annotation(number: int, mask: Mask, segmentation: Any) -> dict[str, Any]:
    return {
        "id": number,
        "image_id": number,
        "category_id": 1,
        "segmentation": segmentation,
        "area": int(mask.sum()),
        "bbox": list(box_of(mask)),
        "iscrowd": 0,
    }


def _as_rle(mask: Mask, writing: Writing) -> tuple[Any, str]:
    return {"size": list(mask.shape), "counts": to_text(encode(mask))}, ""


def _as_uncompressed(mask: Mask, writing: Writing) -> tuple[Any, str]:
    return {"size": list(mask.shape), "counts": encode(mask).tolist()}, ""


def _as_polygons(mask: Mask, writing: Writing) -> tuple[Any, str]:
    found = outlines(mask, writing.tolerance)
    flat = [[_short(value) for value in polygon.ravel().tolist()] for polygon in found.polygons]
    return flat, f"{found.holes} hole{'s' * (found.holes != 1)} filled" if found.holes else ""


def _short(value: float) -> int | float:
    return int(value) if value.is_integer() else round(value, 3)


def read(place: Path, reading: Reading) -> Iterator[Found | Unreadable]:
    """The union of all annotations of an image that have the label that means blurred."""
    path = only_file(place, ".json")
    content = read_json(path, LIST_FILE_BYTES)
    try:
        images, annotations, categories = (
            items(table(content, "the file").get(name), name) for name in ("images", "annotations", "categories")
        )
        wanted = _wanted_category(categories, reading, path.name)
        by_image = _by_image(annotations, wanted)
    except MaskError as error:
        raise FormatError(f"{path.name} is no COCO file of instances: {error}") from None
    for number, image in enumerate(images):
        yield _found(f"{path.name}: images[{number}]", image, by_image)


def _wanted_category(categories: list[Any], reading: Reading, file: str) -> set[int]:
    names = {}
    for category in categories:
        entry = table(category, "a category")
        names[whole(entry.get("id"), "the id of a category")] = text(entry.get("name"), "the name of a category")
    label = choose_label(names.values(), reading.label, file)
    return {number for number, name in names.items() if name == label}


def _by_image(annotations: list[Any], wanted: set[int]) -> dict[int, list[Any]]:
    by_image: dict[int, list[Any]] = defaultdict(list)
    for annotation in annotations:
        entry = table(annotation, "an annotation")
        if whole(entry.get("category_id"), "the category_id of an annotation") in wanted:
            image = whole(entry.get("image_id"), "the image_id of an annotation")
            by_image[image].append(entry.get("segmentation"))
    return by_image


def _found(where: str, image: Any, by_image: dict[int, list[Any]]) -> Found | Unreadable:
    try:
        entry = table(image, "the image")
        name = text(entry.get("file_name"), "its file_name")
        size = size_of(entry.get("width"), entry.get("height"))
        segments = by_image.get(whole(entry.get("id"), "its id"), [])
    except MaskError as error:
        return Unreadable(where, str(error))
    if not segments:
        return Unreadable(f"{where}: {name}", "no annotation with the label that means blurred")
    return Found(where, "", (name,), size, partial(_load, segments, size))


def _load(segments: list[Any], stated: Size, size: Size) -> Mask:
    check_size(stated, size)
    outlined = [segment for segment in segments if isinstance(segment, list)]
    others = [segment for segment in segments if not isinstance(segment, list)]
    if len(others) > MOST_MASKS:
        raise MaskError(f"{len(others):,} masks are for one image, more than anybody draws")
    mask = fill([check_polygon(_pairs(flat)) for segment in outlined for flat in segment], *size)
    for segment in others:
        mask |= _from_rle(segment, size)
    return mask


def _from_rle(segment: Any, size: Size) -> Mask:
    width, height = size
    entry = table(segment, "its segmentation")
    stated = items(entry.get("size"), "the size of its segmentation")
    if stated != [height, width]:
        raise MaskError(f"the size of its segmentation is {stated}, of its image {[height, width]} (height, width)")
    counts = entry.get("counts")
    return decode(from_text(counts) if isinstance(counts, str) else whole_counts(counts), width, height)


def _pairs(flat: Any) -> list[Any]:
    values = items(flat, "a polygon")
    if len(values) % 2:
        raise MaskError("a polygon has an odd number of coordinates")
    return [list(pair) for pair in zip(values[::2], values[1::2], strict=True)]


RLE = Format("coco-rle", partial(_write, _as_rle), read)
UNCOMPRESSED = Format("coco-rle-uncompressed", partial(_write, _as_uncompressed), read)
POLYGONS = Format("coco-polygons", partial(_write, _as_polygons), read, is_lossy=True)
