from __future__ import annotations

from collections.abc import Callable

import numpy as np

from million_ird.screens import Photo
from million_ird.screens.size import aspect, short_side


def test_size_does_not_depend_on_orientation(photo_from_pixels: Callable[[np.ndarray], Photo]) -> None:
    wide = photo_from_pixels(np.zeros((200, 500), np.uint8))
    tall = photo_from_pixels(np.zeros((500, 200), np.uint8))
    assert short_side(wide) == short_side(tall) == 200
    assert aspect(wide) == aspect(tall) == 2.5
