"""Exact counts by name, in Arrow, so that a million hosts cost some tens of megabytes and no Python object each."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

_COMPACT_AT = 1 << 17
"""Rows of partial counts that are gathered before they are merged."""
_PARTS = 256
"""Tables of partial counts that may wait: each costs some kilobytes even if it holds one row."""


@dataclass(frozen=True, slots=True)
class Top:
    """The largest groups of a tally and what the rest adds up to."""

    rows: list[dict[str, object]]
    """Group columns and sums, the largest first, ties in the order of the names."""
    others: int
    """Groups left out."""
    others_sums: dict[str, int]
    """Their sums."""


class Tally:
    """Sums of integer columns for every distinct combination of some name columns.

    The result depends on the rows alone, not on their order or on how they were batched. Memory grows with the
    number of distinct combinations (their text and 8 bytes a sum).
    """

    def __init__(self, names: tuple[str, ...], sums: tuple[str, ...]) -> None:
        self.names = names
        self.sums = sums
        kinds = [(name, pa.string()) for name in names] + [(name, pa.int64()) for name in sums]
        self._schema = pa.schema(kinds)
        self._merged = self._schema.empty_table()
        self._partial: list[pa.Table] = []
        self._waiting = 0

    def add(self, table: pa.Table) -> None:
        """Count the rows of a table that has all name columns (strings) and sum columns (integers or booleans)."""
        if not table.num_rows:
            return
        part = self._group(
            pa.table(
                [table[name].cast(self._schema.field(name).type) for name in self._columns], names=list(self._columns)
            )
        )
        self._partial.append(part)
        self._waiting += part.num_rows
        few = self._waiting <= max(_COMPACT_AT, self._merged.num_rows)
        if not few or (len(self._partial) >= _PARTS and self._waiting > self._merged.num_rows):
            self._compact()

    def table(self) -> pa.Table:
        """All groups, sorted by name."""
        self._compact()
        return self._merged.sort_by([(name, "ascending") for name in self.names])

    def top(self, limit: int, by: str) -> Top:
        """The `limit` groups with the largest sum `by`, and the sums of the others."""
        self._compact()
        order = [(by, "descending"), *((name, "ascending") for name in self.names)]
        table = self._merged.sort_by(order)
        rest = table.slice(limit)
        sums = {name: int(pc.sum(rest[name]).as_py() or 0) for name in self.sums}
        return Top(table.slice(0, limit).to_pylist(), rest.num_rows, sums)

    def total(self, name: str) -> int:
        """The sum of one column over all groups."""
        self._compact()
        return int(pc.sum(self._merged[name]).as_py() or 0)

    @property
    def _columns(self) -> tuple[str, ...]:
        return (*self.names, *self.sums)

    def _group(self, table: pa.Table) -> pa.Table:
        grouped = table.group_by(list(self.names), use_threads=False).aggregate([(s, "sum") for s in self.sums])
        return pa.table(
            [*(grouped[n] for n in self.names), *(grouped[f"{s}_sum"] for s in self.sums)], schema=self._schema
        )

    def _compact(self) -> None:
        if self._partial:
            self._merged = self._group(pa.concat_tables([self._merged, *self._partial]))
            self._partial, self._waiting = [], 0
