"""The formats by name. A format's file is imported only when it is used."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from million_ird.errors import UsageError

if TYPE_CHECKING:
    from annotation.formats.model import Format


@dataclass(frozen=True, slots=True)
class Listed:
    """Where a format is, and what it is in one line."""

    place: str
    summary: str


FORMATS = {
    "png": Listed("annotation.formats.png:FORMAT", "1-bit PNG under the names of the images"),
    "relo-blur": Listed("annotation.formats.relo_blur:FORMAT", "ReLoBlur's tree of pairs and masks"),
    "lmd-vit": Listed("annotation.formats.lmd_vit:FORMAT", "LMD-ViT's .npy dicts: img_blur, img_gt, blur_mask"),
    "coco-rle": Listed("annotation.formats.coco:RLE", "COCO instances, compressed run lengths"),
    "coco-rle-uncompressed": Listed("annotation.formats.coco:UNCOMPRESSED", "COCO instances, run lengths as numbers"),
    "coco-polygons": Listed("annotation.formats.coco:POLYGONS", "COCO instances, polygons; holes are lost"),
    "cvat": Listed("annotation.formats.cvat:FORMAT", "CVAT's XML for images 1.1, masks"),
    "labelme": Listed("annotation.formats.labelme:MASKS", "labelme's JSON, mask shapes"),
    "labelme-polygons": Listed("annotation.formats.labelme:POLYGONS", "labelme's JSON, polygons; holes are lost"),
    "label-studio": Listed("annotation.formats.label_studio:FORMAT", "Label Studio's tasks, brush run lengths"),
    "shards": Listed("annotation.formats.shards:FORMAT", "WebDataset tars of pictures and masks, to train on"),
}


def open_format(name: str) -> Format:
    """The format of that name; UsageError if there is none."""
    if name not in FORMATS:
        raise UsageError(f"there is no format {name!r}; those are {', '.join(FORMATS)}")
    module, _, attribute = FORMATS[name].place.partition(":")
    found: Format = getattr(importlib.import_module(module), attribute)
    return found
