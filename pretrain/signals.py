"""Stopping a run in good order: the step is finished, a checkpoint written, and the exit code says that it can go on.

SIGTERM is what schedulers send before they take a machine away; Ctrl-C is SIGINT. The first of either asks for an end,
the second gets it at once.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

from million_ird.errors import MillionIrdError
from pretrain.ranks import Ranks

EXIT_RESUMABLE = 75
"""Told to stop (SIGTERM), saved, and to be resumed: EX_TEMPFAIL of sysexits.h, "try again later"."""

EXIT_INTERRUPTED = 130
"""The same after Ctrl-C: 128 + SIGINT, as shells have it. Work that has no checkpoints ends so after SIGTERM, too, as a
build does."""

_WATCHED = (signal.SIGTERM, signal.SIGINT)


class TerminatedError(MillionIrdError):
    """SIGTERM, in work of which every finished piece is kept and nothing else."""

    exit_code = EXIT_INTERRUPTED


@contextlib.contextmanager
def ended_in_order() -> Iterator[None]:
    """Inside, SIGTERM raises `TerminatedError`, so that what was being written is removed on the way out."""

    def heard(number: int, frame: FrameType | None) -> None:
        raise TerminatedError("told to stop (SIGTERM): run the same command again to go on")

    if threading.current_thread() is not threading.main_thread():  # elsewhere Python allows no handlers
        yield
        return
    before = signal.signal(signal.SIGTERM, heard)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


class StopRequest:
    """Whether this run was asked to stop. A context manager: signals mean what they meant before once it is left.

    Args:
        file: a file that asks for the same by being there, for ranks that no signal reaches; `agreed` looks for it.
    """

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._signal = 0
        self._agreed = 0
        self._before: dict[int, Any] = {}
        self._process = 0

    @property
    def requested(self) -> bool:
        """Whether this very process was asked."""
        return self._signal != 0

    @property
    def exit_code(self) -> int:
        """What the command returns once it has saved: 75, or 130 after Ctrl-C."""
        return EXIT_INTERRUPTED if (self._agreed or self._signal) == signal.SIGINT else EXIT_RESUMABLE

    def agreed(self, ranks: Ranks) -> bool:
        """Whether any rank was asked: the same answer on all of them, so that all stop after the same step.

        Every rank calls it after the same steps. A signal that comes while the ranks are asked counts from the next
        call on.
        """
        if self._file is not None and ranks.is_first and self._file.exists():
            self._signal = self._signal or signal.SIGTERM
        # The signal's number rather than a flag, so that all ranks end with the same code. Kept apart from what this
        # process heard, which may have become more since the numbers were sent.
        self._agreed = max(int(row[0]) for row in ranks.gather([float(self._signal)]))
        return self._agreed != 0

    def __enter__(self) -> StopRequest:
        self._process = os.getpid()
        if threading.current_thread() is threading.main_thread():  # elsewhere Python allows no handlers
            self._before = {number: signal.signal(number, self._heard) for number in _WATCHED}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._restore()

    def _heard(self, number: int, frame: FrameType | None) -> None:
        if os.getpid() != self._process:
            _as_data_worker(number)
            return
        # torchrun passes on what the group was sent already, so twice is not insisting; it has its own patience.
        insisting = "TORCHELASTIC_RUN_ID" not in os.environ
        if insisting:
            self._restore()
        if not self._signal:
            more = "; once more ends it at once" if insisting else ""
            with contextlib.suppress(OSError):  # not `print`, which may be what was interrupted; and nobody may listen
                os.write(2, f"{signal.Signals(number).name}: finishing this step and saving{more}\n".encode())
        self._signal = self._signal or number

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}


def _as_data_worker(number: int) -> None:
    """A forked worker inherits the handler: Ctrl-C is its parent's business, SIGTERM is how its parent ends it."""
    if number == signal.SIGTERM:
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
