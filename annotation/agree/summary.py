"""Agreement over many pictures: by annotator, and by every two of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from annotation.agree.compare import Agreement


@dataclass(frozen=True, slots=True)
class Summary:
    """Means over pictures. Of an annotator: against everybody else; `tendency` and `bias` are the annotator's own."""

    pictures: int
    iou: float
    least_iou: float
    boundary_f: float
    psnr: float | None
    """Mean size of the difference in dB; None where no picture has a sharp frame."""
    swing: float | None
    """Mean of `Agreement.psnr_swing`."""
    tendency: float
    """Mean of the first's area minus the second's, over their mean area: above 0, the first marks more."""
    bias: float | None
    """Mean difference in dB with its sign."""


def by_pair(agreements: Iterable[Agreement]) -> dict[tuple[str, str], Summary]:
    """Summaries for every two annotators, in alphabetical order."""
    groups: dict[tuple[str, str], list[tuple[Agreement, int]]] = {}
    for each in agreements:
        first, second = each.annotators
        groups.setdefault((min(first, second), max(first, second)), []).append((each, 1 if first <= second else -1))
    return {pair: _summary(groups[pair]) for pair in sorted(groups)}


def by_annotator(agreements: Iterable[Agreement]) -> dict[str, Summary]:
    """Summaries for every annotator, in alphabetical order."""
    groups: dict[str, list[tuple[Agreement, int]]] = {}
    for each in agreements:
        for name, sign in zip(each.annotators, (1, -1), strict=True):
            groups.setdefault(name, []).append((each, sign))
    return {name: _summary(groups[name]) for name in sorted(groups)}


def overall(agreements: Iterable[Agreement]) -> Summary | None:
    """Over all pictures; None where there are none."""
    rows = [(each, 1) for each in agreements]
    return _summary(rows) if rows else None


def _summary(rows: list[tuple[Agreement, int]]) -> Summary:
    """Of agreements; the sign is -1 where the one whose summary it is holds the second mask."""
    differences = [sign * d for each, sign in rows if (d := each.psnr_difference) is not None]
    swings = [swing for each, _ in rows if (swing := each.psnr_swing) is not None]
    tendencies = [sign * _tendency(each.shares) for each, sign in rows]
    ious = [each.iou for each, _ in rows]
    return Summary(
        pictures=len(rows),
        iou=float(np.mean(ious)),
        least_iou=min(ious),
        boundary_f=float(np.mean([each.boundary_f for each, _ in rows])),
        psnr=float(np.mean(np.abs(differences))) if differences else None,
        swing=float(np.mean(swings)) if swings else None,
        tendency=float(np.mean(tendencies)),
        bias=float(np.mean(differences)) if differences else None,
    )


def _tendency(shares: tuple[float, float]) -> float:
    return 2 * (shares[0] - shares[1]) / (shares[0] + shares[1]) if sum(shares) else 0.0
