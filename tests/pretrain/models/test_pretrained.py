from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from million_ird.errors import DatasetError, StoreError, UsageError
from pretrain.checkpoint import Checkpoint, Checkpoints, CheckpointSettings
from pretrain.models.dynet import DyNet, DyNetSettings
from pretrain.models.loading import load_weights
from pretrain.models.pretrained import (
    CARD,
    CONFIG,
    WEIGHTS,
    from_pretrained,
    save_pretrained,
    weights_metadata,
)
from pretrain.models.variants import SHIPPED, SMALL, Variant
from pretrain.weights import read_safetensors, safetensors_bytes
from tests.pretrain.models.published import Layout

TINY = DyNetSettings(width=8, prompt_crop=8, refinement=1)


def same(one: DyNet, other: DyNet) -> bool:
    a, b = one.state_dict(), other.state_dict()
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) and a[key].dtype == b[key].dtype for key in a)


@pytest.fixture
def model() -> DyNet:
    torch.manual_seed(0)
    return DyNet(TINY)


@pytest.fixture
def folder(model: DyNet, tmp_path: Path) -> Path:
    save_pretrained(tmp_path / "net", model, SHIPPED, {"recipe": "seed = 1\n"})
    return tmp_path / "net"


def test_a_folder_gives_back_exactly_what_was_saved(model: DyNet, folder: Path) -> None:
    assert sorted(path.name for path in folder.iterdir()) == sorted([CONFIG, WEIGHTS, CARD])
    read = from_pretrained(folder)
    assert same(model, read.model) and read.model.settings == TINY and not read.model.training
    assert read.variants == SHIPPED and read.metadata == {"recipe": "seed = 1\n"}
    assert read.variant("small") == SMALL and read.variant() == SHIPPED[0]
    with pytest.raises(UsageError, match="no variant 'tiny'; known are 'large', 'small'"):
        read.variant("tiny")


def test_the_weights_alone_suffice(model: DyNet, folder: Path, tmp_path: Path) -> None:
    alone = tmp_path / "alone.safetensors"
    (folder / WEIGHTS).rename(alone)
    assert same(model, from_pretrained(alone).model)


def test_the_same_network_gives_the_same_bytes(model: DyNet, folder: Path, tmp_path: Path) -> None:
    save_pretrained(tmp_path / "again" / "net", model, SHIPPED, {"recipe": "seed = 1\n"})
    for name in (CONFIG, WEIGHTS, CARD):
        assert (folder / name).read_bytes() == (tmp_path / "again" / "net" / name).read_bytes()


def test_a_network_that_shares_nothing_keeps_its_depth(tmp_path: Path) -> None:
    settings = replace(TINY, shared=False, prompt_placement="decoder")
    depth, shallow = Variant.of("all", (1, 2, 1, 1, 1, 1, 2)), Variant.of("one", (1, 1, 1, 1))
    model = DyNet(settings, depth)
    save_pretrained(tmp_path, model, [shallow])
    read = from_pretrained(tmp_path)
    assert same(model, read.model) and read.model.depth is not None and read.model.depth.repeats == depth.repeats
    with pytest.raises(UsageError, match="'small' runs"):
        save_pretrained(tmp_path, model, [SMALL])


def test_a_checkpoint_and_a_run_are_read_as_well(model: DyNet, tmp_path: Path) -> None:
    other = DyNet(TINY)
    checkpoints = Checkpoints(tmp_path, CheckpointSettings())
    for step, saved in ((10, model), (20, other)):
        metadata = weights_metadata(saved, SHIPPED, {"recipe": "…"})
        checkpoints.save(Checkpoint(step, step, saved.state_dict(), {}, metadata, best=30.0), best=step == 10)
    assert same(model, from_pretrained(tmp_path).model)
    assert same(other, from_pretrained(checkpoints.path(20)).model)
    assert same(other, from_pretrained(checkpoints.path(20) / WEIGHTS).model)


def test_metadata_may_leave_the_depth_to_the_variants(tmp_path: Path) -> None:
    """As checkpoints of a training run do: their network has the blocks that its variants need."""
    variants = [Variant.of("a", (2, 1, 1, 1)), Variant.of("b", (1, 1, 1, 2))]
    model = DyNet(replace(TINY, shared=False), Variant.of("depth", (2, 1, 1, 2)))
    metadata = weights_metadata(model, variants, {})
    del metadata["depth"]
    (tmp_path / WEIGHTS).write_bytes(b"".join(safetensors_bytes(model.state_dict(), metadata)))
    assert same(model, from_pretrained(tmp_path).model)


@pytest.mark.parametrize("shared", [True, False])
def test_a_published_checkpoint_is_read_from_its_file(shared: bool, tmp_path: Path) -> None:
    layout = Layout(shared, width=8, prompts=(12, 20, 52), sides=(8, 4, 2))
    state = {f"net.{key}": tensor for key, tensor in layout.state(dtype=torch.float32).items()}
    torch.save({"state_dict": state, "epoch": 3, "callbacks": {"best": None}}, tmp_path / "model.ckpt")
    read = from_pretrained(tmp_path / "model.ckpt")
    assert [v.name for v in read.variants] == (["large", "small"] if shared else ["large"])
    assert torch.equal(read.model.output.weight, state["net.output.weight"])
    assert read.model(torch.rand(1, 3, 8, 8), read.variant()).isfinite().all()


class _Code:
    def __reduce__(self) -> tuple[Any, ...]:
        return exec, ("raise SystemExit('a stranger runs code')",)


@pytest.mark.parametrize("content", [b"", b"no pickle", {"state_dict": {}}, {"state_dict": {"a": torch.ones(1)}}, [1]])
def test_other_pickles_are_refused(content: Any, tmp_path: Path) -> None:
    file = tmp_path / "model.ckpt"
    if isinstance(content, bytes):
        file.write_bytes(content)
    else:
        torch.save(content, file)
    with pytest.raises(DatasetError, match=r"is damaged or holds more|holds no network"):
        from_pretrained(file)


def test_code_in_a_pickle_does_not_run(tmp_path: Path) -> None:
    torch.save(_Code(), tmp_path / "model.ckpt")
    with pytest.raises(DatasetError, match="holds more than tensors"):
        from_pretrained(tmp_path / "model.ckpt")


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no file or folder"):
        from_pretrained(tmp_path / "nothing")
    with pytest.raises(UsageError, match=r"has no model.safetensors"):
        from_pretrained(tmp_path)
    (tmp_path / "checkpoints").mkdir()
    with pytest.raises(UsageError, match="has no checkpoint yet"):
        from_pretrained(tmp_path)


@pytest.mark.parametrize("keep", [0, 5, 100, -1])
def test_damaged_weights_are_told(folder: Path, keep: int) -> None:
    file = folder / WEIGHTS
    file.write_bytes(file.read_bytes()[:keep])
    with pytest.raises(DatasetError, match=r"model.safetensors is damaged or no safetensors file"):
        from_pretrained(folder)


def test_weights_of_another_width_name_both(folder: Path) -> None:
    _, metadata = read_safetensors(folder / WEIGHTS)
    wide = DyNet(replace(TINY, width=12, heads=(1, 1, 1, 1)))
    (folder / WEIGHTS).write_bytes(b"".join(safetensors_bytes(wide.state_dict(), metadata)))
    with pytest.raises(DatasetError, match="is of width 12, the network here of width 8"):
        from_pretrained(folder)


def test_weights_of_another_shape_name_the_tensor(model: DyNet) -> None:
    state = model.state_dict()
    with pytest.raises(DatasetError, match=r"here.pt is of another network: it misses output.weight"):
        load_weights(model, {key: value for key, value in state.items() if key != "output.weight"}, "here.pt")
    with pytest.raises(DatasetError, match="beyond the network's weights, more"):
        load_weights(model, {**state, "more": torch.ones(1)}, "here.pt")
    with pytest.raises(DatasetError, match=r"output.weight is \[1\] there and \[3, 16, 3, 3\] here"):
        load_weights(model, {**state, "output.weight": torch.ones(1)}, "here.pt")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"architecture": None}, "does not say what network it holds"),
        ({"architecture": "{"}, "what it says of its network cannot be"),
        ({"architecture": "[]"}, "what it says of its network cannot be"),
        ({"architecture": '{"widht": 8}'}, "did you mean model.width"),
        ({"variants": None}, "does not say what network it holds"),
        ({"variants": "3"}, "what it says of its network cannot be"),
        ({"variants": "{}"}, "what it says of its network cannot be"),
        ({"variants": '{"a": [0, 1, 1, 1]}'}, "1 or more"),
        ({"variants": '{"a": 4}'}, "what it says of its network cannot be"),
    ],
)
def test_odd_metadata_are_told(folder: Path, changes: dict[str, str | None], says: str) -> None:
    tensors, metadata = read_safetensors(folder / WEIGHTS)
    changed = {key: value for key, value in {**metadata, **changes}.items() if value is not None}
    (folder / CONFIG).unlink()
    (folder / WEIGHTS).write_bytes(b"".join(safetensors_bytes(tensors, changed)))
    with pytest.raises(DatasetError, match=says):
        from_pretrained(folder)


@pytest.mark.parametrize("text", ["{", "[]", None])
def test_a_config_of_another_network_is_not_passed_over(folder: Path, text: str | None) -> None:
    file = folder / CONFIG
    config = json.loads(file.read_text())
    config["architecture"]["width"] = 16
    file.write_text(json.dumps(config) if text is None else text)
    with pytest.raises(DatasetError, match=r"config.json (cannot be read|and model.safetensors disagree)"):
        from_pretrained(folder)


def test_a_place_that_cannot_be_written_is_told(model: DyNet, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="is a file, not a folder"):
        save_pretrained(tmp_path / "file", model, SHIPPED)
    with pytest.raises(UsageError, match="at least one variant"):
        save_pretrained(tmp_path / "net", model, [])
