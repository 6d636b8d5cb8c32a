"""What makes a task's input from a clean picture: noise, JPEG, downscaling, a colour mosaic, local motion blur.

Each kind is a `Degradation`: it says which part of the picture it needs for a crop, and degrades the crop as if the
whole picture had been degraded and then cut (docs/degradations.md). Whole pictures are degraded by `degrade_whole`, and
resized by `resize`.
"""

from __future__ import annotations

from pretrain.degradations.degradation import Degradation, Degraded
from pretrain.degradations.demosaic import Demosaic
from pretrain.degradations.downscale import Downscale
from pretrain.degradations.jpeg import Jpeg
from pretrain.degradations.local_blur import LocalBlur
from pretrain.degradations.noise import GaussianNoise
from pretrain.degradations.whole import degrade_whole

__all__ = ["Degradation", "Degraded", "Demosaic", "Downscale", "GaussianNoise", "Jpeg", "LocalBlur", "degrade_whole"]
