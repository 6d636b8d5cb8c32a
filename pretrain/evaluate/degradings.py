"""What is done to the pictures of a clean test set before a network sees them: asked for, or as it was trained."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from million_ird.patches import Box
from pretrain.degradations import Degradation, Degraded, Demosaic, Downscale, GaussianNoise, Jpeg, LocalBlur
from pretrain.evaluate.protocols import Noise, Protocol
from pretrain.finetune.degradations import degradations_of
from pretrain.images import Pixels
from pretrain.models.families import scale_of, settings_of
from pretrain.models.lmd_vit.settings import LMDViTSettings
from pretrain.models.pretrained import Pretrained
from pretrain.recipe_in_weights import tasks_in

TaskName = Literal["denoise", "dejpeg", "enlarge", "demosaic", "deblur"]
PUBLISHED_SIGMAS = (15.0, 25.0, 50.0)
"""Noise levels of 255 in the published tables."""


@dataclass(frozen=True, slots=True)
class Degrading:
    """One way to degrade clean pictures."""

    task: TaskName
    """What a network does about it."""
    level: str
    """How strong it is, such as "σ=25"; "" where it knows but one strength."""
    degradation: Degradation

    @property
    def title(self) -> str:
        """For tables: `denoise σ=25`."""
        return f"{self.task} {self.level}".strip()

    def degrade(self, clean: Pixels, name: str, protocol: Protocol, noise: Noise) -> Degraded:
        """The input made of a clean picture that is cut as the protocol says.

        Noise is the protocol's. What else is drawn depends on the name of the file alone.
        """
        if isinstance(self.degradation, GaussianNoise):
            return Degraded(protocol.add_noise(clean, self.degradation.sigma, noise, name), clean)
        return degraded_whole(self.degradation, clean, name)


def degraded_whole(degradation: Degradation, clean: Pixels, name: str) -> Degraded:
    """A whole picture, of sides that are multiples of the scale, degraded. What is drawn depends on `name` alone.

    Raises:
        UsageError: the picture is too small for it.
    """
    whole = Box(0, 0, clean.shape[1], clean.shape[0])
    return degradation.degrade(np.ascontiguousarray(clean), whole, whole, _by_name(name))


def degrading(of: Degradation) -> Degrading:
    """With the names that tables have for it."""
    match of:
        case GaussianNoise():
            return Degrading("denoise", f"σ={of.sigma:g}", of)
        case Jpeg():
            return Degrading("dejpeg", f"q={of.quality}" + ("" if of.sampling == "4:2:0" else f" {of.sampling}"), of)
        case Downscale():
            return Degrading("enlarge", f"×{of.scale}", of)
        case Demosaic():
            return Degrading("demosaic", "", of)
        case LocalBlur():
            return Degrading("deblur", "local", of)
    raise TypeError(f"no name for {of}")


def denoising(sigmas: Sequence[float]) -> list[Degrading]:
    """Gaussian noise of standard deviations in levels of 255."""
    return [degrading(GaussianNoise(sigma, "truncated")) for sigma in sigmas]  # rounding is the protocol's


def degradings_of(network: Pretrained, checkpoint: str) -> list[Degrading]:
    """What a network is for: what it was fine-tuned against, or downscaling by its own scale.

    Where no recipe says: local blur for LMD-ViT, else the published noise levels.

    Raises:
        DatasetError: the recipe in the checkpoint cannot be read.
    """
    settings = settings_of(network.model)
    if scale_of(settings) > 1:
        return [degrading(Downscale(scale_of(settings)))]
    tasks = tasks_in(network.metadata, checkpoint)
    found = [degrading(each) for task in tasks for each in degradations_of(task).values()]
    if not found and (isinstance(settings, LMDViTSettings) or any(task.triples for task in tasks)):
        return [degrading(LocalBlur())]
    unique = {each.title: each for each in found}
    return list(unique.values()) or denoising(PUBLISHED_SIGMAS)


def _by_name(name: str) -> np.random.Generator:
    stem = name.rpartition(".")[0] or name
    return np.random.default_rng(np.frombuffer(hashlib.blake2b(stem.encode(), digest_size=16).digest(), "<u4"))
