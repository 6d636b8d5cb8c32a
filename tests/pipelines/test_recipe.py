from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from million_ird.errors import UsageError
from million_ird.settings_fields import known_keys
from pipelines.recipe import (
    LOCATIONS,
    NOT_RECORDED,
    PACE,
    Recipe,
    bundled_recipes,
    load_recipe,
    recipe_from_dict,
)


def write(folder: Path, text: str, name: str = "mine.toml") -> str:
    (folder / name).write_text(text, encoding="utf-8")
    return str(folder / name)


def test_an_empty_recipe_has_every_default(tmp_path: Path) -> None:
    recipe = load_recipe(write(tmp_path, ""))
    assert recipe == Recipe(name="mine")
    assert recipe.patches.size == 512 and recipe.patches.max_flat_fraction == 0.5


@pytest.mark.parametrize("name", ["quickstart", "quickstart.toml", "million_ird", "million_ird.toml"])
def test_bundled_recipes_are_found_by_their_bare_name(name: str) -> None:
    assert load_recipe(name).name == name.removesuffix(".toml").replace("_", "-")


def test_what_the_paper_published_is_in_its_recipe() -> None:
    recipe = load_recipe("million_ird")
    assert (recipe.patches.size, recipe.patches.max_flat_fraction) == (512, 0.5)
    assert recipe.screens.intervals["short_side"].low == 1024


def test_quickstart_fits_the_small_photographs_of_the_demo() -> None:
    recipe = load_recipe("quickstart")
    assert recipe.patches.size == 256 and recipe.screens.intervals["short_side"].low == 256
    assert recipe.fetch.allow_private_networks and not load_recipe("million_ird").fetch.allow_private_networks


def test_a_file_goes_before_a_bundled_recipe_and_an_unknown_name_lists_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path, 'name = "own"', "quickstart.toml")
    assert load_recipe("quickstart.toml").name == "own"
    with pytest.raises(UsageError, match=r"no recipe quick; .* million_ird\.toml, quickstart\.toml"):
        load_recipe("quick")
    assert bundled_recipes() == ["million_ird.toml", "quickstart.toml"]


def test_broken_files_and_unknown_keys_are_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"mine\.toml is no TOML: Expected"):
        load_recipe(write(tmp_path, "[patches"))
    with pytest.raises(UsageError, match=r"patches\.szie: unknown key; did you mean patches\.size\?"):
        load_recipe(write(tmp_path, "[patches]\nszie = 5"))
    with pytest.raises(UsageError, match=r"patches\.size must be at least"):
        load_recipe("quickstart", ["patches.size=1"])
    with pytest.raises(UsageError, match=r"plan: unit_rows must be at least 1"):
        load_recipe("quickstart", ["plan.unit_rows=0"])
    with pytest.raises(UsageError, match=r"manifest: got 3 \(a whole number\)"):
        load_recipe("quickstart", ["manifest=3"])
    (tmp_path / "latin.toml").write_bytes(b'name = "\xe9"')
    with pytest.raises(UsageError, match=r"cannot read the recipe .*latin\.toml"):
        load_recipe(str(tmp_path / "latin.toml"))


def test_relative_paths_belong_to_the_recipe_and_those_on_the_command_line_to_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "recipes").mkdir()
    (tmp_path / "elsewhere").mkdir()
    text = '[[manifest]]\npath = "a.csv"\n[[manifest]]\npath = "s3://b/c.csv"\n[takedown]\ntombstones = ["t.parquet"]'
    path = write(tmp_path / "recipes", text)
    monkeypatch.chdir(tmp_path / "elsewhere")
    recipe = load_recipe(path)
    assert [m.path for m in recipe.manifest] == [str(tmp_path / "recipes" / "a.csv"), "s3://b/c.csv"]
    assert recipe.takedown.tombstones == (str(tmp_path / "recipes" / "t.parquet"),)
    changed = load_recipe(path, ["manifest.1.path=x.csv"])
    assert changed.manifest[1].path == str(tmp_path / "elsewhere" / "x.csv")
    bundled = load_recipe("quickstart", ["manifest.path=pictures", "name=demo"])
    assert bundled.manifest[0].path == str(tmp_path / "elsewhere" / "pictures") and bundled.name == "demo"
    on_the_hub = load_recipe("quickstart", ["manifest.path=user/photos", "manifest.format=huggingface"])
    assert on_the_hub.manifest[0].path == "user/photos"
    assert load_recipe("quickstart", ["manifest.path=~/x"]).manifest[0].path == str(Path.home() / "x")


def test_folders_of_benchmarks_are_located_too(tmp_path: Path) -> None:
    recipe = load_recipe(write(tmp_path, '[contamination]\nfolders = ["Set5", "/abs/Kodak24"]'))
    assert recipe.contamination.folders == (str(tmp_path / "Set5"), "/abs/Kodak24")


def test_a_recipe_survives_its_own_text_and_json() -> None:
    recipe = load_recipe("million_ird", ["manifest.path=/x/list.csv", "screens.keep.niqe=[-inf, 6]"])
    assert recipe_from_dict(tomllib.loads(recipe.to_toml())) == recipe
    strict = json.loads(json.dumps(recipe.resolved, allow_nan=False))
    assert recipe_from_dict(strict) == recipe and recipe_from_dict(strict).to_toml() == recipe.to_toml()
    assert recipe_from_dict(strict).fingerprint == recipe.fingerprint
    assert recipe.screens.intervals["niqe"].high == 6


def test_the_fingerprint_covers_what_decides_the_output_and_nothing_else() -> None:
    plain = load_recipe("quickstart", ["manifest.path=/a/list.csv"])
    same = ["execution.workers=7", "fetch.retries=9", "manifest.path=/b/list.csv", "fetch.total_timeout_s=5"]
    assert load_recipe("quickstart", ["manifest.path=/a/list.csv", *same]).fingerprint == plain.fingerprint
    for change in (
        *("patches.size=512", "plan.unit_rows=17", "manifest.path=/a/other.csv", "manifest.license=cc0"),
        *("images.keep_images=kept", "fetch.robots=ignore", "screens.keep.niqe=[0, 5]", "name=other"),
        *("duplicates.crops=true", "decode.max_pixels=1000", "shards.target_mb=7", 'takedown.tombstones=["x"]'),
    ):
        other = load_recipe("quickstart", ["manifest.path=/a/list.csv", change])
        assert other.fingerprint != plain.fingerprint, change
        assert len(other.differences(plain.resolved)) == 1 and not plain.differences(plain.resolved)
    assert len(plain.fingerprint) == 32


def test_differences_name_the_key_the_old_and_the_new_value() -> None:
    old = load_recipe("quickstart", ["manifest.path=/a/list.csv"])
    new = load_recipe("quickstart", ["manifest.path=/b/more.csv", "patches.size=512", "execution.workers=3"])
    assert new.differences(old.resolved) == ['manifest.path: "list.csv" → "more.csv"', "patches.size: 256 → 512"]


def test_execution_is_not_recorded() -> None:
    recipe = load_recipe("quickstart", ["execution.workers=3"])
    assert recipe.execution.workers == 3
    assert NOT_RECORDED not in recipe.resolved and "workers" not in recipe.to_toml()


def test_the_lists_of_special_settings_name_real_ones() -> None:
    known = known_keys(Recipe)
    assert {*PACE, *LOCATIONS, NOT_RECORDED} <= set(known)
