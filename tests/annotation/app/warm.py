"""Servers that are started quickly: one process has imported everything and forks for each of them.

`python -m tests.annotation.app.warm` is that process. It reads a JSON request from each line of its standard input: a
folder is answered with the process id and the port of a server that a fresh fork runs for the project in it; a process
id with null, once that process has been killed. A fork is a process of its own: it has its own memory, threads and
death.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).resolve().parents[3]


@dataclass
class Warm:
    """Starts servers, and ends them."""

    process: subprocess.Popen[str]

    def start(self, project: Path) -> tuple[int, str]:
        """Process id and address of a new server, which takes requests already."""
        pid, port = self._ask(str(project))
        return pid, f"http://127.0.0.1:{port}"

    def end(self, pid: int) -> None:
        """Kills it, unless it is dead already; its number belongs to no other process before this."""
        self._ask(pid)

    def _ask(self, request: str | int) -> Any:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


@contextmanager
def warm() -> Iterator[Warm]:
    command = [sys.executable, "-m", "tests.annotation.app.warm"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=_ROOT) as process:
        yield Warm(process)


def _main() -> None:
    import uvicorn  # noqa: F401

    import annotation.app.application  # noqa: F401

    for line in sys.stdin:
        request = json.loads(line)
        print(json.dumps(_end(request) if isinstance(request, int) else _start(Path(request))), flush=True)


def _start(project: Path) -> tuple[int, int]:
    from annotation.serving import listening

    with listening("127.0.0.1", 0) as listener:
        if not (pid := os.fork()):
            _child(project, listener)
        return pid, listener.getsockname()[1]


def _end(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def _child(project: Path, listener: object) -> None:
    try:
        from annotation.app.security import Access
        from annotation.project import open_project
        from annotation.serving import make_server

        with open_project(project) as opened:
            make_server(opened, Access()).run(sockets=[listener])  # type: ignore[list-item]
    except BaseException:  # noqa: BLE001 (nothing may get back into the loop of the parent)
        traceback.print_exc()
    finally:
        os._exit(1)


if __name__ == "__main__":
    _main()
