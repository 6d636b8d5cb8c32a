"""How much of the whole image is flat, by the measure that judges its patches."""

from __future__ import annotations

import numpy as np

from million_ird import flatness
from million_ird.patches import PatchSettings
from million_ird.screens.photo import Photo
from million_ird.screens.screen import Screen

_FLAT_VARIANCE = PatchSettings().flat_variance


def flat_fraction(photo: Photo) -> float:
    """Share of 8 × 8 luma cells that are flat (see `flatness`), 0..1, at the default limit of `[patches]`.

    The limit is fixed, so that the column means the same in every dataset; a recipe that judges its patches by another
    one changes the patches' column only.
    """
    cells = [flatness.block_variance_from_pixels(photo.luma[rows]).ravel() for rows in photo.bands]
    return flatness.flat_fraction(np.concatenate(cells), _FLAT_VARIANCE)


SCREEN = Screen(
    name="flat_fraction",
    unit="share, 0-1",
    digits=4,
    measured_on="luma, every whole cell; from 4 megapixels on bands of 32 rows that hold 2-3 megapixels",
    source="million_ird.flatness; the 50 % rule of DyNet and LSDIR, there per patch",
    cost="cheap",
    measure=flat_fraction,
)
