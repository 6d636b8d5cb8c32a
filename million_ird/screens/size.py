"""How large the photograph is, by its decoded pixels and never by what a manifest promises."""

from __future__ import annotations

from million_ird.screens.photo import Photo
from million_ird.screens.screen import Screen


def short_side(photo: Photo) -> float:
    """The shorter side, pixels. Width and height themselves are columns of every image row."""
    return min(photo.width, photo.height)


def aspect(photo: Photo) -> float:
    """Longer side over shorter side, 1 or more; alike for both orientations."""
    return max(photo.width, photo.height) / min(photo.width, photo.height)


SHORT_SIDE = Screen(
    name="short_side",
    unit="pixels",
    digits=0,
    measured_on="the decoded size",
    source="definition",
    cost="cheap",
    measure=short_side,
)

ASPECT = Screen(
    name="aspect",
    unit="longer / shorter side",
    digits=4,
    measured_on="the decoded size",
    source="definition",
    cost="cheap",
    measure=aspect,
)
