"""The documents tell the truth about the repository: links, targets, recipe keys, columns, versions, paths."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

from million_ird import __version__
from million_ird.errors import UsageError
from million_ird.screens import SCREENS
from million_ird.settings_fields import known_keys
from pipelines.recipe import Recipe, bundled_recipes, load_recipe
from pretrain.finetune.recipe import FinetuneRecipe, load_finetune_recipe
from pretrain.recipe import PretrainRecipe
from pretrain.recipe import load_recipe as load_pretrain_recipe
from tests.policy.documents import DOCUMENTS, ROOT, anchors, blocks, links, name, prose

README = ROOT / "README.md"
_KINDS = (load_recipe, load_pretrain_recipe, load_finetune_recipe)
_OURS = ("million_ird", "pipelines", "annotation", "pretrain", "tests", "benchmarks", "docs", ".ci")
_SUFFIXES = ("json", "jsonl", "parquet", "safetensors")
"""Of files that documents name and that look like settings."""
_TEXT = {".py", ".md", ".toml", ".txt", ".sh", ".css", ".html", ".js", ".svg", ".csv", ""}


def repository_texts() -> Iterator[Path]:
    """Every text file that belongs to the repository, without what tools leave behind."""
    yield from (path for path in sorted(ROOT.iterdir()) if path.is_file() and path.suffix in _TEXT)
    for folder in _OURS:
        for path in sorted((ROOT / folder).rglob("*")):
            if (
                path.is_file()
                and path.suffix in _TEXT
                and not {"__pycache__", "work"} & set(path.parts[len(ROOT.parts) :])
            ):
                yield path


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_every_local_link_leads_somewhere(document: Path) -> None:
    for target in links(document):
        path, _, anchor = target.partition("#")
        there = document.parent / path if path else document
        assert there.exists(), f"{target} does not exist"
        if anchor:
            assert anchor in anchors(there), f"{there.name} has no heading #{anchor}"


def test_pictures_are_whole_described_and_fetch_nothing() -> None:
    pictures = sorted((ROOT / "docs").glob("*.svg"))
    assert pictures
    for picture in pictures:
        root = ElementTree.parse(picture).getroot()
        assert [child.tag.rpartition("}")[2] for child in root][:2] == ["title", "desc"]
        assert "http" not in picture.read_text().replace("http://www.w3.org/2000/svg", "")


def _targets() -> set[str]:
    return set(re.findall(r"^([a-z]+):.* ## ", (ROOT / "Makefile").read_text(), re.MULTILINE))


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_every_make_target_and_variable_exists(document: Path) -> None:
    text = document.read_text()
    makefile = (ROOT / "Makefile").read_text()
    for words in re.findall(r"^make (.+)$", "".join(blocks(document, "sh")), re.MULTILINE) + re.findall(
        r"`make ([^`]+)`", text
    ):
        target, *rest = words.split(" ", 1)
        assert target in _targets()
        for variable in re.findall(r"\b([A-Z]+)=", " ".join(rest)):
            assert f"$({variable})" in makefile


def test_every_extra_named_is_declared() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    text = README.read_text()
    named = set(re.findall(r"'\.\[(\w+)\]'", text)) | set(re.findall(r"the extra `(\w+)`", text))
    assert {"s3", "learned"} <= named <= set(extras)


def test_the_makefiles_help_lists_its_targets() -> None:
    make = shutil.which("make")
    if make is None:
        pytest.skip("make is not installed")
    printed = subprocess.run(
        [make, "-C", str(ROOT), "--no-print-directory"], capture_output=True, text=True, check=True
    )
    assert set(re.findall(r"^  make (\w+)", printed.stdout, re.MULTILINE)) == _targets()
    assert {"setup", "demo", "test", "check", "bench", "help"} <= _targets()


@pytest.mark.parametrize("document", [ROOT / "README.md", *ROOT.glob("docs/*.md")], ids=name)
def test_every_recipe_shown_is_one(document: Path, tmp_path: Path) -> None:
    for text in blocks(document, "toml"):
        (tmp_path / "recipe.toml").write_text(text)
        assert any(_is_recipe(kind, tmp_path / "recipe.toml") for kind in _KINDS), text


def _is_recipe(load: Callable[[str], object], file: Path) -> bool:
    try:
        load(str(file))
    except UsageError:
        return False
    return True


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_every_setting_named_in_the_prose_exists(document: Path) -> None:
    known = {key for kind in (Recipe, PretrainRecipe, FinetuneRecipe) for key in known_keys(kind)}
    sections = {key.partition(".")[0] for key in known if "." in key}
    for section, key in re.findall(r"`([a-z]+)\.([a-z_]+)(?: = [^`]*)?`", prose(document)):
        is_file = key in _SUFFIXES or (ROOT / "million_ird" / section / f"{key}.py").exists()
        if section in sections and not is_file:
            assert f"{section}.{key}" in known


def test_the_recipes_that_come_along_are_documented() -> None:
    text = (ROOT / "docs" / "recipes.md").read_text()
    assert all(f"| `{recipe.removesuffix('.toml')}` |" in text for recipe in bundled_recipes())


def test_the_readmes_tree_is_the_tree() -> None:
    (tree,) = [text for text in blocks(README, "") if text.startswith("million_ird/")]
    folder, seen = Path(), 0
    for line in tree.splitlines():
        names = re.split(r"  +", line.strip())[0].split(", ")
        if not line.startswith(" "):
            folder = Path()
        for entry in names:
            assert (ROOT / folder / entry).exists(), folder / entry
            assert (ROOT / folder / entry).is_dir() == entry.endswith("/"), entry
            seen += 1
        if not line.startswith(" "):
            folder = Path(names[0])
    assert seen > 25


def test_the_changelogs_newest_version_is_the_packages() -> None:
    versions = re.findall(
        r"^## (\d+\.\d+\.\d+) - \d{4}-\d{2}-\d{2}$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE
    )
    assert versions[0] == __version__


def test_the_changelog_counts_the_screens() -> None:
    numbers = {16: "Sixteen", 17: "Seventeen", 18: "Eighteen"}
    assert f"- {numbers[len(SCREENS)]} screens, " in (ROOT / "CHANGELOG.md").read_text()


def test_the_readme_says_how_many_measures_judge_by_default() -> None:
    numbers = {7: "seven", 8: "eight", 9: "nine"}
    judged = load_recipe("million_ird").screens.intervals
    others = {screen for screen in judged if screen not in ("short_side", "niqe")}
    assert judged["short_side"].low == 1024
    assert f"short side at least 1024; NIQE and {numbers[len(others)]} other measures" in README.read_text()


def test_no_file_names_a_place_on_somebodys_machine() -> None:
    private = re.compile(r"(?<![\w.$}])/(?:work|root|home|Users|mnt)/\w")
    found = [
        f"{path.relative_to(ROOT)}: {match.group()}"
        for path in repository_texts()
        for match in private.finditer(path.read_text(errors="replace"))
    ]
    assert found == []


def test_the_search_for_such_places_would_find_one() -> None:
    assert len(list(repository_texts())) > 100


def test_the_repository_holds_no_unfinished_business() -> None:
    marks = re.compile(r"\bTO[D]O\b|\bFIX[M]E\b|\bX[X]X\b")
    assert [str(path) for path in repository_texts() if marks.search(path.read_text(errors="replace"))] == []
