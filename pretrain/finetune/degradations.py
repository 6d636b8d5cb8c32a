"""What degrades the clean photographs of a task."""

from __future__ import annotations

from pretrain.degradations import Degradation, Demosaic, Downscale, GaussianNoise, Jpeg, LocalBlur
from pretrain.finetune.tasks import TaskSettings


def degradations_of(settings: TaskSettings) -> dict[float, Degradation]:
    """The degradations of a task, by strength: σ, or the quality of a JPEG; 0 where it knows but one. Empty for pairs
    and triples, which come degraded."""
    if settings.sigmas:
        return {sigma: GaussianNoise(sigma, settings.noise) for sigma in settings.sigmas}
    if settings.qualities:
        return {float(quality): Jpeg(quality, settings.sampling) for quality in settings.qualities}
    if settings.scale > 1:
        return {0.0: Downscale(settings.scale)}
    if settings.mosaic:
        return {0.0: Demosaic()}
    return {} if settings.local_blur is None else {0.0: LocalBlur(settings.local_blur)}
