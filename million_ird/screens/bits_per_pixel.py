"""How many bits the file spends on a pixel."""

from __future__ import annotations

from million_ird.screens.photo import Photo
from million_ird.screens.screen import Screen


def bits_per_pixel(photo: Photo) -> float:
    """8 × bytes of the file as fetched (metadata included) / pixels. A smooth picture needs fewer bits than a busy one,
    so this says little alone; it separates files that were squeezed from files that were not."""
    return 8 * len(photo.data) / (photo.width * photo.height)


SCREEN = Screen(
    name="bits_per_pixel",
    unit="bit/pixel",
    digits=4,
    measured_on="the file as fetched",
    source="definition",
    cost="cheap",
    measure=bits_per_pixel,
)
