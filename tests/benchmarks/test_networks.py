"""The comparison of networks: that none is missing, and that memory is what it says."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pretrain.models.table import LISTED
from pretrain.models.variants import LARGE, SMALL

_BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
_MEASURED = """
import json, sys
from torch import nn
from one_network import Case, measure
from pretrain.models.operations import Macs
wide = lambda: nn.Sequential(nn.Conv2d(3, 256, 1), nn.ReLU(), nn.Conv2d(256, 3, 1))
case = Case("wide", wide, 256, 128, 1, 0, Macs(), (None, None))
print(json.dumps([measure(case, work, "cpu", 0.0, most).mib for work, most in (("inference", 1), ("training", 0.03))]))
"""


def test_every_listed_network_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(_BENCHMARKS))
    one_network = importlib.import_module("one_network")
    listed = {f"{listing.name} {listing.variant}" for listing in LISTED}
    dynet = {f"dynet {LARGE.name}", f"dynet {SMALL.name}", f"promptir (dynet unshared) {LARGE.name}"}
    assert set(one_network.cases()) == listed | dynet | {one_network.HALF}
    frozen = one_network.cases()["carn-m-ghost ×4"]()
    assert (frozen.parameters, frozen.side, frozen.crop, frozen.megapixels) == (380_788, 24, 48, 96**2 / 1e6)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="it reads Linux's account of memory")
def test_memory_is_that_of_the_first_pass_or_more_than_was_allowed() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _MEASURED],
        cwd=_BENCHMARKS,
        env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(_BENCHMARKS.parent)},
        check=True,
        capture_output=True,
        text=True,
    )
    taken, refused = json.loads(done.stdout)
    assert 64 <= taken < 300  # 256 maps of 256² are 64 MiB; some steps hold two or three such things
    assert refused is None
