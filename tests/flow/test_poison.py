"""An image that kills its worker costs one row; a unit that cannot be saved is given up, said so, and comes back."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from million_ird.dataset import Dataset, open_dataset
from million_ird.records import image_key
from tests.flow.web_world import problems, rows
from tests.flow.world import World, digest

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="module")
def quiet(world: World) -> Dataset:
    """What a build leaves that meets no poison."""
    code, printed = world.build(str(world.root / "quiet"))
    assert code == 0, printed
    return open_dataset(str(world.root / "quiet"))


def _poisoned(
    world: World, out: Path, *, examined: tuple[str, ...] = (), planned: tuple[str, ...] = (), most: int, workers: int
) -> tuple[int, str, int]:
    """A build on Ray that meets poison: exit code, what it printed, how many workers died."""
    deaths = out.with_suffix(".deaths")
    plan = json.dumps({"examined": examined, "planned": planned, "deaths": str(deaths), "most": most})
    program = ("tests.flow.poisoned", plan)
    code, printed = world.build(str(out), "execution.memory_gb=0.3", executor="ray", workers=workers, program=program)
    return code, printed, deaths.stat().st_size


def _unit_of(dataset: Dataset, key: str) -> str:
    for marker in dataset.image_markers():
        table = marker.named(".parquet")
        assert table is not None
        with dataset.store.open(table.name) as file:
            import pyarrow.parquet as pq

            if key in pq.read_table(file, columns=["key"])["key"].to_pylist():
                return marker.unit
    raise KeyError(key)


def _patches(dataset: Dataset) -> dict[str, bytes]:
    return {str(row["key"]): data for row, data in dataset}


def _without_place(row: dict[str, Any]) -> dict[str, Any]:
    """A row without what says where in which tar its bytes are: the tar of a unit lacks the poison."""
    return {name: value for name, value in row.items() if name not in ("tar", "offset")}


def test_an_image_that_kills_its_worker_costs_one_row(world: World, quiet: Dataset, tmp_path: Path) -> None:
    poison = ("photo 03.jpg", "photo 04.jpg", "photo 05.jpg")
    keys = set(map(image_key, poison))
    units = {_unit_of(quiet, key) for key in keys}
    assert len(units) == 1, "the three lie in one unit, which therefore dies six times"
    for workers in (1, 2):
        code, printed, deaths = _poisoned(
            world, tmp_path / f"out{workers}", examined=poison, most=1000, workers=workers
        )
        assert code == 0, printed
        assert "Traceback" not in printed and "given up" not in printed
        assert deaths == 2 * len(poison)
    out = open_dataset(str(tmp_path / "out1"))
    assert digest(out.url) == digest(str(tmp_path / "out2"))
    assert problems(out.url) == []
    before, after = rows(quiet), rows(out)
    assert list(before) == list(after)
    for key in keys:
        row = after[key]
        assert (row["step"], row["reason"], row["kept"]) == ("decode", "crashes_decoder", False)
        assert row["sha256"] == before[key]["sha256"] and row["detail"] == "2 workers died while they examined it"
    # Every other row is the same in every column but its place in the tar, and its bytes are the same.
    for key in before.keys() - keys:
        assert _without_place(after[key]) == _without_place(before[key])
        if after[key]["tar"]:
            assert out.image_bytes(after[key]) == quiet.image_bytes(before[key])
    # The files of every other unit are the same bytes, and so is every patch of every other image.
    poisoned_unit = f"images/{units.pop()}"
    untouched = {name: sha for name, sha in digest(quiet.url).items() if name.startswith("images/")}
    assert all(digest(out.url)[name] == sha for name, sha in untouched.items() if not name.startswith(poisoned_unit))
    assert _patches(out) == {key: data for key, data in _patches(quiet).items() if key[:24] not in keys}
    assert not list((tmp_path / "out1").rglob("*.now")), "the notes are no part of the dataset"


def test_one_death_at_an_image_rejects_nothing(world: World, quiet: Dataset, tmp_path: Path) -> None:
    code, printed, deaths = _poisoned(world, tmp_path / "out", examined=("photo 05.jpg",), most=1, workers=2)
    assert (code, deaths) == (0, 1), printed
    assert digest(str(tmp_path / "out")) == digest(quiet.url)


def test_a_unit_that_always_dies_is_given_up_and_comes_back(world: World, quiet: Dataset, tmp_path: Path) -> None:
    out = tmp_path / "out"
    code, printed, deaths = _poisoned(world, out, planned=("photo 10.jpg",), most=1000, workers=2)
    assert code == 3, printed
    assert deaths >= 4, "the first attempt and three retries, or one more that Ray does not count"
    assert "1 units were given up" in printed and "log/given-up" in printed
    assert "Traceback" not in printed
    dataset = open_dataset(str(out))
    assert dataset.info["state"] == "incomplete"
    notes = dataset.store.list("log/given-up")
    assert len(notes) == 1 and b"WorkerCrashedError" in dataset.store.read(notes[0])
    lost = {key for key, row in rows(dataset).items() if row["reason"] == "given_up"}
    unit = _unit_of(quiet, image_key("photo 10.jpg"))
    assert lost == {key for key in rows(quiet) if _unit_of(quiet, key) == unit}
    assert _patches(dataset) == {key: data for key, data in _patches(quiet).items() if key[:24] not in lost}
    assert problems(out) == []
    command = [sys.executable, "-m", "million_ird.cli", "retry-failed", str(out), "--set", "execution.executor=serial"]
    retried = subprocess.run(command, capture_output=True, text=True, check=False)
    assert retried.returncode == 0, retried.stderr
    back = open_dataset(str(out))
    assert back.info["state"] == "complete"
    assert {key: row["kept"] for key, row in rows(back).items()} == {
        key: row["kept"] for key, row in rows(quiet).items()
    }
    assert _patches(back) == _patches(quiet)
    assert problems(out) == []
