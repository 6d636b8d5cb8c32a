"""What one pass over the rows remembers."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from million_ird.report import ReportInputs, write_report
from million_ird.report.collect import collect
from million_ird.report.collect.sheets import KEPT_LIMIT, REASON_LIMIT, REASONS_LIMIT

Make = Callable[..., ReportInputs]


@pytest.mark.parametrize("batch", [1, 2, 3, 1000])
def test_images_are_counted_across_batches_of_patches(made: Make, rows: SimpleNamespace, batch: int) -> None:
    images = [rows.image(n) for n in range(4)]
    flat = {"kept": False, "step": "cut", "reason": "flat"}
    verdicts = [({}, flat, {}), (flat, flat, flat), (flat, flat, {}), ({},)]
    patches = [
        rows.patch(i, 512 * n, **v) for i, each in zip(images, verdicts, strict=True) for n, v in enumerate(each)
    ]
    counts = collect(made(images, patches, batch=batch)).patches
    assert (counts.images, counts.images_kept, counts.candidates, counts.kept) == (4, 3, 10, 4)


def test_an_image_that_two_rows_drop_is_dropped_once(made: Make, rows: SimpleNamespace) -> None:
    images = [rows.image(0), rows.image(1), rows.rejected(2, "screen", "sharpness_low", sharpness=1.0)]
    row = {"cluster": images[1]["key"], "keeper": images[1]["key"], "transform": "", "benchmark": ""}
    duplicates = [
        row | {"key": images[0]["key"], "kind": "near"},
        row | {"key": images[0]["key"], "kind": "benchmark", "keeper": "", "benchmark": "Set5/bird.png"},
        row | {"key": images[2]["key"], "kind": "bytes"},  # the screens had dropped it already
    ]
    collected = collect(made(images, duplicates=duplicates))
    assert collected.images.stages["unique"] == 1
    assert collected.images.kinds == [1, 0, 0, 0, 0, 0]


def test_sheets_are_bounded(made: Make, rows: SimpleNamespace) -> None:
    small = rows.photograph(1, 16, 16)
    kept = [rows.image(n, thumbnail=small) for n in range(200)]
    odd = [rows.rejected(1000 + n, "decode", f"odd_{n % 100:03d}", thumbnail=small) for n in range(2000)]
    sheets = collect(made([*kept, *odd])).images.sheets
    rejected = sheets.rejected()
    assert len(sheets.kept) == KEPT_LIMIT
    assert [sheet.reason for sheet in rejected] == [f"odd_{n:03d}" for n in range(REASONS_LIMIT)]
    assert {len(sheet.rejected) for sheet in rejected} == {REASON_LIMIT}


def test_absent_columns_read_as_unknown(made: Make, rows: SimpleNamespace, tmp_path: Path) -> None:
    inputs = made([rows.image(n) for n in range(3)])
    older = [batch.drop_columns(["sharpness", "source", "nbytes", "bit_depth"]) for batch in inputs.images]
    write_report(ReportInputs(**{**_fields(inputs), "images": older}), tmp_path)
    stats = json.loads((tmp_path / "stats.json").read_text("utf-8"))
    assert stats["images"] == 3 and stats["image_bytes"] == 0
    assert [d["screen"] for d in stats["distributions"]["images"]] == ["blockiness", "entropy"]


def test_memory_does_not_grow_with_the_rows(made: Make, rows: SimpleNamespace) -> None:
    inputs = made([rows.image(n) for n in range(2000)])
    once = list(inputs.images)

    def peak(times: int) -> int:
        again = (batch for _ in range(times) for batch in once)
        tracemalloc.start()
        collect(ReportInputs(**{**_fields(inputs), "images": again}))
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    peak(1)
    assert peak(30) < 1.5 * peak(3)


def _fields(inputs: ReportInputs) -> dict[str, object]:
    return {name: getattr(inputs, name) for name in ReportInputs.__dataclass_fields__}
