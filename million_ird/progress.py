"""One live line on a terminal, plain lines in a log: what is done, how fast, how long still."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Mapping
from typing import TextIO

_TERMINAL_EVERY_S = 0.2
_LOG_EVERY_S = 10.0


class Progress:
    """Counts finished units of one step and says so on `stream` (standard error unless given).

    Args:
        step: what is being done, in one word.
        total: how many units there are.
        done: how many of them were done before.
        unit: what a unit is called, in the plural.
    """

    def __init__(self, step: str, total: int, done: int = 0, stream: TextIO | None = None, unit: str = "units") -> None:
        self._stream, self._unit = stream or sys.stderr, unit
        self._live = self._stream.isatty()
        self._step, self._total, self._done, self._before = step, total, done, done
        self._counts: Counter[str] = Counter()
        self._share = 0.0
        self._note = ""
        self._started = self._said = time.monotonic()
        if done:
            self._print(f"{step}: {done:,} of {total:,} {unit} were done already", end="\n")

    def advance(self, counts: Mapping[str, int], note: str = "") -> None:
        """One more unit is done; `note` is said as it stands until the next one."""
        self._done += 1
        self._share, self._note = 0.0, note
        self._counts.update(counts)
        self._say()

    def within(self, done: int, total: int) -> None:
        """How much of the unit at hand is done, for units that take long."""
        self._share = done / total
        self._say()

    def line(self, text: str) -> None:
        """A line of its own, at once."""
        self._print(text, end="\n")

    def close(self) -> None:
        """The last line, to stay."""
        self._print(self._line(), end="\n")

    def _say(self) -> None:
        now = time.monotonic()
        if now - self._said >= (_TERMINAL_EVERY_S if self._live else _LOG_EVERY_S):
            self._said = now
            self._print(self._line(), end="\r" if self._live else "\n")

    def _line(self) -> str:
        seconds = max(time.monotonic() - self._started, 1e-3)
        finished = self._done - self._before + self._share
        parts = [f"{self._step}: {self._done:,}/{self._total:,} {self._unit}"]
        parts += [f"{count:,} {name} ({count / seconds:,.0f}/s)" for name, count in self._counts.items()]
        parts += [self._note] if self._note else []
        if self._share:
            parts.append(f"{self._share:.0%} of the next")
        if finished > 0 and self._done < self._total:
            parts.append(f"about {_duration(seconds / finished * (self._total - self._before - finished))} left")
        return ", ".join(parts)

    def _print(self, text: str, end: str) -> None:
        clear = "\x1b[2K" if self._live else ""
        print(clear + text, end=end, file=self._stream, flush=True)


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    if minutes < 1:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 120 else f"{minutes / 60:.1f} h"
