from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from million_ird.store import Store
from pipelines import estimate as estimates
from pipelines.estimate import describe_plan, estimate, to_text
from pipelines.plan import PlanSummary
from pipelines.recipe import load_recipe

SUMMARY = PlanSummary(
    rows=1_050_000,
    planned=1_000_000,
    rejected={"bad_url": 20_000, "duplicate_url": 30_000},
    sources={"laion": 1_050_000},
    first_unit=0,
    units=1000,
    unit_rows=1000,
    local_rows=0,
    hosts=50_000,
    shared_hosts=40,
    largest_host="cdn.example",
    largest_host_rows=1000,
    sized_rows=500_000,
    sized_pixels=500_000 * 4_000_000,
)
RECIPE = load_recipe("million_ird", ["execution.workers=10"])


def test_disk_follows_from_sizes_and_the_choice_of_images() -> None:
    plan = estimate(SUMMARY, RECIPE)
    fetched = 850_000 * 4_000_000 * estimates.BYTES_PER_PIXEL
    assert plan.fetched_bytes == pytest.approx(fetched)
    assert plan.image_bytes["all"].low == plan.image_bytes["all"].high == pytest.approx(fetched)
    assert plan.image_bytes["kept"].low == pytest.approx(fetched * 0.02)
    assert plan.image_bytes["none"].high == 0
    assert plan.patches.high == pytest.approx(425_000 * 12 * estimates.PATCH_SHARE)  # 2309 × 1732: a grid of 4 × 3
    assert plan.patch_bytes.low < plan.patch_bytes.high < plan.fetched_bytes


def test_rows_without_sizes_take_the_stated_assumption() -> None:
    unsized = dataclasses.replace(SUMMARY, sized_rows=0, sized_pixels=0)
    assert estimate(unsized, RECIPE).fetched_bytes == pytest.approx(
        850_000 * estimates.PIXELS * estimates.BYTES_PER_PIXEL
    )


@pytest.mark.parametrize(
    ("changes", "overrides", "bound"),
    [
        ({"largest_host_rows": 900_000}, ["fetch.per_host_interval_s=1"], "the limit for cdn.example"),
        ({}, ["fetch.connections=1", "execution.workers=1", "fetch.per_host_connections=64"], "open connections"),
        ({"sized_pixels": 500_000 * 100_000_000}, ["execution.workers=1000"], "bandwidth"),
        ({"sized_pixels": 500_000 * 40_000_000}, ["execution.workers=2"], "computing"),
    ],
)
def test_time_is_the_longest_of_what_bounds_it(changes: dict[str, Any], overrides: list[str], bound: str) -> None:
    plan = estimate(dataclasses.replace(SUMMARY, **changes), load_recipe("million_ird", overrides))
    assert plan.bound == bound


def test_a_spaced_host_takes_rows_times_interval() -> None:
    recipe = load_recipe("million_ird", ["fetch.per_host_interval_s=2"])
    assert estimate(dataclasses.replace(SUMMARY, largest_host_rows=10**7), recipe).seconds == pytest.approx(2e7)


def test_the_text_says_counts_choices_and_assumptions() -> None:
    text = to_text(estimate(SUMMARY, RECIPE), RECIPE)
    for part in (
        "1,050,000, of which 1,000,000 will be fetched; the others: 20,000 bad_url, 30,000 duplicate_url",
        "50,000, 40 of them in several units; the largest is cdn.example with 1,000 rows (0.1%)",
        "1,000 of about 1,000 rows, 10 at a time",
        "4.0 megapixels on average by the 500,000 rows that state their size",
        "'all': 1.0 TB",
        "'kept': 20 GB to 510 GB  ← this recipe",
        "'none': 0 B",
        "85% of URLs alive",
    ):
        assert part in text, text


def test_nothing_to_do_can_be_said_too() -> None:
    names = ("rows", "planned", "units", "hosts", "shared_hosts", "largest_host_rows", "sized_rows", "sized_pixels")
    counts: dict[str, Any] = dict.fromkeys(names, 0)
    empty = dataclasses.replace(SUMMARY, **counts, rejected={}, largest_host="")
    assert "0, of which 0 will be fetched\n" in to_text(estimate(empty, RECIPE), RECIPE)


def test_describing_a_plan_writes_nothing(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for n in range(3):
        (tmp_path / "in" / f"{n}.jpg").write_bytes(b"x")
    recipe = load_recipe("quickstart", [f"manifest.path={tmp_path / 'in'}"])
    text = describe_plan(recipe, Store(str(tmp_path / "out")))
    assert "3, of which 3 will be fetched" in text and "none: all images are local" in text
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (999, "999 B"), (1500, "1.5 KB"), (25e6, "25 MB"), (999.9e9, "1.0 TB"), (5e15, "5,000 TB")],
)
def test_bytes_are_written_short(size: float, text: str) -> None:
    assert estimates._bytes(size) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "1 s"), (99, "99 s"), (600, "10 min"), (86400, "24 h"), (8640000, "100 days")]
)
def test_durations_are_written_short(seconds: float, text: str) -> None:
    assert estimates._duration(seconds) == text
