"""What a process is told of its rank, and what becomes of errors on a Ray cluster. Whole runs are in tests/flow."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
import torch
import torch.distributed as dist

from million_ird.errors import MillionIrdError, StoreError, UsageError
from pretrain import launch
from pretrain.launch import RaySettings, launch_here, torchrun_ranks
from pretrain.ranks import Ranks, ToldError
from pretrain.signals import StopRequest


@pytest.fixture(autouse=True)
def no_torchrun(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "RAY_ADDRESS"):
        monkeypatch.delenv(name, raising=False)


def _gpus(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    """As if this machine had so many."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
    monkeypatch.setattr(torch.cuda, "set_device", lambda device: None)


def test_alone_it_is_the_only_rank(monkeypatch: pytest.MonkeyPatch) -> None:
    _gpus(monkeypatch, 0)
    with torchrun_ranks() as ranks:
        assert ranks == Ranks(0, 1, torch.device("cpu"))
    assert launch_here(lambda ranks, stop: 7) == 7


def test_a_single_process_of_torchrun_needs_no_group(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"RANK": "0", "WORLD_SIZE": "1", "LOCAL_RANK": "0"}.items():
        monkeypatch.setenv(name, value)
    with torchrun_ranks("cpu") as ranks:
        assert ranks.count == 1 and not dist.is_initialized()


_TWO_RANKS = """
import os, pathlib, torch
from pretrain.launch import torchrun_ranks

def train(ranks):
    model = ranks.share_gradients(torch.nn.Linear(2, 2), some_unused=False)
    held = [model]
    held.append(held)
    model(torch.ones(1, 2)).sum().backward()

with torchrun_ranks("cpu") as ranks:
    train(ranks)
names = [(task / "comm").read_text().strip() for task in pathlib.Path("/proc/self/task").iterdir()]
print(sorted(name for name in names if "gloo" in name))
"""


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="only Linux lists the threads of a process")
def test_no_thread_of_the_group_outlives_it() -> None:
    """One that drops its last tensor while the interpreter ends aborts the process, once in some dozens of runs."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    shared = {**os.environ, "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    ranks = [
        subprocess.Popen(
            [sys.executable, "-c", _TWO_RANKS],
            env={**shared, "RANK": rank, "LOCAL_RANK": rank},
            stdout=subprocess.PIPE,
            text=True,
        )
        for rank in ("0", "1")
    ]
    assert [process.communicate(timeout=120)[0] for process in ranks] == ["[]\n", "[]\n"]


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"RANK": "0"}, "WORLD_SIZE is not set: either torchrun sets"),
        ({"RANK": "0", "WORLD_SIZE": "2"}, "LOCAL_RANK is not set"),
        ({"RANK": "-1", "WORLD_SIZE": "2", "LOCAL_RANK": "0"}, "RANK is -1"),
    ],
)
def test_half_an_environment_is_one_line(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], said: str
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UsageError, match=said):
        torchrun_ranks().__enter__()


def test_each_local_rank_takes_its_own_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    _gpus(monkeypatch, 2)
    for name, value in {"RANK": "0", "WORLD_SIZE": "1", "LOCAL_RANK": "1"}.items():
        monkeypatch.setenv(name, value)
    with torchrun_ranks() as ranks:
        assert ranks.device == torch.device("cuda", 1)
    with torchrun_ranks("cpu") as ranks:
        assert ranks.device == torch.device("cpu")
    monkeypatch.setenv("LOCAL_RANK", "2")
    with pytest.raises(UsageError, match="local rank 2 has no GPU: this machine has 2"):
        torchrun_ranks().__enter__()


def test_a_gpu_that_is_not_there_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    _gpus(monkeypatch, 0)
    with pytest.raises(UsageError, match="--device cuda: PyTorch finds no GPU here"):
        launch_here(lambda ranks, stop: 0, "cuda")


def _raises(error: BaseException) -> launch.Job:
    def job(ranks: Ranks, stop: StopRequest) -> int:
        raise error

    return job


def test_what_the_first_rank_said_is_not_said_again() -> None:
    assert launch_here(_raises(ToldError("said", 2))) == 2


def test_lost_contact_is_one_line_and_a_bug_is_a_bug() -> None:
    gloo = "[../third_party/gloo/gloo/transport/tcp/pair.cc:538] Connection closed by peer [127.0.0.1]:5"
    for lost in (RuntimeError(gloo), dist.DistNetworkError("failed to recv"), dist.DistBackendError("NCCL error")):
        with pytest.raises(MillionIrdError, match="another rank of this run was lost"):
            launch_here(_raises(lost))
    with pytest.raises(RuntimeError, match="shapes"):
        launch_here(_raises(RuntimeError("shapes cannot be multiplied")))


def test_a_signal_reaches_the_job() -> None:
    def job(ranks: Ranks, stop: StopRequest) -> int:
        os.kill(os.getpid(), signal.SIGTERM)
        return stop.exit_code if stop.agreed(ranks) else 0

    assert launch_here(job) == 75


@pytest.mark.parametrize("settings", [{"workers": 0}, {"workers": 1, "cpus": 0}, {"workers": 1, "failures": -1}])
def test_settings_say_what_they_want(settings: dict[str, int]) -> None:
    with pytest.raises(UsageError, match="needs at least one worker"):
        RaySettings(**settings)


@pytest.mark.parametrize(
    ("there", "workers", "cpus", "expected"),
    [
        ({"CPU": 16.0}, 2, 5, ({"CPU": 5}, False)),
        ({"CPU": 4.0}, 2, 5, ({"CPU": 2}, False)),
        ({"CPU": 16.0, "GPU": 4.0}, 4, 3, ({"CPU": 3, "GPU": 1}, True)),
        ({"CPU": 16.0, "GPU": 1.0}, 2, 1, "--ray-workers 2: the cluster has 1 GPUs, one is needed for each"),
        ({"CPU": 1.0}, 2, 1, "--ray-workers 2: the cluster has 1 cores, one is needed for each"),
    ],
)
def test_workers_reserve_what_there_is(
    monkeypatch: pytest.MonkeyPatch, there: dict[str, float], workers: int, cpus: int, expected: object
) -> None:
    import ray

    monkeypatch.setattr(ray, "cluster_resources", lambda: there)
    if isinstance(expected, str):
        with pytest.raises(UsageError, match=expected):
            launch._resources(RaySettings(workers, cpus))
    else:
        assert launch._resources(RaySettings(workers, cpus)) == expected


def _failure(*errors: BaseException) -> BaseException:
    """What Ray Train raises where workers failed so: an exception of the job as it is, a death as one of its own."""
    from ray.train import WorkerGroupError
    from ray.train.v2._internal.exceptions import WorkerHealthCheckFailedError

    failures = [
        WorkerHealthCheckFailedError("a check failed", failure=error) if isinstance(error, ConnectionError) else error
        for error in errors
    ]
    return WorkerGroupError("some text", dict(enumerate(failures)))


_DEAD = ConnectionError("The actor died.\nMore about it.")
_LOST = RuntimeError("[gloo/transport/tcp/pair.cc:538] Connection closed by peer")


@pytest.mark.parametrize(
    ("errors", "line"),
    [
        ([_LOST, _DEAD], "a worker was lost (The actor died.)"),
        ([ValueError("in consequence"), _DEAD], "a worker was lost (The actor died.)"),
        (
            [RuntimeError("CUDA error: uncorrectable ECC error")],
            "a worker was lost (CUDA error: uncorrectable ECC error)",
        ),
    ],
)
def test_a_lost_worker_is_explained(errors: list[BaseException], line: str) -> None:
    assert launch._explain(_failure(*errors)) == line


@pytest.mark.parametrize(
    "errors",
    [
        [_LOST, StoreError("the disk is full")],
        [StoreError("the disk is full"), ToldError("the disk is full", 1)],
        [_DEAD, StoreError("the disk is full")],
        [_LOST, ToldError("the disk is full", 1)],  # Ray may not have heard of the first rank yet
    ],
)
def test_an_error_of_the_job_is_its_own(errors: list[BaseException]) -> None:
    with pytest.raises(MillionIrdError, match="the disk is full") as error:
        launch._explain(_failure(*errors))
    assert error.value.exit_code == 1


def test_workers_that_cannot_be_started_are_explained() -> None:
    from ray.train import ControllerError

    error = ControllerError(TimeoutError("no resources within 30 s\nmore"))
    assert launch._explain(error) == "Ray could not start the workers (no resources within 30 s)"


def test_a_cluster_that_is_gone_is_explained() -> None:
    import ray

    error = ray.exceptions.RaySystemError("the head node does not answer")
    assert launch._explain(error) == "a worker was lost (System error: the head node does not answer)"


def test_a_bug_is_a_bug_on_ray_too() -> None:
    with pytest.raises(ZeroDivisionError):
        launch._explain(_failure(ZeroDivisionError("a bug"), _LOST))
    with pytest.raises(ZeroDivisionError):
        launch._explain(ZeroDivisionError("in Ray itself"))


def test_what_workers_say_is_passed_on_and_signals_become_a_file(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / ".ray").mkdir()
    (tmp_path / ".ray/output").write_text("said before\n")

    def fit() -> int:
        with (tmp_path / ".ray/output").open("a") as said:
            said.write("step 1\n")
        os.kill(os.getpid(), signal.SIGTERM)
        while not (tmp_path / ".stop").exists():
            pass
        return 75

    with StopRequest() as stop:
        assert launch._await(fit, stop, tmp_path) == 75
    printed = capfd.readouterr().err
    assert "step 1\n" in printed and "said before" not in printed


class _Fits:
    """Stands in for Ray: each call has the next of these outcomes, an exit code or what a worker failed by."""

    def __init__(self, *outcomes: int | BaseException) -> None:
        self._outcomes = iter(outcomes)

    def __call__(self, *_: object) -> int:
        outcome = next(self._outcomes)
        if isinstance(outcome, BaseException):
            raise _failure(outcome)
        return outcome


@pytest.mark.parametrize(
    ("outcomes", "code", "said"),
    [
        ([0], 0, 0),
        ([_DEAD, 0], 0, 1),
        ([_DEAD, _LOST, 75], 75, 2),
        ([_DEAD, _DEAD, _DEAD], "given up after 2 new starts; use --resume", 2),
        ([_DEAD, StoreError("the disk is full")], "the disk is full", 1),
    ],
)
def test_a_lost_worker_is_a_new_start(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, outcomes: list[int | BaseException], code: int | str, said: int
) -> None:
    monkeypatch.setattr(launch, "_cluster", contextlib.nullcontext)
    monkeypatch.setattr(launch, "_resources", lambda settings: ({"CPU": 1.0}, False))
    monkeypatch.setattr(launch, "_fit", _Fits(*outcomes))
    lines: list[str] = []
    settings = RaySettings(2, failures=2)
    start = partial(launch.launch_on_ray, _raises(AssertionError()), tmp_path / "run", settings, lines.append)
    if isinstance(code, str):
        with pytest.raises(MillionIrdError, match=re.escape(code)):
            start()
    else:
        assert start() == code
    assert len(lines) == said and all("going on from the newest checkpoint" in line for line in lines)
    assert not any((tmp_path / "run").iterdir())
