"""The file of an evaluation: everything that is needed to repeat it, and every single number."""

from __future__ import annotations

import json
import math
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from million_ird import __version__
from million_ird.errors import UsageError
from million_ird.settings import to_dict
from million_ird.store import Store
from pretrain.degradations import Degradation, GaussianNoise
from pretrain.evaluate.measure import SetScore
from pretrain.evaluate.protocols import Protocol
from pretrain.evaluate.table import rows
from pretrain.images import shown_name

VERSION = 2
"""1 knew noise levels alone: `protocol.sigmas`, and `sigma` of each set."""


def describe(
    scores: Sequence[SetScore],
    restorers: Sequence[str],
    protocol: Protocol,
    degradations: Sequence[Degradation],
    checkpoint: Mapping[str, Any],
    inference: Mapping[str, Any],
) -> dict[str, Any]:
    """Plain values of a whole evaluation, fit for JSON; infinite numbers are the text "inf".

    Args:
        degradations: what was done to clean pictures.
        checkpoint: what is known of the weights (path, checksum, variants, metadata).
        inference: how pictures went through the network (mode, device, …).
    """
    record = {
        "million_ird_evaluation": VERSION,
        "protocol": {
            "name": protocol.name,
            "text": protocol.text,
            "degradations": {each.title: _described(each) for each in degradations},
        },
        "checkpoint": dict(checkpoint),
        "inference": dict(inference),
        "versions": _versions(),
        "table": rows(scores, restorers, protocol),
        "sets": [_set(score) for score in scores],
    }
    return {name: _finite(value) for name, value in record.items()}


def check_writable(path: Path) -> None:
    """Whether a record can be written there: asked before the work that it is about.

    Raises:
        UsageError: it is a folder.
        StoreError: it cannot be written.
    """
    if path.is_dir():
        raise UsageError(f"--out {path} is a folder: name a file in it")
    store = Store(str(path.parent))
    with store.spool():
        pass
    store.sweep()


def write(record: Mapping[str, Any], path: Path) -> None:
    """Writes the record as JSON.

    Raises:
        StoreError: the file cannot be written.
    """
    store = Store(str(path.parent))
    text = json.dumps(record, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    store.write(path.name, text.encode())
    store.sweep()


def _set(score: SetScore) -> dict[str, Any]:
    return {
        "name": score.set.name,
        "task": score.task,
        "degradation": score.title,
        "layout": score.set.layout,
        "order": [item.name for item in score.set.items],
        "images": [
            {
                "name": image.name,
                "blake3": list(image.checksums),
                "width": image.width,
                "height": image.height,
                "scores": image.values,
            }
            for image in score.images
        ],
        "left_out": [{"name": shown_name(file.path.name), "reason": file.reason} for file in score.left_out],
    }


def _described(degradation: Degradation) -> dict[str, Any]:
    """Everything that decides it, as plain values."""
    if isinstance(degradation, GaussianNoise):
        return {"sigma": degradation.sigma}  # its rounding is the protocol's
    return to_dict(degradation)


def _versions() -> dict[str, str]:
    import cv2

    return {
        "million_ird": __version__,
        "torch": torch.__version__,
        "numpy": np.__version__,
        "opencv": cv2.__version__,
        "python": platform.python_version(),
        "machine": platform.machine(),
    }


def _finite(value: Any) -> Any:
    """`value` with infinities as text; JSON has none."""
    if isinstance(value, Mapping):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_finite(inner) for inner in value]
    return str(value) if isinstance(value, float) and math.isinf(value) else value
