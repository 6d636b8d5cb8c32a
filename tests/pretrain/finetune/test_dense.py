"""GhostSR in one run: dense, converted, fine-tuned; stopped anywhere and gone on with."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from million_ird.errors import UsageError
from pretrain.finetune.dense import beginning_with_dense, dense_recipe
from pretrain.finetune.recipe import FinetuneRecipe, load_finetune_recipe
from pretrain.finetune.run import finetune
from pretrain.first_weights import read_init
from pretrain.logs import LogSettings, read_log
from pretrain.models.edsr import EDSRSettings
from pretrain.models.ghost.layer import GhostSettings
from pretrain.models.ghost.network import GhostNetwork, GhostNetworkSettings
from pretrain.models.pretrained import from_pretrained
from pretrain.ranks import Ranks
from pretrain.signals import StopRequest
from tests.pretrain.finetune.worlds import clean_folder

_RECIPE = """
steps = 3
batch = 2
crop = 32
[model]
family = "ghost"
network = {family = "edsr", scale = 2, width = 4, blocks = 1, residual_scale = 1.0}
[dense]
steps = 4
lr = 1e-2
[tasks.sr]
clean = "clean"
scale = 2
[schedule]
shape = "constant"
warmup = 0
[validation]
images = 1
every = 0
side = 32
[checkpoint]
every = 2
[reading]
threads = 0
"""


@pytest.fixture
def recipe(tmp_path: Path) -> FinetuneRecipe:
    clean_folder(tmp_path / "clean")
    (tmp_path / "recipe.toml").write_text(_RECIPE)
    return load_finetune_recipe(str(tmp_path / "recipe.toml"))


class StopsAfter(StopRequest):
    """Asks to stop after so many steps."""

    def __init__(self, steps: int) -> None:
        super().__init__()
        self._left = steps

    def agreed(self, ranks: Ranks) -> bool:
        self._left -= 1
        return self._left == 0


def _train(recipe: FinetuneRecipe, out: Path, resume: bool = False, stop: StopRequest | None = None) -> int:
    return finetune(recipe, out, resume, Ranks(), stop or StopRequest())


def test_the_ghosts_begin_with_the_dense_network_converted(
    recipe: FinetuneRecipe, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    assert _train(recipe, out) == 0
    assert f"first the dense network, in {out / 'dense'}; then its ghosts, in {out}" in capsys.readouterr().err
    dense = from_pretrained(out / "dense" / "model")
    assert dense.model.settings == EDSRSettings(2, width=4, blocks=1, residual_scale=1.0)
    assert "steps = 4" in dense.metadata["recipe"] and "lr = 0.01" in dense.metadata["recipe"]
    assert isinstance(from_pretrained(out).model, GhostNetwork)
    begun = read_init(str(out / "dense"), recipe.model, recipe.seed)
    once = tmp_path / "once"
    (tmp_path / "recipe.toml").write_text(_RECIPE.replace("steps = 4", "steps = 0").replace("steps = 3", "steps = 1"))
    first = load_finetune_recipe(str(tmp_path / "recipe.toml"), ["optimizer.lr=1e-30"], str(out / "dense"))
    assert _train(first, once) == 0
    after = from_pretrained(once).model.state_dict()
    for name, value in begun.items():
        torch.testing.assert_close(after[name], value, msg=name)


def test_the_log_shows_how_the_noise_on_the_offsets_fades(recipe: FinetuneRecipe, tmp_path: Path) -> None:
    assert isinstance(recipe.model, GhostNetworkSettings)
    fading = replace(recipe.model, epoch_steps=1, ghost=GhostSettings(noise_decay=0.1))
    recipe = replace(recipe, model=fading, log=LogSettings(every=1, tensorboard=False))
    assert _train(recipe, tmp_path / "run", stop=StopsAfter(6)) != 0
    assert _train(recipe, tmp_path / "run", resume=True) == 0
    assert [line["noise"] for line in read_log(tmp_path / "run", "train")] == pytest.approx([1, 0.1, 0.01])
    assert not any("noise" in line for line in read_log(tmp_path / "run" / "dense", "train"))
    network = from_pretrained(tmp_path / "run").model
    assert isinstance(network, GhostNetwork) and network.noise == pytest.approx(0.01)


def test_a_run_stopped_in_either_training_goes_on_as_if_it_had_not_been(recipe: FinetuneRecipe, tmp_path: Path) -> None:
    assert _train(recipe, tmp_path / "whole") == 0
    for steps in (3, 5):  # of 4 dense ones and 3 after them
        out = tmp_path / f"stopped-{steps}"
        assert _train(recipe, out, stop=StopsAfter(steps)) != 0
        assert (out / "checkpoints").exists() == (steps > 4)
        assert _train(recipe, out, resume=True) == 0
        for folder in ("dense/model", "model"):
            one, other = (from_pretrained(place / folder).model.state_dict() for place in (out, tmp_path / "whole"))
            assert all(torch.equal(one[name], value) for name, value in other.items()), folder
    with pytest.raises(UsageError, match="holds a run already"):
        _train(recipe, tmp_path / "stopped-3")


def test_a_dense_run_of_another_recipe_is_not_taken_over(recipe: FinetuneRecipe, tmp_path: Path) -> None:
    assert _train(recipe, tmp_path / "run", stop=StopsAfter(3)) != 0
    with pytest.raises(UsageError, match="dense holds a run already"):
        _train(recipe, tmp_path / "run")
    with pytest.raises(UsageError, match=r"begun with another recipe: batch: 2 → 1"):
        _train(replace(recipe, batch=1), tmp_path / "run", resume=True)


def test_only_what_is_made_of_a_dense_network_has_one(recipe: FinetuneRecipe, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r'dense\.steps: only a network of the family "ghost"'):
        replace(recipe, model=EDSRSettings(2, width=4, blocks=1))
    with pytest.raises(UsageError, match=r"dense\.steps: got -1"):
        load_finetune_recipe(str(tmp_path / "recipe.toml"), ["dense.steps=-1"])
    with pytest.raises(UsageError, match=r"dense\.lr: got 0"):
        load_finetune_recipe(str(tmp_path / "recipe.toml"), ["dense.lr=0"])
    plain = load_finetune_recipe(str(tmp_path / "recipe.toml"), ["dense.steps=0"])
    assert dense_recipe(plain) is None and beginning_with_dense(plain, tmp_path) is plain
