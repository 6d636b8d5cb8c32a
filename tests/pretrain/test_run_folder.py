"""The folder of a run: whose it is, and what a resumed run may not change."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from million_ird.errors import StoreError, UsageError
from pretrain.checkpoint import CheckpointSettings
from pretrain.ranks import Ranks
from pretrain.recipe import PretrainRecipe, TrainingRecipe, recipe_from_toml
from pretrain.run_folder import check_run, open_run

RECIPE = TrainingRecipe(name="mine", steps=10)


def begin(out: Path, recipe: TrainingRecipe = RECIPE, resume: bool = False) -> None:
    with open_run(out, recipe, Ranks(), resume):
        (out / "log.jsonl").touch()


def test_the_recipe_is_written_and_the_folder_is_taken(tmp_path: Path) -> None:
    begin(tmp_path / "new/run")
    text = (tmp_path / "new/run/recipe.toml").read_text()
    assert recipe_from_toml(TrainingRecipe, text) == RECIPE
    with pytest.raises(UsageError, match="holds a run already: go on with --resume, or give another --out"):
        begin(tmp_path / "new/run")
    begin(tmp_path / "new/run", resume=True)


def test_to_resume_where_nothing_is_means_to_begin(tmp_path: Path) -> None:
    begin(tmp_path / "run", resume=True)
    assert (tmp_path / "run/recipe.toml").exists()


def test_what_changed_is_named(tmp_path: Path) -> None:
    begin(tmp_path)
    changed = replace(RECIPE, seed=3, batch=16)
    with pytest.raises(UsageError, match=r"another recipe: batch: 32 → 16; seed: 0 → 3\. Give the settings it had"):
        begin(tmp_path, changed, resume=True)
    many = replace(changed, precision="fp32", variants={"large": (1, 1, 1, 1)})
    with pytest.raises(UsageError, match="and 2 more"):
        begin(tmp_path, many, resume=True)
    assert recipe_from_toml(TrainingRecipe, (tmp_path / "recipe.toml").read_text()) == RECIPE


def test_steps_may_grow_and_not_shrink(tmp_path: Path) -> None:
    begin(tmp_path)
    begin(tmp_path, replace(RECIPE, steps=20, checkpoint=CheckpointSettings(every=7)), resume=True)
    assert "steps = 20" in (tmp_path / "recipe.toml").read_text()
    with pytest.raises(UsageError, match=r"begun with steps = 20; a resumed run may have more, but not 10"):
        begin(tmp_path, RECIPE, resume=True)


def test_a_run_that_failed_before_its_first_step_may_be_begun_with_a_mended_recipe(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no data"), open_run(tmp_path, RECIPE, Ranks(), resume=False):
        raise UsageError("no data")
    begin(tmp_path, replace(RECIPE, seed=1))
    assert "seed = 1" in (tmp_path / "recipe.toml").read_text()


def test_folders_that_are_no_runs(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_text("")
    with pytest.raises(UsageError, match=r"has no recipe\.toml: it holds no run that can be resumed"):
        begin(tmp_path, resume=True)
    (tmp_path / "recipe.toml").write_text("stepps = 1")
    with pytest.raises(UsageError, match=r"the recipe\.toml there is none of this kind of run \(stepps: unknown key"):
        begin(tmp_path, resume=True)
    begin(tmp_path / "other", PretrainRecipe(name="mine", steps=10))
    with pytest.raises(UsageError, match="dataset: unknown key"):  # a run of another kind
        begin(tmp_path / "other", resume=True)
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="not a folder"):
        begin(tmp_path / "file")


def test_the_recipe_of_a_dataset_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "recipe.toml").write_text('[[manifest]]\npath = "list.csv"\n')
    for resume in (False, True):
        with pytest.raises(UsageError, match="manifest: unknown key"):
            begin(tmp_path, resume=resume)
    assert (tmp_path / "recipe.toml").read_text().startswith("[[manifest]]")


def test_a_check_changes_nothing(tmp_path: Path) -> None:
    check_run(tmp_path / "run", RECIPE, resume=False)
    assert not (tmp_path / "run").exists()
