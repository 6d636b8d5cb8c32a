"""What a finished run hands on: a folder for `from_pretrained`, made of its best checkpoint."""

from __future__ import annotations

from pathlib import Path

from pretrain.checkpoint import EMA, MODEL, Checkpoints
from pretrain.models.pretrained import from_pretrained, save_pretrained

FOLDERS = {MODEL: "model", EMA: "model-ema"}
"""Weights file of a checkpoint → the folder of the run that it becomes; the average only where one was kept."""


def write_final_model(out: Path, checkpoints: Checkpoints, name: str) -> None:
    """Writes `model/` (and `model-ema/`) into the run folder: the checkpoint that validated best, or else the newest.

    Raises:
        StoreError: it cannot be written.
        DatasetError: the checkpoint has been damaged since.
    """
    steps = checkpoints.steps()
    source = checkpoints.best() or checkpoints.path(steps[-1])
    for file, folder in FOLDERS.items():
        if (source / file).exists():
            read = from_pretrained(source / file)
            save_pretrained(out / folder, read.model, read.variants, read.metadata, name)
