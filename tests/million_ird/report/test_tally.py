"""Counts by name: exact, whatever the batching, with the rest summed."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pyarrow as pa
import pytest

from million_ird.report import tally as module
from million_ird.report.tally import Tally


def filled(names: list[str], pieces: int) -> Tally:
    tally = Tally(("host",), ("images",))
    for part in np.array_split(np.array(names, object), pieces):
        tally.add(pa.table({"host": pa.array(part.tolist(), pa.string()), "images": np.ones(len(part), np.int64)}))
    return tally


@pytest.mark.parametrize("compact_at", [1, 100, 1 << 20])
def test_counts_are_exact_and_ties_go_by_name(compact_at: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_COMPACT_AT", compact_at)
    names = [f"h{n % 97}" for n in range(5000)] + ["a", "b"]
    expected = Counter(names)
    top = filled(names, 41).top(10, "images")
    ordered = sorted(expected.items(), key=lambda pair: (-pair[1], pair[0]))
    assert [(row["host"], row["images"]) for row in top.rows] == ordered[:10]
    assert top.others == len(expected) - 10
    assert top.others_sums["images"] == sum(count for _, count in ordered[10:])


def test_an_empty_tally_is_empty() -> None:
    tally = Tally(("host",), ("images",))
    assert tally.total("images") == 0
    assert tally.top(3, "images").rows == [] and tally.table().num_rows == 0
