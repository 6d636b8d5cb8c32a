"""The real server, as the process that a person starts, on a port of its own."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from collections import deque
from pathlib import Path

_ADDRESS = re.compile(r"http://[\d.]+:(\d+)")
_START_SECONDS = 60.0


class AnnotationServer:
    """`million-ird annotate serve PROJECT` in a process; ended by its id.

    Attributes:
        project: the folder it serves.
        port: where it listens; kept over a restart, so that an open page finds it again.
        said: the last lines that it printed.
    """

    def __init__(self, project: Path) -> None:
        self.project = project
        self.port = 0
        self.said: deque[str] = deque(maxlen=200)
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Starts it and returns once it has said where it listens."""
        command = [sys.executable, "-m", "million_ird.cli", "annotate", "serve", str(self.project)]
        self._process = subprocess.Popen(
            [*command, "--port", str(self.port)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        listening = threading.Event()
        self._reader = threading.Thread(target=self._read, args=(self._process, listening), daemon=True)
        self._reader.start()
        if not listening.wait(_START_SECONDS) or not self.port:
            self.kill()
            raise RuntimeError("the server did not start:\n" + "".join(self.said))

    def kill(self) -> None:
        """Ends it as a power cut would: SIGKILL."""
        self._end(violently=True)

    def stop(self) -> None:
        """Ends it as Ctrl-C or a service manager would: SIGTERM."""
        self._end(violently=False)

    def _end(self, violently: bool) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if violently:
            process.kill()
        else:
            process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(20)
            raise
        finally:
            if self._reader is not None:
                self._reader.join(20)
            if process.stdout is not None:
                process.stdout.close()

    def _read(self, process: subprocess.Popen[str], listening: threading.Event) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            self.said.append(line)
            found = _ADDRESS.search(line)
            if found and not listening.is_set():
                self.port = int(found.group(1))
                listening.set()
        listening.set()
