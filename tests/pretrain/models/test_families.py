"""One registry: every family is built, trained, saved and read by what it says, and nothing knows it by another way."""

from __future__ import annotations

import json
import typing
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from million_ird.errors import DatasetError, UsageError
from million_ird.settings import from_dict, to_dict
from million_ird.settings_fields import tag_of
from pretrain.models.carn import CARNSettings
from pretrain.models.dynet import DyNetSettings
from pretrain.models.edsr import EDSRSettings
from pretrain.models.esrt import ESRT, ESRTSettings
from pretrain.models.families import (
    FAMILIES,
    ModelSettings,
    before_step,
    blocks_of,
    build_network,
    check_variants,
    default_variants,
    family_of,
    for_inference,
    scale_of,
    settings_of,
    spares_parameters,
    tiles_for,
)
from pretrain.models.ghost.anneal import ghost_layers
from pretrain.models.ghost.network import DenseSettings, GhostNetworkSettings
from pretrain.models.grl.network import GRL
from pretrain.models.grl.settings import GRLSettings, preset
from pretrain.models.lmd_vit.settings import LMDViTSettings
from pretrain.models.operations import count_macs
from pretrain.models.pretrained import WEIGHTS, from_pretrained, save_pretrained, weights_metadata
from pretrain.models.variants import SHIPPED, SMALL, WHOLE, AnyVariant
from pretrain.objective import LossSettings, objective_of
from pretrain.step import StepSettings, accumulate_gradients
from pretrain.tiles import Tiles
from pretrain.weights import read_safetensors, safetensors_bytes
from tests.pretrain.every_family import NETWORKS, batch_of, network, variants_of
from tests.pretrain.models.test_card import front_matter
from tests.pretrain.tiny import LARGE


@pytest.fixture(params=NETWORKS.values(), ids=list(NETWORKS))
def shape(request: pytest.FixtureRequest) -> ModelSettings:
    found: ModelSettings = request.param
    return found


def test_families_and_their_settings_are_the_members_of_the_union_in_its_order() -> None:
    members = typing.get_args(ModelSettings)
    assert [family.settings for family in FAMILIES] == list(members)
    assert [("family", family.name) for family in FAMILIES] == [tag_of(member) for member in members]
    assert len({family.title for family in FAMILIES}) == len(FAMILIES)
    assert members[0] is DyNetSettings, "the family of a table that names none"
    assert {family_of(settings).name for settings in NETWORKS.values()} == {family.name for family in FAMILIES}
    assert set(typing.get_args(DenseSettings)) == {EDSRSettings, CARNSettings, type(NETWORKS["rdn"])}


def test_a_network_is_built_from_its_settings_and_knows_them(shape: ModelSettings) -> None:
    with torch.device("meta"):
        model = build_network(shape, variants_of(shape))
    assert settings_of(model) == shape and isinstance(model, nn.Module)
    assert getattr(model, "scale", 1) == scale_of(shape)
    assert (scale_of(shape) == 1) == (shape.family in ("dynet", "lmd-vit") or shape == NETWORKS["grl"])
    assert from_dict(type(shape), json.loads(json.dumps(to_dict(shape)))) == shape


def test_blocks_are_found_and_hold_a_good_part_of_the_weights(shape: ModelSettings) -> None:
    with torch.device("meta"):
        full = replace(shape, network=type(shape.network)()) if isinstance(shape, GhostNetworkSettings) else None
        model = build_network(full or type(shape)(), default_variants(shape))
    blocks = blocks_of(model)
    assert blocks and not any(other in part.modules() for part in blocks for other in blocks if other is not part)
    inside = sum(weight.numel() for part in blocks for weight in part.parameters())
    assert inside > 0.25 * sum(weight.numel() for weight in model.parameters())


def test_parameters_are_spared_where_a_step_leaves_some_without_gradient(shape: ModelSettings) -> None:
    def missed(variant: AnyVariant) -> set[str]:
        model = network(shape)
        settings = StepSettings(objective=objective_of(LossSettings(), shape))
        accumulate_gradients(model, batch_of(shape), (variant,), settings)
        return {name for name, weight in model.named_parameters() if weight.requires_grad and weight.grad is None}

    found = [missed(variant) for variant in variants_of(shape)]
    assert spares_parameters(shape, variants_of(shape)) == any(found), found


def test_no_parameters_are_spared_where_all_variants_run_all_blocks() -> None:
    unshared = NETWORKS["dynet unshared"]
    assert not spares_parameters(unshared, (LARGE, replace(LARGE, name="again")))
    assert not spares_parameters(CARNSettings(2, (2,)), (WHOLE,))


def test_each_family_runs_its_own_variants_alone(shape: ModelSettings) -> None:
    own, foreign = default_variants(shape), WHOLE if isinstance(shape, DyNetSettings) else SMALL
    assert own == (SHIPPED if isinstance(shape, DyNetSettings) else (WHOLE,))
    check_variants(shape, own)
    title = family_of(shape).title
    with pytest.raises(UsageError, match=rf"variant '{foreign.name}': {title} cannot run it; variants are DyNet's"):
        check_variants(shape, (*own, foreign))
    with pytest.raises(UsageError, match="cannot run it"):
        build_network(shape, (foreign,))


def test_a_saved_network_is_read_as_it_was_to_the_last_bit(shape: ModelSettings, tmp_path: Path) -> None:
    model, variants = network(shape).eval(), variants_of(shape)
    before_step(model, 3)
    save_pretrained(tmp_path / "net", model, variants, {"recipe": "x"})
    torch.manual_seed(5)  # what is drawn while it is built is not what counts
    read = from_pretrained(tmp_path / "net")
    assert settings_of(read.model) == shape and read.variants == variants and read.metadata == {"recipe": "x"}
    assert read.variant() == variants[0] and type(read.model) is type(model)
    state, expected = read.model.state_dict(), model.state_dict()
    assert list(state) == list(expected)
    for name, value in expected.items():
        assert torch.equal(state[name], value) and state[name].dtype == value.dtype, name
    image = torch.rand(2, 3, 9, 13)
    with torch.no_grad():
        result = model(image, **variants[0].arguments)
        assert torch.equal(read.model(image, **variants[0].arguments), result)
        quick = for_inference(read.model)
        assert torch.equal(quick(image, **variants[0].arguments), result)
        assert torch.equal(read.model(image, **variants[0].arguments), result), "it is left alone"
    assert (quick is read.model) == (not isinstance(shape, GhostNetworkSettings))
    assert json.loads((tmp_path / "net/config.json").read_text())["model_type"] == shape.family


def test_ghosts_keep_offsets_indices_and_noise(tmp_path: Path) -> None:
    shape = NETWORKS["ghost of edsr"]
    assert isinstance(shape, GhostNetworkSettings)
    model = network(shape)
    before_step(model, 8)
    names = set(model.state_dict())
    for name, layer in ghost_layers(model):
        layer.order.set(torch.randperm(6))
        assert {f"{name}.shift", f"{name}.noise", f"{name}.source.index", f"{name}.order.index"} <= names
    save_pretrained(tmp_path, model, (WHOLE,))
    read = from_pretrained(tmp_path).model
    for (_, one), (_, other) in zip(ghost_layers(model), ghost_layers(read), strict=True):
        assert one.chosen_offsets() == other.chosen_offsets()
        assert float(other.noise) == pytest.approx(0.97**2)  # epochs of 4 steps
        assert torch.equal(one.order.index, other.order.index)
    image = torch.rand(1, 3, 8, 8)
    with torch.no_grad():
        assert torch.equal(model.eval()(image), read(image)), "what was noted of the indices went along"


def test_windows_travel_with_the_weights(tmp_path: Path) -> None:
    shape = NETWORKS["grl"]
    assert isinstance(shape, GRLSettings)
    wide = replace(shape, window=8)
    model, other = network(shape).eval(), network(wide).eval()
    other.load_state_dict(model.state_dict())
    image = torch.rand(1, 3, 16, 16)
    with torch.no_grad():
        assert not torch.allclose(model(image), other(image)), "windows decide the result"
        for each, settings in ((model, shape), (other, wide)):
            save_pretrained(tmp_path, each, (WHOLE,))
            read = from_pretrained(tmp_path).model
            assert settings_of(read) == settings and torch.equal(read(image), each(image))


def test_weights_without_a_family_are_a_dynets(tmp_path: Path) -> None:
    """Those of before there were others."""
    model = network(NETWORKS["dynet"])
    metadata = weights_metadata(model, (LARGE,), {})
    plain = json.loads(metadata["architecture"])
    assert plain.pop("family") == "dynet"
    file = safetensors_bytes(model.state_dict(), {**metadata, "architecture": json.dumps(plain)})
    (tmp_path / WEIGHTS).write_bytes(b"".join(file))
    assert settings_of(from_pretrained(tmp_path).model) == NETWORKS["dynet"]


@pytest.mark.parametrize(
    ("name", "changes", "variants", "says"),
    [
        ("edsr", {"family": "edrs"}, None, "did you mean 'edsr'"),
        ("edsr", {"family": "esrt"}, None, r"model\.residual_scale: unknown key; known are family, scale, width"),
        ("edsr", {"family": ["edsr"]}, None, r"model\.family: got"),
        ("edsr", {"blocks": 1}, None, "beyond the network's weights, blocks.1.first.bias"),
        ("edsr", {"width": 10**12}, None, "what it says of its network cannot be: .*"),
        ("edsr", {}, "{}", "a network has at least one variant"),
        ("edsr", {}, '{"large": [1, 1, 1, 1]}', "variant 'large': EDSR cannot run it"),
        ("edsr", {}, '{"half": []}', "variant 'half': got 0 repeats"),
        ("dynet", {}, '{"whole": []}', "variant 'whole': DyNet cannot run it"),
        ("lmd-vit", {"depths": [1]}, None, r"model: depths: got \[1\]"),
        ("grl", {"colours": 1}, None, r"model\.colours: got 1, expected 3"),
        ("ghost of edsr", {"network": {"family": "esrt"}}, None, r"model\.network\.family: got .esrt."),
        ("ghost of edsr", {"ghost": {"share": 2.0}}, None, r"model\.ghost: share: got 2\.0"),
    ],
)
def test_odd_descriptions_are_told(
    name: str, changes: dict[str, object], variants: str | None, says: str, tmp_path: Path
) -> None:
    model = network(NETWORKS[name])
    metadata = weights_metadata(model, variants_of(NETWORKS[name]), {})
    metadata["architecture"] = json.dumps({**json.loads(metadata["architecture"]), **changes})
    metadata["variants"] = variants or metadata["variants"]
    (tmp_path / WEIGHTS).write_bytes(b"".join(safetensors_bytes(model.state_dict(), metadata)))
    with pytest.raises(DatasetError, match=says) as caught:
        from_pretrained(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_network_for_grey_images_is_neither_built_nor_saved(tmp_path: Path) -> None:
    grey = GRLSettings(width=8, depths=(1,), window=4, stripe=(4, 8), anchor_factor=2, colours=1)
    for make in (lambda: build_network(grey, (WHOLE,)), lambda: save_pretrained(tmp_path, GRL(grey), (WHOLE,))):
        with pytest.raises(UsageError, match=r"model\.colours: got 1, expected 3"):
            make()


def test_what_a_network_takes_is_counted_in_the_form_for_inference() -> None:
    ghost = network(NETWORKS["ghost of edsr"])
    counted = family_of(NETWORKS["ghost of edsr"]).macs(ghost, 16, 16)
    assert counted == count_macs(for_inference(ghost), 1, 3, 16, 16)
    assert counted.total < count_macs(ghost, 1, 3, 16, 16).total, "a shift multiplies nothing"
    lmd_vit = network(NETWORKS["lmd-vit"]).eval()
    assert family_of(NETWORKS["lmd-vit"]).macs(lmd_vit, 16, 16).total > 0


@pytest.mark.parametrize(
    ("name", "kind", "tag"),
    [
        ("dynet", "shared blocks (DyNet), width 8", "denoising"),
        ("dynet unshared", "blocks of their own (PromptIR-shaped control)", "denoising"),
        ("esrt", "ESRT", "super-resolution"),
        ("grl", "GRL", ""),
        ("grl enlarging", "GRL", "super-resolution"),
        ("lmd-vit", "LMD-ViT", ""),
        ("carn", "CARN", "super-resolution"),
        ("carn-m", "CARN-M", "super-resolution"),
        ("ghost of edsr", "GhostSR of EDSR", "super-resolution"),
        ("ghost of carn-m", "GhostSR of CARN-M", "super-resolution"),
    ],
)
def test_the_card_says_what_it_is_of(name: str, kind: str, tag: str, tmp_path: Path) -> None:
    save_pretrained(tmp_path / "net", network(NETWORKS[name]), variants_of(NETWORKS[name]))
    card = (tmp_path / "net/README.md").read_text()
    assert f"An image restoration network of million-ird: {kind}" in card
    assert front_matter(card)["tags"] == ["image-restoration", *([tag] if tag else [])]
    enlarging = "gives them with 2 times the sides" in card
    assert enlarging == (tag == "super-resolution")
    assert ("| variant | repeats |" in card) == name.startswith("dynet")
    assert ("G multiply-accumulates, less where windows are left out." in card) == (name == "lmd-vit")
    code = card.split("```python\n")[1].split("```")[0]
    found: dict[str, object] = {"image": torch.rand(1, 3, 8, 8)}
    exec(code.replace("path/to/this/folder", str(tmp_path / "net")), found)
    assert found["restored"].shape[-1] == (16 if enlarging else 8)  # type: ignore[attr-defined]


def test_a_config_of_another_family_is_not_passed_over(tmp_path: Path) -> None:
    model = ESRT(ESRTSettings(scale=2, width=8, blocks=1, heads=4))
    save_pretrained(tmp_path, model, (WHOLE,))
    _, metadata = read_safetensors(tmp_path / WEIGHTS)
    edsr = network(NETWORKS["edsr"])
    other = weights_metadata(edsr, (WHOLE,), {})
    (tmp_path / WEIGHTS).write_bytes(b"".join(safetensors_bytes(edsr.state_dict(), other)))
    with pytest.raises(DatasetError, match=r"config\.json and model\.safetensors disagree about 'architecture'"):
        from_pretrained(tmp_path)
    assert json.loads(metadata["variants"]) == {"whole": []}


@pytest.mark.parametrize(
    ("settings", "tiles"),
    [
        (DyNetSettings(), Tiles(512, 32, 8)),
        (ESRTSettings(), Tiles(96, 16, 2)),
        (LMDViTSettings(), Tiles(512, 128, 128)),
        (EDSRSettings(), Tiles(256, 32)),
        (CARNSettings(), Tiles(256, 32)),
        (GhostNetworkSettings(), Tiles(256, 32)),
        (preset("tiny", "sr", 4), Tiles(256, 32, 64)),
        (preset("small", "jpeg"), Tiles(288, 32, 144)),
        (preset("tiny", "dn"), Tiles(256, 32, 128)),
        (GRLSettings(stripe=(8, 512)), Tiles(512, 0, 512)),
    ],
)
def test_each_has_tiles_of_its_own(settings: ModelSettings, tiles: Tiles) -> None:
    assert tiles_for(settings) == tiles


def test_what_is_asked_for_is_taken_and_the_overlap_of_smaller_tiles_is_smaller() -> None:
    assert tiles_for(DyNetSettings(), 64, 8) == Tiles(64, 8, 8)
    assert tiles_for(DyNetSettings(), 32) == Tiles(32, 16, 8)
    assert tiles_for(LMDViTSettings(), 128) == Tiles(128, 0, 128)
    with pytest.raises(UsageError, match="tile: got 200, expected a multiple of 128"):
        tiles_for(LMDViTSettings(), 200)


def test_only_esrt_is_cut_whatever_the_memory() -> None:
    assert {family.name: family.largest_whole for family in FAMILIES if family.largest_whole} == {"esrt": 60_000}
