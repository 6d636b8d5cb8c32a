"""Folders of generated pictures to fine-tune on."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pretrain.finetune.folders import TaskData, open_task
from pretrain.finetune.pictures import DecodedPictures
from pretrain.finetune.tasks import TaskSettings
from pretrain.pairs import LeftOut
from tests.pretrain.picture_files import Pixels, picture, write_picture, write_pictures

HEIGHT, WIDTH = 64, 80


def rain(pixels: Pixels, seed: int) -> Pixels:
    """Bright short vertical streaks on a picture."""
    rng = np.random.default_rng(seed)
    streaks = np.zeros(pixels.shape[:2])
    for y, x in zip(rng.integers(pixels.shape[0] - 6, size=60), rng.integers(pixels.shape[1], size=60), strict=True):
        streaks[y : y + 6, x] = 70
    return np.clip(pixels + streaks[..., None], 0, 255).astype(np.uint8)


def clean_folder(folder: Path, count: int = 6) -> Path:
    """`count` photographs named c0.png …; one of them as JPEG."""
    write_pictures(folder, "c0.jpg", *(f"c{n}.png" for n in range(1, count)), height=HEIGHT, width=WIDTH)
    return folder


def rain_folders(folder: Path, count: int = 6) -> tuple[Path, Path]:
    """Rainy pictures rain-0.png … and their clean ones norain-0.png …"""
    for number in range(count):
        clean = picture(f"norain-{number}", HEIGHT, WIDTH)
        write_picture(folder / "gt" / f"norain-{number}.png", clean)
        write_picture(folder / "rainy" / f"rain-{number}.png", rain(clean, number))
    return folder / "rainy", folder / "gt"


def denoise_task(folder: Path, **values: object) -> TaskSettings:
    return TaskSettings(**{"clean": (str(clean_folder(folder)),), "sigmas": (15.0, 50.0), **values})  # type: ignore[arg-type]


def derain_task(folder: Path, **values: object) -> TaskSettings:
    rainy, clean = rain_folders(folder)
    return TaskSettings(**{"degraded": (str(rainy),), "clean": (str(clean),), **values})  # type: ignore[arg-type]


def opened(name: str, settings: TaskSettings, side: int = 32, hold_out: int = 0, cache: int = 0) -> TaskData:
    return open_task(name, settings, side, hold_out, 0, DecodedPictures(cache), lambda _line: None)


def reasons(left_out: tuple[LeftOut, ...]) -> dict[str, str]:
    return {each.path.name: each.reason for each in left_out}
