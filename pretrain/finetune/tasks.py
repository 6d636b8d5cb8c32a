"""What a network is fine-tuned for: tasks, each a section `[tasks.<name>]` of the recipe."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from million_ird.errors import UsageError
from million_ird.local_blur import LocalBlurSettings
from pretrain.degradations import Degradation
from pretrain.degradations.noise import NoiseKind
from pretrain.finetune.kinds import KINDS, TaskKind

PUBLISHED_SHARES: Mapping[str, float] = {"denoise": 46_296, "derain": 24_000, "dehaze": 72_135}
"""Samples of an epoch in the authors' code: 5,144 photographs × 3 noise levels × 3; 200 rainy pictures × 120; 72,135
hazy pictures. That is .325, .169 and .506 of all."""


@dataclass(frozen=True)
class TaskSettings:
    """One task. Exactly one of `degraded`, `sigmas`, `qualities`, `scale`, `mosaic`, `local_blur` and `triples` says
    of which kind it is: pairs, clean photographs that are degraded in one of five ways, or pairs with blur masks."""

    clean: tuple[str, ...] = ()
    """Folders of clean photographs, with all folders below them. Of the pairs, the clean halves."""
    dataset: tuple[str, ...] = ()
    """Built datasets whose patches are clean photographs, too; not for pairs."""
    shrink: Literal[1, 2, 3, 4] = 1
    """Clean photographs are made smaller by this before anything else, antialiased. Straight from a camera they are
    soft at the scale of single pixels, and a small crop of one shows little: neither what a blur took away, nor where.
    Not for pairs and triples."""
    degraded: tuple[str, ...] = ()
    """Folders of degraded pictures, with all folders below them; makes it a task of pairs."""
    names: Literal["auto", "same", "rain", "haze"] = "auto"
    """How names make pairs: "same" name; "rain" number (rain-1, norain-1); "haze" scene (0001_0.8_0.2, 0001). "auto"
    takes the one that makes most pairs."""
    triples: tuple[str, ...] = ()
    """Shards of blurred frame, sharp frame and blur mask, as `million-ird annotate export --format shards` writes them:
    folders, tars or patterns, paths or URLs. Makes it a task of local motion blur."""
    blur_aware: float = 0.5
    """Of triples: share of the crops that are centred on a blurred pixel, 0 to 1; the others lie anywhere. 0.5 is
    LBAG's (authors' code)."""
    speck: int = 64
    """Of triples: blurred areas of fewer pixels (connected by edges) attract no crop, so that a single wrong pixel of a
    mask does not: LBAG's own test for that lets masks of 0.03 % pass. 64 is a window of LMD-ViT, 8 x 8 (ours)."""
    sigmas: tuple[float, ...] = ()
    """Standard deviations of Gaussian noise in levels of 255; makes it a task of noise. Each photograph comes once with
    each of them in an epoch of the task. The paper has 15, 25 and 50."""
    noise: NoiseKind = "truncated"
    """"truncated": the noisy picture is clipped and cut down to whole levels, half a level darker in the mean, as the
    published codes make it in training and test; the default, since `evaluate` feeds the same by default. "float":
    neither clipped nor rounded, as under `evaluate --protocol fixed`."""
    qualities: tuple[int, ...] = ()
    """JPEG qualities, 1 to 100; makes it a task of compression. Each photograph comes once with each of them in an
    epoch of the task."""
    sampling: Literal["4:2:0", "4:2:2", "4:4:4"] = "4:2:0"
    """Chroma sampling of those JPEGs; 4:2:0 is what libjpeg and most encoders take unless told otherwise."""
    scale: Literal[1, 2, 3, 4] = 1
    """Side of the photograph per side of what the network sees: 2, 3 or 4 makes it a task of super-resolution, after
    antialiased bicubic downscaling. It must be the network's own."""
    mosaic: bool = False
    """Leave one colour of each pixel, as a Bayer sensor does (RGGB), and fill the others in linearly; makes it a task
    of demosaicking."""
    local_blur: LocalBlurSettings | None = None
    """Objects that move over a photograph that stands still, with the exact mask of where; any of its settings, or an
    empty table for the defaults, makes it a task of synthetic local motion blur."""
    weight: float = 1.0
    """Share of the samples relative to the other tasks' weights; 0 leaves the task out."""

    def __post_init__(self) -> None:
        self._check_kind()
        self._check_places()
        if any(not 0 < sigma <= 255 for sigma in self.sigmas):
            raise UsageError(f"sigmas: got {list(self.sigmas)}, expected levels above 0, up to 255")
        if any(not 1 <= quality <= 100 for quality in self.qualities):
            raise UsageError(f"qualities: got {list(self.qualities)}, expected 1 to 100")
        if not 0 <= self.blur_aware <= 1:
            raise UsageError(f"blur_aware: got {self.blur_aware}, expected 0 to 1")
        if self.speck < 1:
            raise UsageError(f"speck: got {self.speck}, expected at least 1")
        if not 0 <= self.weight < math.inf:
            raise UsageError(f"weight: got {self.weight}, expected a number of at least 0")

    @property
    def kind(self) -> TaskKind:
        """The one kind whose setting is given."""
        return next(kind for kind in KINDS if kind.is_given(self))

    @property
    def degradations(self) -> dict[float, Degradation]:
        """What degrades its photographs, by strength; see `TaskKind.degradations`."""
        return self.kind.degradations(self)

    def _check_kind(self) -> None:
        given = [kind.setting for kind in KINDS if kind.is_given(self)]
        if not given:
            kinds = ", ".join(f"{kind.setting} ({kind.purpose})" for kind in KINDS)
            raise UsageError(f"a task needs exactly one of {kinds}")
        if len(given) > 1:
            raise UsageError(f"{' and '.join(given)} are different tasks: give each a section of its own")

    def _check_places(self) -> None:
        learns_from = self.kind.learns_from
        if learns_from == "triples" and (self.clean or self.dataset):
            raise UsageError("a task of triples has its sharp pictures in triples, and takes no clean and no dataset")
        if learns_from == "pairs" and (self.dataset or not self.clean):
            raise UsageError("a task of pairs takes its clean pictures from clean (folders), and from no dataset")
        if learns_from == "photographs" and not (self.clean or self.dataset):
            raise UsageError("a task needs clean photographs: clean (folders) or dataset")
        if learns_from != "photographs" and self.shrink > 1:
            raise UsageError(f"shrink: got {self.shrink}, but pairs and triples keep their size: leave it out")


def task_weights(tasks: Mapping[str, TaskSettings], shares: Literal["weights", "published"]) -> dict[str, float]:
    """Relative share of each task that takes part: of their own weights, or as in the authors' code.

    Raises:
        UsageError: no task is left, or the authors' shares are wanted of a task they do not have.
    """
    chosen = {name: task.weight for name, task in tasks.items() if task.weight > 0}
    if not chosen:
        raise UsageError("tasks: at least one with a weight above 0 is needed")
    if shares == "weights":
        return chosen
    unknown = [name for name in chosen if name not in PUBLISHED_SHARES]
    if unknown:
        known = ", ".join(PUBLISHED_SHARES)
        raise UsageError(f'shares: "published" knows the tasks {known}, not {unknown[0]}; use weights')
    return {name: PUBLISHED_SHARES[name] for name in chosen}
