"""Killed at any moment and run again, a build leaves what an undisturbed one leaves, byte for byte."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import psutil
import pytest

from tests.flow.world import World, digest

STEPS = {
    "plan": "plan",
    "fetch": "images",
    "deduplicate": "plan/g000/patches.json",
    "cut": "patches",
    "finish": "report",
}
"""Step → the place where its first trace appears; a kill falls some time after that."""


def _kill_driver(process: subprocess.Popen[str]) -> None:
    os.kill(process.pid, signal.SIGKILL)


def _kill_worker(process: subprocess.Popen[str]) -> None:
    """One Ray worker at random; the driver lives on and Ray starts the unit again."""
    workers = []
    for child in psutil.Process(process.pid).children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            title = " ".join(child.cmdline())
            # Ray's own agents bear such titles too; with one of them its whole node goes.
            if title.startswith("ray::") and "Agent" not in title:
                workers.append(child)
    if workers:
        random.choice(workers).kill()


def _kill_cluster(process: subprocess.Popen[str]) -> None:
    """Every process of the local Ray cluster, the driver excepted."""
    for child in psutil.Process(process.pid).children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            child.kill()


def _disturb(
    world: World, out: Path, step: str, delay: float, kill: Callable[[subprocess.Popen[str]], None], executor: str
) -> tuple[int, str]:
    """Starts a build, kills something `delay` seconds after a step began, and waits for the driver to end."""
    with world.start(str(out), executor=executor) as process:
        while process.poll() is None and not (out / STEPS[step]).exists():
            time.sleep(0.005)
        time.sleep(delay)
        if process.poll() is None:
            kill(process)
        printed, _ = process.communicate(timeout=120)
    return process.returncode, printed


@pytest.mark.parametrize("seed", range(2 * len(STEPS)))
def test_a_killed_driver_resumes(world: World, undisturbed: Mapping[str, str], tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    out = tmp_path / "out"
    step = list(STEPS)[seed % len(STEPS)]
    _disturb(world, out, step, chance.uniform(0, 0.25), _kill_driver, "serial")
    code, printed = world.build(str(out))
    assert code == 0, printed
    assert digest(str(out)) == undisturbed


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(9))
def test_killed_parts_of_a_ray_cluster(world: World, undisturbed: Mapping[str, str], tmp_path: Path, seed: int) -> None:
    chance = random.Random(100 + seed)
    out = tmp_path / "out"
    kill = [_kill_worker, _kill_driver, _kill_cluster][seed % 3]
    step = ["plan", "fetch", "cut"][seed // 3]
    code, printed = _disturb(world, out, step, chance.uniform(0, 0.8), kill, "ray")
    assert "Traceback" not in printed
    if kill is _kill_worker:
        assert code == 0, printed
    code, printed = world.build(str(out), executor="ray" if seed in (1, 5) else "serial")  # after a driver, a cluster
    assert code == 0, printed
    assert digest(str(out)) == undisturbed
