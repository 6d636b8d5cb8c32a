"""Blur masks as they lie in shards: 1-bit PNGs, of which a decoder of photographs wants to know nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pretrain.crop import DamagedPatchError
from pretrain.stream.index import Patch

Mask = NDArray[np.bool_]
"""(H, W), True = blurred."""


@dataclass(frozen=True, slots=True)
class BlurMask:
    """The mask of a pair. `fetch` gives its bytes."""

    patch: Patch
    fetch: Callable[[Patch], bytes]

    def read(self) -> Mask:
        """The whole mask, of the size that its row says.

        Raises:
            DamagedPatchError: it cannot be decoded, has another size, or values other than 0 and 255.
        """
        patch = self.patch
        values = cv2.imdecode(np.frombuffer(self.fetch(patch), np.uint8), cv2.IMREAD_GRAYSCALE)
        if values is None or values.shape != (patch.height, patch.width):
            raise DamagedPatchError(f"{patch.key}: no mask of {patch.width}x{patch.height} pixels")
        blurred: Mask = np.asarray(values == 255)
        if not (blurred | (values == 0)).all():
            raise DamagedPatchError(f"{patch.key}: values other than 0 and 255 in a mask")
        return blurred
