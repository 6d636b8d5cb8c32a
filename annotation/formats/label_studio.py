"""Label Studio's JSON: one task for each image, brush masks in its run-length code over H x W x 4 values.

The frontend paints in red, green, blue and alpha; the mask is the alpha.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import numpy as np

from annotation.formats.files import LIST_FILE_BYTES, only_file, write_file
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
from annotation.formats.thi_ng import decode, encode
from annotation.mask import MAX_PIXELS, Mask, MaskError, check_size

FILE = "tasks.json"
_CHANNELS = 4
_UPLOADED = re.compile(r"^/?data/upload/(?:\d+/)?[0-9a-f]{8}-")
"""What Label Studio puts in front of the name of a file that was uploaded."""


def write(masks: Sequence[Labelled], folder: Path, writing: Writing) -> Iterator[Written]:
    """One file of tasks that can be imported with their annotations."""
    one_file_each([mask.name for mask in masks], [mask.file_name for mask in masks])
    tasks = [_task(number, labelled, writing) for number, labelled in enumerate(masks, start=1)]
    write_file(folder / FILE, to_json(tasks))
    for labelled in masks:
        yield Written(labelled.name, (FILE,))


def _task(number: int, labelled: Labelled, writing: Writing) -> dict[str, Any]:
    region = {
        "id": sha256(labelled.name.encode()).hexdigest()[:10],
        "type": "brushlabels",
        "from_name": "tag",
        "to_name": "image",
        "original_width": labelled.width,
        "original_height": labelled.height,
        "image_rotation": 0,
        "value": {"format": "rle", "rle": _encode(labelled.mask()), "brushlabels": [writing.label]},
    }
    return {
        "id": number,
        "data": {"image": writing.image_prefix + labelled.file_name, "name": labelled.name},
        "annotations": [{"id": number, "was_cancelled": False, "result": [region]}],
    }


def _encode(mask: Mask) -> list[int]:
    levels = mask.ravel().astype(np.uint8) * 255
    return list(encode(np.repeat(levels, _CHANNELS)))


def read(place: Path, reading: Reading) -> Iterator[Found | Unreadable]:
    """The union of all brush regions of a task that have the label that means blurred."""
    path = only_file(place, ".json")
    content = read_json(path, LIST_FILE_BYTES)
    if not isinstance(content, list):
        raise FormatError(f"{path.name} is no list of tasks: export from Label Studio as JSON")
    tasks = [_checked(f"{path.name}: task {number}", task) for number, task in enumerate(content)]
    labels = (label for task in tasks if isinstance(task, _Task) for label, _ in task.regions)
    label = choose_label(labels, reading.label, path.name)
    for task in tasks:
        yield task if isinstance(task, Unreadable) else _found(task, label, reading)


class _Task:
    """A task with the (label, region) pairs of its one annotation."""

    def __init__(self, where: str, task: Any) -> None:
        entry = table(task, "the task")
        self.where, self.names = where, _names(table(entry.get("data"), "its data"))
        done = [
            annotation
            for annotation in items(entry.get("annotations"), "its annotations")
            if not table(annotation, "an annotation").get("was_cancelled")
        ]
        if len(done) > 1:
            raise MaskError(f"{len(done)} people annotated it: keep one annotation of each task")
        regions = items(done[0].get("result"), "the result of its annotation") if done else []
        self.regions = [pair for region in regions for pair in _brush(table(region, "a region"))]


def _checked(where: str, task: Any) -> _Task | Unreadable:
    try:
        return _Task(where, task)
    except MaskError as error:
        return Unreadable(where, str(error))


def _brush(region: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    if region.get("type") in ("brushlabels", "brush"):
        value = table(region.get("value"), "the value of a region")
        labels = items(value.get("brushlabels", [""]), "the labels of a region") or [""]
        for label in labels:
            yield str(label), region


def _names(data: dict[str, Any]) -> tuple[str, ...]:
    """Names of the image: ours where there is one, then what its address says."""
    found = [data["name"]] if isinstance(data.get("name"), str) else []
    addresses = [data["image"]] if isinstance(data.get("image"), str) else []
    addresses += [value for key, value in data.items() if key not in ("name", "image") and isinstance(value, str)]
    for address in addresses:
        found += _of_address(address)
    if not found:
        raise MaskError("its data names no image")
    return tuple(text(name, "the name of its image") for name in found)


def _of_address(address: str) -> Iterator[str]:
    """`/data/local-files/?d=photos/a.jpg` and `/data/upload/3/0123abcd-a.jpg` and `s3://bucket/a.jpg` alike."""
    try:
        parts = urlsplit(address)
    except ValueError:  # such as brackets that are no address of version 6
        return
    local = parse_qs(parts.query).get("d")
    path = local[0] if local else unquote(parts.path)
    yield from (name for name in (_UPLOADED.sub("", path).lstrip("/"), path.lstrip("/")) if name)


def _found(task: _Task, label: str, reading: Reading) -> Found | Unreadable:
    regions = [region for name, region in task.regions if name == label]
    try:
        sizes = {size_of(region.get("original_width"), region.get("original_height")) for region in regions}
    except MaskError as error:
        return Unreadable(task.where, str(error))
    if any(region.get("image_rotation") not in (0, None) for region in regions):
        return Unreadable(task.where, "the image was rotated in Label Studio")
    if len(sizes) != 1:
        reason = "its regions are of different sizes" if sizes else "no brush region with the label that means blurred"
        return Unreadable(task.where, reason)
    return Found(task.where, "", task.names, sizes.pop(), partial(_load, regions, reading))


def _load(regions: list[dict[str, Any]], reading: Reading, size: Size) -> Mask:
    width, height = size
    if len(regions) > MOST_MASKS:
        raise MaskError(f"{len(regions):,} masks are for one image, more than anybody draws")
    mask = np.zeros((height, width), np.bool_)
    for region in regions:
        check_size(size_of(region.get("original_width"), region.get("original_height")), size)
        value = table(region.get("value"), "the value of a region")
        mask |= _alpha(value, width * height, reading).reshape(height, width)
    return mask


def _alpha(value: dict[str, Any], pixels: int, reading: Reading) -> Mask:
    if value.get("format") != "rle":
        raise MaskError("a region is not in the format rle")
    if pixels > MAX_PIXELS:
        raise MaskError(f"a mask of {pixels:,} pixels is larger than the {MAX_PIXELS:,} that it may have")
    numbers = items(value.get("rle"), "the runs of a region")
    if any(type(number) is not int or not 0 <= number < 256 for number in numbers):
        raise MaskError("the runs of a region are no bytes")
    alpha = decode(bytes(numbers), pixels * _CHANNELS)[_CHANNELS - 1 :: _CHANNELS]
    blurred: Mask = alpha != 0
    if not reading.any_nonzero and (blurred & (alpha != 255)).any():
        raise MaskError(
            "its alpha has grey levels (Label Studio's brush has soft edges): count every non-zero value as blurred"
        )
    return blurred


FORMAT = Format("label-studio", write, read)
