from __future__ import annotations

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from pretrain.models.counting import UNUSED_IN_DYNET, UNUSED_IN_PROMPTIR, count_operations, unused_parameters
from pretrain.models.dynet import DyNet, DyNetSettings
from pretrain.models.promptir import from_published
from pretrain.models.variants import LARGE, SMALL, Variant
from tests.pretrain.models import published


@pytest.mark.parametrize(
    ("variant", "multiply_accumulates", "in_the_papers"), [(LARGE, 132.23, 242.35), (SMALL, 90.81, 166.38)]
)
@pytest.mark.parametrize("shared", [True, False])
def test_operations_at_224_are_the_published(
    shared: bool, variant: Variant, multiply_accumulates: float, in_the_papers: float
) -> None:
    with torch.device("meta"):
        model = DyNet(DyNetSettings(shared=shared, prompt_placement="skips" if shared else "decoder"))
    counted = count_operations(model, variant, 224, 224)
    assert round(counted.multiply_accumulates / 1e9, 2) == multiply_accumulates
    assert round(counted.published / 1e9, 2) == in_the_papers


def test_pytorch_counts_the_same_in_the_plain_equations() -> None:
    layout = published.Layout(True, width=8, prompts=(12, 20, 52), sides=(8, 4, 2), refinement=1)
    state, image = layout.state(), torch.rand(1, 3, 16, 24, dtype=torch.float64)
    with FlopCounterMode(display=False) as counter:
        published.restore(state, image, True, SMALL.repeats, skips=True)
    counted = count_operations(from_published(state), SMALL, 16, 24)
    assert counter.get_total_flops() == 2 * counted.multiply_accumulates


def test_operations_are_counted_for_the_padded_image() -> None:
    model = DyNet(DyNetSettings(width=8, prompt_crop=8))
    assert count_operations(model, SMALL, 17, 24) == count_operations(model, SMALL, 24, 24)


@pytest.mark.parametrize(
    ("shared", "unused", "total"), [(True, UNUSED_IN_DYNET, 16_726_031), (False, UNUSED_IN_PROMPTIR, 35_592_263)]
)
def test_with_what_the_published_codes_never_run_counts_are_theirs(
    shared: bool, unused: tuple[tuple[int, int], ...], total: int
) -> None:
    shapes = published.Layout(shared).shapes()
    assert sum(torch.Size(shape).numel() for shape in shapes.values()) == total
    with torch.device("meta"):
        own = sum(p.numel() for p in DyNet(DyNetSettings(shared=shared)).parameters())
    assert own + unused_parameters(unused) == total
