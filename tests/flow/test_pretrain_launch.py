"""Many ranks train what one trains: under torchrun, in processes like its, on workers of Ray; lost ranks included."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch

from pretrain.weights import read_safetensors
from tests.flow.training import STEPS, Trainer, traces

_WEIGHTS = f"checkpoints/step-{STEPS:08d}/model.safetensors"


def _same_training(out: Path, finished: Path, trained: Mapping[str, Any]) -> None:
    """Losses, scores and weights within what another order of additions does; all else equal."""
    one, many = trained["log"], traces(out)["log"]
    assert [(line["kind"], line["step"]) for line in many] == [(line["kind"], line["step"]) for line in one]
    for line, expected in zip(many, one, strict=True):
        assert line.keys() == expected.keys()
        for name in {"loss", "psnr", "mean", "gradient_norm", "degraded", "masked", "clean"} & line.keys():
            assert line[name] == pytest.approx(expected[name], rel=1e-5), (line, name)
        for name in {"updates", "learning_rate", "substituted"} & line.keys():
            assert line[name] == expected[name]
    weights, expected = (read_safetensors(folder / _WEIGHTS)[0] for folder in (out, finished))
    assert weights.keys() == expected.keys()
    for name, tensor in weights.items():  # 4e-7 was measured
        torch.testing.assert_close(tensor, expected[name], rtol=0.0, atol=1e-5)


def _wait(out: Path, lines: int, alive: Any) -> None:
    deadline = time.monotonic() + 240
    while not (out / "log.jsonl").exists() or (out / "log.jsonl").read_bytes().count(b"\n") < lines:
        assert alive() and time.monotonic() < deadline
        time.sleep(0.01)


def test_torchrun_trains_what_one_process_trains(
    train: Trainer, finished: Path, trained: Mapping[str, Any], tmp_path: Path
) -> None:
    out = tmp_path / "run"
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    command += ["-m", "million_ird.cli", *train.arguments(out)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("train: 8/8 steps") == 1, "only the first rank speaks"
    _same_training(out, finished, trained)


def test_ranks_stop_together_and_go_on_as_one_process(
    train: Trainer, finished: Path, trained: Mapping[str, Any], tmp_path: Path
) -> None:
    out = tmp_path / "run"
    runs = train.start_ranks(2, out)
    _wait(out, 1, lambda: all(psutil.pid_exists(run.pid) for run in runs))
    runs[0].signal(signal.SIGSTOP)  # the run cannot end before the other one hears
    runs[1].signal(signal.SIGTERM)  # one of them alone, which waits for the first
    runs[0].signal(signal.SIGCONT)
    assert [run.wait() for run in runs] == [75, 75], runs[1].printed
    assert "stopped after step " in runs[0].printed and "stopped after" not in runs[1].printed
    code, printed = train.run(out, "--resume")
    assert code == 0, printed
    _same_training(out, finished, trained)


def test_a_lost_rank_ends_the_others_in_one_line(
    train: Trainer, finished: Path, trained: Mapping[str, Any], tmp_path: Path
) -> None:
    out = tmp_path / "run"
    runs = train.start_ranks(2, out)
    _wait(out, 2, lambda: all(psutil.pid_exists(run.pid) for run in runs))
    runs[1].signal(signal.SIGKILL)
    assert [run.wait() for run in runs] == [1, -signal.SIGKILL]
    assert "Traceback" not in runs[0].printed, runs[0].printed
    assert "another rank of this run was lost" in runs[0].printed and "--resume" in runs[0].printed
    runs = train.start_ranks(2, out, "--resume")
    assert [run.wait() for run in runs] == [0, 0]
    _same_training(out, finished, trained)


@pytest.mark.parametrize(
    ("setting", "said"),
    [("stream.lanes=3", "lanes"), ("batch=3", "batch"), ("dataset=/no/such/set", "/no/such/set")],
)
def test_what_the_ranks_cannot_share_is_one_line(train: Trainer, tmp_path: Path, setting: str, said: str) -> None:
    runs = train.start_ranks(2, tmp_path / "run", setting)
    codes = {run.wait() for run in runs}
    printed = "".join(run.printed for run in runs)
    assert codes in ({1}, {2}), printed
    (line,) = set(printed.strip().splitlines())  # each rank that finds it out for itself says the same
    assert line.startswith("million-ird pretrain: ") and said in line


@contextlib.contextmanager
def _on_ray(train: Trainer, ray_home: Path, out: Path, *more: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "million_ird.cli", *train.arguments(out, "--ray-workers=2", *more)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "RAY_TMPDIR": str(ray_home)}
    environment.pop("RAY_ADDRESS", None)
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                doomed = psutil.Process(process.pid).children(recursive=True)
                for each in [*doomed, psutil.Process(process.pid)]:
                    with contextlib.suppress(psutil.NoSuchProcess):
                        each.kill()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_ray_trains_the_same_and_a_killed_worker_costs_some_steps(
    train: Trainer, ray_home: Path, finished: Path, trained: Mapping[str, Any], tmp_path: Path
) -> None:
    out = tmp_path / "run"
    with _on_ray(train, ray_home, out) as process:
        _wait(out, 1, lambda: process.poll() is None)
        workers = [
            child
            for child in psutil.Process(process.pid).children(recursive=True)
            if re.search(r"ray::.*RayTrainWorker", " ".join(child.cmdline()))
        ]
        assert len(workers) == 2
        workers[1].kill()
        printed, _ = process.communicate(timeout=500)
    assert process.returncode == 0, printed
    assert "a worker was lost" in printed and "going on from the newest checkpoint" in printed
    assert "train: 8/8 steps" in printed, "what the first rank says reaches the terminal"
    assert sorted(path.name for path in out.iterdir() if path.name in (".ray", ".stop")) == []
    _same_training(out, finished, trained)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_on_ray_sigterm_saves(
    train: Trainer, ray_home: Path, finished: Path, trained: Mapping[str, Any], tmp_path: Path
) -> None:
    out = tmp_path / "run"
    with _on_ray(train, ray_home, out) as process:
        _wait(out, 1, lambda: process.poll() is None)
        process.send_signal(signal.SIGTERM)
        printed, _ = process.communicate(timeout=500)
    assert process.returncode == 75, printed
    assert "Traceback" not in printed
    code, printed = train.run(out, "--resume")
    assert code == 0, printed
    _same_training(out, finished, trained)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_on_ray_what_cannot_be_is_one_line(train: Trainer, ray_home: Path, tmp_path: Path) -> None:
    with _on_ray(train, ray_home, tmp_path / "run", "stream.lanes=3") as process:
        printed, _ = process.communicate(timeout=500)
    assert process.returncode == 2, printed
    assert "Traceback" not in printed and "lanes" in printed.strip().splitlines()[-1]
