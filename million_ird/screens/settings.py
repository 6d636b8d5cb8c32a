"""Which screens are measured, and which interval each number must lie in."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from math import inf, isnan
from pathlib import Path
from typing import NamedTuple

from million_ird.errors import UsageError
from million_ird.records import Rejection
from million_ird.screens.niqe import NiqeModel, niqe
from million_ird.screens.screen import Screen
from million_ird.screens.table import SCREENS

LEARNED_PREFIX = "learned_"
"""A learned score `nima` is stored in the column, and judged by the name, `learned_nima`."""
_GROUPS = ("all", "cheap", "costly")
_ORDER = {screen.name: position for position, screen in enumerate(SCREENS)}


class Interval(NamedTuple):
    """The closed interval that a kept image's number lies in; ±inf leaves a side open."""

    low: float = -inf
    high: float = inf


DEFAULT_INTERVALS: dict[str, Interval] = {
    "short_side": Interval(1024, inf),
    "aspect": Interval(-inf, 4),
    "blockiness": Interval(-inf, 75),
    "laplacian_variance": Interval(2, inf),
    "fine_detail": Interval(-25, inf),
    "entropy": Interval(3, inf),
    "clipped_fraction": Interval(-inf, 0.5),
    "equal_neighbours": Interval(-inf, 0.65),
    "noise_sigma": Interval(-inf, 8),
    "niqe": Interval(-inf, 10),
}
"""Justified one by one, with measured rates, in docs/screens.md."""


@dataclass(frozen=True)
class ScreenSettings:
    """The recipe's section `[screens]`."""

    keep: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """Name of a screen (or `learned_<name>`) → [low, high], both included; `inf` and `-inf` leave a side open. Screens
    that are not named keep their default interval (docs/screens.md); `[-inf, inf]` switches one off."""
    measure: tuple[str, ...] = ("all",)
    """Screens to measure: names, or the groups `all`, `cheap`, `costly`. What `keep` judges is measured in any case."""
    niqe_model: str = ""
    """A model that `million-ird fit-niqe` wrote; empty for the one that ships."""
    learned: tuple[str, ...] = ()
    """Names of no-reference metrics of pyiqa (`brisque`, `nima`, `clipiqa`, `hyperiqa`, …), scored on GPUs where there
    are any; needs the extra `learned`. Their numbers are exempt from the promise of identical bytes."""

    def __post_init__(self) -> None:
        known = [screen.name for screen in SCREENS]
        for name in self.measure:
            _check_name(name, [*_GROUPS, *known], "measure")
        if len(set(self.learned)) < len(self.learned):
            raise UsageError(f"learned names a metric twice: {', '.join(self.learned)}")
        judged = [*known, *(LEARNED_PREFIX + name for name in self.learned)]
        for name in self.keep:
            _check_name(name, judged, "keep")
        merged = {**DEFAULT_INTERVALS, **{name: _interval(name, *bounds) for name, bounds in self.keep.items()}}
        object.__setattr__(self, "keep", {name: merged[name] for name in judged if name in merged})

    @property
    def intervals(self) -> dict[str, Interval]:
        """The intervals that judge, defaults included, in the order of the table."""
        return {name: Interval(*bounds) for name, bounds in self.keep.items()}

    def screens(self) -> tuple[Screen, ...]:
        """The screens to measure, in the order of the table, NIQE with the model asked for.

        Raises:
            UsageError: the NIQE model cannot be read.
        """
        chosen = self._chosen()
        if not self.niqe_model:
            return chosen
        own = partial(niqe, model=NiqeModel.load(Path(self.niqe_model)))
        return tuple(replace(s, measure=own) if s.name == "niqe" else s for s in chosen)

    def columns(self) -> list[str]:
        """The names of the columns that these settings add to the image rows, in order."""
        return [*(s.name for s in self._chosen()), *(LEARNED_PREFIX + name for name in self.learned)]

    def _chosen(self) -> tuple[Screen, ...]:
        asked = {*self.measure, *(name for name, bounds in self.intervals.items() if bounds != Interval())}
        return tuple(s for s in SCREENS if asked & {"all", s.cost, s.name})


def judge(measures: Mapping[str, float | None], intervals: Mapping[str, tuple[float, float]]) -> Rejection | None:
    """The first screen, in the order of the table, whose number lies outside its interval; None if all are kept.

    A screen that was not measured, or that does not apply (None), judges nothing. Learned scores come last, by name.
    """
    for name in sorted(intervals, key=lambda name: (_ORDER.get(name, len(_ORDER)), name)):
        low, high = intervals[name]
        value = measures.get(name)
        if value is None:
            continue
        if value < low:
            return Rejection("screen", f"{name}_low", value, f"{name} {value:g} is below {low:g}")
        if value > high:
            return Rejection("screen", f"{name}_high", value, f"{name} {value:g} is above {high:g}")
    return None


def _check_name(name: str, known: list[str], key: str) -> None:
    if name in known:
        return
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f"; did you mean {near[0]!r}?" if near else f"; known are {', '.join(known)}"
    if name.startswith(LEARNED_PREFIX):
        hint = f"; list {name.removeprefix(LEARNED_PREFIX)!r} in `learned` to have it measured"
    raise UsageError(f"{key}: there is no screen {name!r}{hint}")


def _interval(name: str, low: float, high: float) -> Interval:
    if isnan(low) or isnan(high) or low > high:
        raise UsageError(f"keep.{name}: [{low:g}, {high:g}] is no interval; give [low, high] with low ≤ high")
    return Interval(float(low), float(high))
