"""The funnel balances, and says so when it does not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from million_ird.errors import DatasetError
from million_ird.report import balance, funnel, write_report
from million_ird.report.collect import collect
from million_ird.report.funnel import Stage


def test_the_counts_of_every_stage(dataset) -> None:
    stages = funnel(collect(dataset()))
    balance(stages)
    assert [(stage.name, stage.count) for stage in stages] == [
        ("rows", 50), ("planned", 47), ("fetched", 42), ("decoded", 40), ("screened", 30), ("unique", 28), ("cut", 28),
        ("candidates", 56), ("patches", 42),
    ]  # fmt: skip
    drops = {stage.name: dict(stage.drops) for stage in stages}
    assert drops["rows"] == {"malformed_url": 3}
    assert drops["planned"] == {"http_not_found": 4, "connect_timeout": 1}
    assert drops["decoded"] == {"sharpness_low": 6, "blockiness_high": 4}
    assert drops["screened"] == {"near_duplicate": 1, "benchmark_picture": 1}
    assert drops["candidates"] == {"flat": 14}


@pytest.mark.parametrize("place", range(9))
@pytest.mark.parametrize("by", [-1, 1])
def test_any_wrong_count_is_found(dataset, place: int, by: int) -> None:
    stages = list(funnel(collect(dataset())))
    stages[place] = replace(stages[place], count=stages[place].count + by)
    with pytest.raises(DatasetError, match=stages[place].name):
        balance(tuple(stages))


def test_the_error_names_the_step_and_its_numbers() -> None:
    stages = (Stage("fetched", "Fetched", "images", 10, (("truncated", 3),)), Stage("decoded", "Decoded", "images", 6))
    with pytest.raises(
        DatasetError, match=r"between 'fetched' and 'decoded': 10 came in, 6 went on and 3 were rejected"
    ):
        balance(stages)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"step": "screen"}, "dropped at step 'screen' for reason ''"),
        ({"step": "screen", "reason": "sharpness_low"}, "'decoded' and 'screened'"),
        ({"kept": False}, "dropped at step ''"),
        ({"kept": False, "step": "polish", "reason": "dull"}, "'polish'"),
        ({"kept": False, "step": "fetch"}, "for reason ''"),
    ],
)
def test_a_row_that_contradicts_itself_is_an_error(made, rows, tmp_path: Path, changes, message: str) -> None:
    images = [rows.image(0), rows.image(1) | changes]
    with pytest.raises(DatasetError, match=message):
        write_report(made(images), tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_duplicate_of_no_image_is_an_error(made, rows, tmp_path: Path) -> None:
    stranger = {
        "key": "f" * 24,
        "cluster": "a" * 24,
        "keeper": "a" * 24,
        "kind": "near",
        "transform": "",
        "benchmark": "",
    }
    with pytest.raises(DatasetError, match="deduplicate"):
        write_report(made([rows.image(0)], duplicates=[stranger]), tmp_path)


def test_patches_of_images_that_are_not_kept_are_an_error(made, rows, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="cut"):
        write_report(made([rows.image(0)], [rows.patch(rows.image(n), 0) for n in (0, 1)]), tmp_path)


def test_the_plan_s_own_count_is_checked(dataset, tmp_path: Path) -> None:
    write_report(dataset(manifest_rows=50), tmp_path)
    with pytest.raises(DatasetError, match="'rows' and 'planned'"):
        write_report(dataset(manifest_rows=51), tmp_path)


def test_a_missing_table_column_is_an_error(dataset, tmp_path: Path) -> None:
    whole = dataset()
    with pytest.raises(DatasetError, match="images table has no column 'kept'"):
        write_report(replace(whole, images=[batch.drop_columns(["kept"]) for batch in whole.images]), tmp_path)
