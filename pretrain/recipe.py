"""A training recipe: everything that decides what a network becomes, composed of the settings of those who use them.

`TrainingRecipe` holds what every training has; `PretrainRecipe` adds the stream of corrupted crops. Each section is a
frozen dataclass beside the code it steers. The resolved recipe is written into the run folder, and a resumed run must
have the same identity: the same settings, except those that decide only how, where and how long the work is done.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, TypeVar

from million_ird import plain_values, recipe_files, settings
from million_ird.errors import UsageError
from pretrain.checkpoint import CheckpointSettings
from pretrain.compile import CompileSettings
from pretrain.corrupt import CorruptSettings
from pretrain.draw import DrawSettings, shares_of
from pretrain.ema import EmaSettings
from pretrain.guard import GuardSettings
from pretrain.logs import LogSettings
from pretrain.masking import MaskSettings, cells_across
from pretrain.models.dynet import DyNetSettings
from pretrain.models.families import ModelSettings, check_colours, check_variants, default_variants, scale_of
from pretrain.models.variants import WHOLE, AnyVariant, Variant
from pretrain.objective import LossSettings, check_loss
from pretrain.optimizer import OptimizerSettings
from pretrain.schedule import ScheduleSettings
from pretrain.stream.settings import StreamSettings
from pretrain.validate import ValidationSettings

BUNDLED = files("pretrain") / "recipes"

FREE = (
    *("name", "steps", "accumulate", "dataset"),
    *("stream.workers", "stream.prefetch", "stream.cache", "stream.cache_gb"),
    *("stream.max_damaged_share", "stream.damage_grace"),
    *("compile", "checkpoint", "log", "guard.most_in_a_row"),
    *("tasks.*.clean", "tasks.*.degraded", "tasks.*.dataset", "tasks.*.triples", "reading"),
)
"""Settings that may differ when a run is resumed; `*` is any name. Of the data not the place counts but the stream's
fingerprint, which is in the checkpoint. `accumulate` changes no sample and the gradient only in its last digits."""

MOST_SAMPLES = 65_536
"""Of a step (ours: no published training has more). A slip of the pen would read pictures until the memory ends."""
LISTED_LOCATIONS = ("dataset", "tasks.*.clean", "tasks.*.degraded", "tasks.*.dataset", "tasks.*.triples")
"""Settings that are lists of paths or URLs, `*` being any name; a single one may be given as text."""

LOCATIONS = ("init", *LISTED_LOCATIONS)
"""Settings that are paths or URLs. Relative ones belong to the recipe's folder (on the command line and in recipes that
come with the package: to the current one) and are recorded as absolute paths."""

Recipe = TypeVar("Recipe", bound="TrainingRecipe")


@dataclass(frozen=True)
class TrainingRecipe:
    """What every training has: a network, its variants, and how its weights are changed, judged and kept."""

    name: str = ""
    """What the run and its model are called. Empty: the recipe file's name."""
    init: str = ""
    """Weights to begin with: a checkpoint folder, a run folder or a pretrained folder. Empty: random, from `seed`."""
    seed: int = 0
    """Decides first weights, order of samples, crops, corruptions and the draw of variants."""
    steps: int = 1_000_000
    """Optimiser steps (paper: 1 million iterations); a resumed run may have more."""
    batch: int = 32
    """Samples of a step over all ranks and micro-batches, 1 to 65,536 (paper: 32)."""
    accumulate: int = 1
    """Micro-batches into which a rank cuts its share of the batch, where memory is short."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """Of forward and backward passes; "auto" is bf16 on a GPU and fp32 on the CPU. Weights are always float32."""
    model: ModelSettings = field(default_factory=DyNetSettings)
    """The network and its shape; `family` says which network it is."""
    variants: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Of DyNet, variants by name: repeats of encoder levels 1 to 3 and latent, which the decoder mirrors, or seven
    numbers with decoder levels 1 to 3 last. Empty: the paper's large [4, 6, 6, 8] and small [2, 3, 3, 4]. Other
    networks have none."""
    loss: LossSettings = field(default_factory=LossSettings)
    """What is minimised."""
    draw: DrawSettings = field(default_factory=DrawSettings)
    """Which variants a step trains."""
    optimizer: OptimizerSettings = field(default_factory=OptimizerSettings)
    """How gradients become new weights."""
    schedule: ScheduleSettings = field(default_factory=ScheduleSettings)
    """How the learning rate moves."""
    ema: EmaSettings = field(default_factory=EmaSettings)
    """An average of the weights beside them."""
    guard: GuardSettings = field(default_factory=GuardSettings)
    """Which steps are skipped."""
    compile: CompileSettings = field(default_factory=CompileSettings)
    """How it is made fast."""
    checkpoint: CheckpointSettings = field(default_factory=CheckpointSettings)
    """How often the run is saved."""
    log: LogSettings = field(default_factory=LogSettings)
    """What is written down."""

    def __post_init__(self) -> None:
        for name, least in {"seed": 0, "steps": 1, "batch": 1, "accumulate": 1}.items():
            if getattr(self, name) < least:
                raise UsageError(f"{name}: got {getattr(self, name)}, expected at least {least}")
        if self.batch > MOST_SAMPLES:
            raise UsageError(f"batch: got {self.batch}, expected {MOST_SAMPLES} or less")
        if self.batch % self.accumulate:
            raise UsageError(f"accumulate: {self.accumulate} micro-batches cannot share a batch of {self.batch} evenly")
        if not self.variants:  # spelled out, so that the resolved recipe says what is trained
            own = {variant.name: variant.repeats for variant in default_variants(self.model) if variant.repeats}
            object.__setattr__(self, "variants", own)
        check_colours(self.model)
        check_loss(self.loss, self.model)
        check_variants(self.model, self.trained_variants())
        shares_of(self.draw, self.trained_variants())
        length = self.schedule.over or self.steps
        if self.schedule.shape == "cosine" and self.schedule.warmup >= length:
            raise UsageError(f"schedule.warmup: {self.schedule.warmup} steps leave nothing of {length} for the cosine")

    def trained_variants(self) -> tuple[AnyVariant, ...]:
        """The recipe's variants, in its order, or the one way to run a network that has none."""
        return tuple(Variant.of(name, repeats) for name, repeats in self.variants.items()) or (WHOLE,)

    @cached_property
    def resolved(self) -> dict[str, Any]:
        """Every setting as plain values fit for JSON and TOML."""
        return settings.to_dict(self)

    def to_toml(self) -> str:
        """The settings as a recipe file that gives this recipe again."""
        return plain_values.to_toml(self.resolved)

    def differences(self, other: Mapping[str, Any]) -> list[str]:
        """What this recipe changes of another one's `resolved`, as `section.key: old → new` lines; `FREE` left out."""
        return plain_values.differences(_identity(other), _identity(self.resolved))


@dataclass(frozen=True)
class PretrainRecipe(TrainingRecipe):
    """Dynamic pre-training on crops of a dataset, corrupted and masked. The defaults are the paper's recipe."""

    dataset: tuple[str, ...] = ()
    """Where the patches come from: folders or URLs of built datasets, or of plain WebDataset tars. `--dataset` says it
    on the command line."""
    stream: StreamSettings = field(default_factory=StreamSettings)
    """Which samples, in which order, read how."""
    corrupt: CorruptSettings = field(default_factory=CorruptSettings)
    """What degrades a cell."""
    mask: MaskSettings = field(default_factory=MaskSettings)
    """Which cells are degraded, which are masked."""
    validation: ValidationSettings = field(default_factory=ValidationSettings)
    """How the network is judged on the images held out."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if scale_of(self.model) > 1:
            raise UsageError(
                f"model.scale: pre-training gives crops back at their own size, so the scale must be 1, not "
                f"{scale_of(self.model)}; super-resolution is a task of `million-ird finetune`"
            )
        for _, side in self.stream.stages:
            cells_across(side, self.mask)


def load_recipe(path_or_name: str, overrides: Iterable[str] = (), dataset: str = "") -> PretrainRecipe:
    """Reads a pre-training recipe, a file or one that comes along by its bare name, with `key=value` overrides.

    Args:
        path_or_name: see above.
        overrides: `section.key=value` texts; later ones win.
        dataset: in place of the recipe's, where given.

    Raises:
        UsageError: no such recipe, no TOML, or a setting that cannot be; names the key.
    """
    return load_recipe_as(PretrainRecipe, path_or_name, overrides, {"dataset": [dataset]} if dataset else {})


def load_recipe_as(
    kind: type[Recipe], path_or_name: str, overrides: Iterable[str] = (), values: Mapping[str, Any] | None = None
) -> Recipe:
    """A recipe of any kind, with `values` in place of its own top-level ones and then `overrides`."""
    text, stem, folder = recipe_files.find_recipe(path_or_name, BUNDLED)
    try:
        read: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path_or_name} is no TOML: {error}") from None
    located = _located(read, folder) | dict(values or {})
    changed = _located(plain_values.apply_overrides(located, overrides), ".")
    return settings.from_dict(kind, {"name": stem, **changed})


def recipe_from_toml(kind: type[Recipe], text: str) -> Recipe:
    """The recipe that `to_toml` wrote.

    Raises:
        UsageError: it is no recipe of this kind.
    """
    try:
        return settings.from_dict(kind, tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"no TOML: {error}") from None


def bundled_recipes() -> list[str]:
    """Names of the recipes that come with the package."""
    return recipe_files.bundled_recipes(BUNDLED)


def _located(values: Mapping[str, Any], folder: str, path: str = "") -> dict[str, Any]:
    """Plain values with relative locations made absolute, and a single one of a list made a list of one."""
    result: dict[str, Any] = {}
    for key, value in values.items():
        here = f"{path}{key}"
        if isinstance(value, Mapping):
            value = _located(value, folder, f"{here}.")
        elif _matches(here, LOCATIONS):
            listed = [value] if isinstance(value, str) and _matches(here, LISTED_LOCATIONS) else value
            value = (
                [absolute_location(item, folder) for item in listed]
                if isinstance(listed, list)
                else absolute_location(value, folder)
            )
        result[key] = value
    return result


def _matches(path: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(path, pattern) for pattern in patterns)


def absolute_location(location: Any, folder: str = ".") -> Any:
    """A path made absolute; URLs, empty texts and wrong types (which `from_dict` names) as they are."""
    if not isinstance(location, str) or not location or "://" in location or "::" in location:
        return location
    return str(Path(folder, Path(location).expanduser()).absolute())


def _identity(resolved: Mapping[str, Any]) -> dict[str, Any]:
    """The part of resolved settings that a resumed run must share."""
    free = set(FREE)
    if resolved["schedule"]["shape"] == "cosine" and not resolved["schedule"]["over"]:
        free.remove("steps")  # the curve is stretched over them
    identity = _without(resolved, free)
    return {**identity, "init": identity["init"].rstrip("/").rsplit("/", 1)[-1]}


def _without(values: Mapping[str, Any], left_out: Iterable[str], path: str = "") -> dict[str, Any]:
    """Plain values without those whose key path is among `left_out`."""
    return {
        key: _without(value, left_out, f"{path}{key}.") if isinstance(value, Mapping) else value
        for key, value in values.items()
        if not _matches(f"{path}{key}", left_out)
    }
