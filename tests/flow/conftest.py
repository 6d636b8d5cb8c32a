"""The small world and a quiet build of it, one of each per test module; and for all of them a quiet training on it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.flow.training import Trainer, traces, trainer
from tests.flow.world import World, digest


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="module")
def undisturbed(world: World) -> Mapping[str, str]:
    """What a serial build that nobody disturbed leaves."""
    code, printed = world.build(str(world.root / "undisturbed"))
    assert code == 0, printed
    return digest(str(world.root / "undisturbed"))


@pytest.fixture(scope="session")
def training_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small dataset, to be looked at."""
    world = World(tmp_path_factory.mktemp("world"))
    code, printed = world.build(str(world.root / "dataset"))
    assert code == 0, printed
    return world.root / "dataset"


@pytest.fixture(scope="session")
def train(training_set: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trainer]:
    """Starts pre-training runs on it."""
    with trainer(tmp_path_factory.mktemp("training"), "--dataset", str(training_set)) as started:
        yield started


@pytest.fixture(scope="session")
def finished(train: Trainer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that nobody disturbed, done by the command as a person starts it."""
    out = tmp_path_factory.mktemp("finished") / "run"
    command = [sys.executable, "-m", "million_ird.cli", *train.arguments(out)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return out


@pytest.fixture(scope="session")
def trained(finished: Path) -> Mapping[str, Any]:
    """What it left."""
    return traces(finished)
