"""One run at a time in a folder, and none is kept out by the dead."""

from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from million_ird.errors import LeaseError, StoreError
from pretrain.run_lock import run_lock
from tests.flow.test_faults import tmpfs

_HOLD = """
import os, subprocess, sys
from pathlib import Path
from pretrain.run_lock import run_lock
with run_lock(Path(sys.argv[1])):
    if not os.fork():  # a worker that outlives its parent
        sys.stdin.read()
        os._exit(0)
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_run_is_told_who_holds_it_and_a_killed_one_holds_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _HOLD, str(tmp_path / "run")]
    root = Path(__file__).resolve().parents[2]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=root) as first:
        assert first.stdout is not None and first.stdout.readline() == "held\n"
        for _ in range(2):
            with pytest.raises(LeaseError, match=rf"another run is writing to .*run \(process {first.pid} on "):
                run_lock(tmp_path / "run").__enter__()
        first.kill()
        first.wait()
        with run_lock(tmp_path / "run"):  # its forked worker lives until the pipe is closed, here
            pass


def test_it_can_be_taken_again(tmp_path: Path) -> None:
    for _ in range(2):
        with run_lock(tmp_path / "a/run"):
            assert f"process {os.getpid()} " in (tmp_path / "a/run/.lock").read_text()


def test_a_file_in_the_way_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "run").touch()
    with pytest.raises(StoreError, match="it is a file, not a folder"):
        run_lock(tmp_path / "run").__enter__()
    with pytest.raises(StoreError, match="a part of that path is a file"):
        run_lock(tmp_path / "run/inner").__enter__()


def test_a_read_only_folder_is_one_line(tmp_path: Path) -> None:
    with tmpfs(tmp_path / "fixed", "ro"), pytest.raises(StoreError, match="read-only: choose another --out"):
        run_lock(tmp_path / "fixed/run").__enter__()


def test_a_file_system_without_locks_is_said_and_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(*_: object) -> None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    monkeypatch.setattr(fcntl, "lockf", refuses)
    said: list[str] = []
    with run_lock(tmp_path, said.append):
        assert len(said) == 1 and "without locks" in said[0]
