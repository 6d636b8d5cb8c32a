"""What a run says of itself: JSON lines for programs, TensorBoard's files and pictures for eyes, a line for whoever
waits.

    DIR/log.jsonl      {"kind": "train", "step": 100, "loss": …} every `log.every` steps, and a line of another kind for
                       everything else that happens (validation, a skipped step, a resume)
    DIR/tensorboard/   the same numbers
    DIR/samples/       pictures, by step

A resumed run first takes away the lines of steps that it will do again, so the curve has each step once.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import resource
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import numpy.typing as npt
import torch

from million_ird.pixels.encode import encode_png
from million_ird.progress import Progress
from million_ird.store import explained
from pretrain.event_file import EventFile

LINES, EVENTS, SAMPLES = "log.jsonl", "tensorboard", "samples"


@dataclass(frozen=True)
class LogSettings:
    """What is written down, and how often."""

    every: int = 50
    """Steps between two lines about training; a line holds means over the steps since the one before (ours)."""

    tensorboard: bool = True
    """Whether files for TensorBoard are written, too. Looking at them needs `pip install tensorboard`."""

    def __post_init__(self) -> None:
        if self.every < 1:
            raise ValueError(f"every: got {self.every}, expected 1 or more")


@dataclass(frozen=True)
class StepRecord:
    """What there is to say of one training step."""

    step: int
    """Steps done, this one included."""
    losses: Mapping[str, float]
    """Variant trained → its loss; means over a line's steps count each variant where it was trained."""
    learning_rate: float
    """That of this step."""
    samples: int
    """In the batch, over all ranks."""
    seconds: float
    """Wall-clock time of the step, the wait for its data included."""
    data_wait_s: float
    """Of these, spent waiting for data."""
    updates: Mapping[str, int]
    """Variant → updates since the beginning of the run."""
    variant_seconds: Mapping[str, float]
    """Variant → seconds since the beginning of the run."""
    values: Mapping[str, float] = field(default_factory=dict)
    """More numbers to average: PSNR, norm of the gradient, realised fractions …"""
    counts: Mapping[str, int] = field(default_factory=dict)
    """More numbers to take as they are: samples substituted, steps skipped …"""


class RunLog:
    """The log of one run; on one rank only.

    Args:
        folder: the run folder.
        settings: what is written.
        steps: how many the run will have.
        step: steps done already; lines of later ones are taken away.
        window: what `state` gave when that step was saved.
        device: whose memory is reported.
        stream: where the progress line goes; standard error unless given.

    Every method may raise `StoreError`: the disk is full, no permission.
    """

    def __init__(
        self,
        folder: Path,
        settings: LogSettings,
        steps: int,
        step: int = 0,
        window: Mapping[str, Any] | None = None,
        device: torch.device | None = None,
        stream: TextIO | None = None,
    ) -> None:
        self._folder, self._settings = folder, settings
        self._device = device or torch.device("cpu")
        self._window = _Window.restored(window or {})
        with explained("write", str(folder / LINES)):
            folder.mkdir(parents=True, exist_ok=True)
            _drop_after(folder / LINES, step)
            self._lines = (folder / LINES).open("a", encoding="utf-8")
            self._events = EventFile(folder / EVENTS, step) if settings.tensorboard else None
        self._progress = Progress("train", steps, done=step, stream=stream or sys.stderr, unit="steps")

    def step(self, record: StepRecord) -> None:
        """Takes a step down; writes a line where one is due."""
        self._window.add(record)
        if record.step % self._settings.every == 0:
            line = {
                **self._window.means(),
                "learning_rate": record.learning_rate,
                "memory_bytes": memory_bytes(self._device),
                "updates": dict(record.updates),
                "seconds": dict(record.variant_seconds),
                **record.counts,
            }
            self.write("train", record.step, line)
            self._window = _Window()
        self._progress.advance({"samples": record.samples}, note=f"loss {_mean(record.losses.values()):.4f}")

    def write(self, kind: str, step: int, values: Mapping[str, Any]) -> None:
        """A line of any kind; its numbers become curves `kind/name`, nested ones `kind/name/inner`."""
        line = {"kind": kind, "step": step, **values}
        with explained("write", str(self._folder / LINES)):
            self._lines.write(json.dumps(_without_nan(line), ensure_ascii=False, allow_nan=False) + "\n")
            self._lines.flush()
            if self._events:
                self._events.scalars(step, dict(_numbers(values, kind)))

    def picture(self, step: int, name: str, pixels: npt.NDArray[np.uint8]) -> Path:
        """Keeps a picture, (H, W, 3) RGB, as `samples/step-00001000-name.png`; returns its path."""
        path = self._folder / SAMPLES / f"step-{step:08d}-{name}.png"
        png = encode_png(pixels)
        with explained("write", str(path)):
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(png)
            if self._events:
                self._events.picture(step, name, png, *pixels.shape[:2])
        return path

    def state(self) -> dict[str, Any]:
        """For the checkpoint: the steps since the last line. Flushes the log to the disk, so that it is no older."""
        with explained("write", str(self._folder / LINES)):
            os.fsync(self._lines.fileno())
        return self._window.saved()

    def close(self) -> None:
        self._progress.close()
        with explained("write", str(self._folder / LINES)), contextlib.ExitStack() as closing:
            closing.callback(self._lines.close)  # each is closed even where the other cannot write its last bytes
            if self._events:
                closing.callback(self._events.close)


def read_log(folder: Path, kind: str | None = None) -> list[dict[str, Any]]:
    """The lines of a run's log, of one kind or of all, oldest first; a line that was cut off is left out."""
    with explained("read", str(folder / LINES)):
        data = (folder / LINES).read_bytes()
    lines = [line for _, line in _parsed(data)]
    return [line for line in lines if kind is None or line["kind"] == kind]


def memory_bytes(device: torch.device) -> int:
    """The most memory used so far: allocated by PyTorch on a GPU, resident of this process elsewhere."""
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # KiB everywhere else


class _Window:
    """Sums over the steps since the last line; plain numbers, so that a checkpoint keeps them exactly."""

    def __init__(self) -> None:
        self.samples = 0
        self.seconds = self.data_wait_s = 0.0
        self.sums: dict[str, dict[str, list[float]]] = {"losses": {}, "values": {}}

    def add(self, record: StepRecord) -> None:
        self.samples += record.samples
        self.seconds += record.seconds
        self.data_wait_s += record.data_wait_s
        for group, numbers in (("losses", record.losses), ("values", record.values)):
            for name, number in numbers.items():
                if math.isfinite(number):
                    total = self.sums[group].setdefault(name, [0.0, 0])
                    total[0] += number
                    total[1] += 1

    def means(self) -> dict[str, Any]:
        seconds = max(self.seconds, 1e-9)
        losses = self.sums["losses"]
        everything = [sum(total[place] for total in losses.values()) for place in (0, 1)]
        return {
            "loss": everything[0] / everything[1] if everything[1] else None,
            "losses": {name: total / count for name, (total, count) in sorted(losses.items())},
            **{name: total / count for name, (total, count) in self.sums["values"].items()},
            "samples_per_second": self.samples / seconds,
            "data_wait": self.data_wait_s / seconds,
        }

    def saved(self) -> dict[str, Any]:
        return dict(vars(self))

    @classmethod
    def restored(cls, saved: Mapping[str, Any]) -> _Window:
        window = cls()
        vars(window).update(saved)
        return window


def _drop_after(path: Path, step: int) -> None:
    """Takes away lines of later steps and lines that were cut off."""
    if not path.exists():
        return
    data = path.read_bytes()
    kept = b"".join(raw for raw, line in _parsed(data) if line["step"] <= step)
    if kept != data:
        part = path.with_name(f".{path.name}.part")
        with part.open("wb") as file:
            file.write(kept)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)


def _parsed(data: bytes) -> Iterator[tuple[bytes, dict[str, Any]]]:
    """(bytes, content) of the lines that are whole."""
    for raw in data.splitlines(keepends=True):
        try:
            line = json.loads(raw)
        except ValueError:
            continue
        if raw.endswith(b"\n") and isinstance(line, dict) and {"kind", "step"} <= line.keys():
            yield raw, line


def _numbers(values: Mapping[str, Any], path: str) -> Iterator[tuple[str, float]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _numbers(value, f"{path}/{name}")
        elif isinstance(value, int | float):
            yield f"{path}/{name}", float(value)


def _without_nan(value: Any) -> Any:
    """JSON has no NaN and no infinities: null."""
    if isinstance(value, Mapping):
        return {name: _without_nan(inner) for name, inner in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _mean(numbers: Any) -> float:
    collected = list(numbers)
    return math.fsum(collected) / len(collected) if collected else math.nan
