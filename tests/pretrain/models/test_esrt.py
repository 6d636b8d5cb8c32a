from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from million_ird.errors import UsageError
from pretrain.models.counting import parameters
from pretrain.models.esrt import (
    ESRT,
    AdaptiveResidualBlock,
    EfficientTransformer,
    ESRTSettings,
    SplitAttention,
)
from pretrain.models.operations import Macs, count_macs
from tests.pretrain.models.reference_esrt import Reference

TINY = ESRTSettings(scale=2, width=8, blocks=2, low_repeats=2, heads=4)


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def tiny(**changes: Any) -> ESRT:
    """A small network all of whose weights differ from their first values."""
    torch.manual_seed(0)
    model = ESRT(replace(TINY, **changes))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.2 * torch.randn_like(parameter) / max(parameter[0].numel(), 1) ** 0.5
    return model


def full(**changes: Any) -> ESRT:
    with torch.device("meta"):
        return ESRT(ESRTSettings(**changes))


@pytest.mark.parametrize(("scale", "count"), [(2, 677_783), (3, 770_263), (4, 751_767)])
def test_it_has_the_published_number_of_parameters(scale: int, count: int) -> None:
    assert parameters(full(scale=scale)) == count


def test_parts_have_theirs() -> None:
    model = full()
    counts = {name: parameters(part) for name, part in model.named_children()}
    assert counts == {
        "head": 896,
        "blocks": 3 * 122_190,
        "join": 27_680,
        "transformer": 188_424,
        "after_transformer": 9_248,
        "reduce": 9_248,
        "tail": 74_851,
        "skip": 74_848,
    }
    assert parameters(model.blocks[0].low) == 29_995


def test_twelve_scalars_are_never_used() -> None:
    idle = {name for name, parameter in full().named_parameters() if not parameter.requires_grad}
    assert len(idle) == 12 and {name.rsplit(".", 1)[1] for name in idle} == {"never_used"}


@pytest.mark.parametrize(("scale", "giga"), [(2, 1.993), (3, 2.225), (4, 2.720)])
def test_operations_at_48_are_those_of_the_authors_network(scale: int, giga: float) -> None:
    counted = count_macs(full(scale=scale), 1, 3, 48, 48)
    assert round(counted.total / 1e9, 3) == giga
    assert counted.attention == 288 * 4 * (48 * 48 // 4) ** 2
    assert counted.linears == 186_624 * 48 * 48


@pytest.mark.parametrize(
    ("side", "segments", "giga"), [(64, 4, 5.364), (64, 1, 8.988), (48, 1, 3.867)], ids=["64 split", "64", "48"]
)
def test_splitting_saves_operations(side: int, segments: int, giga: float) -> None:
    assert round(count_macs(full(segments=segments), 1, 3, side, side).total / 1e9, 3) == giga


@pytest.mark.parametrize(
    ("scale", "height", "width", "local", "whole"),
    [(2, 360, 640, 161.0, 3983), (3, 240, 426, 81.8, 834), (4, 180, 320, 58.4, 297)],
)
def test_operations_for_a_result_of_720_lines(scale: int, height: int, width: int, local: float, whole: int) -> None:
    counted = count_macs(full(scale=scale), 1, 3, height, width)
    assert round((counted.convolutions + counted.linears) / 1e9, 1) == local
    assert round(counted.total / 1e9) == whole


def test_operations_of_the_left_over_segment_are_counted() -> None:
    counted = count_macs(EfficientTransformer(TINY), 1, 8, 5, 7)
    assert counted == Macs(linears=35 * (72 * 36 + 36 * 108 + 36 * 72 + 2 * 72 * 18), attention=72 * (4 * 8**2 + 3**2))


@pytest.mark.parametrize(
    ("changes", "choices", "height", "width"),
    [
        ({}, {}, 6, 8),
        ({"scale": 3}, {"scale": 3}, 5, 7),
        ({"scale": 4, "overlap": "average"}, {"scale": 4, "average": True}, 4, 5),
        ({"attention_scale": "head", "segments": 3}, {"divisor": "head", "segments": 3}, 5, 5),
        ({"skip_relu": False, "segments": 1}, {"skip_relu": False, "segments": 1}, 3, 2),
    ],
)
def test_it_computes_what_is_written_down_plainly(
    changes: dict[str, Any], choices: dict[str, Any], height: int, width: int
) -> None:
    model = tiny(**changes).double()
    state = {name: value.numpy() for name, value in model.state_dict().items()}
    reference = Reference(state, **{"scale": 2, "blocks": 2, "low_repeats": 2, "heads": 4, **choices})
    images = torch.rand(2, 3, height, width, dtype=torch.float64)
    with torch.no_grad():
        result = model(images).numpy()
    for image, found in zip(images.numpy(), result, strict=True):
        np.testing.assert_allclose(found, reference.enlarge(image), rtol=1e-9, atol=1e-9)


def written_out(model: SplitAttention, x: Tensor) -> Tensor:
    """Attention with its matrices, chunk after chunk."""
    batch, tokens, _ = x.shape
    q, k, v = (
        part.view(batch, tokens, model.heads, -1).transpose(1, 2) for part in model.qkv(model.reduce(x)).chunk(3, dim=2)
    )
    chunks = [
        (qi @ ki.transpose(2, 3) / 6).softmax(dim=-1) @ vi
        for qi, ki, vi in zip(*(part.split(tokens // 4, dim=2) for part in (q, k, v)), strict=True)
    ]
    projected: Tensor = model.project(torch.cat(chunks, dim=2).transpose(1, 2).reshape(batch, tokens, -1))
    return projected


@pytest.mark.parametrize("tokens", [64, 67])
def test_fused_attention_equals_the_written_out(tokens: int) -> None:
    torch.manual_seed(0)
    model, x = SplitAttention(ESRTSettings()), torch.randn(2, tokens, 288)
    assert model.scale == pytest.approx(1 / 6)
    torch.testing.assert_close(model(x), written_out(model, x), rtol=0, atol=3e-6)
    ours, theirs = (
        torch.autograd.grad(f.square().sum(), model.qkv.weight)[0] for f in (model(x), written_out(model, x))
    )
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


def test_a_token_sees_its_segment_and_what_is_left_over_is_a_segment_of_its_own() -> None:
    model, x = SplitAttention(TINY), torch.randn(1, 18, 72, requires_grad=True)
    for token, first, end in ((0, 0, 4), (5, 4, 8), (15, 12, 16), (17, 16, 18)):
        (seen,) = torch.autograd.grad(model(x)[0, token].sum(), x)
        touched = seen[0].abs().sum(dim=1).nonzero().flatten().tolist()
        assert touched == list(range(first, end))


def test_a_segment_is_local_in_the_image() -> None:
    model, x = EfficientTransformer(TINY), torch.randn(1, 8, 16, 6, requires_grad=True)
    for row, first, last in ((0, 0, 4), (5, 3, 8), (15, 11, 15)):  # four rows and one of neighbourhood on each side
        (attended,) = torch.autograd.grad(_tokens(model, x)[0, 6 * row + 2].sum(), x)
        touched = attended[0].abs().sum(dim=(0, 2)).nonzero().flatten().tolist()
        assert (touched[0], touched[-1]) == (first, last)


def _tokens(model: EfficientTransformer, x: Tensor) -> Tensor:
    tokens = functional.unfold(x, 3, padding=1).transpose(1, 2)
    attended: Tensor = model.attention(model.attention_norm(tokens))
    return attended


def test_tokens_that_nobody_changes_come_back_as_often_as_they_overlap() -> None:
    x, changed = torch.ones(1, 8, 4, 5), {}
    for overlap in ("sum", "average"):
        model = EfficientTransformer(replace(TINY, overlap=overlap))
        with torch.no_grad():
            for last in (model.attention.project, model.feed_forward[2]):
                last.weight.zero_(), last.bias.zero_()
            changed[overlap] = model(x)[0, 0]
    assert (changed["sum"][1, 1], changed["sum"][0, 1], changed["sum"][0, 0]) == (9, 6, 4)
    torch.testing.assert_close(changed["average"], x[0, 0])


def test_the_skip_path_brightens_only() -> None:
    model, image = tiny(), torch.rand(1, 3, 6, 6)
    with torch.no_grad():
        for parameter in model.tail.parameters():
            parameter.zero_()
        assert model(image).min() == 0 < model(image).max()
        assert tiny(skip_relu=False).skip(model.head(image)).min() < 0


def test_padding_leaves_no_small_segment_and_changes_even_images_nothing() -> None:
    padded, parity = tiny(uneven="pad"), tiny()
    even, odd = torch.rand(1, 3, 4, 6), torch.rand(1, 3, 5, 7)
    continued = torch.cat([odd, odd[:, :, -1:].expand(-1, -1, 3, -1)], dim=2)
    with torch.no_grad():
        assert torch.equal(padded(even), parity(even))
        assert torch.equal(padded(odd), parity(continued)[:, :, :10])
        assert not torch.allclose(padded(odd), parity(odd))


def test_what_is_never_used_changes_nothing() -> None:
    block, x = AdaptiveResidualBlock(8), torch.rand(1, 8, 4, 4)
    before = block(x)
    with torch.no_grad():
        block.never_used.fill_(7)
    assert torch.equal(block(x), before)


@pytest.mark.parametrize(
    "wrong",
    [
        {"scale": 1},
        {"scale": 8},
        {"width": 30},
        {"width": 0},
        {"blocks": 0},
        {"low_repeats": 0},
        {"segments": 0},
        {"heads": 0},
        {"heads": 5},
        {"uneven": "crop"},
        {"attention_scale": "none"},
        {"overlap": "max"},
    ],
)
def test_a_setting_that_cannot_be_is_refused_by_name(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=f"^{next(iter(wrong))}:"):
        ESRTSettings(**wrong)
