"""A mask drawn over its picture, small, for pages that show many."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from annotation.mask import Mask

_ORANGE = (230, 97, 1)
"""Seen by people of every kind of colour vision beside the usual greens, reds and blues of photographs."""
_WHITE = (255, 255, 255)
_YELLOW, _BLACK = (255, 221, 0), (0, 0, 0)
_RING = 9
"""Radius in pixels of the small picture."""
_TINT = 0.4


def draw_over(
    picture: npt.NDArray[np.uint8], mask: Mask, side: int, marks: Sequence[tuple[int, int]] = ()
) -> npt.NDArray[np.uint8]:
    """The picture reduced to at most `side` pixels, what is blurred tinted orange with a white outline.

    Args:
        picture: RGB, uint8 (H, W, 3).
        mask: bool (H, W).
        side: of the longer side, in pixels; smaller pictures are not enlarged.
        marks: (x, y) in pixels of the picture, around which a ring is drawn.
    """
    height, width = mask.shape
    factor = min(1.0, side / max(height, width))
    size = max(1, round(width * factor)), max(1, round(height * factor))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    cover = cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    # Holes and specks have to be seen even where they are smaller than a pixel of the thumbnail.
    least = -cv2.dilate(-cover, np.ones((3, 3), np.uint8))
    most = cv2.dilate(cover, np.ones((3, 3), np.uint8))
    line = (most > 0.02) & (least < 0.98) & ((cover > 0.02) & (cover < 0.98) | (most - least > 0.9) & (cover < 0.5))
    tinted = small + (np.array(_ORANGE, np.float32) - small) * (_TINT * cover[..., None])
    tinted[line] = _WHITE
    drawn: npt.NDArray[np.uint8] = np.clip(tinted + 0.5, 0, 255).astype(np.uint8)
    for x, y in marks:
        place = round((x + 0.5) * factor), round((y + 0.5) * factor)
        for colour, thickness in ((_BLACK, 3), (_YELLOW, 1)):
            cv2.circle(drawn, place, _RING, colour, thickness, cv2.LINE_AA)
    return drawn
