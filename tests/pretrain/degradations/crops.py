"""Pictures, and crops of them degraded as training does it."""

from __future__ import annotations

import numpy as np

from million_ird.patches import Box
from pretrain.degradations import Degradation, Degraded
from pretrain.images import Pixels


def noise_picture(width: int, height: int) -> Pixels:
    """Every value different, so that nothing can be mistaken for its neighbour: (height, width, 3) uint8."""
    return np.random.default_rng(width * 1000 + height).integers(0, 256, (height, width, 3), dtype=np.uint8)


def cut(picture: Pixels, box: Box) -> Pixels:
    """The part of the picture within a box."""
    return picture[box.y : box.y + box.height, box.x : box.x + box.width]


def degrade_crop(degradation: Degradation, picture: Pixels, box: Box, seed: int = 0) -> Degraded:
    """Reads the region that is needed and nothing else, and degrades the crop; the picture must stay as it was."""
    height, width = picture.shape[:2]
    region = degradation.region(box, width, height)
    assert 0 <= region.x <= box.x and 0 <= region.y <= box.y
    assert box.x + box.width <= region.x + region.width <= width
    assert box.y + box.height <= region.y + region.height <= height
    pixels = cut(picture, region).copy()
    before = pixels.copy()
    made = degradation.degrade(pixels, region, box, np.random.default_rng(seed))
    np.testing.assert_array_equal(pixels, before)
    return made
