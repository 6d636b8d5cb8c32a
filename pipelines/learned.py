"""Learned screens: no-reference quality metrics of pyiqa (BRISQUE, NIMA, CLIP-IQA, HyperIQA, …) behind an extra.

`LearnedScreens` is a plain class that loads its networks when it is made and scores one photograph at a time, so it
serves as it is, or as an actor on a GPU. pyiqa brings torch with it; nothing here imports either before a score is
asked for. Networks on different devices disagree in the last digits: these scores are exempt from the promise of
identical bytes (docs/screens.md).
"""

from __future__ import annotations

import difflib
import importlib
import math
from collections.abc import Sequence
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from million_ird.errors import MissingExtraError, UsageError
from million_ird.screens import LEARNED_PREFIX
from million_ird.screens.photo import spread_windows

WINDOW, WINDOWS_PER_AXIS = 768, 2
"""Photographs over 2.4 megapixels are scored on 2 × 2 windows of 768 × 768 pixels, about the size that the metrics were
trained on, at full resolution, as patches will be cut; the score is the mean of the four."""
DIGITS = 4


class LearnedScreens:
    """Networks that score photographs, each loaded once.

    Args:
        names: metrics by their names in pyiqa, such as `brisque`, `nima`, `clipiqa`, `hyperiqa`.
        device: where they run, in torch's words (`cuda`, `cuda:1`, `cpu`); empty for a GPU if there is one.

    Raises:
        MissingExtraError: pyiqa, or the weights of a metric, cannot be had; the text says what to do.
        UsageError: no such metric, or one that needs a reference image.
    """

    def __init__(self, names: Sequence[str], device: str = "") -> None:
        pyiqa = _import_pyiqa()
        _check_names(names, pyiqa.list_models(metric_mode="NR"))
        self._metrics = {name: _load(pyiqa, name, device) for name in names}

    def ready(self) -> bool:
        """True; an actor's way to say that its networks are loaded."""
        return True

    @property
    def lower_is_better(self) -> dict[str, bool]:
        """For each column whether a lower score means a better photograph."""
        return {LEARNED_PREFIX + name: bool(metric.lower_better) for name, metric in self._metrics.items()}

    def score(self, rgb: NDArray[np.uint8]) -> dict[str, float | None]:
        """Score one photograph (H, W, 3) uint8 RGB: column `learned_<name>` → score, rounded to 4 digits; None if the
        metric gives no finite number for it."""
        windows = [Image.fromarray(w) for w in spread_windows(rgb, WINDOW, WINDOWS_PER_AXIS)]
        scores: dict[str, float | None] = {}
        for name, metric in self._metrics.items():
            mean = sum(float(metric(window).item()) for window in windows) / len(windows)
            scores[LEARNED_PREFIX + name] = round(mean, DIGITS) if math.isfinite(mean) else None
        return scores


def _import_pyiqa() -> ModuleType:
    """pyiqa, looked up by name when it is needed."""
    try:
        return importlib.import_module("pyiqa")
    except ModuleNotFoundError as error:  # pyiqa itself, or something it needs
        raise MissingExtraError(
            f"learned screens need {error.name}, which is not installed: pip install 'million-ird[learned]'"
        ) from None
    except (ImportError, RuntimeError, OSError) as error:  # torch and torchvision of different builds, a lost library
        raise MissingExtraError(
            f"pyiqa is installed but does not start ({_first_line(error)}); in most cases torch and torchvision are "
            "not of one release: pip install --force-reinstall 'million-ird[learned]'"
        ) from None


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _check_names(names: Sequence[str], known: Sequence[str]) -> None:
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise UsageError(f"screens.learned: pyiqa has no no-reference metric {name!r}{hint}")


def _load(pyiqa: ModuleType, name: str, device: str) -> Any:
    try:
        return pyiqa.create_metric(name, device=device or None)
    except (OSError, RuntimeError, ValueError) as error:  # no network, no such device, a damaged download
        command = f"python -c \"import pyiqa; pyiqa.create_metric('{name}')\""
        raise MissingExtraError(
            f"the learned screen {name!r} cannot be loaded: {_first_line(error)}. pyiqa downloads weights when a "
            f"metric is first made: run `{command}` where there is a network and copy the folders torch/hub and "
            "huggingface of ~/.cache"
        ) from None
