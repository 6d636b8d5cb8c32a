"""What a proposal is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from annotation.registration import Registration


@dataclass(frozen=True, slots=True)
class Proposal:
    """A mask that a machine suggests.

    Attributes:
        mask: (H, W) bool, True = blurred; may be empty.
        confidence: 0..1, the intersection over union with a person's mask that is to be expected.
        registration: how the sharp frame lay, None for a frame alone.
        note: one line for the person who looks at it.
    """

    mask: npt.NDArray[np.bool_]
    confidence: float
    registration: Registration | None
    note: str
