"""The card: front matter that loaders understand, tables that no text from outside can break."""

from __future__ import annotations

import json

import pytest

from million_ird.card import dataset_card

EVIL = "CC0 | free\n\n---\n<script>x</script> `"


def _card(**changes: object) -> str:
    facts: dict[str, object] = {
        "name": 'A "set": of photographs',
        "encodings": ["jpg", "webp"],
        "patches": {"jpg": 12_345, "webp": 7},
        "size": 512,
        "licenses": {"CC0": 3, "": 12_349},
        "sources": {"list": 12_352},
        "fingerprint": "f" * 32,
    }
    return dataset_card(**facts | changes)  # type: ignore[arg-type]


def _front_matter(card: str) -> dict[str, object]:
    yaml = pytest.importorskip("yaml")
    found: dict[str, object] = yaml.safe_load(card.split("---\n")[1])
    return found


def test_the_front_matter_names_a_configuration_per_encoding() -> None:
    front = _front_matter(_card())
    assert front["pretty_name"] == 'A "set": of photographs'
    assert front["configs"] == [
        {"config_name": "jpg", "data_files": [{"split": "train", "path": "patches/jpg/*.tar"}], "default": True},
        {"config_name": "webp", "data_files": [{"split": "train", "path": "patches/webp/*.tar"}]},
    ]


def test_a_dataset_without_patches_has_no_configuration() -> None:
    front = _front_matter(_card(encodings=[], patches={}, licenses={}, sources={}))
    assert "configs" not in front


def test_numbers_stand_in_the_text_most_first() -> None:
    card = _card()
    assert "12,352 patches of 512 × 512 pixels" in card
    assert card.index("| not stated | 12,349 |") < card.index("| CC0 | 3 |")


def test_text_from_outside_stays_in_its_cell() -> None:
    card = _card(licenses={EVIL: 1, "x" * 500: 1}, name=EVIL)
    assert json.loads(card.splitlines()[1].removeprefix("pretty_name: ")) == EVIL
    assert _front_matter(card)["pretty_name"] == EVIL
    table = [line for line in card.splitlines() if "free" in line and line.startswith("|")]
    assert table == ["| CC0 \\| free --- &lt;script>x&lt;/script> ` | 1 |"]
    assert "# CC0 | free --- &lt;script>x&lt;/script> `" in card.splitlines()
    assert "<script>" not in "".join(card.splitlines()[2:])
    assert max(map(len, card.splitlines())) < 400
