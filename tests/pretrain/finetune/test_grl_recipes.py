"""The recipes of GRL that come along: the authors' networks and numbers, and the laptop's other tasks."""

from __future__ import annotations

import re
import shlex

import pytest

from pretrain.finetune.recipe import FinetuneRecipe, load_finetune_recipe
from pretrain.models.grl.settings import GRLSettings, SizeName, TaskName, preset
from pretrain.recipe import BUNDLED
from pretrain.schedule import learning_rate

PUBLISHED: list[tuple[str, SizeName, TaskName]] = [
    ("grl_sr_x4", "tiny", "sr"),
    ("grl_denoise", "tiny", "dn"),
    ("grl_jpeg", "small", "jpeg"),
    ("grl_demosaic", "small", "demosaic"),
]


def _settings_in_comments(name: str, first: str) -> list[str]:
    """The `--set` of a recipe's header, from the line that begins with `first`."""
    lines = (BUNDLED / f"{name}.toml").read_text(encoding="utf-8").splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith(f"#     {first}"))
    taken = [lines[start].removeprefix(f"#     {first}")]
    for line in lines[start + 1 :]:
        if not line.startswith("#             "):
            break
        taken.append(line[1:])
    return [word for word in shlex.split(" ".join(taken)) if word != "--set"]


@pytest.mark.parametrize(("name", "size", "task"), PUBLISHED)
def test_the_network_is_the_authors_for_the_task(name: str, size: SizeName, task: TaskName) -> None:
    recipe = load_finetune_recipe(name)
    assert recipe.model == preset(size, task, 4 if task == "sr" else 1)


@pytest.mark.parametrize(("name", "task"), [("grl_sr_x4", "sr"), ("grl_denoise", "dn")])
@pytest.mark.parametrize("size", ["small", "base"])
def test_the_other_sizes_are_what_the_comments_say(name: str, task: TaskName, size: SizeName) -> None:
    recipe = load_finetune_recipe(name, _settings_in_comments(name, size))
    assert recipe.model == preset(size, task, 4 if task == "sr" else 1)


def test_numbers_of_training_are_the_authors() -> None:
    for name, crop in (("grl_sr_x4", 4 * 128), ("grl_denoise", 256)):
        recipe = load_finetune_recipe(name)
        assert (recipe.steps, recipe.batch, recipe.crop, recipe.loss.kind) == (225_000, 8, crop, "l1")
        rates = [learning_rate(step, recipe.steps, recipe.optimizer.lr, recipe.schedule) for step in (0, 99_999)]
        assert rates == [1e-4, 1e-4]
        assert learning_rate(224_999, recipe.steps, recipe.optimizer.lr, recipe.schedule) == 1e-4 / 16
    jpeg, demosaic = load_finetune_recipe("grl_jpeg"), load_finetune_recipe("grl_demosaic")
    assert (jpeg.steps, jpeg.batch, jpeg.crop, jpeg.optimizer.lr) == (175_000, 8, 288, 1e-4)
    assert (demosaic.steps, demosaic.batch, demosaic.crop, demosaic.optimizer.lr) == (1_000_000, 32, 64, 2e-4)
    assert demosaic.schedule.warmup == 50_000
    for recipe in (jpeg, demosaic):
        assert recipe.loss.kind == "charbonnier"
    for name, _, _ in PUBLISHED:
        optimizer = load_finetune_recipe(name).optimizer
        assert (optimizer.kind, optimizer.weight_decay) == ("adamw", 1e-4)


def test_noise_is_neither_clipped_nor_rounded() -> None:
    for name in ("grl_denoise", "grl_laptop"):
        assert load_finetune_recipe(name).tasks["denoise"].noise == "float"


def test_the_laptop_learns_each_task_by_the_settings_it_names() -> None:
    header = (BUNDLED / "grl_laptop.toml").read_text(encoding="utf-8").replace("\n#         --set", " --set")
    lines = [shlex.split(line[1:]) for line in re.findall(r"^#     --set .*$", header, re.MULTILINE)]
    recipes = [load_finetune_recipe("grl_laptop", [word for word in line if word != "--set"]) for line in lines]
    assert [list(recipe.weights()) for recipe in recipes] == [["jpeg"], ["demosaic"], ["sr"]]
    assert [recipe.loss.kind for recipe in recipes] == ["charbonnier", "charbonnier", "l1"]
    assert [recipe.scale for recipe in recipes] == [1, 1, 2]
    assert list(load_finetune_recipe("grl_laptop").weights()) == ["denoise"]


def test_crops_of_the_laptop_need_no_padding() -> None:
    recipe: FinetuneRecipe = load_finetune_recipe("grl_laptop")
    assert isinstance(recipe.model, GRLSettings)
    assert recipe.crop % recipe.model.multiple == 0
