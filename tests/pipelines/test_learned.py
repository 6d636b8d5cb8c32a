"""Learned screens: the real path without the extra, and a stand-in for pyiqa that proves how it is called."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from million_ird.errors import MissingExtraError, UsageError
from pipelines.learned import LearnedScreens

_STAND_IN = '''
"""The part of pyiqa's interface that is used: list_models, create_metric, metric(image) with .item()."""
from PIL import Image

calls = []

class _Score:
    def __init__(self, value): self._value = value
    def item(self): return self._value

class _Metric:
    lower_better = True
    def __init__(self, name): self._name = name
    def __call__(self, image):
        assert isinstance(image, Image.Image) and image.mode == "RGB"
        calls.append((self._name, image.size))
        if self._name == "maniqa":
            return _Score(float("nan"))
        return _Score(image.getpixel((0, 0))[0] / 3)

def list_models(metric_mode=None, filter="", exclude_filters=""):
    assert metric_mode == "NR"
    return ["brisque", "maniqa", "nima"]

def create_metric(metric_name, as_loss=False, device=None, **kwargs):
    calls.append(("create", metric_name, device))
    if metric_name == "nima":
        raise OSError("no route to the weights\\nand a second line")
    return _Metric(metric_name)
'''


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Puts a module of the given text where `import pyiqa` finds it."""

    def install(text: str) -> None:
        (tmp_path / "pyiqa.py").write_text(text, "utf-8")

    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "pyiqa", raising=False)
    yield install
    sys.modules.pop("pyiqa", None)


@pytest.mark.skipif(importlib.util.find_spec("pyiqa") is not None, reason="the extra `learned` is installed")
def test_without_the_extra() -> None:
    with pytest.raises(MissingExtraError, match=r"need pyiqa, .*pip install 'million-ird\[learned\]'"):
        LearnedScreens(["nima"])


def test_scores_become_columns(stand_in: Callable[[str], None]) -> None:
    stand_in(_STAND_IN)
    screens = LearnedScreens(["brisque", "maniqa"], "cpu")
    assert screens.score(np.full((50, 60, 3), 100, np.uint8)) == {"learned_brisque": 33.3333, "learned_maniqa": None}
    assert screens.lower_is_better == {"learned_brisque": True, "learned_maniqa": True}
    calls = sys.modules["pyiqa"].calls
    assert calls[:2] == [("create", "brisque", "cpu"), ("create", "maniqa", "cpu")]
    assert ("brisque", (60, 50)) in calls


def test_large_photograph_is_the_mean_of_four_windows(stand_in: Callable[[str], None]) -> None:
    stand_in(_STAND_IN)
    screens = LearnedScreens(["brisque"])
    rgb = np.zeros((2000, 3000, 3), np.uint8)
    rgb[1000:, 1500:] = 120
    assert screens.score(rgb) == {"learned_brisque": 10.0}  # 120 / 3 in one window of four
    calls = sys.modules["pyiqa"].calls
    assert calls[0] == ("create", "brisque", None)  # pyiqa chooses a GPU if there is one
    assert calls[1:] == [("brisque", (768, 768))] * 4


def test_unknown_metric(stand_in: Callable[[str], None]) -> None:
    stand_in(_STAND_IN)
    with pytest.raises(UsageError, match="no no-reference metric 'brisqe'; did you mean 'brisque'"):
        LearnedScreens(["brisqe"])


def test_weights_that_cannot_be_had(stand_in: Callable[[str], None]) -> None:
    stand_in(_STAND_IN)
    with pytest.raises(
        MissingExtraError, match=r"'nima' cannot be loaded: no route to the weights.*create_metric"
    ) as e:
        LearnedScreens(["nima"])
    assert "\n" not in str(e.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("raise RuntimeError('operator torchvision::nms does not exist')", "does not start .*nms.*one release"),
        ("import no_such_dependency", "need no_such_dependency, which is not installed"),
    ],
)
def test_a_broken_installation(text: str, message: str, stand_in: Callable[[str], None]) -> None:
    stand_in(text)
    with pytest.raises(MissingExtraError, match=message):
        LearnedScreens(["nima"])
