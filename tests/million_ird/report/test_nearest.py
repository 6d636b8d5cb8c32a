"""The pictures of a contact sheet depend on the rows alone."""

from __future__ import annotations

import numpy as np

from million_ird.report.nearest import Nearest


def chosen(distances: np.ndarray, keys: list[str], pieces: int) -> list[str]:
    nearest: Nearest[str] = Nearest(5)
    for part in np.array_split(np.arange(len(keys)), pieces):
        nearest.offer_rows(part, distances, keys, lambda row: keys[row])
    return nearest.items


def test_the_nearest_are_kept_in_any_batching() -> None:
    random = np.random.default_rng(2)
    distances = random.integers(0, 20, 300).astype(np.float64)
    keys = [f"{n:04d}" for n in random.permutation(300)]
    expected = [key for _, key in sorted(zip(distances.tolist(), keys, strict=True))][:5]
    for pieces in (1, 7, 300):
        assert chosen(distances, keys, pieces) == expected


def test_a_key_is_shown_once() -> None:
    nearest: Nearest[str] = Nearest(5)
    for _ in range(3):
        nearest.offer(1.0, "same", lambda: "picture")
    assert nearest.items == ["picture"]
