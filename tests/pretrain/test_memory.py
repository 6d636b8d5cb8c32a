"""The estimate of memory is never below what tensors hold, nor far above it; and what a container leaves counts."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest
import torch

from pretrain import memory
from pretrain.memory import available_bytes, banded_peak_bytes, peak_bytes
from pretrain.models.carn import CARNSettings
from pretrain.models.dynet import DyNetSettings
from pretrain.models.edsr import EDSRSettings
from pretrain.models.esrt import ESRTSettings
from pretrain.models.families import FAMILIES, ModelSettings, build_network, default_variants, for_inference
from pretrain.models.ghost.network import GhostNetworkSettings
from pretrain.models.grl.settings import GRLSettings
from pretrain.models.lmd_vit.settings import LMDViTSettings
from pretrain.models.rdn import RDNSettings

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"

NETWORKS: tuple[tuple[ModelSettings, int], ...] = (
    (DyNetSettings(width=8, heads=(1, 2, 2, 4), refinement=1), 64),
    *((EDSRSettings(scale, width=8, blocks=2), 64) for scale in (2, 3, 4)),
    *((RDNSettings(scale, blocks=4, layers=3, growth=8, width=8), 64) for scale in (2, 4)),
    *((CARNSettings(scale, width=8), 64) for scale in (2, 3, 4)),
    *((ESRTSettings(scale=scale, width=16), 64) for scale in (2, 4)),
    (GhostNetworkSettings(network=EDSRSettings(2, width=8, blocks=2)), 64),
    (LMDViTSettings(width=8, depths=(1,) * 9, heads=(1,) * 9), 128),
    (GRLSettings(width=16, depths=(2, 2), window=8, stripe=(16, 32)), 128),
    (GRLSettings(width=16, depths=(2,), window=8, stripe=(16, 32), scale=4, upsampler="shuffle"), 32),
    (GRLSettings(width=16, depths=(2,), window=16, stripe=(32, 64)), 64),
)


def test_no_family_is_missing() -> None:
    assert {settings.family for settings, _ in NETWORKS} == {family.name for family in FAMILIES}


@pytest.mark.parametrize(("settings", "side"), NETWORKS)
def test_the_estimate_lies_above_what_tensors_hold_and_within_three_times(
    settings: ModelSettings, side: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    held_by = importlib.import_module("held").Held
    torch.manual_seed(0)
    variants = default_variants(settings)
    model = for_inference(build_network(settings, variants).eval())
    arguments: dict[str, Any] = dict(variants[0].arguments)
    if isinstance(settings, LMDViTSettings):  # whatever random predictors say
        arguments["decisions"] = [torch.ones(1, *grid, dtype=torch.bool) for grid in model.grids(side, side)]  # type: ignore[operator]
    with torch.no_grad():
        model(torch.rand(1, 3, side, side), **arguments)  # what is kept from one picture to the next is there now
        with held_by(model) as held:
            model(torch.rand(1, 3, side, side), **arguments)
    estimate = peak_bytes(settings, side, side)
    assert held.peak * 1.2 < estimate < held.peak * 3.5


def test_the_estimate_is_proportional_to_pixels_and_halved_by_bf16() -> None:
    for settings in (DyNetSettings(), EDSRSettings(), ESRTSettings()):
        assert peak_bytes(settings, 1000, 2000) == pytest.approx(4 * peak_bytes(settings, 500, 1000), rel=1e-6)
        assert peak_bytes(settings, 64, 64, "bf16") == pytest.approx(peak_bytes(settings, 64, 64) / 2, abs=2)
    assert banded_peak_bytes(DyNetSettings(), 64, 64, 64) >= peak_bytes(DyNetSettings(), 64, 64)
    assert peak_bytes(GRLSettings(), 64, 64, "bf16") == peak_bytes(GRLSettings(), 64, 64), "its attention is float32"
    assert peak_bytes(GRLSettings(), 1, 1) == peak_bytes(GRLSettings(), 128, 128), "it pads"


def test_memory_of_a_container_counts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    cpu = torch.device("cpu")
    monkeypatch.setattr(memory, "_CGROUP", tmp_path)
    free = available_bytes(cpu)
    assert free > 2**20
    (tmp_path / "memory.max").write_text("max\n")
    assert available_bytes(cpu) > 2**20
    (tmp_path / "memory.max").write_text("5000\n")
    (tmp_path / "memory.current").write_text("2000\n")
    assert available_bytes(cpu) == 3000
