"""Which degraded picture belongs to which clean one, by their names.

Three rules cover the published layouts:

- `same`: equal names, whatever the suffix (PromptIR's and Restormer's test folders).
- `rain`: equal numbers in `rain-001`, `norain-001`, `norain-001x2` (Rain100L and Rain100H, as they were published).
- `haze`: `0001_0.8_0.2` and `0001_3` belong to `0001` (RESIDE: OTS, SOTS); one clean picture serves several.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pretrain.images import shown_name

Rule = Literal["same", "rain", "haze"]

_SHOWN = 5
"""Files that are named of each reason why some were not used."""
_RAIN = re.compile(r"(?:no-?)?rain-?(\d+)(?:x2)?|(\d+)(?:x2)?", re.IGNORECASE)
_HAZE = re.compile(r"(.+?)(?:_\d+(?:\.\d+)?)+")


@dataclass(frozen=True, slots=True)
class Pair:
    """A degraded picture and its clean one."""

    degraded: Path
    clean: Path


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A file that was not used, and why in one line."""

    path: Path
    reason: str


@dataclass(frozen=True, slots=True)
class Pairing:
    """Pairs in the order of the degraded pictures, the rule that made them, and the files without a partner."""

    rule: Rule
    pairs: tuple[Pair, ...]
    left_out: tuple[LeftOut, ...]


def pair_by_name(degraded: Sequence[Path], clean: Sequence[Path], rule: Rule | Literal["auto"] = "auto") -> Pairing:
    """Pairs two lists of files; `auto` takes the rule that pairs most of the degraded, in doubt the earlier one."""
    rules: tuple[Rule, ...] = ("same", "rain", "haze") if rule == "auto" else (rule,)
    return max((_pair(degraded, clean, each) for each in rules), key=lambda pairing: len(pairing.pairs))


def left_out_lines(left_out: Sequence[LeftOut]) -> list[str]:
    """The files that were not used, a few of each reason by name."""
    reasons: dict[str, list[str]] = {}
    for file in left_out:
        reasons.setdefault(file.reason, []).append(shown_name(file.path.name))
    return [
        f"left out {len(names)} ({reason}): {', '.join(names[:_SHOWN])}{', …' if len(names) > _SHOWN else ''}"
        for reason, names in reasons.items()
    ]


def _pair(degraded: Iterable[Path], clean: Sequence[Path], rule: Rule) -> Pairing:
    names = Counter(_clean_name(path, rule) for path in clean)
    partners = {_clean_name(path, rule): path for path in clean}
    pairs, left_out, used = [], [], set()
    for path in degraded:
        name = _DEGRADED_NAME[rule](path.stem)
        if not names[name]:
            left_out.append(LeftOut(path, "no clean picture of that name"))
        elif names[name] > 1:
            left_out.append(LeftOut(path, f"{names[name]} clean pictures of that name"))
        else:
            pairs.append(Pair(path, partners[name]))
        used.add(name)
    idle = [LeftOut(path, "no degraded picture of that name") for path in clean if _clean_name(path, rule) not in used]
    return Pairing(rule, tuple(pairs), tuple(left_out + idle))


def _rain_number(stem: str) -> str:
    found = _RAIN.fullmatch(stem)
    return str(int(found[1] or found[2])) if found else stem.casefold()


def _haze_scene(stem: str) -> str:
    found = _HAZE.fullmatch(stem)
    return (found[1] if found else stem).casefold()


_DEGRADED_NAME: dict[Rule, Callable[[str], str]] = {"same": str.casefold, "rain": _rain_number, "haze": _haze_scene}


def _clean_name(path: Path, rule: Rule) -> str:
    return _rain_number(path.stem) if rule == "rain" else path.stem.casefold()
