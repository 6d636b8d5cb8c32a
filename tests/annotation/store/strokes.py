"""What tests of the store share: small items, and strokes on their layers."""

from __future__ import annotations

import uuid

import numpy as np

from annotation.records import Kind, Rect, Revision
from annotation.store import MaskStore, NewItem

WIDTH, HEIGHT = 40, 30
SPOT = Rect(1, 2, 3, 4)


def new_id() -> str:
    return uuid.uuid4().hex


def small_item(name: str, layers: int = 1) -> NewItem:
    return NewItem(name, f"{name}.png", WIDTH, HEIGHT, f"{name}.png", None, "0" * 64, layers=layers)


def draw(
    store: MaskStore,
    layer: int,
    rect: Rect = SPOT,
    annotator: str = "Ada",
    kind: Kind = "brush",
    parent: str | None = None,
    blurred: bool = True,
) -> Revision:
    """A stroke that sets a whole rectangle, on what the layer shows unless `parent` says otherwise."""
    on = parent or store.layer(layer).head
    values = np.full((rect.height, rect.width), blurred)
    return store.append(layer, new_id(), on, kind, annotator, rect, values)


def undo(store: MaskStore, layer: int, annotator: str = "Ada") -> str:
    """Undoes once; the revision that is shown then."""
    shown = store.layer(layer)
    assert shown.undo is not None
    return store.move_head(layer, new_id(), shown.undo, shown.head, annotator).head


def redo(store: MaskStore, layer: int, annotator: str = "Ada") -> str:
    """Redoes once; the revision that is shown then."""
    shown = store.layer(layer)
    assert shown.redo is not None
    return store.move_head(layer, new_id(), shown.redo, shown.head, annotator).head
