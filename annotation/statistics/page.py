"""The page: large numbers, then progress, days, blurred share, windows and agreement."""

from __future__ import annotations

import numpy as np

from annotation.agree import overall
from annotation.documents import document
from annotation.overlay import draw_over
from annotation.project import Project
from annotation.statistics.gather import Gathered, MaskFacts
from annotation.statistics.sections import (
    agreement_section,
    blur_section,
    days_section,
    progress_section,
    unread_section,
    windows_section,
)
from million_ird.errors import MillionIrdError
from million_ird.pixels import encode_thumbnail
from million_ird.report.words import count, share

_THUMBNAIL = 320


def page(gathered: Gathered, thumbnails: list[tuple[MaskFacts, bytes]]) -> str:
    """The whole HTML document.

    Args:
        gathered: the numbers.
        thumbnails: JPEGs of some masks over their pictures, by rising share.
    """
    every = sum(gathered.states.values())
    figures = [
        (count(gathered.items), "pictures"),
        (count(gathered.pairs), "of them pairs"),
        (f"{share(gathered.states.get('done', 0), every)}", f"of {count(every)} masks done"),
    ]
    if gathered.masks:
        figures.append((share(float(np.median([mask.share for mask in gathered.masks])), 1), "blurred, median"))
    whole = overall(gathered.agreements)
    if whole is not None:
        figures.append((f"{whole.iou:.3f}", "IoU of second opinions"))
    sections = [
        progress_section(gathered),
        days_section(gathered),
        blur_section(gathered.masks, gathered.everything, thumbnails),
        windows_section(gathered.masks),
        agreement_section(gathered),
    ]
    if gathered.unreadable:
        sections.append(unread_section(gathered.unreadable))
    lead = "Where people saw local blur in these pictures, how far they are, and how far they agree."
    return document(gathered.name, "Annotation statistics", lead, figures, sections)


def thumbnails(project: Project, masks: tuple[MaskFacts, ...], number: int) -> list[tuple[MaskFacts, bytes]]:
    """Some masks over their pictures, spread evenly from the least to the most blurred; pictures that cannot be had
    are left out.

    Args:
        project: the open project.
        masks: to choose from.
        number: how many at most.
    """
    ranked = sorted((mask for mask in masks if mask.layer == 1), key=lambda mask: (mask.share, mask.item))
    places = np.unique(np.linspace(0, len(ranked) - 1, min(number, len(ranked))).round().astype(int))
    drawn = []
    for mask in (ranked[place] for place in places):
        try:
            pixels = project.pictures.pixels(project.store.item(mask.item))
            shown = project.store.mask(project.store.layers(mask.item)[0].id)
        except MillionIrdError:  # the page is of the masks; `annotate check` tells what is wrong with pictures
            continue
        drawn.append((mask, encode_thumbnail(draw_over(pixels, shown, _THUMBNAIL), _THUMBNAIL)))
    return drawn
