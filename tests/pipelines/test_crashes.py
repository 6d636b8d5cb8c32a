"""What the notes on dead workers say: the same image twice in one run is at fault, anything less is chance."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.crashes import MOST_DEATHS, CrashJournal

DIE = """
import os, signal, sys
from pipelines.crashes import CrashJournal
with CrashJournal(sys.argv[1]).open("u") as notes:
    for key in sys.argv[2:]:
        if notes.verdict(key) is None:
            with notes.examining(key):
                if key == sys.argv[-1]:
                    os.kill(os.getpid(), signal.SIGKILL)
"""


def _die(folder: Path, *keys: str) -> None:
    """An attempt that examines the keys and is killed at the last of them."""
    done = subprocess.run([sys.executable, "-c", DIE, str(folder), *keys], check=False)
    assert done.returncode == -signal.SIGKILL


def _verdicts(folder: Path, *keys: str) -> list[bool]:
    with CrashJournal(str(folder)).open("u") as notes:
        return [notes.verdict(key) is not None for key in keys]


def test_the_same_image_twice_is_at_fault(tmp_path: Path) -> None:
    _die(tmp_path, "a", "b")
    assert _verdicts(tmp_path, "a", "b") == [False, False]
    _die(tmp_path, "a", "b")
    assert _verdicts(tmp_path, "a", "b") == [False, True]
    with CrashJournal(str(tmp_path)).open("u") as notes:
        rejection = notes.verdict("b")
        assert rejection is not None
        assert (rejection.step, rejection.reason) == ("decode", "crashes_decoder")


def test_deaths_at_different_images_are_chance(tmp_path: Path) -> None:
    for key in "abc":
        _die(tmp_path, key)
    assert _verdicts(tmp_path, *"abc") == [False, False, False]


def test_another_run_and_another_unit_know_nothing(tmp_path: Path) -> None:
    for _ in range(2):
        _die(tmp_path / "one", "a")
    assert _verdicts(tmp_path / "other", "a") == [False]
    with CrashJournal(str(tmp_path / "one")).open("v") as notes:
        assert notes.verdict("a") is None


def test_a_death_between_images_is_nobodys_fault(tmp_path: Path) -> None:
    with CrashJournal(str(tmp_path)).open("u") as notes, notes.examining("a"):
        pass
    with pytest.raises(ValueError, match="bad"), CrashJournal(str(tmp_path)).open("u") as notes, notes.examining("a"):
        raise ValueError("bad")
    assert _verdicts(tmp_path, "a") == [False]
    assert not CrashJournal(str(tmp_path)).may_pass("u")


def test_a_unit_gets_more_attempts_while_single_images_are_at_fault(tmp_path: Path) -> None:
    journal = CrashJournal(str(tmp_path))
    assert not journal.may_pass("u")
    _die(tmp_path, "a")
    assert journal.may_pass("u")
    (tmp_path / "u.deaths").write_text("\n".join("k" * (n + 1) for n in range(MOST_DEATHS)))
    assert not journal.may_pass("u")


def test_the_file_handle_is_given_back(tmp_path: Path) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(20):
        with CrashJournal(str(tmp_path)).open("u"):
            pass
    assert len(list(Path("/proc/self/fd").iterdir())) == before
