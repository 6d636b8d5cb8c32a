from __future__ import annotations

import copy
import math

import pytest
import torch
from torch import Tensor

from pretrain.models.grl.coordinates import PositionBias, log_spaced


def coordinates(fine: int, coarse: int) -> list[float]:
    values: list[float] = log_spaced(fine, coarse, device=torch.device("cpu"), dtype=torch.float64).tolist()
    return values


def test_coordinates_of_windows_are_symmetric_and_end_at_log_8_of_9() -> None:
    found = coordinates(3, 3)
    assert found == pytest.approx([-math.log(9, 8), -math.log(5, 8), 0, math.log(5, 8), math.log(9, 8)])


def test_coordinates_of_anchors_are_of_anchors_in_the_middle_of_their_stripe() -> None:
    # 8 pixels, 2 anchors: offsets -4 to 4, since the anchors stand where pixels 3 and 4 do.
    assert coordinates(8, 2) == pytest.approx([math.copysign(math.log(abs(2 * o) + 1, 8), o) for o in range(-4, 5)])
    assert len(coordinates(64, 16)) == 79


@pytest.fixture
def bias() -> PositionBias:
    torch.manual_seed(0)
    made = PositionBias(2, (2, 4), (4, 8)).eval()
    torch.nn.init.normal_(made.output.weight)
    return made


def kept(bias: PositionBias) -> Tensor | None:
    return None if bias._kept is None else bias._kept[1]


def test_pairs_look_up_their_offset(bias: PositionBias) -> None:
    table, pairs = bias.table(), bias().view(2, 2, 4, 4, 8)
    assert table.shape == (2, 5, 11) and bias().shape == (2, 8, 32)
    for i, j, k, m in [(0, 0, 0, 0), (1, 3, 0, 0), (0, 0, 3, 7), (1, 2, 2, 5)]:
        assert torch.equal(pairs[:, i, j, k, m], table[:, i - k + 3, j - m + 7])


def test_a_kept_table_is_the_computed_one(bias: PositionBias) -> None:
    computed = bias()
    with torch.no_grad():
        first, second = bias.table(), bias.table()
        assert second is first
        assert torch.equal(bias(), computed)
    with torch.inference_mode():
        assert bias.table() is first


def test_with_gradients_or_in_training_nothing_is_kept(bias: PositionBias) -> None:
    bias()
    assert kept(bias) is None
    bias.train()
    with torch.no_grad():
        bias()
    assert kept(bias) is None


def test_a_table_lasts_as_long_as_the_weights(bias: PositionBias) -> None:
    def computed() -> Tensor:
        with torch.enable_grad():
            return bias.table().detach()

    changes = {
        "written in place": lambda: bias.output.weight.mul_(2),
        "loaded": lambda: bias.load_state_dict({name: value * 0.5 for name, value in bias.state_dict().items()}),
        "another tensor": lambda: setattr(bias.hidden, "bias", torch.nn.Parameter(torch.ones(512))),
        "written to foreach": lambda: torch._foreach_lerp_([bias.output.weight], [torch.ones(2, 512)], 0.5),
        "converted": lambda: bias.double(),
    }
    with torch.no_grad():
        for name, change in changes.items():
            before = bias.table()
            change()
            assert not torch.equal(bias.table(), before) or name == "converted", name
            assert torch.equal(bias.table(), computed()), name


def test_training_again_forgets_the_table(bias: PositionBias) -> None:
    with torch.no_grad():
        bias()
        bias.train()
        assert kept(bias) is None
        bias.eval()
        bias.output.weight.data.mul_(3)  # in disguise: nothing counts this writing
        assert torch.equal(bias(), PositionBias.forward(copy.deepcopy(bias)))


def test_a_copy_keeps_no_table(bias: PositionBias) -> None:
    with torch.no_grad():
        bias()
        assert kept(copy.deepcopy(bias)) is None and kept(bias) is not None


def test_it_stays_float32_under_autocast_and_for_half_weights(bias: PositionBias) -> None:
    exact = bias()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(bias(), exact)
    assert copy.deepcopy(bias).bfloat16()().dtype == torch.float32
    assert bias.double()().dtype == torch.float64


def test_weights_that_count_no_writing_are_read_anew_each_time() -> None:
    with torch.inference_mode():
        bias = PositionBias(1, (2, 2), (2, 2)).eval()
        before = bias()
        bias.output.weight.add_(1)
        assert not torch.equal(bias(), before) and kept(bias) is None
