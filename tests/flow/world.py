"""A small world for whole runs: pictures, a recipe, the command in a process of its own, and what it left behind."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from million_ird.store import Store

Pixels = npt.NDArray[np.uint8]

_ROOT = Path(__file__).resolve().parents[2]

RECIPE = """
[manifest]
path = "{manifest}"
license = "CC0"
[plan]
unit_rows = 6
[fetch]
allow_private_networks = true
robots = "ignore"
backoff_s = 0.05
[screens]
measure = ["cheap"]
[screens.keep]
short_side = [128, inf]
noise_sigma = [-inf, inf]
niqe = [-inf, inf]
[patches]
size = 128
max_flat_fraction = 0.8
[shards]
target_mb = 1
"""
"""Six pictures a unit, shards of one megabyte, patches of 128²: several units of every step from little data."""


def picture(seed: int, width: int = 448, height: int = 320) -> Pixels:
    """A textured picture like no other, (height, width, 3) uint8 RGB: noise of several sizes, edges, a flat corner."""
    random = np.random.default_rng(seed)
    canvas = np.zeros((height, width, 3), np.float32)
    for cells in (4, 9, 23, 61):
        noise = random.normal(0, 1, (cells, cells * width // height, 3)).astype(np.float32)
        canvas += cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC) * (60 / np.sqrt(cells))
    for _ in range(12):
        x, y = random.integers(0, width), random.integers(0, height)
        colour = tuple(float(value) for value in random.uniform(-90, 90, 3))
        cv2.circle(canvas, (int(x), int(y)), int(random.integers(8, 60)), colour, int(random.integers(1, 6)))
    canvas[: height // 3, : width // 3] = random.uniform(-80, 80, 3)
    return np.clip(canvas + 128, 0, 255).astype(np.uint8)


def jpeg(rgb: Pixels, quality: int = 92) -> bytes:
    """The picture as a baseline JPEG."""
    ok, data = cv2.imencode(".jpg", rgb[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    assert ok
    return bytes(data)


def png(rgb: Pixels) -> bytes:
    """The picture as a PNG."""
    ok, data = cv2.imencode(".png", rgb[:, :, ::-1])
    assert ok
    return bytes(data)


def pictures(count: int = 26) -> dict[str, bytes]:
    """File name → bytes: JPEGs and PNGs, two copies in another guise, one cut short, one that is no picture."""
    files = {f"photo {n:02d}.jpg": jpeg(picture(n)) for n in range(count - 4)}
    files |= {f"lossless/{n:02d}.png": png(picture(100 + n, 320, 256)) for n in range(4)}
    files["mirrored.jpg"] = jpeg(picture(0)[:, ::-1], 80)
    files["the same.jpg"] = files["photo 01.jpg"]
    files["short.jpg"] = files["photo 02.jpg"][:9000]
    files["page.jpg"] = b"<!doctype html><title>no picture</title>"
    return files


@dataclass
class World:
    """A folder of pictures and its recipe."""

    root: Path
    environment: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, data in pictures().items():
            path = self.root / "photos" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        self.recipe = self.root / "recipe.toml"
        self.recipe.write_text(RECIPE.format(manifest=self.root / "photos"))

    def start(
        self,
        out: str,
        *overrides: str,
        executor: str = "serial",
        workers: int = 2,
        program: Sequence[str] = ("million_ird.cli",),
    ) -> subprocess.Popen[str]:
        """`million-ird build` at work in a process group of its own; `program` is a module that stands in for it."""
        settings = [f"execution.executor={executor}", f"execution.workers={workers}", "execution.lease_s=4"]
        command = [sys.executable, "-m", *program, "build", str(self.recipe), "--out", out]
        for setting in [*settings, *overrides]:
            command += ["--set", setting]
        return subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": str(_ROOT), **self.environment},
        )

    def build(
        self,
        out: str,
        *overrides: str,
        executor: str = "serial",
        workers: int = 2,
        program: Sequence[str] = ("million_ird.cli",),
    ) -> tuple[int, str]:
        """The command run to its end: exit code and what it printed."""
        with self.start(out, *overrides, executor=executor, workers=workers, program=program) as process:
            printed, _ = process.communicate(timeout=240)
        return process.returncode, printed


def digest(url: str) -> Mapping[str, str]:
    """Name → SHA-256 of everything that the promise of identical bytes covers: all but `log/` and the report."""
    store = Store(url)
    names = [name for name in store.list("") if not name.startswith(("log/", "report/"))]
    return {name: hashlib.sha256(store.read(name)).hexdigest() for name in names}
