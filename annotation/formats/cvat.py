"""CVAT's XML for images, version 1.1: run lengths inside a box, row after row; polygons are read as well."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from annotation.formats.boxes import storable_box
from annotation.formats.files import LIST_FILE_BYTES, only_file, read_bounded, write_file
from annotation.formats.json_file import size_of, text
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
    plain,
)
from annotation.formats.names import one_file_each
from annotation.formats.polygons import check_polygon, fill
from annotation.formats.runs import counts_of, flat_of, whole_counts
from annotation.mask import Mask, MaskError, check_size

FILE = "annotations.xml"
_DEEPEST = 32
"""Elements inside elements; CVAT's files have five."""
_SHAPES = ("mask", "polygon")


def write(masks: Sequence[Labelled], folder: Path, writing: Writing) -> Iterator[Written]:
    """One file for all."""
    one_file_each([mask.name for mask in masks], [mask.file_name for mask in masks])
    label = escape(writing.label)
    lines = [
        '<?xml version="1.0" encoding="utf-8"?>',
        "<annotations>",
        "  <version>1.1</version>",
        f"  <meta><task><labels><label><name>{label}</name></label></labels></task></meta>",
    ]
    for number, labelled in enumerate(masks):
        lines += _image(number, labelled, writing.label)
    lines.append("</annotations>\n")
    write_file(folder / FILE, "\n".join(lines).encode())
    for labelled in masks:
        yield Written(labelled.name, (FILE,))


def _image(number: int, labelled: Labelled, label: str) -> Iterator[str]:
    size = f'width="{labelled.width}" height="{labelled.height}"'
    yield f'  <image id="{number}" name={quoteattr(labelled.file_name)} {size}>'
    mask = labelled.mask()
    left, top, width, height = storable_box(mask)
    counts = counts_of(mask[top : top + height, left : left + width].ravel())
    rle = ", ".join(map(str, counts.tolist()))
    box = f'left="{left}" top="{top}" width="{width}" height="{height}"'
    yield f'    <mask label={quoteattr(label)} source="manual" occluded="0" rle="{rle}" {box} z_order="0"></mask>'
    yield "  </image>"


@dataclass
class _Image:
    """An `image` element and the shapes in it, attributes as they stand."""

    attributes: dict[str, str]
    shapes: list[tuple[str, dict[str, str]]] = field(default_factory=list)


class _Parser:
    """Collects images and their shapes. Declarations of documents and entities are refused, so that nothing can expand
    and nothing outside is ever opened."""

    def __init__(self) -> None:
        import xml.parsers.expat as expat

        self.images: list[_Image] = []
        self._path: list[str] = []
        self._broken = expat.ExpatError
        parser = expat.ParserCreate()
        parser.StartDoctypeDeclHandler = self._refuse
        parser.EntityDeclHandler = self._refuse
        parser.ExternalEntityRefHandler = self._refuse
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        self._parser = parser

    def parse(self, data: bytes) -> list[_Image]:
        """The images of a document; FormatError if it is none."""
        try:
            self._parser.Parse(data, True)
        except self._broken as error:
            raise FormatError(f"no XML that can be read: {error}") from None
        except (LookupError, ValueError) as error:  # an encoding that does not exist, or is none of text
            raise FormatError(f"no XML that can be read: {plain(str(error))}") from None
        return self.images

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        if not self._path and tag != "annotations":
            raise FormatError("its outermost element is not <annotations>")
        if len(self._path) >= _DEEPEST:
            raise FormatError("elements are nested too deep")
        if tag == "image":
            self.images.append(_Image(attributes))
        elif tag in _SHAPES and self._path[-1:] == ["image"]:
            self.images[-1].shapes.append((tag, attributes))
        self._path.append(tag)

    def _end(self, tag: str) -> None:
        self._path.pop()

    def _refuse(self, *_declared: Any) -> int:
        raise FormatError("it declares a document type or entities, which masks do not need and which are not read")


def read(place: Path, reading: Reading) -> Iterator[Found | Unreadable]:
    """The union of all masks and polygons of an image that have the label that means blurred."""
    path = only_file(place, ".xml")
    data = read_bounded(path, LIST_FILE_BYTES)
    try:
        images = _Parser().parse(data)
    except FormatError as error:
        raise FormatError(f"{path.name} is no XML of CVAT for images: {error}") from None
    labels = (shape[1].get("label", "") for image in images for shape in image.shapes)
    label = choose_label(labels, reading.label, path.name)
    for number, image in enumerate(images):
        yield _found(f"{path.name}: image {number}", image, label)


def _found(where: str, image: _Image, label: str) -> Found | Unreadable:
    try:
        name = text(image.attributes.get("name"), "its name")
        size = size_of(_number(image.attributes, "width"), _number(image.attributes, "height"))
    except MaskError as error:
        return Unreadable(where, str(error))
    shapes = [shape for shape in image.shapes if shape[1].get("label", "") == label]
    if not shapes:
        return Unreadable(f"{where}: {name}", "no mask or polygon with the label that means blurred")
    return Found(where, "", (name,), size, partial(_load, shapes, size))


def _load(shapes: list[tuple[str, dict[str, str]]], stated: Size, size: Size) -> Mask:
    check_size(stated, size)
    drawn = [attributes for tag, attributes in shapes if tag == "mask"]
    if len(drawn) > MOST_MASKS:
        raise MaskError(f"{len(drawn):,} masks are for one image, more than anybody draws")
    outlined = [attributes.get("points", "") for tag, attributes in shapes if tag == "polygon"]
    mask = fill([check_polygon(_points(points)) for points in outlined], *size)
    for attributes in drawn:
        _draw(mask, attributes)
    return mask


def _draw(mask: Mask, attributes: dict[str, str]) -> None:
    left, top, width, height = (_number(attributes, name) for name in ("left", "top", "width", "height"))
    if min(left, top) < 0 or min(width, height) < 1 or left + width > mask.shape[1] or top + height > mask.shape[0]:
        raise MaskError(f"its box ({left}, {top}, {width}, {height}) is not inside of the image")
    counts = whole_counts([_whole(part, "a run") for part in attributes.get("rle", "").split(",")])
    mask[top : top + height, left : left + width] |= flat_of(counts, width * height).reshape(height, width)


def _number(attributes: dict[str, str], name: str) -> int:
    return _whole(attributes.get(name, ""), f"its {name}")


def _whole(digits: str, what: str) -> int:
    stripped = digits.strip()
    if not (stripped.isascii() and stripped.isdigit() and len(stripped) <= 12):
        raise MaskError(f"{what} is no whole number from 0 on: {digits[:40]!r}")
    return int(stripped)


def _points(joined: str) -> list[list[float]]:
    try:
        return [[float(value) for value in point.split(",")] for point in joined.split(";")]
    except ValueError:
        raise MaskError(f"the points of a polygon are no numbers: {joined[:40]!r}") from None


FORMAT = Format("cvat", write, read)
