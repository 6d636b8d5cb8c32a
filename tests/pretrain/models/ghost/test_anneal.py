from __future__ import annotations

import pytest
import torch

from pretrain.models.ghost.anneal import anneal, chosen_offsets, unshifted
from pretrain.models.ghost.layer import GhostConvolution
from tests.pretrain.models.ghost.tiny import aim, ghost_layer, layers, seeded, tiny_ghost


def agreement(layer: GhostConvolution, epoch: float) -> float:
    """Share of 200 passes that choose what most choose."""
    anneal(layer, epoch)
    with seeded(0), torch.no_grad():
        return float(torch.stack([layer.kernel() for _ in range(200)]).mean(0).max())


def test_noise_fades_by_the_epoch_and_between_epochs() -> None:
    model = tiny_ghost("edsr", noise_decay=0.9)
    for epoch, noise in ((1, 1.0), (2, 0.9), (3, 0.81), (1.5, 0.9**0.5)):
        anneal(model, epoch)
        assert [float(layer.noise) for layer in layers(model)] == pytest.approx([noise] * 4)


def test_offsets_settle_where_the_largest_weight_is() -> None:
    layer = ghost_layer()
    with torch.no_grad():
        layer.shift.mul_(0.1)[0, 0, 0, 2] = 1 / 3
    assert agreement(layer, 1) < 0.3 < agreement(layer, 80) < agreement(layer, 120) <= agreement(layer, 400) == 1
    assert torch.equal(layer.kernel(), layer.eval().kernel())
    assert layer.chosen_offsets() == [(-1, 1)] * 3


@pytest.mark.parametrize(("epoch", "share"), [(1, 0.14), (50, 0.27), (100, 0.51), (200, 1.0)])
def test_new_layers_settle_as_those_of_the_authors_code_would(epoch: int, share: float) -> None:
    layer = ghost_layer(offsets="channel", channels=400)
    anneal(layer, epoch)
    with seeded(0), torch.no_grad():
        chosen = torch.stack([layer.kernel() for _ in range(300)]).mean(0)
    assert float(chosen.flatten(1).amax(1).median()) == pytest.approx(share, abs=0.05)


def test_in_eval_mode_there_is_no_noise_at_any_epoch() -> None:
    layer, x = ghost_layer().eval(), torch.rand(1, 4, 4, 4)
    anneal(layer, 1)
    assert all(torch.equal(layer(x), layer(x)) for _ in range(20))


def test_a_checkpoint_holds_how_far_the_noise_has_faded() -> None:
    model, resumed = tiny_ghost("carn-m"), tiny_ghost("carn-m")
    anneal(model, 37)
    resumed.load_state_dict(model.state_dict())
    assert [float(layer.noise) for layer in layers(resumed)] == pytest.approx([0.97**36] * 9)
    image = torch.rand(1, 3, 5, 5)
    with torch.no_grad():
        with seeded(2):
            first = model(image)
        with seeded(2):
            assert torch.equal(resumed(image), first)


def test_an_epoch_before_the_first_is_refused() -> None:
    with pytest.raises(ValueError, match="epoch: got 0"):
        anneal(tiny_ghost("edsr"), 0)


def test_ghosts_that_are_plain_copies_are_reported() -> None:
    model = tiny_ghost("edsr", offsets="channel")
    for layer in layers(model):
        aim(layer, 0, 1)
    assert unshifted(model) == {}
    with torch.no_grad():
        layers(model)[1].shift[0, 0, 1, 1] = 9
    aim(layers(model)[3], 0, 0)
    with torch.no_grad():
        layers(model)[3].shift[:, 0, 1, 2] = 0
    assert unshifted(model) == {"blocks.0.second": 1, "blocks.1.second": 3}
    assert chosen_offsets(model)["blocks.0.second"] == [(0, 0), (0, 1), (0, 1)]
