"""What the benchmark of proposals counts, and what proposals are tuned on."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

_BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture(autouse=True)
def _benchmarks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(_BENCHMARKS))


def test_overlap_precision_and_recall() -> None:
    score = importlib.import_module("proposals").score
    truth, found = np.zeros((10, 10), np.bool_), np.zeros((10, 10), np.bool_)
    truth[:, :4] = True
    found[:, 2:5] = True
    assert (score(found, truth).iou, score(found, truth).precision, score(found, truth).recall) == (
        pytest.approx(20 / 50),
        pytest.approx(20 / 30),
        pytest.approx(20 / 40),
    )
    nothing = np.zeros((10, 10), np.bool_)
    assert score(nothing, truth) == score(nothing, nothing)


def test_tuning_pictures_are_a_function_of_their_arguments(
    tmp_path: Path, wheel_photo_file: Callable[[str], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    tuning = importlib.import_module("proposal_tuning")
    monkeypatch.setattr(tuning, "_SHARP_ENOUGH", 0.0)  # these two have much that is soft
    for name in ("china", "flower"):
        (tmp_path / f"{name}.jpg").write_bytes(wheel_photo_file(name))
    files = tuning.photographs(tmp_path)
    assert [file.name for file in files] == ["china.jpg", "flower.jpg"]
    for make in (tuning.tuning_pairs, tuning.tuning_singles):
        first, again, other = (list(make(files, 1, seed)) for seed in (3, 3, 4))
        assert first
        for one, same in zip(first, again, strict=True):
            assert np.array_equal(one.blurred, same.blurred)
            assert np.array_equal(one.mask, same.mask)
            assert one.blurred.shape == one.sharp.shape == (*one.mask.shape, 3)
            assert one.mask.any()
        assert not np.array_equal(first[0].blurred, other[0].blurred)
