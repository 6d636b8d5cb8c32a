"""The few pictures that a contact sheet shows, chosen in one pass."""

from __future__ import annotations

import bisect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Picture:
    """A thumbnail and what its caption says."""

    key: str
    thumbnail: bytes
    """JPEG bytes."""
    url: str = ""
    license: str = ""
    width: int = 0
    height: int = 0
    measured: float | None = None
    """The number that decided, if one did."""
    detail: str = ""


class Nearest(Generic[Item]):
    """Keeps the `limit` items with the smallest (distance, key), whatever order they come in."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._order: list[tuple[float, str]] = []
        self._items: list[Item] = []

    def offer(self, distance: float, key: str, make: Callable[[], Item]) -> None:
        """Take the item if it is near enough; `make` is called only then. A key that was taken is not taken again."""
        place = (distance, key)
        at = bisect.bisect_left(self._order, place)
        if at == self.limit or (at < len(self._order) and self._order[at] == place):
            return
        self._order.insert(at, place)
        self._items.insert(at, make())
        del self._order[self.limit :], self._items[self.limit :]

    def offer_rows(
        self,
        rows: npt.NDArray[np.intp],
        distances: npt.NDArray[np.float64],
        keys: list[str],
        make: Callable[[int], Item],
    ) -> None:
        """Offer the rows (numbers into `distances` and `keys`) of a batch, looking only at the nearest ones."""
        if rows.size > self.limit:
            reach = np.partition(distances[rows], self.limit - 1)[self.limit - 1]
            rows = rows[distances[rows] <= reach]
        for row in rows.tolist():
            self.offer(float(distances[row]), keys[row], lambda row=row: make(row))  # type: ignore[misc]

    @property
    def items(self) -> list[Item]:
        """What was kept, the nearest first."""
        return list(self._items)
