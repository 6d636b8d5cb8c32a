"""What a build says and leaves when a recipe changes, a disk is full or read-only, or two builds run at once."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.flow.world import World, digest


@contextmanager
def tmpfs(folder: Path, options: str) -> Iterator[None]:
    """A small file system of its own at `folder`; skips where mounting is not allowed."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small file system needs root")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def _last_line(printed: str) -> str:
    return printed.strip().splitlines()[-1]


def test_the_same_command_again_changes_nothing(world: World, undisturbed: Mapping[str, str]) -> None:
    code, printed = world.build(str(world.root / "undisturbed"), executor="serial")
    assert code == 0
    assert "fetch:" not in printed
    assert digest(str(world.root / "undisturbed")) == undisturbed


def test_a_changed_recipe_is_named_and_nothing_is_mixed(world: World, undisturbed: Mapping[str, str]) -> None:
    code, printed = world.build(
        str(world.root / "undisturbed"), "patches.size=96", "screens.keep.short_side=[200, inf]"
    )
    assert code == 2
    assert "patches.size: 128 → 96" in printed
    assert "short_side" in printed
    assert "recut" in printed and "another folder" in printed
    assert "Traceback" not in printed
    assert digest(str(world.root / "undisturbed")) == undisturbed


def test_a_recipe_that_never_got_to_a_plan_may_be_mended(world: World, tmp_path: Path) -> None:
    out = str(tmp_path / "out")
    code, printed = world.build(out, "manifest.path=/no/such/list.csv")
    assert code == 2, printed
    code, printed = world.build(out)
    assert code == 0, printed


def test_how_it_is_run_is_no_part_of_the_recipe(world: World, undisturbed: Mapping[str, str]) -> None:
    code, _ = world.build(str(world.root / "undisturbed"), "execution.memory_gb=0.5", "fetch.retries=9")
    assert code == 0
    assert digest(str(world.root / "undisturbed")) == undisturbed


def test_a_full_disk_ends_in_one_line_and_is_resumed(
    world: World, undisturbed: Mapping[str, str], tmp_path: Path
) -> None:
    with tmpfs(tmp_path / "small", "size=1700k"):
        out = tmp_path / "small" / "out"
        code, printed = world.build(str(out))
        assert code == 1
        assert "the disk is full: free some space and run the same command again" in _last_line(printed)
        assert "Traceback" not in printed
        subprocess.run(["mount", "-o", "remount,size=64m", str(tmp_path / "small")], check=True)
        code, printed = world.build(str(out))
        assert code == 0, printed
        assert digest(str(out)) == undisturbed


def test_a_read_only_folder_is_one_line(world: World, tmp_path: Path) -> None:
    with tmpfs(tmp_path / "fixed", "ro"):
        code, printed = world.build(str(tmp_path / "fixed" / "out"))
    assert code == 1
    assert "read-only: choose another --out" in _last_line(printed)
    assert "Traceback" not in printed


def test_a_second_build_says_so_and_stops(world: World, undisturbed: Mapping[str, str], tmp_path: Path) -> None:
    out = tmp_path / "out"
    with world.start(str(out)) as first:
        while not (out / "images").exists():
            time.sleep(0.01)
        os.kill(first.pid, signal.SIGSTOP)  # alive, and in no danger of finishing
        code, printed = world.build(str(out))
        os.kill(first.pid, signal.SIGCONT)
        assert code == 1
        assert f"another build is writing to {out} (process {first.pid} " in printed
        first.communicate(timeout=60)
    assert first.returncode == 0
    assert digest(str(out)) == undisturbed


def test_sigterm_leaves_a_resumable_build(world: World, undisturbed: Mapping[str, str], tmp_path: Path) -> None:
    out = tmp_path / "out"
    with world.start(str(out)) as process:
        while not (out / "images").exists():
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGTERM)
        printed, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "run the same command again to resume" in _last_line(printed)
    assert "Traceback" not in printed
    assert world.build(str(out))[0] == 0
    assert digest(str(out)) == undisturbed


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("patches.sise=96", "did you mean"),
        ("manifest.path=/no/such/list.csv", "/no/such/list.csv"),
        ("screens.keep.shortside=[1, 2]", "short_side"),
        ("patches.size=big", "patches.size"),
    ],
)
def test_a_wrong_setting_is_one_line_with_exit_code_2(world: World, tmp_path: Path, override: str, said: str) -> None:
    code, printed = world.build(str(tmp_path / "out"), override)
    assert code == 2
    assert said in printed
    assert "Traceback" not in printed
    assert len(printed.strip().splitlines()) <= 3
