"""CPU-seconds, wall-clock and memory of a command and of everything that it starts."""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import psutil

_PR_SET_CHILD_SUBREAPER = 36
_EVERY_S = 0.25


@dataclass(frozen=True)
class Cost:
    """What one run of a command took."""

    cpu_s: float
    """User + system seconds of all its processes."""
    wall_s: float
    peak_mb: Mapping[str, float]
    """Largest resident memory of one process, by its role: `driver`, `worker` (one of Ray's), `other`."""


def measure(command: Sequence[str]) -> Cost:
    """Runs a command to its end, and waits for the processes that outlive it.

    Those (Ray's workers are such) become children of this process, so that the kernel's sum over finished children
    holds them. `SystemExit` with the end of what the command printed if it fails.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    bystanders = {child.pid for child in psutil.Process().children()}
    watch = _Watch()
    before, started = _children_s(), time.monotonic()
    with tempfile.TemporaryFile() as printed:
        process = subprocess.Popen(command, stdout=printed, stderr=printed)
        while process.poll() is None:
            watch.look(process.pid, bystanders)
            time.sleep(_EVERY_S)
        wall_s = time.monotonic() - started
        _reap_orphans(bystanders)
        if process.returncode:
            printed.seek(0)
            raise SystemExit(f"{' '.join(command)[:300]} failed:\n{printed.read().decode()[-3000:]}")
    # What init reaps (no subreaper outside Linux) is known from the last look only.
    return Cost(max(_children_s() - before, sum(watch.cpu_s.values())), wall_s, watch.peak_mb)


class _Watch:
    """What was seen of every process that the command started."""

    def __init__(self) -> None:
        self.cpu_s: dict[int, float] = {}
        self.peak_mb: dict[str, float] = {}

    def look(self, driver: int, bystanders: Iterable[int]) -> None:
        children = [child for child in psutil.Process().children() if child.pid not in bystanders]
        for child in children:
            with contextlib.suppress(psutil.NoSuchProcess):
                for process in [child, *child.children(recursive=True)]:
                    with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                        self._note(process, driver)

    def _note(self, process: psutil.Process, driver: int) -> None:
        times = process.cpu_times()
        self.cpu_s[process.pid] = times.user + times.system
        is_worker = "".join(process.cmdline()[:1]).startswith("ray::")
        role = "driver" if process.pid == driver else "worker" if is_worker else "other"
        self.peak_mb[role] = max(self.peak_mb.get(role, 0.0), process.memory_info().rss / 2**20)


def _reap_orphans(bystanders: Iterable[int]) -> None:
    """Waits, at most some seconds, for the processes that the command left behind."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        left = [child for child in psutil.Process().children() if child.pid not in bystanders]
        if not left:
            return
        for child in left:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(child.pid, os.WNOHANG)
        time.sleep(0.05)


def _children_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
