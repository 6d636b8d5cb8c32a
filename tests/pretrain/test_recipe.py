"""Recipes: the paper's numbers, where relative places lie, what a resumed run may change, and what cannot be."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from million_ird.errors import UsageError
from pretrain.models.variants import LARGE, SMALL
from pretrain.recipe import (
    PretrainRecipe,
    TrainingRecipe,
    bundled_recipes,
    load_recipe,
    load_recipe_as,
    recipe_from_toml,
)


def test_the_papers_recipe_has_the_papers_numbers_and_nothing_the_paper_does_not_know() -> None:
    recipe = load_recipe("pretrain_million_ird")
    assert (recipe.steps, recipe.batch, recipe.stream.crop) == (1_000_000, 32, 128)
    assert recipe.trained_variants() == (LARGE, SMALL)
    optimizer = recipe.optimizer
    assert (optimizer.kind, optimizer.lr, optimizer.betas, optimizer.weight_decay) == ("adam", 1e-4, (0.9, 0.999), 0.0)
    assert (optimizer.clip_norm, recipe.schedule.shape, recipe.schedule.warmup) == (0.0, "constant", 0)
    assert (recipe.mask.cell, recipe.mask.degraded, recipe.mask.masked, recipe.mask.fill) == (16, 0.5, 0.3, "white")
    assert recipe.draw.rule == "random" and not recipe.draw.probability and not recipe.ema.enabled
    assert (recipe.model.width, recipe.model.shared, recipe.model.prompt_placement) == (48, True, "skips")
    assert recipe.name == "pretrain_million_ird"


def test_the_papers_recipe_says_what_the_defaults_are_anyway() -> None:
    assert load_recipe("pretrain_million_ird").differences(PretrainRecipe().resolved) == []


@pytest.mark.parametrize("name", [name for name in bundled_recipes() if name.startswith("pretrain_")])
def test_a_recipe_written_out_is_read_back_as_it_was(name: str) -> None:
    recipe = load_recipe(name, ["steps=70", "variants.tiny=[1, 1, 1, 1, 2, 2, 2]", "stream.crop=[[0, 64], [5, 128]]"])
    again = recipe_from_toml(PretrainRecipe, recipe.to_toml())
    assert again == recipe
    assert again.resolved == recipe.resolved
    assert [variant.name for variant in again.trained_variants()] == ["large", "small", "tiny"]


def test_relative_places_belong_to_the_recipe_and_on_the_command_line_to_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "recipes").mkdir()
    file = tmp_path / "recipes/mine.toml"
    file.write_text('dataset = ["../set", "s3://bucket/set"]\ninit = "weights"\n')
    monkeypatch.chdir(tmp_path)
    recipe = load_recipe(str(file))
    assert recipe.dataset == (str(tmp_path / "recipes/../set"), "s3://bucket/set")
    assert recipe.init == str(tmp_path / "recipes/weights")
    assert recipe.name == "mine"
    other = load_recipe(str(file), ["init=elsewhere"], dataset="here")
    assert (other.dataset, other.init) == ((str(tmp_path / "here"),), str(tmp_path / "elsewhere"))
    file.write_text('dataset = "single"\n')
    assert load_recipe(str(file)).dataset == (str(tmp_path / "recipes/single"),)


def differences(*overrides: str, of: str = "pretrain_small") -> list[str]:
    return load_recipe(of, overrides).differences(load_recipe(of).resolved)


def test_what_a_resumed_run_may_change() -> None:
    assert not differences(
        *("accumulate=2", "dataset=elsewhere", "name=other", "stream.workers=7", "stream.prefetch=9"),
        *(
            "stream.cache=elsewhere",
            "checkpoint.every=5",
            "log.every=3",
            "compile.enabled=off",
            "log.tensorboard=false",
        ),
    )


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("seed=1", "seed: 0 → 1"),
        ("batch=8", "batch: 2 → 8"),
        ("optimizer.lr=2e-3", None),
        ("optimizer.lr=0.5", "optimizer.lr: 0.002 → 0.5"),
        ("variants.small=[1, 1, 1, 1]", "variants.small: [1, 1, 1, 2] → [1, 1, 1, 1]"),
        ("stream.lanes=16", "stream.lanes: 8 → 16"),
        ("mask.fill=black", 'mask.fill: "white" → "black"'),
        ("init=w", 'init: "" → "w"'),
        ("precision=fp32", 'precision: "auto" → "fp32"'),
        ("draw.probability.large=2", "draw.probability.large: (not set) → 2.0"),
    ],
)
def test_what_it_may_not(override: str, said: str | None) -> None:
    assert differences(override) == ([said] if said else [])


def test_steps_count_where_the_cosine_is_stretched_over_them() -> None:
    assert differences("steps=400") == ["steps: 300 → 400"]
    assert differences("steps=400", of="pretrain_million_ird") == []
    fixed = [load_recipe("pretrain_small", ["schedule.over=500", s]) for s in ("steps=3", "steps=4")]
    assert fixed[0].differences(fixed[1].resolved) == []


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("optimiser.lr=1", "optimiser: unknown key; did you mean optimizer?"),
        ("lr=1", "lr: unknown key; did you mean optimizer.lr?"),
        ("steps=0", "steps: got 0, expected at least 1"),
        ("batch=1000000000", "batch: got 1000000000, expected 65536 or less"),
        ("batch=true", "batch: got true (true or false), expected a whole number"),
        ("accumulate=3", "accumulate: 3 micro-batches cannot share a batch of 2 evenly"),
        ("model={family = 'lmd-vit'}", "variant 'large': LMD-ViT cannot run it"),
        ("model.family=exrt", 'model.family: got "exrt"'),
        ("model.scale=2", "model.scale: unknown key"),
        ("variants.small=[1, 1]", "variant 'small': got 2 repeats, expected 4"),
        ("variants.small=[0, 1, 1, 1]", "variant 'small': every level needs a whole number"),
        ("draw.probability.tiny=1", "draw.probability.tiny: there is no such variant; known are large, small"),
        ("mask.cell=48", "a crop of 64 pixels is no whole number of cells of mask.cell = 48"),
        ("model.width=7", "model: width: got 7, expected an even number"),
        ("schedule.warmup=300", "leave nothing of 300 for the cosine"),
        ("validation={crops = 0, patches = 0}", "say every = 0 for no validation"),
        ("precision=fp16", 'expected "auto" or "fp32" or "bf16"'),
        ("compile.backend=indutcor", "there is no 'indutcor'"),
    ],
)
def test_a_setting_that_cannot_be_is_one_line_that_names_it(override: str, said: str) -> None:
    with pytest.raises(UsageError) as error:
        load_recipe("pretrain_small", [override])
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_a_recipe_that_is_not_there_or_no_toml(tmp_path: Path) -> None:
    with pytest.raises(
        UsageError, match=r"there is no recipe pretrian; those that come along are .*pretrain_small\.toml"
    ):
        load_recipe("pretrian")
    (tmp_path / "bad.toml").write_text("steps = = 3")
    with pytest.raises(UsageError, match=re.escape("bad.toml is no TOML")):
        load_recipe(str(tmp_path / "bad.toml"))
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="cannot read the recipe"):
        load_recipe(str(tmp_path / "binary.toml"))
    with pytest.raises(UsageError, match=r"stepps: unknown key; did you mean steps\?"):
        recipe_from_toml(PretrainRecipe, "stepps = 3")
    with pytest.raises(UsageError, match="no TOML"):
        recipe_from_toml(PretrainRecipe, "= 3")


def test_other_kinds_of_recipe_are_read_in_the_same_way(tmp_path: Path) -> None:
    (tmp_path / "plain.toml").write_text("steps = 3\n")
    recipe = load_recipe_as(TrainingRecipe, str(tmp_path / "plain.toml"), ["batch=2"], {"steps": 5})
    assert (recipe.steps, recipe.batch, recipe.name) == (5, 2, "plain")
    with pytest.raises(UsageError, match="dataset: unknown key"):
        load_recipe_as(TrainingRecipe, str(tmp_path / "plain.toml"), ["dataset=x"])
