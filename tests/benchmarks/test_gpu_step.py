"""The GPU benchmark's code path on a CPU, and the plain reference that it measures against."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from pretrain.models.dynet import DyNet, DyNetSettings
from pretrain.models.variants import LARGE, SMALL, Variant

_BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture
def _benchmarks(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Benchmarks import each other as scripts do. One thread: small tensors gain nothing from more."""
    monkeypatch.syspath_prepend(str(_BENCHMARKS))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.usefixtures("_benchmarks")
def test_the_plain_reference_computes_what_ours_does_with_the_same_weights() -> None:
    plain_dynet = importlib.import_module("plain_dynet")
    torch.manual_seed(0)
    settings = DyNetSettings(width=8)
    ours = DyNet(settings)
    plain = plain_dynet.PlainDyNet(8, [settings.prompt_channels(name) for name in ("level_2", "level_3", "latent")])
    plain.load_state_dict(ours.state_dict())
    image = torch.rand(2, 3, 16, 24)
    for variant in (Variant.of("deep", (1, 2, 1, 3)), Variant.of("shallow", (1, 1, 1, 1))):
        outputs, gradients = [], []
        for model, forward in (
            (ours, lambda x, v=variant: ours(x, v)),
            (plain, lambda x, v=variant: plain(x, v.repeats)),
        ):
            model.zero_grad(set_to_none=True)
            outputs.append(forward(image))
            outputs[-1].abs().mean().backward()
            gradients.append([weight.grad for _, weight in sorted(model.named_parameters())])
        torch.testing.assert_close(outputs[0], outputs[1], rtol=1e-5, atol=1e-5)
        for mine, theirs in zip(*gradients, strict=True):
            torch.testing.assert_close(mine, theirs, rtol=1e-3, atol=1e-6)


@pytest.mark.usefixtures("_benchmarks")
def test_counted_traffic_is_that_of_the_operations() -> None:
    step_traffic = importlib.import_module("step_traffic")

    def make() -> object:
        weight = torch.nn.Parameter(torch.ones(3, 1, 1))
        return lambda images: images * weight

    images = 8 * 3 * 32 * 32 * 4  # bytes
    counted = step_traffic.counted(make, (8, 3, 32, 32), False)
    # Forward: the product 2 passes, the difference 3, its size 2, the mean 1; backward at least as many.
    assert 16 * images < counted < 40 * images
    assert step_traffic.counted(make, (16, 3, 32, 32), False) == pytest.approx(2 * counted, rel=1e-3)


@pytest.mark.usefixtures("_benchmarks")
def test_fused_traffic_grows_with_the_repeats_and_the_batch() -> None:
    step_traffic = importlib.import_module("step_traffic")
    large, small = (step_traffic.fused(variant.repeats, 48, 128, 32) for variant in (LARGE, SMALL))
    assert 1.4 < large / small < 1.7
    assert step_traffic.fused(LARGE.repeats, 48, 128, 16) == large / 2


# PyTorch's own compiler looks at `.grad` of a block's input, which is no leaf, and warns of itself.
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf:UserWarning")
@pytest.mark.usefixtures("_benchmarks")
def test_it_runs_on_a_cpu_and_says_that_nothing_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    gpu_step = importlib.import_module("gpu_step")
    shallow = (Variant.of("large", (1, 1, 1, 2)), Variant.of("small", (1, 1, 1, 1)))  # the real ones take half a minute
    monkeypatch.setattr(gpu_step, "VARIANTS", shallow)
    monkeypatch.setattr(gpu_step, "LARGE", shallow[0])
    out = tmp_path / "result.json"
    options = ["--device", "cpu", "--width", "8", "--size", "16", "--batch", "1", "--backend", "eager", "--only", "2"]
    monkeypatch.setattr(sys, "argv", ["gpu_step.py", *options, "--out", str(out)])
    assert gpu_step.main() == 0
    assert "nothing of this counts" in capsys.readouterr().out
    result = json.loads(out.read_text())
    assert result["counts"] is False
    assert result["checks"]["model"]["compiled anew"] == 0
    assert [(row["arm"], row["variant"]) for row in result["rows"]] == [
        (arm, variant) for arm in ("ours compiled bf16, kernels", "plain eager fp32") for variant in ("large", "small")
    ]
    for row in result["rows"]:
        assert row["milliseconds"] > 0
        assert row["gigabytes"] > 0
        assert sum(row["shares"].values()) == pytest.approx(1)
    assert result["summary"]["times_plain_fp32"] > 0


def test_without_a_gpu_it_ends_in_one_line() -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    done = subprocess.run([sys.executable, "gpu_step.py"], cwd=_BENCHMARKS, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("gpu_step: there is no CUDA device here")
