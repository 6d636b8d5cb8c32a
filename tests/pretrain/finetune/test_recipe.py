"""The fine-tuning recipe: its defaults, its paths, what cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest

from million_ird.errors import UsageError
from million_ird.local_blur import LocalBlurSettings
from pretrain.finetune.recipe import EPOCH, FinetuneRecipe, load_finetune_recipe
from pretrain.finetune.tasks import PUBLISHED_SHARES
from pretrain.recipe import recipe_from_toml
from pretrain.schedule import learning_rate

_TASK = "[tasks.denoise]\nclean = 'photos'\nsigmas = [25]\n"


def _recipe(tmp_path: Path, text: str, *overrides: str) -> FinetuneRecipe:
    (tmp_path / "recipe.toml").write_text(text)
    return load_finetune_recipe(str(tmp_path / "recipe.toml"), overrides)


def test_the_bundled_recipe_is_the_papers_protocol() -> None:
    recipe = load_finetune_recipe("finetune_all_in_one")
    assert (recipe.steps, recipe.batch, recipe.crop) == (120 * EPOCH, 32, 128)
    assert (recipe.optimizer.kind, recipe.optimizer.lr) == ("adamw", 2e-4)
    assert recipe.tasks["denoise"].sigmas == (15, 25, 50)
    assert [variant.name for variant in recipe.trained_variants()] == ["large", "small"]
    assert set(recipe.weights().values()) == {1.0}


def test_what_the_bundled_recipe_leaves_out_or_says_are_the_defaults(tmp_path: Path) -> None:
    bundled, plain = load_finetune_recipe("finetune_all_in_one"), _recipe(tmp_path, _TASK)
    for section in ("steps", "batch", "crop", "shares", "loss", "optimizer", "schedule", "validation"):
        assert getattr(bundled, section) == getattr(plain, section), section
    assert _recipe(tmp_path, _TASK + "[optimizer]\nlr = 1e-3\n").optimizer.kind == "adamw"


def test_the_rate_warms_up_by_the_step_and_ends_at_zero(tmp_path: Path) -> None:
    recipe = load_finetune_recipe("finetune_all_in_one")

    def rate(step: int, recipe: FinetuneRecipe = recipe) -> float:
        return learning_rate(step, recipe.steps, recipe.optimizer.lr, recipe.schedule)

    assert 0 < rate(0) < 1e-8
    assert rate(15 * EPOCH) == pytest.approx(2e-4)
    assert rate(recipe.steps - 1) < 1e-9
    authors = load_finetune_recipe("finetune_all_in_one", ["schedule.over=667500"])
    assert rate(authors.steps - 1, authors) == pytest.approx(2.5e-5, abs=0.3e-5)


def test_the_published_shares_are_one_setting_away() -> None:
    assert load_finetune_recipe("finetune_all_in_one", ["shares=published"]).weights() == dict(PUBLISHED_SHARES)


def test_a_task_can_be_left_out_on_the_command_line() -> None:
    recipe = load_finetune_recipe("finetune_all_in_one", ["tasks.dehaze.weight=0", "tasks.derain.weight=3"])
    assert recipe.weights() == {"denoise": 1.0, "derain": 3.0}


def test_paths_belong_to_the_recipe_and_on_the_command_line_to_the_current_folder(tmp_path: Path) -> None:
    recipe = _recipe(tmp_path, _TASK + "dataset = ['s3://bucket/set', 'sets/mine']\n")
    assert recipe.tasks["denoise"].clean == (str(tmp_path / "photos"),)
    assert recipe.tasks["denoise"].dataset == ("s3://bucket/set", str(tmp_path / "sets" / "mine"))
    changed = _recipe(tmp_path, _TASK, "tasks.denoise.clean=elsewhere")
    assert changed.tasks["denoise"].clean == (str(Path("elsewhere").absolute()),)


def test_the_resolved_recipe_gives_itself_again(tmp_path: Path) -> None:
    recipe = _recipe(tmp_path, _TASK)
    assert recipe_from_toml(FinetuneRecipe, recipe.to_toml()) == recipe


def test_moved_pictures_and_more_threads_are_the_same_run_and_another_noise_is_not(tmp_path: Path) -> None:
    before = _recipe(tmp_path, _TASK).resolved
    assert _recipe(tmp_path, _TASK, "tasks.denoise.clean=elsewhere", "reading.threads=1").differences(before) == []
    changed = _recipe(tmp_path, _TASK, "tasks.denoise.noise=float").differences(before)
    assert changed == ['tasks.denoise.noise: "truncated" → "float"']


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["tasks.denoise.sigma=25"], r"tasks\.denoise\.sigma: unknown key; did you mean tasks\.denoise\.sigmas"),
        (["task.denoise.weight=1"], r"task: unknown key; did you mean tasks"),
        (["tasks.denoise.weight=0"], "at least one with a weight above 0"),
        (["crop=100"], "crop: got 100, expected a multiple of 16"),
        (["validation.images=-1"], r"validation\.images"),
        (["reading.prefetch=0"], r"reading\.prefetch: got 0, expected at least 1"),
        (["reading.max_damaged_share=2"], r"reading\.max_damaged_share"),
        (["steps=1000"], r"schedule\.warmup: 66750 steps leave nothing of 1000"),
        (["shares=published", "tasks.mine.clean=x", "tasks.mine.sigmas=[5]"], "not mine; use weights"),
        (["tasks.denoise.sigmas=[]", "tasks.denoise.scale=2"], "2 times the sides .* one of 1 times"),
        (["model.family=edsr", "model.scale=2"], "1 times the sides .* one of 2 times"),
        (
            ["tasks.sr.clean=x", "tasks.sr.scale=2", "model.family=edsr", "model.scale=2"],
            r"tasks\.sr\.scale: got 2, but 1 in tasks\.denoise",
        ),
        (["validation.side=8"], r"validation\.side: got 8, expected at least 16, or 0"),
        (["tasks.denoise.names=rainy"], r'tasks\.denoise\.names: got "rainy"'),
    ],
)
def test_what_cannot_be_names_the_key(tmp_path: Path, overrides: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        _recipe(tmp_path, _TASK, *overrides)


@pytest.mark.parametrize(("scale", "crop"), [(2, 100), (3, 144), (3, 192), (3, 48), (4, 64), (4, 260)])
def test_crops_of_networks_that_enlarge_are_multiples_of_their_scale(tmp_path: Path, scale: int, crop: int) -> None:
    text = f"[model]\nfamily = 'edsr'\nscale = {scale}\n[tasks.sr]\nclean = 'photos'\nscale = {scale}\n"
    assert _recipe(tmp_path, text, f"crop={crop}").scale == scale
    for wrong in (crop + 1, 16 * scale - scale):
        with pytest.raises(
            UsageError, match=f"crop: got {wrong}, expected a multiple of {scale}, {16 * scale} or more"
        ):
            _recipe(tmp_path, text, f"crop={wrong}")


def test_tasks_of_local_blur_name_shards_and_settings(tmp_path: Path) -> None:
    text = (
        "[tasks.real]\ntriples = 'masks'\n[tasks.made]\nclean = 'photos'\n[tasks.made.local_blur]\nobjects = [1, 3]\n"
    )
    recipe = _recipe(tmp_path, text, "tasks.real.blur_aware=0.25")
    assert recipe.tasks["real"].triples == (str(tmp_path / "masks"),)
    assert recipe.tasks["real"].blur_aware == 0.25
    assert recipe.tasks["made"].local_blur == LocalBlurSettings(objects=(1, 3))
    assert recipe_from_toml(FinetuneRecipe, recipe.to_toml()) == recipe
    assert (
        _recipe(tmp_path, text, "tasks.real.blur_aware=0.25", "tasks.real.triples=other").differences(recipe.resolved)
        == []
    )
    moved = _recipe(tmp_path, _TASK, "tasks.denoise.sigmas=[]", "tasks.denoise.local_blur={}")
    assert moved.tasks["denoise"].local_blur == LocalBlurSettings()
    with pytest.raises(
        UsageError, match=r"tasks\.made\.local_blur: objects|tasks\.made\.local_blur.*there must be an object"
    ):
        _recipe(tmp_path, text, "tasks.made.local_blur.objects=[0, 3]")


def test_a_recipe_without_tasks_says_so(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="tasks: at least one"):
        _recipe(tmp_path, "seed = 1\n")
