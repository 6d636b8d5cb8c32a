"""Learned scores reach the rows: scored in the worker, or on an actor for each GPU of the cluster."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest

from million_ird.dataset import open_dataset
from million_ird.errors import MissingExtraError
from pipelines.executors.serial import SerialExecutor
from pipelines.scoring import make_score
from tests.flow.world import World

_STAND_IN = '''
"""Stands in for pyiqa: one metric, the red of the first pixel."""
class _Metric:
    lower_better = True
    def __call__(self, image):
        value = float(image.getpixel((0, 0))[0])
        return type("Score", (), {"item": lambda self: value})()
def list_models(metric_mode=None, filter="", exclude_filters=""):
    return ["brisque"]
def create_metric(metric_name, as_loss=False, device=None, **kwargs):
    return _Metric()
'''


@pytest.mark.skipif(importlib.util.find_spec("pyiqa") is not None, reason="the extra `learned` is installed")
def test_a_missing_extra_is_said_before_any_work_begins(tmp_path: Path) -> None:
    with pytest.raises(MissingExtraError, match=r"pip install 'million-ird\[learned\]'"):
        make_score(["brisque"], SerialExecutor())
    world = World(tmp_path / "world")
    code, printed = world.build(str(tmp_path / "out"), 'screens.learned=["brisque"]')
    assert code == 2
    assert "pip install 'million-ird[learned]'" in printed and "Traceback" not in printed


@pytest.mark.parametrize("executor", ["serial", pytest.param("ray", marks=pytest.mark.slow)])
def test_scores_are_stored_and_judged(tmp_path: Path, executor: str) -> None:
    (tmp_path / "pyiqa.py").write_text(_STAND_IN)
    world = World(tmp_path / "world", {"PYTHONPATH": str(tmp_path)})
    overrides = ['screens.learned=["brisque"]', "screens.keep.learned_brisque=[-inf, 150]"]
    code, printed = world.build(str(tmp_path / "out"), *overrides, executor=executor)
    assert code == 0, printed
    table = pa.Table.from_batches(list(open_dataset(str(tmp_path / "out")).image_rows()))
    rows = [row for row in table.to_pylist() if row["step"] in ("", "screen")]
    assert len(rows) == 28
    assert all(row["learned_brisque"] is not None for row in rows)
    high = {row["key"] for row in rows if row["learned_brisque"] > 150}
    assert high and high == {row["key"] for row in rows if row["reason"] == "learned_brisque_high"}


@pytest.mark.slow
def test_each_gpu_gets_an_actor(tmp_path: Path) -> None:
    """A cluster that claims two GPUs (Ray counts what it is told) places two actors, and both score."""
    (tmp_path / "pyiqa.py").write_text(_STAND_IN)
    code = """
import numpy as np, ray
from pipelines.executors.base import ExecutionSettings
from pipelines.executors.on_ray import RayExecutor
from pipelines.scoring import ScoreOnGpus, make_score
ray.init(address="local", num_cpus=1, num_gpus=2, include_dashboard=False, log_to_driver=False)
score = make_score(["brisque"], RayExecutor(ExecutionSettings()))
assert isinstance(score, ScoreOnGpus), score
picture = np.full((64, 64, 3), 7, np.uint8)
assert [score(picture) for _ in range(3)] == [{"learned_brisque": 7.0}] * 3
print("scored on", len(score._actors))
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert "scored on 2" in done.stdout, done.stderr
