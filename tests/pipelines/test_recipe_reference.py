from __future__ import annotations

import re
from pathlib import Path

from million_ird.manifest import archive, columns, delimited, folder, textual
from million_ird.settings_fields import known_keys
from pipelines import plan_sort
from pipelines.recipe import Recipe
from pipelines.recipe_reference import recipe_reference
from tests.undocumented import undocumented

DOCS = Path(__file__).resolve().parents[2] / "docs" / "recipes.md"


def test_every_setting_is_documented() -> None:
    assert undocumented(Recipe) == []


def test_the_reference_is_up_to_date() -> None:
    text = DOCS.read_text(encoding="utf-8")
    assert text.endswith(recipe_reference()), "run: python -m pipelines.recipe_reference docs/recipes.md"


def test_every_section_and_key_is_there() -> None:
    text = recipe_reference()
    for key in known_keys(Recipe):
        assert f"`{key.rsplit('.', 1)[-1]}`" in text or f"`[{key}]`" in text


def test_every_reason_that_the_code_can_give_is_explained() -> None:
    explained = set(re.findall(r"`([a-z0-9_]+)`", DOCS.read_text(encoding="utf-8").split("# Every setting")[0]))
    given: set[str] = set()
    for module in (archive, columns, delimited, folder, textual, plan_sort):
        source = Path(str(module.__file__)).read_text(encoding="utf-8")
        given |= set(
            re.findall(r"""(?:BadRow\([^"]*|_Broken\(|reject\(|return |else )f?"([a-z0-9]+_[a-z0-9_]+)[":]""", source)
        )
        given |= set(re.findall(r"'(duplicate_[a-z]+|already_planned)'", source))
    assert {"bad_quoting", "no_url", "duplicate_member", "not_a_file", "invalid_json", "already_planned"} <= given
    assert given - explained == set()
