"""What a screen is: a named measurement of one photograph."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import isfinite
from typing import Literal

from million_ird.screens.photo import Photo


@dataclass(frozen=True, slots=True)
class Screen:
    """One number that is measured on every image and stored, whether the image is kept or not."""

    name: str
    """The column of the image table and the key of its interval in a recipe."""
    unit: str
    """Unit or range of the number, for axes and tables."""
    digits: int
    """Decimal digits stored. Vector units of different machines disagree in the digits after these."""
    measured_on: str
    """What part of the picture is looked at: the file, every pixel, a sample of pixels, windows."""
    source: str
    """Where the definition comes from."""
    cost: Literal["cheap", "costly"]
    """Cheap screens together take no longer than one decode of a large photograph; costly ones can be left out."""
    measure: Callable[[Photo], float | None]
    """The measurement; None where it means nothing (the JPEG quality of a PNG)."""

    def value(self, photo: Photo) -> float | None:
        """The number that is stored: measured, then rounded to `digits`; None if it does not apply or is not finite."""
        measured = self.measure(photo)
        if measured is None or not isfinite(measured):
            return None
        # "+ 0.0" turns a rounded -0.0 into 0.0, which prints and compares alike everywhere.
        return round(float(measured), self.digits) + 0.0


def measure_all(photo: Photo, screens: Iterable[Screen]) -> dict[str, float | None]:
    """Measure `photo` by each screen; name → rounded number, or None where the screen does not apply."""
    return {screen.name: screen.value(photo) for screen in screens}
