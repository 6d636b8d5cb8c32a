"""One optimiser step: forward, backward, the verdict of all ranks, update. No reading, no writing, no clock.

Shapes: B samples of a micro-batch, C = 3 colours, H and W pixels. Pictures come as uint8 and are seen by the model as
float32 = uint8 / 255; what is minimised is for `pretrain.objective` to say.
"""
# ruff: noqa: N803, N806 (names of tensors end in their shape)

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

import torch
from torch import Tensor, nn

from million_ird.errors import UsageError
from pretrain.guard import Guard, Verdict
from pretrain.models.variants import AnyVariant
from pretrain.objective import Objective

Precision = Literal["fp32", "bf16"]

Gather = Callable[[Sequence[float]], list[list[float]]]
"""One rank's numbers → the numbers of every rank in the order of ranks, the same lists everywhere."""


class Samples(Protocol):
    """What a step needs of a batch: this rank's share of it."""

    @property
    def inputs(self) -> Tensor:
        """uint8 (B, 3, H, W), what the model sees."""

    @property
    def targets(self) -> Tensor:
        """uint8 (B, 3, scale·H, scale·W), what it should say."""

    @property
    def masks(self) -> Tensor | None:
        """uint8 (B, 1, scale·H, scale·W), 1 where the input is degraded; None where nothing is known of that."""


@dataclass(frozen=True)
class StepSettings:
    """How a step is computed."""

    accumulate: int = 1
    """Micro-batches that a rank's share of the batch is cut into, one after the other; the gradient is the same."""
    precision: Precision = "fp32"
    """"bf16": forward and backward under autocast; weights, gradients, loss and update stay float32."""
    distil: bool = False
    """With several variants: the first is trained on the target, the others on its detached output."""
    clip_norm: float = 0.0
    """Gradients longer than this are shortened to it; 0: never."""
    objective: Objective = field(default_factory=Objective)
    """What is minimised; by itself L1, the mean over all numbers (paper)."""


@dataclass(frozen=True)
class StepResult:
    """What a step was, as means over the whole batch, the same on every rank."""

    losses: dict[str, float]
    """Loss of each variant that was drawn, in the order drawn; of a distilled one against what it was to say."""
    psnr: float
    """dB, mean over samples, of the first variant's output clamped to [0, 1] against the target, data range 1."""
    gradient_norm: float
    """Euclidean norm of the whole gradient, before clipping."""
    verdict: Verdict
    """Why the step was skipped; "" where the weights were changed."""

    @property
    def loss(self) -> float:
        """Mean of the variants' losses: what was minimised."""
        return math.fsum(self.losses.values()) / len(self.losses) if self.finite else math.nan

    @property
    def finite(self) -> bool:
        return all(math.isfinite(loss) for loss in self.losses.values())


def alone(numbers: Sequence[float]) -> list[list[float]]:
    """The `Gather` of a run in a single process."""
    return [list(numbers)]


def training_step(
    model: nn.Module,
    samples: Samples,
    variants: Sequence[AnyVariant],
    optimizer: torch.optim.Optimizer,
    guard: Guard,
    settings: StepSettings,
    gather: Gather = alone,
) -> StepResult:
    """Trains `variants` on one batch, of which `samples` is this rank's share, unless the guard forbids it.

    `model` is called by the settings' objective; wrapped in `DistributedDataParallel` its gradients become
    means over the ranks. Every rank must call with the same variants and comes to the same verdict. The guard takes
    the verdict down.

    Raises:
        UsageError: the samples cannot be cut into `settings.accumulate` equal micro-batches.
    """
    optimizer.zero_grad(set_to_none=True)
    measured = accumulate_gradients(model, samples, variants, settings)
    gradients = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
    norm = torch.nn.utils.get_total_norm(gradients)
    # One small exchange and one wait for the device a step: every rank must know the verdict before the update.
    shares = gather(torch.cat([measured, norm.reshape(1).to(measured)]).tolist())
    *losses, psnr, gradient_norm = _means(shares)
    named = {variant.name: loss for variant, loss in zip(variants, losses, strict=True)}
    verdict = guard.judge(
        math.fsum(losses) / len(losses) if all(map(math.isfinite, losses)) else math.nan, gradient_norm
    )
    result = StepResult(named, psnr, gradient_norm, verdict)
    if not verdict:
        if settings.clip_norm > 0:
            torch.nn.utils.clip_grads_with_norm_(model.parameters(), settings.clip_norm, norm)
        optimizer.step()
    guard.note(result.loss, verdict)
    return result


def accumulate_gradients(
    model: nn.Module, samples: Samples, variants: Sequence[AnyVariant], settings: StepSettings
) -> Tensor:
    """Adds the gradient of the batch to the parameters' `grad`.

    Returns:
        float64 (variants + 1,) on the model's device: the loss of each variant and the PSNR, means over the samples.
    """
    device = next(model.parameters()).device
    parts = (_micro_batches(part, settings.accumulate, device) for part in (samples.inputs, samples.targets))
    given = samples.masks if settings.objective.uses_masks else None
    masks = None if given is None else _micro_batches(given, settings.accumulate, device)
    sums = torch.zeros(len(variants) + 1, dtype=torch.float64, device=device)
    scale = 1.0 / (settings.accumulate * len(variants))
    for index, (input_u8, target_u8) in enumerate(zip(*parts, strict=True)):
        x_BCHW, target_BCHW = to_float(input_u8), to_float(target_u8)
        mask_B1HW = None if masks is None else masks[index].float()
        wanted_BCHW = target_BCHW
        for place, variant in enumerate(variants):
            last = index == settings.accumulate - 1 and place == len(variants) - 1
            with _gradients_shared(model, last):
                with autocast(device, settings.precision):
                    outcome = settings.objective.run(model, x_BCHW, variant)
                loss = settings.objective.loss(outcome, wanted_BCHW, mask_B1HW)
                (loss * scale).backward()  # type: ignore[no-untyped-call]
            sums[place] += loss.detach()
            if place == 0:
                first_BCHW = outcome.restored_B3HW.detach().float()
                sums[-1] += mean_psnr(first_BCHW, target_BCHW)
                wanted_BCHW = first_BCHW if settings.distil else target_BCHW
    return sums / settings.accumulate


def to_float(pictures: Tensor) -> Tensor:
    """uint8 0 to 255 → float32 0 to 1."""
    return pictures.to(torch.float32) / 255.0


def mean_psnr(output_BCHW: Tensor, target_BCHW: Tensor) -> Tensor:
    """Mean over samples of the PSNR in dB, output clamped to [0, 1], data range 1; a perfect sample counts 100 dB."""
    errors_B = (output_BCHW.clamp(0.0, 1.0) - target_BCHW).square().mean(dim=(1, 2, 3))
    return (-10.0 * torch.log10(errors_B.clamp_min(1e-10))).mean()


def _micro_batches(pictures: Tensor, count: int, device: torch.device) -> Sequence[Tensor]:
    if pictures.shape[0] % count:
        raise UsageError(f"accumulate: {count} micro-batches cannot share {pictures.shape[0]} samples evenly")
    return pictures.to(device, non_blocking=True).chunk(count)


def _gradients_shared(model: nn.Module, last: bool) -> contextlib.AbstractContextManager[None]:
    """Ranks exchange gradients once a step: in its last backward pass."""
    wait = getattr(model, "no_sync", None)  # only DistributedDataParallel has it
    return contextlib.nullcontext() if last or wait is None else wait()


def autocast(device: torch.device, precision: Precision) -> contextlib.AbstractContextManager[None]:
    """Forward passes inside compute in `precision`."""
    if precision == "fp32":
        return contextlib.nullcontext()
    return torch.autocast(device.type, dtype=torch.bfloat16)


def _means(shares: list[list[float]]) -> list[float]:
    """The mean over ranks of each number; ranks hold equal numbers of samples."""
    return [sum(column) / len(shares) for column in zip(*shares, strict=True)]
