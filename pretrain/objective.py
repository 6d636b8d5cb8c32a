"""What a training step minimises: a loss between what the network restores and the clean picture, and of a network that
decides where to work, a loss of its decisions."""

# ruff: noqa: N803, N806, N815 - shape suffixes are upper case
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple

from torch import Tensor, nn

from million_ird.errors import UsageError
from pretrain.losses import charbonnier_loss, deblurring_loss, l1_loss
from pretrain.models.families import ModelSettings
from pretrain.models.lmd_vit.loss import pruning_loss
from pretrain.models.lmd_vit.settings import LMDViTSettings
from pretrain.models.variants import AnyVariant

Loss = Callable[[Tensor, Tensor], Tensor]
"""(restored_BCHW, clean_BCHW), float32, 0 to 1 → a scalar: the mean over the micro-batch."""

LOSSES: dict[str, Loss] = {"l1": l1_loss, "charbonnier": charbonnier_loss, "deblurring": deblurring_loss}
"""By the name that `LossSettings.kind` has for it."""


@dataclass(frozen=True)
class LossSettings:
    """The recipe's section `[loss]`: what is minimised."""

    kind: Literal["l1", "charbonnier", "deblurring"] = "l1"
    """"l1" (DyNet's, ESRT's and GhostSR's papers; GRL for noise and super-resolution); "charbonnier" (GRL for JPEG and
    demosaicking); "deblurring": L1, SSIM and L1 of the spectra, LMD-ViT's."""
    clamp: bool = False
    """Clamp the output to [0, 1] before the loss, as DyNet's fine-tuning code does: no gradient where it lies outside.
    PromptIR's code does not, nor do we by default."""
    pruning: float = 0.01
    """Of LMD-ViT, and refused for other networks: what the loss of its decisions, learned from the masks of what is
    degraded, counts beside the other's 1; 0 or more. Ours: the paper's is unpublished."""

    def __post_init__(self) -> None:
        if self.kind not in LOSSES:
            raise UsageError(f"loss.kind: got {self.kind!r}, expected one of {', '.join(LOSSES)}")
        if not 0 <= self.pruning < float("inf"):
            raise UsageError(f"loss.pruning: got {self.pruning}, expected 0 or more")


class Outcome(NamedTuple):
    """What a network made of a micro-batch."""

    restored_B3HW: Tensor
    """Not clamped."""
    logits: tuple[Tensor, ...] = ()
    """Of a network that decides where to work, for each decision map, see `pretrain.models.lmd_vit`."""


class Objective:
    """What a step minimises, for networks that only restore.

    Args:
        settings: which loss.
    """

    uses_masks: ClassVar[bool] = False
    """Whether `loss` looks at masks."""

    def __init__(self, settings: LossSettings | None = None) -> None:
        self.settings = settings or LossSettings()
        self._loss = LOSSES[self.settings.kind]

    def run(self, model: nn.Module, x_B3HW: Tensor, variant: AnyVariant) -> Outcome:
        """The forward pass of a micro-batch; called under the step's precision."""
        return Outcome(model(x_B3HW, **variant.arguments))

    def loss(self, outcome: Outcome, wanted_B3HW: Tensor, mask_B1HW: Tensor | None) -> Tensor:
        """A scalar, in float32.

        Args:
            outcome: of `run`.
            wanted_B3HW: float32, 0 to 1.
            mask_B1HW: float32, 1 where the input was degraded, 0 elsewhere; None: no mask is known.
        """
        restored = outcome.restored_B3HW.float()
        return self._loss(restored.clamp(0.0, 1.0) if self.settings.clamp else restored, wanted_B3HW)


class PruningObjective(Objective):
    """The same for LMD-ViT, which learns from the masks which windows to keep.

    Args:
        settings: which loss, and what the decisions' counts beside it.
        shape: of the network.
    """

    uses_masks: ClassVar[bool] = True

    def __init__(self, settings: LossSettings, shape: LMDViTSettings) -> None:
        super().__init__(settings)
        self._shape = shape

    def run(self, model: nn.Module, x_B3HW: Tensor, variant: AnyVariant) -> Outcome:
        """As `Objective.run`, with the logits of the decisions."""
        prediction = model(x_B3HW, **variant.arguments, explained=True)
        return Outcome(prediction.restored_B3HW, prediction.logits)

    def loss(self, outcome: Outcome, wanted_B3HW: Tensor, mask_B1HW: Tensor | None) -> Tensor:
        """As `Objective.loss`, and the decisions' loss. Without a mask everything counts as degraded."""
        restoring = super().loss(outcome, wanted_B3HW, mask_B1HW)
        if mask_B1HW is None:
            mask_B1HW = wanted_B3HW.new_ones(wanted_B3HW[:, :1].shape)
        return restoring + self.settings.pruning * pruning_loss(outcome.logits, mask_B1HW, self._shape)


def objective_of(settings: LossSettings, model: ModelSettings) -> Objective:
    """What is minimised for a network of some family."""
    return PruningObjective(settings, model) if isinstance(model, LMDViTSettings) else Objective(settings)


def check_loss(settings: LossSettings, model: ModelSettings) -> None:
    """`UsageError` for a setting that a network of this family would not heed."""
    if settings.pruning != LossSettings.pruning and not isinstance(model, LMDViTSettings):
        raise UsageError(f"loss.pruning: got {settings.pruning} for a {model.family}, but only an lmd-vit prunes")
