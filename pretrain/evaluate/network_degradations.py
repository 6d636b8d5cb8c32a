"""The degradations that a network is for: what is done to the pictures of clean test sets unless something is asked."""

from __future__ import annotations

from collections.abc import Sequence

from pretrain.degradations import Degradation, Downscale, GaussianNoise, LocalBlur
from pretrain.models.families import scale_of, settings_of
from pretrain.models.lmd_vit.settings import LMDViTSettings
from pretrain.models.pretrained import Pretrained
from pretrain.recipe_in_weights import tasks_in

PUBLISHED_SIGMAS = (15.0, 25.0, 50.0)
"""Noise levels of 255 in the published tables."""


def network_degradations(network: Pretrained, checkpoint: str) -> list[Degradation]:
    """What a network was fine-tuned against, or downscaling by its own scale; each title once.

    Of one that was fine-tuned on nothing but pairs and triples, what is most like them. Where that is nothing, or no
    recipe says: local blur for LMD-ViT, else the published noise levels.

    Raises:
        DatasetError: the recipe in the checkpoint cannot be read.
    """
    settings = settings_of(network.model)
    if scale_of(settings) > 1:
        return [Downscale(scale_of(settings))]
    tasks = tasks_in(network.metadata, checkpoint)
    found = [each for task in tasks for each in task.degradations.values()]
    found = found or [task.kind.stand_in for task in tasks if task.kind.stand_in is not None]
    if not found and isinstance(settings, LMDViTSettings):
        return [LocalBlur()]
    unique = {each.title: each for each in found}
    return list(unique.values()) or noises(PUBLISHED_SIGMAS)


def noises(sigmas: Sequence[float]) -> list[Degradation]:
    """Gaussian noise of standard deviations in levels of 255. How it is rounded is the protocol's."""
    return [GaussianNoise(sigma, "truncated") for sigma in sigmas]
