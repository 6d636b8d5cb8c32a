"""A fine-tuning that is killed at any moment goes on with --resume, and ends bit for bit as if it had not been: of
GhostSR, whose dense network is trained first, and of LMD-ViT, taught by masks and by blur that is drawn."""

from __future__ import annotations

import contextlib
import random
import re
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.flow.training import Trainer, traces, trainer
from tests.pretrain.local_blur.triples import write_folder
from tests.pretrain.picture_files import write_pictures

KILLS = 2

_COMMON = """
name = "tiny"
batch = 2
crop = 32
{steps}
[optimizer]
lr = 1e-3
[schedule]
warmup = 0
[validation]
every = 5
images = 1
side = 32
pictures = 1
[checkpoint]
every = 3
keep = 2
[log]
every = 1
tensorboard = false
[reading]
threads = 2
"""
GHOST = (
    _COMMON.format(steps="steps = 12")
    + """
[dense]
steps = 10
lr = 1e-3
[model]
family = "ghost"
epoch_steps = 2
[model.network]
family = "edsr"
scale = 2
width = 6
blocks = 2
[tasks.enlarge]
clean = "photographs"
scale = 2
"""
)
LMD_VIT = (
    _COMMON.format(steps="steps = 14")
    + f"""
[model]
family = "lmd-vit"
width = 4
window = 2
depths = {[1] * 9}
heads = {[1] * 9}
[loss]
kind = "deblurring"
pruning = 0.1
[tasks.drawn]
clean = "photographs"
local_blur = {{trail = [0.05, 0.2]}}
[tasks.masked]
triples = "shards"
"""
)
RECIPES = {"ghost": GHOST, "lmd-vit": LMD_VIT}


@contextmanager
def finetuning(folder: Path, recipe: str) -> Iterator[Trainer]:
    """Starts fine-tunings by a recipe on generated pictures."""
    write_pictures(folder / "photographs", "a.png", "b.jpg", "c.png", height=64, width=64)
    write_folder(folder / "shards", 4)
    with trainer(folder, "--device", "cpu", verb="finetune", recipe=recipe) as started:
        yield started


def left_behind(out: Path) -> dict[str, Any]:
    """What `traces` finds in a run and in its dense network's. Weights say by which they began, a place of this run."""
    found = {place.name: traces(place) for place in (out, out / "dense") if place.exists()}
    here = re.escape(str(out.absolute()).encode())
    return {
        f"{'dense' if place == 'dense' else 'run'} {name}": re.sub(here, b"", value) if type(value) is bytes else value
        for place, run in found.items()
        for name, value in run.items()
    }


def saved(out: Path) -> set[str]:
    """The checkpoints of both networks."""
    return {str(path) for path in out.glob("**/checkpoints/step-*")}


def killed_often(train: Trainer, out: Path, seed: int, kills: int) -> None:
    """Starts the run, kills it at some moment after it has saved anew, again and again, and lets it end."""
    chance = random.Random(seed)
    for _ in range(kills):
        seen = saved(out)
        run = train.start(out, "--resume")
        while saved(out) == seen and psutil.Process(run.pid).status() != psutil.STATUS_ZOMBIE:
            time.sleep(0.005)
        time.sleep(chance.uniform(0, 0.5))
        with contextlib.suppress(ProcessLookupError):
            run.signal(signal.SIGKILL)
        run.wait()
        assert "Traceback" not in run.printed, run.printed
    code, printed = train.run(out, "--resume")
    assert code == 0, printed


@pytest.mark.parametrize("name", RECIPES)
def test_killed_at_any_moment_it_goes_on_bit_for_bit(name: str, tmp_path: Path) -> None:
    with finetuning(tmp_path, RECIPES[name]) as train:
        code, printed = train.run(tmp_path / "undisturbed")
        assert code == 0, printed
        whole = left_behind(tmp_path / "undisturbed")
        killed_often(train, tmp_path / "killed_____", seed=0, kills=KILLS)  # a name of the same length
        again = left_behind(tmp_path / "killed_____")
        assert again.keys() == whole.keys()
        assert [key for key in whole if whole[key] != again[key]] == []
