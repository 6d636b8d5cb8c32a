"""Killed, stopped, damaged, starved of disk: a pre-training run goes on as if nothing had happened, or says in one line
why it cannot. "As if nothing had happened" is bit for bit: losses, scores, last weights, optimiser, pictures."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.flow.test_faults import tmpfs
from tests.flow.training import STEPS, Run, Trainer, copy_run, traces


@pytest.fixture
def stopped(finished: Path, tmp_path: Path) -> Path:
    """A run that was killed near its end: its checkpoints are those of steps 4 and 6, its log knows of later steps."""
    out = copy_run(finished, tmp_path / "run")
    shutil.rmtree(out / "checkpoints/step-00000008")
    assert sorted(path.name for path in (out / "checkpoints").glob("step-*")) == ["step-00000004", "step-00000006"]
    return out


def _one_line(printed: str) -> str:
    """The last line, which must be the command's own and follow no traceback."""
    assert "Traceback" not in printed, printed
    line = printed.strip().splitlines()[-1]
    assert line.startswith("million-ird pretrain: "), printed
    return line


def _await(run: Run, condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert psutil.pid_exists(run.pid) and psutil.Process(run.pid).status() != psutil.STATUS_ZOMBIE, run.printed
        assert time.monotonic() < deadline, run.printed
        time.sleep(0.005)


def _logged(out: Path) -> int:
    """Lines in the log."""
    with contextlib.suppress(FileNotFoundError):
        return (out / "log.jsonl").read_bytes().count(b"\n")
    return 0


@pytest.mark.parametrize("seed", range(2))
def test_killed_at_any_moment_a_run_goes_on_bit_for_bit(
    train: Trainer, trained: Mapping[str, Any], tmp_path: Path, seed: int
) -> None:
    """Several times, each time with another number of data workers."""
    chance = random.Random(seed)
    out = tmp_path / "run"
    for attempt in range(2):
        seen = _logged(out)
        run = train.start(out, "--resume", f"stream.workers={(seed + attempt) % 3}")
        with contextlib.suppress(AssertionError):  # it may be done before
            _await(run, lambda seen=seen: _logged(out) != seen)  # type: ignore[misc]
        time.sleep(chance.uniform(0, 0.8))
        with contextlib.suppress(ProcessLookupError):
            run.signal(signal.SIGKILL)
        run.wait()
        assert "Traceback" not in run.printed
    code, printed = train.run(out, "--resume", f"stream.workers={(seed + 2) % 3}")
    assert code == 0, printed
    assert traces(out) == trained


@pytest.mark.parametrize("touch", [5, 17, 40])
def test_killed_while_saving(train: Trainer, trained: Mapping[str, Any], tmp_path: Path, touch: int) -> None:
    """Before the manifest is written, between a checkpoint and the note that it is the best, amid removing one."""
    out = tmp_path / "run"
    run = train.start(out, die_at=touch)
    assert run.wait() == -signal.SIGKILL, run.printed
    code, printed = train.run(out, "--resume")
    assert code == 0, printed
    assert traces(out) == trained
    assert not [path for path in out.rglob(".*") if path.name != ".lock"]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 75), (signal.SIGINT, 130)])
def test_told_to_stop_it_saves_and_can_go_on(
    train: Trainer, trained: Mapping[str, Any], tmp_path: Path, number: signal.Signals, code: int
) -> None:
    out = tmp_path / "run"
    run = train.start(out, "stream.workers=1")
    _await(run, lambda: _logged(out) >= 2)
    os.killpg(run.pid, number)  # as a terminal's Ctrl-C does
    assert run.wait() == code
    assert f"{number.name}: finishing this step and saving" in run.printed
    assert "go on with --resume" in run.printed and "Traceback" not in run.printed
    steps = sorted(path.name for path in (out / "checkpoints").glob("step-*"))
    assert steps and steps[-1] != f"step-{STEPS:08d}"
    done, printed = train.run(out, "--resume")
    assert done == 0, printed
    assert traces(out) == trained


def test_a_killed_data_worker_is_replaced(train: Trainer, trained: Mapping[str, Any], tmp_path: Path) -> None:
    out = tmp_path / "run"
    run = train.start(out, "stream.workers=2")
    _await(run, lambda: _logged(out) >= 1)
    workers = psutil.Process(run.pid).children()
    assert len(workers) == 2
    workers[0].kill()
    assert run.wait() == 0, run.printed
    assert "was killed by SIGKILL" in run.printed and "started again" in run.printed
    assert traces(out) == trained


def test_nothing_outlives_a_killed_run(train: Trainer, tmp_path: Path) -> None:
    run = train.start(tmp_path / "run", "stream.workers=2")
    _await(run, lambda: len(psutil.Process(run.pid).children()) == 2)
    workers = psutil.Process(run.pid).children()
    run.signal(signal.SIGKILL)
    run.wait()
    _, alive = psutil.wait_procs(workers, timeout=20)
    assert not alive


def _truncated(checkpoint: Path) -> None:
    os.truncate(checkpoint / "state.safetensors", 1000)


def _flipped(checkpoint: Path) -> None:
    data = bytearray((checkpoint / "model.safetensors").read_bytes())
    data[len(data) // 2] ^= 16
    (checkpoint / "model.safetensors").write_bytes(data)


def _half_written(checkpoint: Path) -> None:
    (checkpoint / "checkpoint.json").unlink()


@pytest.mark.parametrize("damage", [_truncated, _flipped, _half_written], ids=lambda damage: damage.__name__.strip("_"))
def test_a_damaged_newest_checkpoint_costs_its_steps_alone(
    train: Trainer, trained: Mapping[str, Any], stopped: Path, damage: Callable[[Path], None]
) -> None:
    damage(stopped / "checkpoints/step-00000006")
    code, printed = train.run(stopped, "--resume")
    assert code == 0, printed
    assert "step-00000006 is " in printed and "trying the one before" in printed
    assert "train: 4 of 8 steps were done already" in printed
    assert traces(stopped) == trained


def test_no_checkpoint_left_is_one_line(train: Trainer, stopped: Path) -> None:
    for checkpoint in (stopped / "checkpoints").glob("step-*"):
        _flipped(checkpoint)
    code, printed = train.run(stopped, "--resume")
    assert code == 1
    assert "no checkpoint below" in _one_line(printed) and "another --out" in printed


def test_a_full_disk_is_one_line_and_the_run_goes_on_where_there_is_room(
    train: Trainer, trained: Mapping[str, Any], finished: Path, tmp_path: Path
) -> None:
    sizes = [sum(file.stat().st_size for file in path.iterdir()) for path in (finished / "checkpoints").glob("step-*")]
    with tmpfs(tmp_path / "small", f"size={int(2.5 * sizes[0]) // 1024}k"):
        out = tmp_path / "small/run"
        code, printed = train.run(out)
        assert code == 1
        line = _one_line(printed)
        assert "cannot save step 6" in line and "the disk is full" in line and "step 4 is untouched" in line
        subprocess.run(["mount", "-o", "remount,size=64m", str(tmp_path / "small")], check=True)
        code, printed = train.run(out, "--resume")
        assert code == 0, printed
        assert "train: 4 of 8 steps were done already" in printed
        assert traces(out) == trained


def test_a_read_only_folder_is_one_line(train: Trainer, tmp_path: Path) -> None:
    with tmpfs(tmp_path / "fixed", "ro"):
        code, printed = train.run(tmp_path / "fixed/run")
    assert code == 1
    assert "read-only: choose another --out" in _one_line(printed)


def test_a_file_in_place_of_the_folder_is_one_line(train: Trainer, tmp_path: Path) -> None:
    (tmp_path / "run").write_text("mine")
    code, printed = train.run(tmp_path / "run")
    assert code == 1
    assert "it is a file, not a folder" in _one_line(printed)
    assert (tmp_path / "run").read_text() == "mine"


def test_two_runs_never_share_a_folder(train: Trainer, trained: Mapping[str, Any], tmp_path: Path) -> None:
    out = tmp_path / "run"
    first = train.start(out)
    _await(first, lambda: _logged(out) >= 1)
    first.signal(signal.SIGSTOP)  # alive, and in no danger of finishing
    code, printed = train.run(out, "--resume")
    first.signal(signal.SIGCONT)
    assert code == 1
    assert f"another run is writing to {out} (process {first.pid} on " in _one_line(printed)
    assert first.wait() == 0, first.printed
    assert traces(out) == trained


def test_a_folder_that_holds_a_run_is_not_begun_anew(train: Trainer, stopped: Path) -> None:
    before = sorted(str(path) for path in stopped.rglob("*"))
    code, printed = train.run(stopped)
    assert code == 2
    assert "go on with --resume" in _one_line(printed)
    assert sorted(str(path) for path in stopped.rglob("*")) == before


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("model.width=16", "model.width: 8 → 16"),
        ("seed=1", "seed: 0 → 1"),
        ("variants={large=[1,1,1,2]}", "variants.small: "),
    ],
)
def test_another_recipe_is_named(train: Trainer, stopped: Path, change: str, said: str) -> None:
    code, printed = train.run(stopped, "--resume", change)
    assert code == 2
    assert said in _one_line(printed) and "another --out" in printed


def test_a_checkpoint_of_another_width_is_one_line(train: Trainer, finished: Path, tmp_path: Path) -> None:
    code, printed = train.run(tmp_path / "run", f"init={finished}", "model.width=16")
    assert code in (1, 2)
    assert "width" in _one_line(printed)


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("draw.probability={huge=1.0}", "huge"),
        ("model={family = 'lmd-vit'}", "LMD-ViT cannot run it"),
        ("variants={large=[1,1]}", "large"),
        ("draw.rulle=sandwich", "did you mean draw.rule?"),
        ("stream.crop=256", "256"),  # the patches have 128
        ("checkpoint.keep=0", "keep: got 0, expected 1 or more"),
    ],
)
def test_what_cannot_be_trained_is_one_line(train: Trainer, tmp_path: Path, setting: str, said: str) -> None:
    code, printed = train.run(tmp_path / "run", setting)
    assert code in (1, 2)
    assert said in _one_line(printed)


def _newer_format(dataset: Path) -> None:
    info = json.loads((dataset / "dataset.json").read_text())
    info["format_version"] = "99.0"
    (dataset / "dataset.json").write_text(json.dumps(info))


def _no_shards(dataset: Path) -> None:
    shutil.rmtree(dataset / "patches")


def _empty_shard(dataset: Path) -> None:
    sorted((dataset / "patches").rglob("*.tar"))[0].write_bytes(b"")


@pytest.mark.parametrize("damage", [_newer_format, _no_shards, _empty_shard], ids=lambda damage: damage.__name__)
def test_a_dataset_that_cannot_be_read_is_one_line(
    train: Trainer, training_set: Path, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    shutil.copytree(training_set, tmp_path / "dataset")
    damage(tmp_path / "dataset")
    code, printed = train.run(tmp_path / "run", "--dataset", str(tmp_path / "dataset"), "stream.damage_grace=4")
    assert code == 1, printed
    _one_line(printed)
