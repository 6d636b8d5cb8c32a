"""A fine-tuning recipe: what every training has, and the tasks. The defaults are the paper's all-in-one protocol, where
its code says what that is; see docs/finetuning.md for where we differ and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from million_ird.errors import UsageError
from pretrain.finetune.dense import DenseSettings, check_dense
from pretrain.finetune.tasks import TaskSettings, task_weights
from pretrain.models.families import scale_of
from pretrain.optimizer import OptimizerSettings
from pretrain.recipe import TrainingRecipe, absolute_location, load_recipe_as
from pretrain.schedule import ScheduleSettings

_CELL = 16
"""Pixels. Crops are multiples of it, as in pre-training, so that DyNet halves their sides three times without padding.
Of networks that enlarge, none of which halves more than once, it is only the least that they see."""

EPOCH = 4_450
"""Steps of an epoch in the authors' code: 142,431 samples in batches of 32, the last incomplete one dropped."""


@dataclass(frozen=True)
class FinetuneOptimizerSettings(OptimizerSettings):
    """How gradients become new weights."""

    kind: Literal["adam", "adamw"] = "adamw"
    """"adam" or "adamw" (authors' code)."""
    lr: float = 2e-4
    """Full learning rate (authors' code)."""
    weight_decay: float = 0.01
    """Decoupled for "adamw" (PyTorch's default, which the authors' code leaves), a part of the gradient for "adam"."""


@dataclass(frozen=True)
class FinetuneScheduleSettings(ScheduleSettings):
    """How the learning rate moves."""

    shape: Literal["constant", "cosine", "steps"] = "cosine"
    """"cosine": from `optimizer.lr` down to `final_fraction` of it along half a cosine wave; "constant"; "steps": times
    `factor` at each of `milestones`."""
    warmup: int = 15 * EPOCH
    """Steps of linear warm-up before that. The first step has 1/warmup of the full rate. The authors' code warms up for
    15 epochs, too, but once an epoch and from zero, so that its whole first epoch changes nothing."""
    over: int = 0
    """Steps over which the cosine is spread, the warm-up included; 0: all steps of the run, so that it ends at
    `final_fraction`. The authors spread it over 150 epochs, 667,500 steps, and stop after 120, at 2.5e-5."""


@dataclass(frozen=True)
class FinetuneValidationSettings:
    """How a fine-tuning is judged (ours: the authors' code validates nothing)."""

    every: int = EPOCH
    """Steps between two validations; one more is made after the last step. 0: only that one."""
    images: int = 8
    """Clean pictures of each task that are kept out of training, with everything that belongs to them, and judged by;
    the same ones every time. At most half of a task's; 0: no validation, and then no checkpoint is the best one."""
    side: int = 256
    """Largest side in pixels of the square around the centre (of triples: around a blurred pixel) that is judged, 16 or
    more; 0: the whole picture."""
    pictures: int = 4
    """Pictures of each task that are shown beside what each variant makes of them; 0 (or side = 0): none."""

    def __post_init__(self) -> None:
        for name in ("every", "images", "side", "pictures"):
            if getattr(self, name) < 0:
                raise UsageError(f"validation.{name}: got {getattr(self, name)}, expected at least 0")
        if 0 < self.side < 16:
            raise UsageError(f"validation.side: got {self.side}, expected at least 16, or 0 for whole pictures")


@dataclass(frozen=True)
class ReadingSettings:
    """How pictures are read. Decides no sample."""

    threads: int = 4
    """Threads of each rank that read, decode and crop; 0 does it between two steps."""
    prefetch: int = 4
    """Steps that they run ahead of the training."""
    cache_gb: float = 4.0
    """Decoded pictures that each rank keeps in memory, in 10^9 bytes: those used last. Of JPEGs only the square is
    decoded, which is fast; of other formats the whole picture, one at a time. 0.2 hold the 200 pairs of Rain100L."""
    max_damaged_share: float = 0.01
    """Largest share of samples that may be damaged before the run stops, 0 to 1. Each is replaced by another one of
    its task."""
    damage_grace: int = 1000
    """Samples of a rank to see before that share is judged."""

    def __post_init__(self) -> None:
        for name, least in {"threads": 0, "prefetch": 1, "damage_grace": 1}.items():
            if getattr(self, name) < least:
                raise UsageError(f"reading.{name}: got {getattr(self, name)}, expected at least {least}")
        if not 0 <= self.cache_gb < float("inf"):
            raise UsageError(f"reading.cache_gb: got {self.cache_gb}, expected a number of at least 0")
        if not 0 <= self.max_damaged_share <= 1:
            raise UsageError(f"reading.max_damaged_share: got {self.max_damaged_share}, expected 0 to 1")


@dataclass(frozen=True)
class FinetuneRecipe(TrainingRecipe):
    """Fine-tuning of all variants jointly on all tasks at once."""

    steps: int = 120 * EPOCH
    """Optimiser steps (paper: 120 epochs). A resumed run may have more where no cosine is stretched over them."""
    crop: int = 128
    """Side in pixels of the squares that are cut out of clean pictures (paper: 128). A multiple of 16; where the
    network enlarges, of its scale, so that what it sees has `crop` / scale whole pixels, 16 of them or more."""
    shares: Literal["weights", "published"] = "weights"
    """Which share of the samples each task has. "weights": the tasks' own, by default equal (ours: 200 rainy pictures
    and 72,135 hazy ones should weigh the same). "published": .325 denoise, .169 derain, .506 dehaze, as in the authors'
    code."""
    dense: DenseSettings = field(default_factory=DenseSettings)
    """Of a GhostSR network: the training of the dense network that it is made of, in the same run."""
    tasks: Mapping[str, TaskSettings] = field(default_factory=dict)
    """What is learnt, by name."""
    optimizer: FinetuneOptimizerSettings = field(default_factory=FinetuneOptimizerSettings)
    """How gradients become new weights."""
    schedule: FinetuneScheduleSettings = field(default_factory=FinetuneScheduleSettings)
    """How the learning rate moves."""
    validation: FinetuneValidationSettings = field(default_factory=FinetuneValidationSettings)
    """How the network is judged on pictures held out."""
    reading: ReadingSettings = field(default_factory=ReadingSettings)
    """How pictures are read."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_dense(self)
        enlarges = scale_of(self.model)
        if self.scale != enlarges:
            raise UsageError(
                f"tasks: they want a picture of {self.scale} times the sides of the input, but the network of [model] "
                f"gives one of {enlarges} times: set scale in the tasks, or model.scale"
            )
        unit = self.scale if self.scale > 1 else _CELL
        if self.crop < _CELL * self.scale or self.crop % unit:
            least = f", {_CELL * self.scale} or more," if self.scale > 1 else ""
            raise UsageError(f"crop: got {self.crop}, expected a multiple of {unit}{least} in these tasks")

    def weights(self) -> dict[str, float]:
        """Relative share of each task that takes part."""
        return task_weights(self.tasks, self.shares)

    @property
    def scale(self) -> int:
        """Side of a clean picture per side of what the network sees, in all tasks that take part.

        Raises:
            UsageError: tasks differ in it.
        """
        scales = {name: self.tasks[name].scale for name in self.weights()}
        first, *others = scales
        for name in others:
            if scales[name] != scales[first]:
                raise UsageError(
                    f"tasks.{name}.scale: got {scales[name]}, but {scales[first]} in tasks.{first}: one network "
                    "enlarges by one number"
                )
        return scales[first]


def load_finetune_recipe(
    path_or_name: str, overrides: Iterable[str] = (), init: str = "", dataset: str = ""
) -> FinetuneRecipe:
    """Reads a fine-tuning recipe, a file or one that comes along by its bare name, with `key=value` overrides.

    Args:
        path_or_name: see above.
        overrides: `section.key=value` texts; later ones win.
        init: in place of the recipe's, where given.
        dataset: where given, the clean photographs of every task that degrades them itself.

    Raises:
        UsageError: no such recipe, no TOML, a setting that cannot be, or a dataset for which there is no task; names
            the key.
    """
    recipe = load_recipe_as(FinetuneRecipe, path_or_name, overrides, {"init": init} if init else {})
    return _with_dataset(recipe, absolute_location(dataset)) if dataset else recipe


def _with_dataset(recipe: FinetuneRecipe, dataset: str) -> FinetuneRecipe:
    made = {
        name: replace(task, clean=(), dataset=(dataset,))
        for name, task in recipe.tasks.items()
        if task.kind.learns_from == "photographs"
    }
    if not made:
        raise UsageError(f"--dataset: all tasks of {recipe.name} are pairs, which have folders or shards of their own")
    return replace(recipe, tasks={**recipe.tasks, **made})
