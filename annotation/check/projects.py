"""The masks of a project, as subjects."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import partial

from annotation.check.finding import Finding, Subject
from annotation.check.reading import read_mask
from annotation.project import Project
from annotation.records import Item, Layer
from million_ird.errors import StoreError


def project_subjects(project: Project, everything: bool, only: str | None = None) -> Iterator[Subject]:
    """What the layers of a project show: of those that are done, or of all that anybody or anything has drawn on.

    Args:
        project: an open one.
        everything: not only what is done.
        only: an item's name; all items where None.
    """
    for item in project.store.every_item():
        if only is None or item.name == only:
            for layer in project.store.layers(item.id):
                if is_checked(layer, everything):
                    yield _subject(project, item, layer)


def survey(project: Project, everything: bool) -> tuple[int, dict[str, int]]:
    """How many layers are looked at, and how many of each state are not."""
    looked_at, left_out = 0, Counter[str]()
    for item in project.store.every_item():
        for layer in project.store.layers(item.id):
            if is_checked(layer, everything):
                looked_at += 1
            else:
                left_out[layer.state] += 1
    return looked_at, dict(left_out)


def is_checked(layer: Layer, everything: bool) -> bool:
    """Whether there is a mask to look at: not where nobody has begun, or the item is skipped."""
    if layer.state == "done":
        return True
    return everything and layer.state != "skipped" and (bool(layer.annotator) or layer.is_proposal)


def _subject(project: Project, item: Item, layer: Layer) -> Subject:
    try:
        mask, found = read_mask(project.store.mask_png(layer.id), (item.width, item.height))
    except StoreError as error:
        mask, found = None, (Finding("undecodable", "error", str(error)),)
    return Subject(
        name=item.name,
        where=f"layer {layer.number}, {layer.state.replace('_', ' ')}" + (", a proposal" if layer.is_proposal else ""),
        mask=mask,
        size=(item.width, item.height),
        found=found,
        blurred=partial(project.pictures.pixels, item),
        sharp=partial(project.pictures.pixels, item, "sharp") if item.is_pair else None,
        reason=layer.reason if layer.state == "done" else "",
        annotator=layer.annotator,
        layer=layer.number,
    )
