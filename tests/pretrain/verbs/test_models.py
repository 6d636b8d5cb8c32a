from __future__ import annotations

import json

import pytest

from million_ird.errors import UsageError
from pretrain.models.table import LISTED
from pretrain.verbs.models import main


def test_the_table_names_every_variant_and_what_its_numbers_count(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dynet"]) == 0
    printed = capsys.readouterr().out
    for text in ("16,613,135", "16,726,031", "35,376,967", "132.23 G", "90.81 G", "242.35 G", "166.38 G"):
        assert text in printed
    assert "width 48" in printed and "224 × 224" in printed and "multiply-accumulates of" in printed


def test_json_has_the_numbers_in_full(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dynet", "--json", "--size", "100", "--width", "8"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["variant"] for row in rows] == ["large", "small", "large"]
    assert {row["size"] for row in rows} == {100} and {row["width"] for row in rows} == {8}
    assert all(row["multiply_accumulates"] > 0 and row["conventions"] for row in rows)
    assert all(row["repeats"] and row["published"] > row["multiply_accumulates"] for row in rows)


def test_all_networks_are_listed_where_none_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--json"]) == 0
    names = {row["name"] for row in json.loads(capsys.readouterr().out)}
    assert names == {"dynet", "promptir (dynet unshared)", *(listing.name for listing in LISTED)}


@pytest.mark.parametrize(
    "arguments", [["--size", "0"], ["--size", "16385"], ["--width", "7"], ["--width", "0"], ["--width", "4098"], ["x"]]
)
def test_what_cannot_be_is_refused(arguments: list[str]) -> None:
    with pytest.raises(UsageError, match=r"size|width|no network"):
        main(arguments)
