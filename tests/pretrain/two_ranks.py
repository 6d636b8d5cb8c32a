"""Training steps computed by two processes that exchange through gloo, to be compared with those of one.

`python -m tests.pretrain.two_ranks FOLDER` is one of the two, in the environment that torchrun gives its processes.
"""

from __future__ import annotations

import math
import os
import socket
import subprocess
import sys
import tempfile
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from million_ird.errors import DatasetError, MillionIrdError, UsageError
from pretrain.guard import Guard, GuardSettings
from pretrain.launch import torchrun_ranks
from pretrain.models.dynet import DyNetSettings
from pretrain.models.families import ModelSettings, spares_parameters
from pretrain.models.variants import WHOLE, AnyVariant
from pretrain.objective import LossSettings, objective_of
from pretrain.optimizer import OptimizerSettings, make_optimizer
from pretrain.ranks import Ranks
from pretrain.step import StepSettings, training_step
from tests.pretrain.every_family import LMD_VIT, NETWORKS, batch_of, keep_everything, network
from tests.pretrain.tiny import LARGE, SETTINGS, SMALL, UNSHARED, Spoiled, tiny_network

STEPS, BATCH = 3, 4
_ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Case:
    """One way to train."""

    variants: tuple[tuple[AnyVariant, ...], ...] = ((LARGE,), (SMALL,), (LARGE,))
    """Those of each step."""
    accumulate: int = 1
    distil: bool = False
    clip_norm: float = 0.0
    model: ModelSettings = SETTINGS
    spoiled: int = -1
    """A step at which the last rank's loss is NaN."""


WITHOUT = ((WHOLE,),) * STEPS
"""Variants of a network that has none."""

CASES = {
    "one variant a step": Case(),
    "two micro-batches": Case(accumulate=2),
    "sandwich": Case(variants=((LARGE, SMALL),) * STEPS, accumulate=2, distil=True, clip_norm=0.1),
    "unshared blocks": Case(model=UNSHARED, accumulate=2),
    "NaN on one rank": Case(spoiled=1),
    "masks": Case(WITHOUT, accumulate=2, model=replace(LMD_VIT, drop_path=0.0)),
    "scales that are not trained": Case(WITHOUT, accumulate=2, model=NETWORKS["carn"]),
    "offsets drawn alike": Case(WITHOUT, model=NETWORKS["ghost of edsr"]),
}


def train_case(case: Case, ranks: Ranks) -> dict[str, Any]:
    """What the steps of a case gave: results, and gradients and weights after the last."""
    model = tiny_network(case.model) if isinstance(case.model, DyNetSettings) else keep_everything(network(case.model))
    all_variants = list(dict.fromkeys(variant for variants in case.variants for variant in variants))
    shared = ranks.share_gradients(model, spares_parameters(case.model, all_variants))
    optimizer = make_optimizer(model, OptimizerSettings(lr=1e-3))
    guard = Guard(GuardSettings())
    results = []
    for step, variants in enumerate(case.variants):
        spoiled = step == case.spoiled and ranks.rank == ranks.count - 1
        objective = Spoiled(_nan) if spoiled else objective_of(LossSettings(pruning=1.0), case.model)
        settings = StepSettings(case.accumulate, "fp32", case.distil, case.clip_norm, objective)
        batch = batch_of(case.model, step, BATCH, ranks.rank, ranks.count)
        torch.manual_seed(step)
        results.append(training_step(shared, batch, variants, optimizer, guard, settings, ranks.gather))
    gradients = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
    weights = {name: value.clone() for name, value in model.state_dict().items()}
    numbers = [(result.losses, result.psnr, result.gradient_norm, result.verdict) for result in results]
    return {"results": numbers, "gradients": gradients, "weights": weights, "skipped": guard.skipped}


def agreement(ranks: Ranks) -> dict[str, Any]:
    """What this rank sees of the exchanges."""
    seen: dict[str, Any] = {
        "gather": ranks.gather([ranks.rank, 0.1 + ranks.rank]),
        "from_first": ranks.from_first(lambda: {"rank": ranks.rank, "tensor": torch.arange(3)}),
        "first_then_all": ranks.first_then_all(lambda: [ranks.rank]),
    }
    seen["from_first"]["tensor"] = seen["from_first"]["tensor"].tolist()
    for name, error in (("usage", UsageError("no")), ("data", DatasetError("damaged"))):
        for way in (ranks.from_first, ranks.first_then_all):
            try:
                way(partial(_fail, error))
            except MillionIrdError as raised:
                seen[f"{name} {way.__name__}"] = (type(raised).__name__, str(raised), raised.exit_code)
    return seen


@cache
def two_ranks() -> list[dict[str, Any]]:
    """What each of two processes gave: every case by its name, and "agreement". Computed once a session."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": "2", "OMP_NUM_THREADS": "1"}
    with tempfile.TemporaryDirectory() as folder:
        processes = []
        for rank in ("0", "1"):
            environment = {**os.environ, **place, "RANK": rank, "LOCAL_RANK": rank}
            command = [sys.executable, "-m", "tests.pretrain.two_ranks", folder]
            processes.append(subprocess.Popen(command, env=environment, cwd=_ROOT))
        try:
            codes = [process.wait(timeout=240) for process in processes]
        finally:
            for process in processes:
                process.kill()
                process.wait()
        assert codes == [0, 0]
        return [torch.load(Path(folder) / f"{rank}.pt") for rank in range(2)]


def _fail(error: MillionIrdError) -> None:
    raise error


def _nan(output: Tensor, target: Tensor) -> Tensor:
    return F.l1_loss(output, target) * math.nan


def main(folder: Path) -> None:
    torch.set_num_threads(1)
    with torchrun_ranks("cpu") as ranks:
        found = {name: train_case(case, ranks) for name, case in CASES.items()}
        torch.save({**found, "agreement": agreement(ranks)}, folder / f"{ranks.rank}.pt")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
