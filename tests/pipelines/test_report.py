"""The report step gathers what the steps left behind: rows, markers, thresholds, the log."""

from __future__ import annotations

import json

import pytest

from million_ird.cli import main
from million_ird.dataset import Dataset
from million_ird.errors import DatasetError
from pipelines.report import report
from tests.flow.web_world import rows


def _stats(dataset: Dataset) -> dict[str, object]:
    found: dict[str, object] = json.loads(dataset.store.read("report/stats.json"))
    return found


def test_the_numbers_are_those_of_the_rows(built: Dataset) -> None:
    stats = _stats(built)
    funnel = {stage["name"]: stage["count"] for stage in stats["funnel"]}  # type: ignore[attr-defined]
    every = list(rows(built).values())
    rejected = sum(batch.num_rows for batch in built.rejected_sources())
    assert funnel["rows"] == len(every) + rejected
    assert funnel["fetched"] == sum(row["step"] != "fetch" for row in every)
    assert funnel["screened"] == sum(bool(row["kept"]) for row in every)
    assert funnel["unique"] == stats["images"] == funnel["screened"] - built.duplicates().num_rows
    assert funnel["patches"] == stats["patches"] == len(list(built))


def test_thresholds_come_from_the_recipe(built: Dataset) -> None:
    drawn = {each["screen"]: each for each in _stats(built)["distributions"]["images"]}  # type: ignore[index]
    assert drawn["entropy"]["low"] == 3.5 and drawn["entropy"]["high"] is None
    assert {"short_side", "laplacian_variance"} <= drawn.keys()
    patches = {each["screen"]: each for each in _stats(built)["distributions"]["patches"]}  # type: ignore[index]
    assert patches["flat_fraction"]["high"] == built.recipe["patches"]["max_flat_fraction"]


def test_it_is_written_again_to_the_same_numbers(dataset: Dataset, capsys: pytest.CaptureFixture[str]) -> None:
    before = dataset.store.read("report/stats.json")
    for name in dataset.store.list("report"):
        dataset.store.remove(name)
    assert main(["report", dataset.url]) == 0
    assert dataset.store.read("report/stats.json") == before
    assert f"{len(list(dataset)):,} patches: {dataset.store.path('report/index.html')}" in capsys.readouterr().out
    assert dataset.store.list(".part") == []


def test_a_damaged_log_is_named_in_one_line(dataset: Dataset) -> None:
    name = dataset.store.list("log/cut")[0]
    whole = dataset.store.read(name)
    dataset.store.write(name, whole[:9])
    with pytest.raises(DatasetError, match=rf"{name} is damaged: remove it"):
        report(dataset)
    dataset.store.remove(name)
    report(dataset)
    dataset.store.write(name, whole)


def test_a_report_needs_no_log(dataset: Dataset) -> None:
    before = dataset.store.read("report/stats.json")
    for name in dataset.store.list("log"):
        dataset.store.remove(name)
    report(dataset)
    assert dataset.store.read("report/stats.json") == before


def test_rows_that_do_not_balance_are_no_report(dataset: Dataset) -> None:
    name = next(name for name in dataset.store.list("images") if name.endswith(".json"))
    dataset.store.remove(name)
    # Which of the checks speaks first depends on what the missing unit held, and so on the server's port.
    with pytest.raises(DatasetError, match=r"do not balance|does not hold once|has patches of \d+ images, but only"):
        report(dataset)
