"""The kinds of tasks: whatever the code asks of a kind, its entry says. A new kind is one more entry, and the setting
in `pretrain.finetune.tasks` that makes a task one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pretrain.degradations import Degradation, Demosaic, Downscale, GaussianNoise, Jpeg, LocalBlur

if TYPE_CHECKING:
    from pretrain.finetune.tasks import TaskSettings

_LEAST_BLURRED = 32
"""Pixels along the shorter side of what `million_ird.local_blur` takes."""


@dataclass(frozen=True, kw_only=True)
class TaskKind:
    """What tasks of one kind have in common. What differs between them is a function of a task's settings."""

    setting: str
    """Makes a task one of this kind where it is given, that is, differs from its default."""
    purpose: str
    """What that setting is for, as errors have it in brackets."""
    learns_from: Literal["photographs", "pairs", "triples"]
    """Clean photographs, of folders or datasets, which are degraded; pairs, of folders; triples, of shards."""
    in_words: Callable[[TaskSettings], str]
    """What its examples are and what is done to them, for a person."""
    degradations: Callable[[TaskSettings], dict[float, Degradation]]
    """What degrades photographs, by strength: σ, or the quality of a JPEG; 0 where it knows but one. Of pairs and
    triples, which come degraded, nothing."""
    stand_in: Degradation | None = None
    """Of pairs and triples: what of clean pictures is most like what they show, where there is such a thing."""
    has_masks: bool = False
    """Whether samples say where they are degraded."""
    has_floats: Callable[[TaskSettings], bool] = lambda task: False
    """Whether inputs are neither clipped nor rounded."""
    least_side: int = 1
    """Pixels that a photograph needs along each side, whatever the crop."""

    def is_given(self, task: TaskSettings) -> bool:
        """Whether a task has the setting of this kind."""
        return bool(getattr(task, self.setting) != getattr(type(task), self.setting))


KINDS = (
    TaskKind(
        setting="degraded",
        purpose="folders, for pairs",
        learns_from="pairs",
        in_words=lambda task: "pairs",
        degradations=lambda task: {},
    ),
    TaskKind(
        setting="sigmas",
        purpose="for noise",
        learns_from="photographs",
        in_words=lambda task: f"photographs at σ {_listed(task.sigmas)}",
        degradations=lambda task: {sigma: GaussianNoise(sigma, task.noise) for sigma in task.sigmas},
        has_floats=lambda task: task.noise == "float",
    ),
    TaskKind(
        setting="qualities",
        purpose="for JPEG",
        learns_from="photographs",
        in_words=lambda task: f"photographs at JPEG quality {_listed(task.qualities)}",
        degradations=lambda task: {float(quality): Jpeg(quality, task.sampling) for quality in task.qualities},
    ),
    TaskKind(
        setting="scale",
        purpose="for super-resolution",
        learns_from="photographs",
        in_words=lambda task: f"photographs to be enlarged by {task.scale}",
        degradations=lambda task: {0.0: Downscale(task.scale)},
    ),
    TaskKind(
        setting="mosaic",
        purpose="for demosaicking",
        learns_from="photographs",
        in_words=lambda task: "photographs with a colour mosaic",
        degradations=lambda task: {0.0: Demosaic()},
    ),
    TaskKind(
        setting="local_blur",
        purpose="for synthetic local blur",
        learns_from="photographs",
        in_words=lambda task: "photographs with synthetic local blur",
        degradations=lambda task: {} if task.local_blur is None else {0.0: LocalBlur(task.local_blur)},
        has_masks=True,
        least_side=_LEAST_BLURRED,
    ),
    TaskKind(
        setting="triples",
        purpose="for local blur with masks",
        learns_from="triples",
        in_words=lambda task: "pairs with masks",
        degradations=lambda task: {},
        stand_in=LocalBlur(),
        has_masks=True,
    ),
)
"""Every kind, in the order in which errors list them."""


def _listed(numbers: Sequence[float]) -> str:
    return ", ".join(f"{number:g}" for number in numbers)
