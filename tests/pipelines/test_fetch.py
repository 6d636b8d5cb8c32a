"""Which rows of a fetch unit keep their thumbnails, and which are made at all."""

from __future__ import annotations

import random
from typing import Any

from pipelines.fetch import THUMBNAILS_PER_REASON, _Nearest, _thin_thumbnails


def _rows() -> list[dict[str, Any]]:
    chance = random.Random(7)
    rows = []
    for number in range(1000):
        reason = chance.choice(["", "", "entropy_low", "clipped_fraction_high"])
        measured = round(chance.uniform(0, 3), 2) if reason else None
        rows.append({"key": f"{number:024x}", "reason": reason, "measured": measured, "thumbnail": b"jpeg"})
    return rows


def test_the_few_nearest_the_threshold_keep_their_thumbnails() -> None:
    rows = _rows()
    shown = [row for row in _thin_thumbnails(rows) if row["thumbnail"]]
    for reason, last in (("entropy_low", -1), ("clipped_fraction_high", 1)):
        measured = sorted((row["measured"] for row in rows if row["reason"] == reason), key=lambda value: last * value)
        assert sorted(row["measured"] for row in shown if row["reason"] == reason) == sorted(measured[:6])
    kept = [row["key"] for row in rows if not row["reason"]]
    assert [row["key"] for row in shown if not row["reason"]] == kept[:THUMBNAILS_PER_REASON]


def test_thumbnails_are_made_of_those_and_of_few_others_in_whatever_order_rows_come() -> None:
    rows = _rows()
    wanted = {row["key"] for row in _thin_thumbnails(rows) if row["thumbnail"]}
    for seed in range(5):
        random.Random(seed).shuffle(rows)
        is_shown = _Nearest()
        made = {row["key"] for row in rows if is_shown(row)}
        assert wanted <= made
        assert len(made) < 150
