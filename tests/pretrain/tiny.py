"""The smallest training there is: a network that computes in milliseconds, and batches of smooth random pictures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from million_ird.errors import DatasetError
from pretrain.models.dynet import DyNet, DyNetSettings
from pretrain.models.variants import Variant
from pretrain.objective import Objective, Outcome

LARGE, SMALL = Variant.of("large", (1, 1, 1, 2)), Variant.of("small", (1, 1, 1, 1))
SIDE = 16
SETTINGS = DyNetSettings(width=8, refinement=1, prompt_crop=SIDE, prompts=2)
UNSHARED = DyNetSettings(width=8, refinement=1, prompt_crop=SIDE, prompts=2, shared=False)


def tiny_network(settings: DyNetSettings = SETTINGS, seed: int = 0) -> DyNet:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return DyNet(settings, depth=LARGE)


@dataclass(frozen=True)
class TinyBatch:
    """Noisy and clean pictures, uint8 (b, 3, 16, 16)."""

    inputs: Tensor
    targets: Tensor
    substituted: int = 0
    masks: Tensor | None = None


class Spoiled(Objective):
    """An objective whose loss is another function of (restored, clean)."""

    def __init__(self, spoil: Callable[[Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self._spoil = spoil

    def loss(self, outcome: Outcome, wanted_B3HW: Tensor, mask_B1HW: Tensor | None) -> Tensor:  # noqa: N803
        return self._spoil(outcome.restored_B3HW.float(), wanted_B3HW)


def tiny_batch(step: int, batch: int = 4, rank: int = 0, ranks: int = 1) -> TinyBatch:
    """The samples of a step that fall to a rank, a function of the sample's position alone."""
    pairs = [_pair(position) for position in range(step * batch, (step + 1) * batch) if position % ranks == rank]
    inputs, targets = (torch.from_numpy(np.stack(part)) for part in zip(*pairs, strict=True))
    return TinyBatch(inputs, targets)


def _pair(position: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(position)
    coarse = rng.integers(0, 256, (3, 4, 4)).astype(np.uint8)
    clean = coarse.repeat(SIDE // 4, 1).repeat(SIDE // 4, 2)
    noisy = np.clip(clean + rng.normal(0, 25, clean.shape), 0, 255).astype(np.uint8)
    return noisy, clean


class TinySource:
    """A `pretrain.training.Source`."""

    def __init__(self, name: str = "tiny", most: int = 10**6) -> None:
        self.fingerprint = name
        self.most = most
        """Steps after which the data end with an error."""
        self.closed = 0

    def state(self) -> Mapping[str, int | str]:
        return {"fingerprint": self.fingerprint}

    def check(self, state: Mapping[str, int | str]) -> None:
        if state != self.state():
            raise DatasetError(f"other data: {state['fingerprint']}")

    def loader(
        self, batch_size: int, rank: int, ranks: int, start_step: int, pin_memory: bool, *, substituted: int
    ) -> TinyBatches:
        assert not pin_memory
        return TinyBatches(self, batch_size, rank, ranks, start_step)

    def batch(self, step: int, batch: int, rank: int, ranks: int) -> TinyBatch:
        return tiny_batch(step, batch, rank, ranks)


class TinyBatches:
    def __init__(self, source: TinySource, batch: int, rank: int, ranks: int, step: int) -> None:
        self._source, self._batch, self._rank, self._ranks, self._step = source, batch, rank, ranks, step

    def __next__(self) -> TinyBatch:
        if self._step >= self._source.most:
            raise DatasetError("the data have ended")
        batch = self._source.batch(self._step, self._batch, self._rank, self._ranks)
        self._step += 1
        return batch

    def close(self) -> None:
        self._source.closed += 1
