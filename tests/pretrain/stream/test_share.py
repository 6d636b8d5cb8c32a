"""Who makes which sample of a step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from million_ird.order import step_positions
from pretrain.stream.arrays import Geometry
from pretrain.stream.holdout import Holdout
from pretrain.stream.settings import StreamSettings
from pretrain.stream.share import Share
from tests.pretrain.stream.world import make


def _share(lanes: int, batch: int, **place: Any) -> Share:
    samples = batch // place["ranks"]
    holdout = Holdout(0, 0, 0, 1, "")
    geometry = Geometry(samples, ((0, 32, (2, 2)),))
    return Share((), Path(), StreamSettings(lanes=lanes), 0, holdout, make, geometry, batch, **place)


@given(st.integers(1, 4), st.integers(1, 6), st.integers(1, 6), st.integers(1, 5), st.integers(0, 9))
def test_workers_of_all_ranks_divide_a_step_and_keep_their_lanes(
    ranks: int, lanes_each: int, samples: int, workers: int, step: int
) -> None:
    lanes, batch = ranks * lanes_each, ranks * samples
    owners: dict[int, tuple[int, int]] = {}
    for later in range(step, step + 3):
        met: list[int] = []
        for rank in range(ranks):
            positions = step_positions(later, batch, rank, ranks)
            rows: list[int] = []
            for worker in range(workers):
                share = _share(lanes, batch, rank=rank, ranks=ranks, worker=worker, workers=workers)
                for row, position in share.rows(later):
                    assert positions[row] == position
                    assert owners.setdefault(position % lanes, (rank, worker)) == (rank, worker)
                    rows.append(row)
                    met.append(position)
            assert sorted(rows) == list(range(samples))
        assert sorted(met) == list(range(later * batch, (later + 1) * batch))
