"""Which thumbnails go on the contact sheets of one table: a bounded number, chosen by the rows alone."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from million_ird.report.collect.distributions import bound_of
from million_ird.report.columns import integers, numbers, required, strings
from million_ird.report.inputs import ReportScreen
from million_ird.report.nearest import Nearest, Picture

KEPT_LIMIT = 48
"""Pictures on the sheet of what was kept."""
REASON_LIMIT = 12
"""Pictures for each reason of rejection."""
EDGE_LIMIT = 4
"""Pictures kept by the narrowest margin, for each threshold."""
REASONS_LIMIT = 40
"""Reasons that are no threshold's and get a sheet; the first ones in the order of the alphabet."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """Pictures rejected for one reason, nearest the threshold first, and those that the same threshold just kept."""

    reason: str
    screen: ReportScreen | None
    """The screen whose threshold decided, if one did."""
    threshold: float | None
    rejected: list[Picture]
    just_kept: list[Picture]


class Sheets:
    """Fills the contact sheets of a table in one pass."""

    def __init__(self, screens: tuple[ReportScreen, ...]) -> None:
        self._screens = screens
        self._kept: Nearest[Picture] = Nearest(KEPT_LIMIT)
        self._rejected: dict[str, Nearest[Picture]] = {}
        self._edges: dict[str, Nearest[Picture]] = {
            reason: Nearest(EDGE_LIMIT) for screen in screens for reason, _ in screen.bounds
        }

    def add(
        self,
        batch: pa.RecordBatch,
        kept: npt.NDArray[np.bool_],
        rejected: npt.NDArray[np.bool_],
        columns: dict[str, npt.NDArray[np.float64]],
        table: str,
    ) -> None:
        """Offer the rows of a batch that carry a thumbnail; `table` is what an error calls it."""
        thumbnails = required(batch, "thumbnail", table)
        shown = np.asarray(thumbnails.is_valid().to_numpy(zero_copy_only=False), np.bool_)
        if not shown.any():
            return
        names = strings(batch, "key").to_pylist()
        text = [strings(batch, name) for name in ("url", "license", "detail")]
        width, height = integers(batch, "width"), integers(batch, "height")

        def picture(row: int, measured: float | None) -> Picture:
            url, license_, detail = (column[row].as_py() for column in text)
            size = int(width[row]), int(height[row])
            return Picture(names[row], thumbnails[row].as_py(), url, license_, *size, measured, detail)

        self.add_kept(np.flatnonzero(kept & shown), names, columns, picture)
        reasons = strings(batch, "reason").to_pylist()
        self.add_rejected(np.flatnonzero(rejected & shown), reasons, numbers(batch, "measured"), names, picture)

    def add_kept(
        self,
        rows: npt.NDArray[np.intp],
        keys: list[str],
        columns: dict[str, npt.NDArray[np.float64]],
        picture: Callable[[int, float | None], Picture],
    ) -> None:
        """Offer kept rows. Those with the smallest hash of their key are a fair sample of all."""
        lots = np.ones(len(keys))
        lots[rows] = [_lot(keys[row]) for row in rows.tolist()]
        self._kept.offer_rows(rows, lots, keys, lambda row: picture(row, None))
        for screen in self._screens:
            for reason, bound in screen.bounds:
                values = columns[screen.name]
                margin = np.abs(values - bound)
                near = rows[np.isfinite(margin[rows])]
                show = partial(_with_value, picture, values)
                self._edges[reason].offer_rows(near, margin, keys, show)

    def add_rejected(
        self,
        rows: npt.NDArray[np.intp],
        reasons: list[str],
        measured: npt.NDArray[np.float64],
        keys: list[str],
        picture: Callable[[int, float | None], Picture],
    ) -> None:
        """Offer rejected rows, each to the sheet of its reason."""
        by_reason: dict[str, list[int]] = {}
        for row in rows.tolist():
            by_reason.setdefault(reasons[row], []).append(row)
        for reason, members in by_reason.items():
            sheet = self._sheet(reason)
            if sheet is None:
                continue
            found = bound_of(reason, self._screens)
            distance = np.abs(measured - found[1]) if found else np.zeros(len(keys))
            distance = np.where(np.isfinite(distance), distance, np.inf)
            sheet.offer_rows(np.array(members, np.intp), distance, keys, partial(_with_value, picture, measured))

    @property
    def kept(self) -> list[Picture]:
        """A fair sample of what was kept."""
        return self._kept.items

    def rejected(self) -> list[Sheet]:
        """The sheets of all reasons with a picture, the screens' in their order, then the others by name."""
        order = {reason: place for place, reason in enumerate(self._edges)}
        sheets = []
        for reason in sorted(self._rejected, key=lambda r: (order.get(r, len(order)), r)):
            found = bound_of(reason, self._screens)
            edge = self._edges[reason].items if reason in self._edges else []
            screen, threshold = found or (None, None)
            sheets.append(Sheet(reason, screen, threshold, self._rejected[reason].items, edge))
        return sheets

    def _sheet(self, reason: str) -> Nearest[Picture] | None:
        """The sheet of a reason, unless it is no threshold's and too many such reasons come before it."""
        if reason not in self._rejected:
            self._rejected[reason] = Nearest(REASON_LIMIT)
            free = sorted(name for name in self._rejected if name not in self._edges)
            for late in free[REASONS_LIMIT:]:
                del self._rejected[late]
        return self._rejected.get(reason)


def _with_value(picture: Callable[[int, float | None], Picture], values: npt.NDArray[np.float64], row: int) -> Picture:
    return picture(row, float(values[row]) if np.isfinite(values[row]) else None)


def _lot(key: str) -> float:
    """A number in [0, 1) that depends on the key alone. (The patches of one image have neighbouring keys.)"""
    return int.from_bytes(hashlib.blake2b(key.encode(), digest_size=6).digest()) / 2**48
