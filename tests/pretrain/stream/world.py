"""Small tars of generated pictures, and what makes samples of them; importable by the reading processes."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import simplejpeg

from million_ird.shards import ShardWriter
from pretrain.stream.settings import HoldoutSettings, StreamSettings
from pretrain.stream.stream import Stream, open_stream

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Made:
    input: Pixels
    degraded: npt.NDArray[np.bool_]
    masked: npt.NDArray[np.bool_]
    kinds: npt.NDArray[np.uint8]


def make(crop: Pixels, rng: np.random.Generator) -> Made:
    """A crop with one random cell made black."""
    cells = crop.shape[0] // 16
    degraded = np.zeros((cells, cells), np.bool_)
    row, column = rng.integers(cells, size=2)
    degraded[row, column] = True
    changed = crop.copy()
    changed[row * 16 : row * 16 + 16, column * 16 : column * 16 + 16] = 0
    return Made(changed, degraded, ~degraded, degraded.astype(np.uint8) * 2)


def make_and_die(crop: Pixels, rng: np.random.Generator, flag: str, number: int) -> Made:
    """Kills its own process as long as the file `flag` exists; `number` 9 is SIGKILL, 0 an ordinary failure."""
    if Path(flag).exists():
        if not number:
            raise RuntimeError("this cannot be made")
        os.kill(os.getpid(), number)
    return make(crop, rng)


def make_and_die_once(crop: Pixels, rng: np.random.Generator, flag: str) -> Made:
    """Kills its own process if the file `flag` exists, and removes it before."""
    try:
        Path(flag).unlink()
    except FileNotFoundError:
        return make(crop, rng)
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("dead")


def picture(seed: int, width: int = 48, height: int = 48) -> Pixels:
    """A smooth picture with some grain: RGB, uint8."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (4, 4, 3)).astype(np.float32)
    pixels = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC) + rng.normal(0, 4, (height, width, 3))
    return np.clip(pixels, 0, 255).astype(np.uint8)


def jpeg(seed: int, width: int = 48, height: int = 48) -> bytes:
    data: bytes = simplejpeg.encode_jpeg(picture(seed, width, height), 90)
    return data


def write_tar(file: Path, members: Mapping[str, bytes]) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    with ShardWriter(file) as shard:
        for name, data in members.items():
            shard.add(name, data)
    return file


def write_tars(folder: Path, shards: int = 3, patches: int = 6) -> Path:
    """Tars 0.tar, 1.tar, … with pictures k0000.jpg, k0001.jpg, … and a sidecar each."""
    for shard in range(shards):
        members: dict[str, bytes] = {}
        for number in range(shard * patches, (shard + 1) * patches):
            members[f"k{number:04d}.jpg"] = jpeg(number)
            members[f"k{number:04d}.json"] = b"{}"
        write_tar(folder / f"{shard}.tar", members)
    return folder


class Lines(list[str]):
    """Takes the lines for a person."""

    def __call__(self, line: str) -> None:
        self.append(line)


def settings(cache: Path, **changes: Any) -> StreamSettings:
    """Settings for pictures of 48 pixels, read in this process; nothing is held out."""
    plain: dict[str, Any] = {
        "crop": 32,
        "lanes": 4,
        "window": 5,
        "workers": 0,
        "cache": str(cache),
        "holdout": HoldoutSettings(fraction=0.0),
    }
    return StreamSettings(**{**plain, **changes})


def stream_of(location: Path | str, cache: Path, seed: int = 0, say: Lines | None = None, **changes: Any) -> Stream:
    lines = Lines() if say is None else say
    return open_stream([str(location)], settings(cache, **changes), seed, make, say=lines)
