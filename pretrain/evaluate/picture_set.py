"""A test set as it was found: pairs, or clean pictures that are yet to be degraded."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from pretrain.pairs import LeftOut

SIZES = {
    "bsd68": 68,
    "cbsd68": 68,
    "urban100": 100,
    "kodak24": 24,
    "kodak": 24,
    "set5": 5,
    "set12": 12,
    "set14": 14,
    "b100": 100,
    "bsd100": 100,
    "bsds100": 100,
    "manga109": 109,
    "live1": 29,
    "classic5": 5,
    "mcmaster": 18,
    "div2kvalidhr": 100,
    "rain100l": 100,
}
"""Images of the published sets, by the name of the folder in lower case without signs."""


@dataclass(frozen=True, slots=True)
class Item:
    """One picture of a set. `degraded` is None where the clean one is to be degraded, `mask` where there is none."""

    name: str
    degraded: Path | None
    clean: Path
    mask: Path | None = None


@dataclass(frozen=True, slots=True)
class PictureSet:
    """One test set as it was found. `task`: derain, dehaze, deblur or restore (unknown); of clean pictures ""."""

    name: str
    task: str
    layout: str
    items: tuple[Item, ...]
    left_out: tuple[LeftOut, ...]

    @property
    def is_clean(self) -> bool:
        """Whether its pictures are clean ones, to be degraded."""
        return not self.task

    @property
    def published_size(self) -> int | None:
        """How many images the published set of this name has, if that is known."""
        if self.task == "dehaze" and "sots" in self.name.lower() and "indoor" not in self.name.lower():
            return 500
        return SIZES.get(re.sub(r"[^a-z0-9]", "", self.name.lower()))
