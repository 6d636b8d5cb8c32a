"""Projects of made-up pairs whose masks were drawn by several people on several days."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from annotation.mask import Mask
from annotation.project import Project, create_project
from annotation.records import Kind, Layer, Rect, State
from annotation.sources.folder import FolderSource
from annotation.store import drawing, mask_store
from tests.annotation.scenes import write_pairs


def pairs_project(folder: Path, number: int) -> tuple[Project, dict[str, Mask]]:
    """A project of pairs `00` …, and their exact masks; nothing is drawn yet."""
    masks = write_pairs(folder / "pictures", number)
    source = FolderSource.at(str(folder / "pictures/blur"), str(folder / "pictures/sharp"))
    return create_project(folder / "project", source, "Street"), masks


def draw(
    project: Project,
    name: str,
    mask: Mask,
    annotator: str = "Ada",
    number: int = 1,
    state: State | None = "done",
    reason: str = "",
    kind: Kind = "brush",
) -> Layer:
    """One stroke that sets the whole mask, and a state."""
    item = project.store.item_named(name)
    assert item is not None
    if number == 2:
        project.store.ask_second(item.id, annotator)
    layer = project.store.layers(item.id)[number - 1]
    rect = Rect(0, 0, item.width, item.height)
    project.store.append(layer.id, uuid.uuid4().hex, layer.head, kind, annotator, rect, mask)
    layer = project.store.layer(layer.id)
    return project.store.set_state(layer.id, state, reason, layer.version, annotator) if state else layer


def on_day(patch: pytest.MonkeyPatch, day: str) -> None:
    """What is stored from now on is stored on this day, as far as the store knows."""
    for module in (mask_store, drawing):
        patch.setattr(module, "now", lambda: f"{day}T12:00:00.000+00:00")
