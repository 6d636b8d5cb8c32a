"""Two executors, one meaning: results in any order, a bug costs its unit, the user's mistake ends the run."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from million_ird.errors import MillionIrdError, UsageError
from pipelines.executors.base import ExecutionSettings, Executor
from pipelines.executors.on_ray import _ClusterWatch
from pipelines.session import make_executor
from tests.pipelines.executors.jobs import work


@pytest.fixture(scope="module")
def on_ray() -> Iterator[Executor]:
    executor = make_executor(ExecutionSettings(executor="ray", workers=2, memory_gb=0.2, retries=2))
    yield executor
    executor.close()


@pytest.fixture(params=["serial", "ray"])
def executor(request: pytest.FixtureRequest) -> Executor:
    if request.param == "serial":
        return make_executor(ExecutionSettings(executor="serial"))
    found: Executor = request.getfixturevalue("on_ray")
    return found


def test_every_payload_comes_back_once(executor: Executor, tmp_path: Path) -> None:
    payloads = [("square", n) for n in range(40)]
    outcomes = list(executor.run(work, str(tmp_path), payloads))
    assert sorted((each.payload[1], each.result) for each in outcomes) == [(n, n * n) for n in range(40)]
    assert not any(each.failure for each in outcomes)
    assert list(executor.run(work, str(tmp_path), [])) == []


def test_a_bug_costs_its_own_unit(executor: Executor, tmp_path: Path) -> None:
    outcomes = list(executor.run(work, str(tmp_path), [("square", 1), ("bug", 0), ("square", 2)]))
    by_payload = {each.payload: each for each in outcomes}
    assert by_payload["square", 2].result == 4
    failure = by_payload["bug", 0].failure
    assert "Traceback" in failure or "ray::" in failure
    assert "a bug of ours" in failure


def test_the_users_mistake_ends_the_run(executor: Executor, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="the user's to solve"):
        list(executor.run(work, str(tmp_path), [("user", 0), *(("square", n) for n in range(5))]))
    assert [each.result for each in executor.run(work, str(tmp_path), [("square", 3)])] == [9], "it can be used again"


def test_payloads_are_taken_as_they_are_needed(executor: Executor, tmp_path: Path) -> None:
    taken = 0

    def payloads() -> Iterator[Any]:
        nonlocal taken
        for n in range(1000):
            taken += 1
            yield ("square", n)

    run = executor.run(work, str(tmp_path), payloads())
    next(iter(run))
    assert taken <= 10, "a list of any length is never taken whole"
    run.close()  # type: ignore[attr-defined]


@pytest.mark.slow
def test_a_worker_that_dies_is_replaced_so_often_and_no_more(on_ray: Executor, tmp_path: Path) -> None:
    # A run that was left early has its workers killed; one that is just dying may cost this unit an attempt more.
    for deaths, lives, seen in ((1, True, {1}), (100, False, {2, 3})):
        (tmp_path / str(deaths)).mkdir()
        (outcome,) = on_ray.run(work, str(tmp_path / str(deaths)), [("die", deaths)])
        assert (outcome.result == "lived") == lives
        assert ("WorkerCrashedError" in outcome.failure) == (not lives)
        assert (tmp_path / str(deaths) / "deaths").stat().st_size in seen


def test_ray_sends_no_usage_statistics(on_ray: Executor, monkeypatch: pytest.MonkeyPatch) -> None:
    assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "1")
    make_executor(ExecutionSettings(executor="ray")).close()
    assert os.environ["RAY_USAGE_STATS_ENABLED"] == "1", "unless the user wants it"


def test_a_cluster_that_is_not_there_is_one_line(on_ray: Executor, monkeypatch: pytest.MonkeyPatch) -> None:
    import ray

    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    monkeypatch.setattr(ray, "is_initialized", lambda: False)

    def refuse(**_: object) -> None:
        raise ConnectionError("nobody there\nand more")

    monkeypatch.setattr(ray, "init", refuse)
    with pytest.raises(MillionIrdError, match=r"no Ray at 127\.0\.0\.1:1: nobody there$"):
        make_executor(ExecutionSettings(executor="ray"))


def test_a_cluster_that_is_gone_is_said_to_be_gone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(_ClusterWatch, "_EVERY_S", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as server:
        watch = _ClusterWatch(f"127.0.0.1:{server.getsockname()[1]}")
        time.sleep(0.3)
        assert capsys.readouterr().err == ""
    watch._thread.join(timeout=30)
    watch.stop()
    assert capsys.readouterr().err.count("run the same command again to resume") == 1
