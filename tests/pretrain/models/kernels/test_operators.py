"""The kernels against the plain form, on the CPU in Triton's interpreter; skipped where triton is not installed."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

_ROOT = Path(__file__).resolve().parents[4]
pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("triton") is None, reason="triton is not installed (it comes with PyTorch for CUDA)"
)


def _interpreted(*arguments: str) -> str:
    """Standard output of a Python of its own: Triton reads its switch once, when kernels are defined."""
    environment = os.environ | {"TRITON_INTERPRET": "1", "OMP_NUM_THREADS": "1", "PYTHONPATH": str(_ROOT)}
    done = subprocess.run([sys.executable, *arguments], cwd=_ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def errors() -> list[dict[str, Any]]:
    """What benchmarks/kernel_numerics.py finds at two small shapes of odd sizes, one wider than a tile."""
    output = _interpreted("benchmarks/kernel_numerics.py", "--device", "cpu", "--cases", "2", "--json")
    return [json.loads(line) for line in output.splitlines()]


def test_results_and_gradients_equal_the_plain_form_within_the_precision(errors: list[dict[str, Any]]) -> None:
    assert len(errors) == 2 * 3 * 2  # operators, precisions, shapes
    for row in errors:
        assert row["ok"], row


def test_half_precision_is_no_worse_than_the_plain_form_and_weights_are_better(errors: list[dict[str, Any]]) -> None:
    for row in errors:
        if row["precision"] == "float16":  # not bfloat16: the interpreter cuts its digits off, GPUs round
            assert max(row["kernel"]) <= 1.2 * max(row["plain"]), row
            assert row["kernel"][2] < 1e-5, row  # summed in float32, and never rounded to the pictures' precision


def test_gradients_of_either_input_alone_and_compiled_without_a_break() -> None:
    _interpreted(
        "-c",
        """
import torch
from pretrain.models.kernels import operators
from pretrain.models.gated_depthwise import plain_depthwise_thirds, plain_gated_depthwise

x, weight = torch.randn(1, 6, 5, 6), torch.randn(6, 1, 3, 3)

def both(x, weight):
    return operators.gated_depthwise(x, weight).sum() + sum(p.sum() for p in operators.depthwise_thirds(x, weight))

def plain(x, weight):
    return plain_gated_depthwise(x, weight).sum() + sum(p.sum() for p in plain_depthwise_thirds(x, weight))

for wanted in ("x", "weight"):
    inputs = {"x": x.clone(), "weight": weight.clone()}
    inputs[wanted].requires_grad_()
    expected, = torch.autograd.grad(plain(**inputs), inputs[wanted])
    for form in (both, torch.compile(both, backend="aot_eager", fullgraph=True, dynamic=False)):
        found, = torch.autograd.grad(form(**inputs), inputs[wanted])
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
""",
    )


def test_what_is_kept_for_the_gradients_is_the_input_alone() -> None:
    _interpreted(
        "-c",
        """
import torch
from pretrain.models.kernels import operators

x, weight = torch.randn(1, 6, 5, 6, requires_grad=True), torch.randn(6, 1, 3, 3, requires_grad=True)
kept = []
with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t.data_ptr()) or t, lambda t: t):
    operators.gated_depthwise(x, weight)
    operators.depthwise_thirds(x, weight)
assert set(kept) == {x.data_ptr(), weight.data_ptr()}, kept
""",
    )
