"""Records as the page gets them: JSON with the names of the HTTP contract."""

from __future__ import annotations

import base64
from dataclasses import asdict
from typing import Any

import numpy as np

from annotation.mask import Mask, pack_bits
from annotation.records import Comment, Item, ItemRow, Layer, LayerRow, Revision
from annotation.registration import Registration
from million_ird.windows import SIZES, Rule, compute_share, padding, window_labels


def item_row_json(row: ItemRow) -> dict[str, Any]:
    """An item in a list."""
    layers = [_layer_row_json(layer) for layer in row.layers]
    return {**_sized(row), "layers": layers}


def item_json(item: Item, layers: list[Layer], comments: list[Comment]) -> dict[str, Any]:
    """An item with all that hangs on it. Where its bytes lie is nobody's business."""
    return {
        **_sized(item),
        "provenance": item.provenance,
        "layers": [layer_json(layer) for layer in layers],
        "comments": [comment_json(comment) for comment in comments],
    }


def layer_json(layer: Layer) -> dict[str, Any]:
    """A layer, with every field of its record."""
    return asdict(layer)


def revision_json(revision: Revision) -> dict[str, Any]:
    """A revision; its rectangle is {x, y, width, height}."""
    return asdict(revision)


def windows_json(mask: Mask, rule: Rule) -> dict[str, Any]:
    """Which of LMD-ViT's windows a mask keeps: {sizes: {"8": {columns, rows, kept, share, grid}}, compute_share, pad}.

    A grid is the base64 of its packed bits; `kept` counts windows.
    """
    frame = padding(*mask.shape)
    sizes = {}
    for size in SIZES:
        labels = window_labels(mask, size, rule)
        rows, columns = labels.shape
        kept = int(np.count_nonzero(labels))
        grid = base64.b64encode(pack_bits(labels)).decode()
        sizes[str(size)] = {"columns": columns, "rows": rows, "kept": kept, "share": kept / labels.size, "grid": grid}
    return {"sizes": sizes, "compute_share": compute_share(mask, rule), "pad": asdict(frame)}


def registration_json(found: Registration) -> dict[str, Any]:
    """How the sharp frame lay: shift in pixels, angle in degrees."""
    return {
        "dx": found.dx,
        "dy": found.dy,
        "angle": found.angle,
        "scale": found.scale,
        "correlation": found.correlation,
        "gain": found.gain,
        "trusted": found.trusted,
    }


def comment_json(comment: Comment) -> dict[str, Any]:
    """What somebody said."""
    return {"annotator": comment.annotator, "at": comment.at, "text": comment.text}


def _sized(item: Item | ItemRow) -> dict[str, Any]:
    return {"id": item.id, "name": item.name, "width": item.width, "height": item.height, "pair": item.is_pair}


def _layer_row_json(layer: LayerRow) -> dict[str, Any]:
    return {
        "id": layer.id,
        "number": layer.number,
        "state": layer.state,
        "annotator": layer.annotator,
        "proposal": layer.is_proposal,
    }
