"""GhostSR as one network: made of a dense one, in words where it cannot be, with noise that fades and offsets that
freeze."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from million_ird.errors import UsageError
from pretrain.first_weights import read_init
from pretrain.models.edsr import EDSRSettings
from pretrain.models.families import ModelSettings, before_step, build_network
from pretrain.models.ghost.anneal import ghost_layers
from pretrain.models.ghost.convert import convert_from_pretrained, ghostify
from pretrain.models.ghost.freeze import SlicedGhostConvolution
from pretrain.models.ghost.layer import GhostConvolution, GhostSettings
from pretrain.models.ghost.network import GhostNetwork, GhostNetworkSettings, build_dense
from pretrain.models.loading import load_weights
from pretrain.models.pretrained import save_pretrained
from pretrain.models.variants import WHOLE
from pretrain.restore import Restorer, RestoreSettings
from tests.pretrain.every_family import NETWORKS, network
from tests.pretrain.models.ghost.tiny import seeded

GHOSTS = {name: shape for name, shape in NETWORKS.items() if isinstance(shape, GhostNetworkSettings)}


@pytest.fixture(params=GHOSTS.values(), ids=list(GHOSTS))
def shape(request: pytest.FixtureRequest) -> GhostNetworkSettings:
    found: GhostNetworkSettings = request.param
    return found


def saved(shape: ModelSettings, folder: Path) -> tuple[nn.Module, str]:
    model = network(shape).eval()
    save_pretrained(folder, model, (WHOLE,))
    return model, str(folder)


def test_it_is_the_dense_network_converted_under_its_own_name(shape: GhostNetworkSettings) -> None:
    with seeded(3):
        model = GhostNetwork(shape)
    with seeded(3):
        expected = ghostify(build_dense(shape.network), shape.ghost)
    assert len(list(ghost_layers(model))) == len(list(ghost_layers(expected))) > 0
    assert model.scale == shape.scale == shape.network.scale
    image = torch.rand(1, 3, 5, 7)
    with torch.no_grad():
        assert torch.equal(model.eval()(image), expected.eval()(image))


def test_a_trained_dense_network_is_converted_by_init(shape: GhostNetworkSettings, tmp_path: Path) -> None:
    dense, folder = saved(shape.network, tmp_path)
    torch.manual_seed(11)
    before = torch.get_rng_state()
    state = read_init(folder, shape, seed=4)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(12)
    again, other = read_init(folder, shape, seed=4), read_init(folder, shape, seed=5)
    assert all(torch.equal(again[name], value) for name, value in state.items()), "the seed decides, and no state"
    differing = {name.rsplit(".", 1)[-1] for name, value in state.items() if not torch.equal(other[name], value)}
    assert differing == {"shift"}, "nothing else is new"
    with seeded(4):
        expected = convert_from_pretrained(dense, shape.ghost).eval()
    model = build_network(shape, (WHOLE,)).eval()
    load_weights(model, state, "here")
    image = torch.rand(1, 3, 5, 7)
    with torch.no_grad():
        assert torch.equal(model(image), expected(image))
    for name, value in dense.state_dict().items():
        if f"network.{name}" in state and value.shape == state[f"network.{name}"].shape and "steps" not in name:
            assert torch.equal(state[f"network.{name}"], value), name


def test_a_ghost_network_is_begun_with_as_it_is(shape: GhostNetworkSettings, tmp_path: Path) -> None:
    model, folder = saved(shape, tmp_path)
    state = read_init(folder, shape, seed=4)
    assert all(torch.equal(state[name], value) for name, value in model.state_dict().items())


_EDSR = NETWORKS["edsr"]
_OF_EDSR = GHOSTS["ghost of edsr"]


@pytest.mark.parametrize(
    ("there", "here", "says"),
    [
        (
            EDSRSettings(2, width=8, blocks=1, residual_scale=0.3),
            _OF_EDSR,
            r"init: .* is not the network of \[model\.network\]; there → here: blocks: 1 → 2; width: 8 → 6",
        ),
        (
            EDSRSettings(2, width=6, blocks=2, residual_scale=1.0),
            _OF_EDSR,
            r"\[model\.network\]; there → here: residual_scale: 1\.0 → 0\.3",
        ),
        (NETWORKS["rdn"], _OF_EDSR, r"is of the family 'rdn' \(RDN\), \[model\.network\] is of 'edsr'"),
        (NETWORKS["esrt"], _OF_EDSR, r"is of the family 'esrt' \(ESRT\), \[model\.network\] is of 'edsr'"),
        (_OF_EDSR, _EDSR, r"is of the family 'ghost' \(GhostSR\), \[model\] is of 'edsr'"),
        (NETWORKS["grl"], NETWORKS["lmd-vit"], r"is of the family 'grl' \(GRL\), \[model\] is of 'lmd-vit'"),
    ],
)
def test_another_network_than_it_is_made_of_is_told_in_a_line(
    there: ModelSettings, here: ModelSettings, says: str, tmp_path: Path
) -> None:
    _, folder = saved(there, tmp_path)
    with pytest.raises(UsageError, match=says) as caught:
        read_init(folder, here, seed=0)
    assert "\n" not in str(caught.value)


def test_what_is_not_there_is_told_as_init() -> None:
    with pytest.raises(UsageError, match="init: there is no file or folder"):
        read_init("/nowhere/at/all", _OF_EDSR, seed=0)


def test_the_noise_fades_by_the_step_and_is_part_of_the_state(shape: GhostNetworkSettings) -> None:
    model = network(replace(shape, epoch_steps=10, ghost=replace(shape.ghost, noise_decay=0.5)))
    noises = [value for name, value in model.state_dict().items() if name.endswith(".noise")]
    assert noises and all(float(noise) == 1 for noise in noises)
    for step, expected in ((0, 1.0), (5, 0.5**0.5), (10, 0.5), (30, 0.125)):
        before_step(model, step)
        assert [float(noise) for noise in noises] == [pytest.approx(expected)] * len(noises)
    before_step(network(NETWORKS["edsr"]), 7)  # of other networks nothing is asked


def test_frozen_it_gives_the_same_bits_and_is_a_copy(shape: GhostNetworkSettings) -> None:
    model = network(shape).eval()
    assert isinstance(model, GhostNetwork)
    frozen = model.frozen()
    assert not list(ghost_layers(frozen)) and any(isinstance(part, SlicedGhostConvolution) for part in frozen.modules())
    images = [torch.rand(2, 3, *sides) for sides in ((1, 1), (5, 8), (16, 3))]
    with torch.no_grad():
        expected = [model(image) for image in images]
        assert all(torch.equal(frozen(image), result) for image, result in zip(images, expected, strict=True))
        for weight in model.parameters():
            weight.zero_()
        assert all(torch.equal(frozen(image), result) for image, result in zip(images, expected, strict=True))
    assert frozen.settings == shape and frozen.scale == shape.scale and not frozen.training


def test_pictures_are_restored_by_the_frozen_form(monkeypatch: pytest.MonkeyPatch) -> None:
    model = network(_OF_EDSR).eval()
    picture = np.random.default_rng(0).random((7, 9, 3), np.float32)
    with torch.no_grad():
        expected = model(torch.from_numpy(picture).permute(2, 0, 1)[None])
    monkeypatch.delattr(GhostConvolution, "forward")
    restored = Restorer(model, WHOLE, RestoreSettings(mode="whole"))(picture)
    assert np.array_equal(restored, expected[0].permute(1, 2, 0).numpy())
    assert list(ghost_layers(model)), "what it was given still learns"


def test_a_share_of_nothing_is_the_dense_network() -> None:
    shape = GhostNetworkSettings(_OF_EDSR.network, GhostSettings(share=0.0))
    assert build_dense(shape.network).state_dict().keys() == GhostNetwork(shape).network.state_dict().keys()


def test_settings_that_cannot_be() -> None:
    with pytest.raises(UsageError, match="epoch_steps: got 0, expected 1 or more"):
        GhostNetworkSettings(epoch_steps=0)
