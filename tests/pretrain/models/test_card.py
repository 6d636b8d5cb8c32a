from __future__ import annotations

import json

import yaml

from pretrain.models.card import model_card
from pretrain.models.dynet import DyNet, DyNetSettings
from pretrain.models.variants import SHIPPED

MODEL = DyNet(DyNetSettings(width=8, prompt_crop=8))


def front_matter(card: str) -> dict[str, object]:
    _, front, _ = card.split("---\n", 2)
    read = yaml.safe_load(front)
    assert isinstance(read, dict)
    return read


def test_the_front_matter_is_what_the_hub_reads() -> None:
    front = front_matter(model_card("net", MODEL, SHIPPED, {}))
    assert front["license"] == "other" and front["license_name"] == "not-yet-chosen"
    assert front["pipeline_tag"] == "image-to-image" and "image-restoration" in str(front["tags"])
    assert front_matter(model_card("net", MODEL, SHIPPED, {"license": "cc-by-4.0"}))["license"] == "cc-by-4.0"


def test_the_card_says_how_to_load_each_variant_and_what_it_costs() -> None:
    card = model_card("net", MODEL, SHIPPED, {})
    assert "| large | [4, 6, 6, 8] |" in card and "| small | [2, 3, 3, 4] |" in card
    code = card.split("```python\n")[1].split("```")[0]
    compile(code, "card", "exec")
    assert "from_pretrained(" in code and "width 8" in card


def test_licences_of_the_data_are_listed_most_first() -> None:
    licences = json.dumps({"CC0": 2, "": 1, "a|b\n<x>": 9})
    card = model_card("net", MODEL, SHIPPED, {"licences": licences, "stream_fingerprint": "abc"})
    rows = [line for line in card.splitlines() if line.startswith("| ")][-3:]
    assert rows == ["| a\\|b &lt;x> | 9 |", "| CC0 | 2 |", "| not stated | 1 |"]
    assert "`abc`" in card


def test_odd_metadata_break_nothing() -> None:
    for text in ("{", "[1]", '{"a": "b"}', "null"):
        assert "License of the training data" not in model_card("net", MODEL, SHIPPED, {"licences": text})
    assert "# a &lt;b>" in model_card("a\n<b>", MODEL, SHIPPED, {})
