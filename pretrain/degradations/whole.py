"""A whole picture degraded, the same way every time."""

from __future__ import annotations

import hashlib

import numpy as np

from million_ird.patches import Box
from pretrain.degradations.degradation import Degradation, Degraded
from pretrain.images import Pixels


def degrade_whole(degradation: Degradation, clean: Pixels, name: str) -> Degraded:
    """A whole picture, of sides that are multiples of the scale, degraded. What is drawn depends on `name` alone.

    Raises:
        UsageError: the picture is too small for it.
    """
    whole = Box(0, 0, clean.shape[1], clean.shape[0])
    return degradation.degrade(np.ascontiguousarray(clean), whole, whole, _by_name(name))


def _by_name(name: str) -> np.random.Generator:
    stem = name.rpartition(".")[0] or name
    return np.random.default_rng(np.frombuffer(hashlib.blake2b(stem.encode(), digest_size=16).digest(), "<u4"))
