from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from annotation.propose.crew import Crew, Died


def work(task: int) -> int:
    """Kills its own process for 3; fails for -1."""
    if task == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    if task == -1:
        raise ValueError("a bug")
    return task * task


def test_every_task_is_done_though_one_kills_its_process() -> None:
    found = list(Crew(work, 2).run(range(8)))
    assert sorted(task for task, _ in found) == list(range(8))
    assert dict(found) == {task: Died() if task == 3 else task * task for task in range(8)}


def test_tasks_are_taken_as_they_are_needed() -> None:
    taken: list[int] = []

    def tasks() -> Iterator[int]:
        for task in range(10, 30):
            taken.append(task)
            yield task

    run = Crew(work, 1).run(tasks())
    next(run)
    assert len(taken) <= 3
    assert len(list(run)) == 19


def test_a_bug_is_not_hidden() -> None:
    with pytest.raises(ValueError, match="a bug"):
        list(Crew(work, 1).run([-1]))


def test_nothing_to_do_is_done_at_once() -> None:
    assert list(Crew(work, 2).run([])) == []


_PARENT = """
import time
from annotation.propose.crew import Crew
from tests.annotation.propose.test_crew import work
if __name__ == "__main__":
    run = Crew(work, 1).run(range(10, 20))
    next(run)
    print("begun", flush=True)
    time.sleep(600)
"""


def test_processes_end_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(_PARENT)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[3])}
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, env=environment) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"begun\n"
        children = psutil.Process(parent.pid).children(recursive=True)
        assert children
        parent.kill()
    deadline = time.monotonic() + 60
    while any(child.is_running() and child.status() != psutil.STATUS_ZOMBIE for child in children):
        assert time.monotonic() < deadline, "a process outlived its parent"
        time.sleep(0.05)
