"""The reading processes of a rank, seen from the training process: started, fed, restarted, ended."""

from __future__ import annotations

import mmap
import os
import pickle
import signal
import subprocess
import sys
import tempfile
import weakref
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from pathlib import Path

from million_ird.errors import MillionIrdError, UsageError
from pretrain.stream.arrays import BatchArrays
from pretrain.stream.share import Share
from pretrain.stream.worker import Filled

_MOST_DEATHS = 3
"""So often a worker may be killed at one step."""
_PROGRAM = "import sys; from pretrain.stream.worker import main; sys.exit(main(sys.argv[1:]))"
"""Not `-m`, by which the module's classes would belong to `__main__` and could not be sent."""
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass
class _Worker:
    process: subprocess.Popen[bytes]
    connection: Connection
    next_step: int
    """The first step that it has not filled."""


class WorkerPool:
    """Fills the batches of one rank ahead of their use.

    Args:
        share: of the whole rank; it is divided among the workers.
        workers: processes, at least 1.
        start_step: the first step that will be taken.
        say: takes a line for a person.

    Raises:
        UsageError: `make` cannot be sent to another process.
    """

    def __init__(self, share: Share, workers: int, start_step: int, say: Callable[[str], None]) -> None:
        workers = min(workers, max(1, share.settings.lanes // share.ranks))
        self._shares = [_pickled(replace(share, worker=worker, workers=workers)) for worker in range(workers)]
        self._geometry, self._say = share.geometry, say
        self._slots, self._slot_bytes = share.settings.prefetch, share.geometry.slot_bytes()
        self._released = start_step
        self._damages: dict[int, list[str]] = {}
        self._deaths: Counter[tuple[int, int]] = Counter()
        self._descriptor = _anonymous_file(self._slots * self._slot_bytes)
        self._memory = mmap.mmap(self._descriptor, self._slots * self._slot_bytes)
        self._workers: list[_Worker] = []
        self._end = weakref.finalize(self, _end, self._workers, self._descriptor)
        for number in range(workers):
            self._workers.append(self._start(number, start_step))

    def take(self, step: int) -> tuple[BatchArrays, list[str]]:
        """The filled arrays of a step, valid until it is released, and a line for each damaged patch.

        Raises:
            MillionIrdError: what a worker met, or that one was killed again and again.
        """
        while behind := {w.connection: n for n, w in enumerate(self._workers) if w.next_step <= step}:
            for connection in wait(list(behind)):
                if isinstance(connection, Connection):
                    self._hear(behind[connection])
        arrays = self._geometry.arrays(step, self._memory, step % self._slots * self._slot_bytes)
        return arrays, self._damages.pop(step, [])

    def release(self, step: int) -> None:
        """Lets the arrays of a step and all before it be filled anew."""
        self._released = step + 1
        for worker in self._workers:
            self._allow(worker)

    def close(self) -> None:
        """Ends all workers, at once. They hold nothing that is worth waiting for."""
        self._end()
        with suppress(BufferError):  # somebody still looks at the arrays of the last step
            self._memory.close()

    @property
    def pids(self) -> list[int]:
        """Process ids of the workers, in their order."""
        return [worker.process.pid for worker in self._workers]

    def _hear(self, number: int) -> None:
        worker = self._workers[number]
        try:
            message = worker.connection.recv()
        except (EOFError, OSError):  # OSError if it died in the middle of its message
            self._revive(number)
            return
        if isinstance(message, MillionIrdError):
            raise message
        assert isinstance(message, Filled)
        worker.next_step = message.step + 1
        if message.damages:
            self._damages.setdefault(message.step, []).extend(message.damages)

    def _revive(self, number: int) -> None:
        """Starts a dead worker again where it was. The rows it had begun are written anew, with the same content."""
        dead = self._workers[number]
        dead.connection.close()
        code = dead.process.wait()
        if code >= 0:
            raise MillionIrdError(f"data worker {number} failed at step {dead.next_step}; its own message stands above")
        name = signal.Signals(-code).name
        self._deaths[number, dead.next_step] += 1
        if self._deaths[number, dead.next_step] >= _MOST_DEATHS:
            hint = ": is the machine out of memory? Lower stream.workers" if -code == signal.SIGKILL else ""
            raise MillionIrdError(
                f"data worker {number} was killed {_MOST_DEATHS} times at step {dead.next_step} by {name}{hint}"
            )
        self._say(f"data worker {number} was killed by {name} at step {dead.next_step}; started again there")
        self._workers[number] = self._start(number, dead.next_step)

    def _start(self, number: int, step: int) -> _Worker:
        ours, theirs = Pipe()
        try:
            process = subprocess.Popen(
                [sys.executable, "-c", _PROGRAM]
                + [str(number) for number in (theirs.fileno(), self._descriptor, self._slots, step)],
                pass_fds=(theirs.fileno(), self._descriptor),
                stdin=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C is for the training process, which then ends its workers
                env=_environment(),
            )
        finally:
            theirs.close()
        worker = _Worker(process, ours, step)
        try:
            ours.send_bytes(self._shares[number])
        except ConnectionError:
            return worker  # it is dead already, which will be noticed where its answer is awaited
        self._allow(worker)
        return worker

    def _allow(self, worker: _Worker) -> None:
        try:
            worker.connection.send(self._released + self._slots)
        except ConnectionError:
            return  # as above


def _pickled(share: Share) -> bytes:
    try:
        return pickle.dumps(share)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise UsageError(
            f"what makes samples cannot be sent to a worker ({error}): define it in a module, or set stream.workers = 0"
        ) from error


def _environment() -> dict[str, str]:
    """Ours, with the places we import from, and one thread for each library."""
    places = os.pathsep.join(str(Path(place).absolute()) for place in sys.path)
    return {**os.environ, "PYTHONPATH": places, **dict.fromkeys(_ONE_THREAD, "1")}


def _anonymous_file(nbytes: int) -> int:
    """A descriptor of memory without a name, which ends with its last user (a temporary file where there is none)."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("batches", os.MFD_CLOEXEC)
    else:
        with tempfile.TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
    os.ftruncate(descriptor, nbytes)
    return descriptor


def _end(workers: list[_Worker], descriptor: int) -> None:
    for worker in workers:
        worker.connection.close()
        worker.process.kill()
    for worker in workers:
        worker.process.wait()
    os.close(descriptor)
