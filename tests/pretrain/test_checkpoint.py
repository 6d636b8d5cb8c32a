"""Checkpoints are whole or not there, a damaged one costs only the steps since the one before, old ones go."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

from million_ird.errors import DatasetError, StoreError
from pretrain.checkpoint import Checkpoint, Checkpoints, CheckpointSettings, read_checkpoint
from tests.flow.test_faults import tmpfs


def _checkpoint(step: int, **changes: Any) -> Checkpoint:
    generator = torch.Generator().manual_seed(step)
    values: dict[str, Any] = {
        "step": step,
        "position": step * 32,
        "model": {"embed.weight": torch.randn(8, 3, generator=generator)},
        "optimiser": {"state": {0: {"step": torch.tensor(float(step))}}, "param_groups": [{"betas": (0.9, 0.999)}]},
        "metadata": {"architecture": "{}", "licences": "CC-BY-4.0"},
        "rng": {"torch": generator.get_state()},
        "best": 31.25,
        "counters": {"updates": {"large": step}, "seconds": {"large": 0.1 + 0.2}},
        **changes,
    }
    return Checkpoint(**values)


def _same(a: Checkpoint, b: Checkpoint) -> bool:
    plain = [(c.step, c.position, dict(c.metadata), c.best, dict(c.counters)) for c in (a, b)]
    tensors = [{**c.model, **(c.ema or {}), "rng": c.rng["torch"]} for c in (a, b)]
    return (
        plain[0] == plain[1]
        and tensors[0].keys() == tensors[1].keys()
        and all(torch.equal(tensors[0][name], tensors[1][name]) for name in tensors[0])
        and a.optimiser["param_groups"] == b.optimiser["param_groups"]
        and torch.equal(a.optimiser["state"][0]["step"], b.optimiser["state"][0]["step"])
        and (a.ema is None) == (b.ema is None)
    )


class _Run:
    """A run folder, and what was said about it."""

    def __init__(self, folder: Path, keep: int = 3) -> None:
        self.folder, self.said = folder, list[str]()
        self.checkpoints = Checkpoints(folder, CheckpointSettings(keep=keep), self.said.append)

    def save(self, *steps: int, best: int | None = None) -> None:
        for step in steps:
            self.checkpoints.save(_checkpoint(step), best=step == best)

    def names(self) -> list[str]:
        return sorted(path.name for path in (self.folder / "checkpoints").iterdir())

    def reopened(self) -> _Run:
        return _Run(self.folder)


@pytest.fixture
def run(tmp_path: Path) -> _Run:
    return _Run(tmp_path)


def test_everything_comes_back(run: _Run) -> None:
    for step, ema in ((5, None), (6, {"embed.weight": torch.ones(8, 3)})):
        saved = _checkpoint(step, ema=ema, best=None if ema else 30.0)
        path = run.checkpoints.save(saved, best=False)
        newest = run.reopened().checkpoints.newest()
        assert newest is not None and _same(newest, saved)
        assert _same(read_checkpoint(path), saved)
    assert run.said == []


def test_no_checkpoint_is_none(run: _Run) -> None:
    assert run.checkpoints.newest() is None
    assert run.checkpoints.best() is None
    run.folder.joinpath("checkpoints").mkdir()
    assert run.checkpoints.newest() is None


def test_any_safetensors_reader_reads_the_weights(run: _Run) -> None:
    run.save(1)
    weights = safetensors.torch.load_file(run.checkpoints.path(1) / "model.safetensors")
    assert torch.equal(weights["embed.weight"], _checkpoint(1).model["embed.weight"])


def test_equal_checkpoints_are_equal_files(tmp_path: Path) -> None:
    for name in "ab":
        _Run(tmp_path / name).save(4)
    for file in (tmp_path / "a/checkpoints/step-00000004").iterdir():
        assert file.read_bytes() == (tmp_path / "b/checkpoints/step-00000004" / file.name).read_bytes()


def test_the_last_ones_and_the_best_are_kept(tmp_path: Path) -> None:
    run = _Run(tmp_path, keep=2)
    run.save(10, 20, 30, 40, best=20)
    assert run.names() == ["best.json", "step-00000020", "step-00000030", "step-00000040"]
    assert json.loads((tmp_path / "checkpoints/best.json").read_text()) == {
        "step": 20,
        "folder": "step-00000020",
        "validation_psnr_db": 31.25,
    }
    assert run.reopened().checkpoints.best() == run.checkpoints.path(20)
    run.save(50, best=50)
    assert run.names() == ["best.json", "step-00000040", "step-00000050"]


def test_older_ones_go_only_after_the_new_one_is_whole(run: _Run, monkeypatch: pytest.MonkeyPatch) -> None:
    run.save(1, 2, 3)
    seen = []
    remove = shutil.rmtree

    def watched(path: Path, *rest: Any, **options: Any) -> None:
        newest = run.reopened().checkpoints.newest()
        assert newest is not None
        seen.append(newest.step)
        remove(path, *rest, **options)

    monkeypatch.setattr(shutil, "rmtree", watched)
    run.save(4)
    assert seen == [4]
    assert run.names() == ["step-00000002", "step-00000003", "step-00000004"]


def _truncate(path: Path) -> None:
    os.truncate(path / "model.safetensors", 40)


def _flip(path: Path) -> None:
    data = bytearray((path / "state.safetensors").read_bytes())
    data[-1] ^= 1
    (path / "state.safetensors").write_bytes(data)


def _lose(path: Path) -> None:
    (path / "model.safetensors").unlink()


def _empty(path: Path) -> None:
    (path / "model.safetensors").write_bytes(b"")


def _unfinished(path: Path) -> None:
    (path / "checkpoint.json").unlink()


def _torn_manifest(path: Path) -> None:
    os.truncate(path / "checkpoint.json", 50)


def _other_manifest(path: Path) -> None:
    (path / "checkpoint.json").write_text("[]")


def _poor_manifest(path: Path) -> None:
    (path / "checkpoint.json").write_text('{"format": 1}')


def _no_file_list(path: Path) -> None:
    manifest = json.loads((path / "checkpoint.json").read_text())
    (path / "checkpoint.json").write_text(json.dumps(manifest | {"files": 3}))


DAMAGE = {
    _truncate: "model.safetensors has 40 bytes, not ",
    _flip: "the checksum of state.safetensors differs",
    _lose: "model.safetensors is missing",
    _empty: "model.safetensors has 0 bytes, not ",
    _unfinished: "is unfinished (no checkpoint.json)",
    _torn_manifest: "checkpoint.json cannot be read",
    _other_manifest: "checkpoint.json cannot be read",
    _poor_manifest: "checkpoint.json says nothing of ",
    _no_file_list: "checkpoint.json cannot be read",
    shutil.rmtree: "",
}


@pytest.mark.parametrize("damage", DAMAGE, ids=lambda damage: damage.__name__.strip("_"))
def test_a_damaged_one_falls_back_to_the_one_before(run: _Run, damage: Callable[[Path], None]) -> None:
    run.save(1, 2, 3)
    damage(run.checkpoints.path(3))
    again = run.reopened()
    newest = again.checkpoints.newest()
    assert newest is not None and _same(newest, _checkpoint(2))
    if DAMAGE[damage]:
        assert len(again.said) == 1 and "\n" not in again.said[0]
        assert DAMAGE[damage] in again.said[0] and "step-00000003" in again.said[0]
        assert again.said[0].endswith("trying the one before")


def test_every_flipped_bit_is_noticed(run: _Run) -> None:
    run.save(1)
    path = run.checkpoints.path(1)
    for name in ("model.safetensors", "state.safetensors"):
        whole = (path / name).read_bytes()
        for place in range(0, len(whole), 97):
            damaged = bytearray(whole)
            damaged[place] ^= 1 << place % 8
            (path / name).write_bytes(damaged)
            with pytest.raises(DatasetError, match="checksum"):
                read_checkpoint(path)
        (path / name).write_bytes(whole)
    read_checkpoint(path)


def test_none_left_is_one_clear_error(run: _Run) -> None:
    run.save(1, 2)
    for step in (1, 2):
        _flip(run.checkpoints.path(step))
    again = run.reopened()
    with pytest.raises(DatasetError, match=r"no checkpoint below .* can be used .*step-00000002 is damaged") as error:
        again.checkpoints.newest()
    assert "\n" not in str(error.value)
    assert len(again.said) == 2


def test_a_damaged_one_is_replaced_when_its_step_comes_again(run: _Run) -> None:
    run.save(1, 2)
    _flip(run.checkpoints.path(2))
    again = run.reopened()
    assert again.checkpoints.newest() is not None
    again.save(2)
    newest = run.reopened().checkpoints.newest()
    assert newest is not None and newest.step == 2


def test_damaged_and_later_ones_never_push_out_whole_ones(tmp_path: Path) -> None:
    run = _Run(tmp_path, keep=2)
    run.save(10, 20)
    _flip(run.checkpoints.path(20))
    again = _Run(tmp_path, keep=2)
    assert again.checkpoints.newest() is not None
    again.save(15)
    assert again.names() == ["step-00000010", "step-00000015"]


def test_one_that_is_there_already_stays_unless_it_is_the_best(run: _Run) -> None:
    run.save(1)
    before = (run.checkpoints.path(1) / "checkpoint.json").stat().st_ino
    run.reopened().save(1)
    assert (run.checkpoints.path(1) / "checkpoint.json").stat().st_ino == before
    assert run.checkpoints.best() is None
    run.reopened().save(1, best=1)
    assert run.checkpoints.best() == run.checkpoints.path(1)


def test_what_a_killed_save_left_is_cleared_away(run: _Run) -> None:
    run.save(1)
    shutil.copytree(run.checkpoints.path(1), run.folder / "checkpoints/.writing-00000002")
    shutil.copytree(run.checkpoints.path(1), run.folder / "checkpoints/.removing-step-00000000")
    (run.folder / "checkpoints/.writing-best.json").write_text("{")
    again = run.reopened()
    newest = again.checkpoints.newest()
    assert newest is not None and newest.step == 1
    again.save(2)
    assert again.names() == ["step-00000001", "step-00000002"]


_DYING = """
import os, signal, shutil, sys
from pathlib import Path
from pretrain.checkpoint import Checkpoints, CheckpointSettings
from tests.pretrain.test_checkpoint import _checkpoint

def hook(event, arguments):
    global left
    if event in ("open", "os.mkdir", "os.rename", "os.remove", "os.rmdir"):
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

base, count, died = Path(sys.argv[1]), 0, True
while died:
    count += 1
    run = shutil.copytree(base / "run", base / f"run-{count}")
    if not (child := os.fork()):
        checkpoints = Checkpoints(run, CheckpointSettings(keep=2))
        left = count
        sys.addaudithook(hook)
        checkpoints.save(_checkpoint(3), best=True)
        os._exit(0)
    died = os.waitpid(child, 0)[1] != 0
print(count)
"""


def test_killed_at_any_place_of_a_save_one_of_the_two_is_whole(tmp_path: Path) -> None:
    """As it is about to open, make, rename or remove a file or folder, for each time that it does."""
    _Run(tmp_path / "run", keep=2).save(1, 2, best=1)
    root = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-c", _DYING, str(tmp_path)]
    count = int(subprocess.run(command, cwd=root, stdout=subprocess.PIPE, text=True, check=True).stdout)
    assert count > 10
    found = []
    for place in range(1, count + 1):
        run = _Run(tmp_path / f"run-{place}", keep=2)
        newest = run.checkpoints.newest()
        assert newest is not None and _same(newest, _checkpoint(newest.step))
        found.append(newest.step)
        assert run.said == []
        assert run.checkpoints.best() == run.checkpoints.path(1 if newest.step == 2 else 3)
        run.save(4)
        best = 1 if newest.step == 2 else 3
        kept = sorted({best, newest.step, 4})
        assert run.names() == ["best.json", *(f"step-{step:08d}" for step in kept)]
        assert json.loads((run.folder / "checkpoints/best.json").read_text())["step"] == best
    assert found == sorted(found) and set(found) == {2, 3}


def test_foreign_names_are_left_alone(run: _Run) -> None:
    run.save(1)
    (run.folder / "checkpoints/step-notes").mkdir()
    (run.folder / "checkpoints/README").write_text("mine")
    run.save(2, 3, 4)
    assert {"step-notes", "README"} < set(run.names())


def test_a_newer_format_is_named(run: _Run) -> None:
    run.save(1)
    path = run.checkpoints.path(1) / "checkpoint.json"
    path.write_text(path.read_text().replace('"format": 1', '"format": 9'))
    with pytest.raises(DatasetError, match="has format 9, this version reads up to 1: use a newer million-ird"):
        read_checkpoint(run.checkpoints.path(1))


def test_a_lost_sector_is_damage_and_a_locked_file_is_not(run: _Run, monkeypatch: pytest.MonkeyPatch) -> None:
    run.save(1, 2)
    again = run.reopened()
    number = errno.EIO

    def fails(path: Path) -> str:
        if "step-00000002" in str(path):
            raise OSError(number, os.strerror(number))
        return genuine(path)

    from pretrain import checkpoint

    genuine = checkpoint.file_checksum
    monkeypatch.setattr(checkpoint, "file_checksum", fails)
    newest = again.checkpoints.newest()
    assert newest is not None and newest.step == 1
    number = errno.EACCES
    with pytest.raises(StoreError, match="no permission"):
        again.checkpoints.newest()


def test_a_full_disk_leaves_the_older_ones(tmp_path: Path) -> None:
    with tmpfs(tmp_path / "small", "size=600k"):
        run = _Run(tmp_path / "small/run")
        big = {"weights": torch.zeros(50_000)}
        for step in (1, 2):
            run.checkpoints.save(_checkpoint(step, model=big), best=False)
        with pytest.raises(StoreError) as error:
            run.checkpoints.save(_checkpoint(3, model=big), best=False)
        assert "cannot save step 3" in str(error.value) and "the disk is full" in str(error.value)
        assert "the checkpoint of step 2 is untouched" in str(error.value) and "--resume" in str(error.value)
        assert run.names() == ["step-00000001", "step-00000002"]
        newest = run.reopened().checkpoints.newest()
        assert newest is not None and newest.step == 2
        run.save(3)  # a small one finds its place, once there is some


def test_a_full_disk_at_the_first_one(tmp_path: Path) -> None:
    with tmpfs(tmp_path / "small", "size=100k"):
        run = _Run(tmp_path / "small/run")
        with pytest.raises(StoreError, match="disk is full; there is none before it"):
            run.checkpoints.save(_checkpoint(3, model={"weights": torch.zeros(50_000)}), best=False)
        assert run.names() == []


def test_a_read_only_folder_is_one_line(tmp_path: Path) -> None:
    with tmpfs(tmp_path / "fixed", "ro"):
        run = _Run(tmp_path / "fixed/run")
        with pytest.raises(StoreError, match="read-only: choose another --out"):
            run.save(1)


@pytest.mark.parametrize("name", ["every", "keep"])
def test_settings_say_what_they_want(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name}: got 0, expected 1 or more"):
        CheckpointSettings(**{name: 0})
