"""Local motion blur made from sharp photographs, with the exact mask of what moved.

A piece of a photograph is cut out with a soft edge, moved along a path while the exposure lasts, and summed up in
linear light over a background that stands still. `blur_locally` is the whole of it; numpy and OpenCV only.
"""

from __future__ import annotations

from million_ird.local_blur.model import BlurredPair, LocalBlurSettings, Movement
from million_ird.local_blur.synthesis import blur_locally

__all__ = ["BlurredPair", "LocalBlurSettings", "Movement", "blur_locally"]
