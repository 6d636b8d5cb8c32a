"""Projects with masks that were drawn."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from annotation.mask import Mask
from annotation.project import Project, create_project
from annotation.records import Kind, Layer, Rect, State
from annotation.sources import FolderSource
from tests.annotation.picture_folders import write_pictures

PAIRS = ("s01/00_blur.png", "s01/00_sharp.png", "s01/01_blur.jpg", "s01/01_sharp.png")
WIDTH, HEIGHT = 24, 16


def project_of(folder: Path, pictures: Iterable[str] = PAIRS, name: str = "project") -> Project:
    """A project of small pictures (24 x 16) in `folder/pictures`, which are made if they are not there."""
    place = folder / "pictures"
    if not place.exists():
        write_pictures(place, *pictures, width=WIDTH, height=HEIGHT)
    return create_project(folder / name, FolderSource.at(str(place)))


def some_mask(seed: int = 0) -> Mask:
    """A few blocks, one of them with a hole."""
    mask = np.random.default_rng(seed).random((HEIGHT // 2, WIDTH // 2)) < 0.3
    mask = np.kron(mask, np.ones((2, 2), bool))
    mask[2:9, 3:12] = True
    mask[4:6, 5:8] = False
    return mask


def layer_of(project: Project, name: str, number: int = 1) -> Layer:
    item = project.store.item_named(name)
    assert item is not None
    return project.store.layers(item.id)[number - 1]


def draw(
    project: Project, name: str, mask: Mask, state: State | None = "done", kind: Kind = "brush", number: int = 1
) -> Layer:
    """Draws a whole mask, and says what its layer becomes."""
    layer = layer_of(project, name, number)
    rect = Rect(0, 0, mask.shape[1], mask.shape[0])
    project.store.append(layer.id, uuid.uuid4().hex, layer.head, kind, "Ada", rect, mask)
    layer = project.store.layer(layer.id)
    if state is not None:
        layer = project.store.set_state(layer.id, state, "nothing moves", layer.version, "Ada")
    return layer


def shown(project: Project, name: str, number: int = 1) -> Mask:
    """The mask that a layer of an item shows."""
    return project.store.mask(layer_of(project, name, number).id)
