"""The status tells what stands from markers alone, at any moment of a build."""

from __future__ import annotations

from pathlib import Path

import pytest

from million_ird.cli import main
from million_ird.dataset import Dataset
from million_ird.status import read_status, render


def test_a_finished_dataset(built: Dataset, capsys: pytest.CaptureFixture[str]) -> None:
    status = read_status(built)
    (steps,) = status.generations
    assert [step.name for step in steps] == ["plan", "fetch", "deduplicate", "plan shards", "cut"]
    assert all(step.done == step.planned for step in steps)
    counts = {step.name: step.counts for step in steps}
    assert counts["fetch"]["rows"] == sum(batch.num_rows for batch in built.image_rows())
    assert counts["cut"]["kept"] == len(list(built))
    assert not any("first" in name or name == "units" for step in steps for name in step.counts)
    assert main(["status", built.url]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("state: complete\ngeneration 0\n")
    assert f"{len(list(built)):,} kept" in printed


def test_a_half_fetched_dataset(dataset: Dataset) -> None:
    units = [name for name in dataset.store.list("images") if name.endswith(".json")]
    dataset.store.remove(units[0])
    for name in dataset.store.list("patches"):
        dataset.store.remove(name)
    for name in ("duplicates", "patches"):
        dataset.store.remove(f"plan/g000/{name}.json")
    (steps,) = read_status(dataset).generations
    state = {step.name: (step.done, step.planned) for step in steps}
    assert state["fetch"] == (len(units) - 1, len(units))
    assert state["deduplicate"] == (0, 1)
    assert state["cut"] == (0, None), "how many shards there will be is not known yet"
    assert "cut               0 of      ? units" in render(read_status(dataset))


def test_units_that_were_given_up_are_named(dataset: Dataset) -> None:
    dataset.store.write("log/given-up/g000-00001.txt", b"why")
    status = read_status(dataset)
    assert status.given_up == ("log/given-up/g000-00001.txt",)
    assert render(status).endswith("given up: 1 units; why: log/given-up/")


def test_shards_of_another_generation_are_not_counted(dataset: Dataset) -> None:
    before = read_status(dataset).generations[0][-1].done
    marker = dataset.store.read(dataset.shards()[0].marker).replace(b"patches/jpg/00000", b"patches/jpg/00077")
    dataset.store.write("patches/jpg/00077.json", marker)
    assert read_status(dataset).generations[0][-1].done == before


def test_nothing_but_a_dataset_has_a_status(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", str(tmp_path)]) == 1
    assert capsys.readouterr().err.startswith("million-ird status: no dataset at")
