"""What failed for a reason that may pass is fetched again, as a generation of its own; nothing else is."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from million_ird.cli import main
from million_ird.dataset import Dataset, open_dataset
from tests.flow.web_world import KilledError, WebWorld, files_with, kill_after, problems, rows, web_world
from tests.flow.world import digest

SERIAL = ("--set", "execution.executor=serial")
BUSY = {"a.jpg", "e.png", "f.jpg"}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebWorld]:
    with web_world(tmp_path_factory.mktemp("world")) as world:
        world.busy |= BUSY
        world.build(world.root / "built")
        yield world


@pytest.fixture
def dataset(world: WebWorld, tmp_path: Path) -> Iterator[Dataset]:
    """A fresh copy of a dataset three pictures of which were answered with 503."""
    shutil.copytree(world.root / "built", tmp_path / "out")
    yield open_dataset(str(tmp_path / "out"))
    world.busy |= BUSY


def _reasons(dataset: Dataset, world: WebWorld) -> dict[str, object]:
    by_url = {row["url"]: row["reason"] for row in rows(dataset).values()}
    return {name: by_url[world.url(name)] for name in [*world.pictures, "gone.jpg"]}


def test_what_failed_comes_and_nothing_else_is_asked_for(
    world: WebWorld, dataset: Dataset, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {row["key"]: data for row, data in dataset}
    tars = {shard.tar: dataset.store.read(shard.tar) for shard in dataset.shards()}
    assert {name for name, reason in _reasons(dataset, world).items() if reason == "http_busy"} == BUSY
    world.busy -= {"e.png", "f.jpg"}
    asked = len(world.server.record.paths)
    assert main(["retry-failed", dataset.url, *SERIAL, "--set", "fetch.total_timeout_s=30"]) == 0
    assert sorted(world.server.record.paths[asked:]) == ["/a.jpg", "/e.png", "/f.jpg"]
    assert "3 images tried again: 2 came (2 kept), 1 failed again" in capsys.readouterr().out
    after = open_dataset(dataset.url)
    assert after.generations() == [0, 1]
    reasons = _reasons(after, world)
    assert {name for name, reason in reasons.items() if reason} == {"a.jpg", "gone.jpg", "page.jpg", "grey.jpg"}
    assert all(after.store.read(tar) == data for tar, data in tars.items())
    keys = {row["key"] for row, _ in after}
    assert keys > before.keys()
    assert problems(after.url) == []
    assert after.info["state"] == "complete"
    stats = json.loads(after.store.read("report/stats.json"))
    assert stats["patches"] == len(keys)


def test_a_second_retry_tries_what_is_left_and_a_third_has_nothing_to_do(
    world: WebWorld, dataset: Dataset, capsys: pytest.CaptureFixture[str]
) -> None:
    world.busy -= {"e.png", "f.jpg"}
    assert main(["retry-failed", dataset.url, *SERIAL]) == 0
    world.busy.clear()
    capsys.readouterr()
    assert main(["retry-failed", dataset.url, *SERIAL]) == 0
    assert "1 image tried again: 1 came (1 kept), 0 failed again" in capsys.readouterr().out
    before = digest(dataset.url)
    assert main(["retry-failed", dataset.url, *SERIAL]) == 0
    assert "nothing failed for a reason that may pass: nothing to do" in capsys.readouterr().out
    assert digest(dataset.url) == before
    assert open_dataset(dataset.url).generations() == [0, 1, 2]
    assert problems(dataset.url) == []


def test_only_patience_may_be_changed(dataset: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = digest(dataset.url)
    assert main(["retry-failed", dataset.url, *SERIAL, "--set", "patches.size=128"]) == 2
    assert "patches.size: 64 → 128" in capsys.readouterr().err
    assert digest(dataset.url) == before
    assert main(["retry-failed", str(tmp_path / "nowhere")]) == 1
    assert "no dataset at" in capsys.readouterr().err


def test_a_build_afterwards_keeps_the_retried(world: WebWorld, dataset: Dataset) -> None:
    world.busy.clear()
    assert main(["retry-failed", dataset.url, *SERIAL]) == 0
    before = digest(dataset.url)
    world.build(dataset.url)
    assert digest(dataset.url) == before


def test_a_picture_that_failed_and_was_taken_down_is_not_tried(world: WebWorld, dataset: Dataset) -> None:
    assert main(["takedown", dataset.url, "--url", world.url("e.png")]) == 0
    world.busy.clear()
    asked = len(world.server.record.paths)
    assert main(["retry-failed", dataset.url, *SERIAL]) == 0
    assert sorted(world.server.record.paths[asked:]) == ["/a.jpg", "/f.jpg"]
    assert problems(dataset.url) == []


def test_a_takedown_that_was_interrupted_is_finished_first(
    world: WebWorld, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch, pytest.raises(KilledError):
        kill_after(patch, 7)
        main(["takedown", dataset.url, "--url", world.url("b.jpg")])
    assert main(["retry-failed", dataset.url, *SERIAL]) == 0
    assert files_with(dataset.url, world.url("b.jpg")) == []
    assert problems(dataset.url) == []


def test_a_takedown_reaches_every_generation(world: WebWorld, dataset: Dataset) -> None:
    world.busy.clear()
    assert main(["retry-failed", dataset.url, *SERIAL]) == 0
    kept = sum(shard.patches for shard in dataset.shards())
    assert main(["takedown", dataset.url, "--url", world.url("a.jpg")]) == 0
    gone = [row for row in rows(dataset).values() if row["reason"] == "taken_down"]
    assert len(gone) == 3
    assert sum(shard.patches for shard in dataset.shards()) < kept
    assert problems(dataset.url) == []


def test_stopped_anywhere_a_retry_is_finished_and_not_repeated(
    world: WebWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.busy = {"a.jpg"}
    command = ["retry-failed", str(tmp_path / "out"), *SERIAL]
    shutil.copytree(world.root / "built", tmp_path / "out")
    with monkeypatch.context() as patch:
        changes = kill_after(patch, 10_000)
        assert main(command) == 0
    expected = digest(str(tmp_path / "out"))
    for moment in range(0, len(changes), max(1, len(changes) // 8)):
        shutil.rmtree(tmp_path / "out")
        shutil.copytree(world.root / "built", tmp_path / "out")
        with monkeypatch.context() as patch:
            kill_after(patch, moment)
            with pytest.raises(KilledError):
                main(command)
        assert main(command) == 0
        assert digest(str(tmp_path / "out")) == expected, f"stopped before {changes[moment]}"
    world.busy = set(BUSY)
