from __future__ import annotations

from pathlib import Path

import pytest
from torch import nn

from million_ird.errors import UsageError
from pretrain.models import table
from pretrain.models.listing import Listing
from pretrain.models.table import describe, rows


def test_the_rows_carry_the_published_numbers() -> None:
    found = {(row.name, row.variant): row for row in rows("dynet")}
    large, small = found["dynet", "large"], found["dynet", "small"]
    control = found["promptir (dynet unshared)", "large"]
    assert large.parameters == small.parameters == 16_613_135
    assert (large.published_parameters, control.published_parameters) == ("16,726,031", "35,592,263")
    assert control.parameters == 35_376_967
    assert round(small.macs.total / 1e9, 2) == 90.81
    assert (large.published_operations, small.published_operations) == ("242.35 G", "166.38 G")


def test_at_another_width_or_size_nothing_is_said_of_the_published_code() -> None:
    assert {(row.published_parameters, row.published_operations) for row in rows("dynet", 64, 8)} == {(None, None)}
    assert {row.published_operations for row in rows("dynet", 64)} == {None}
    assert "–" in describe(rows("dynet", 64, 8))


def test_columns_are_aligned() -> None:
    lines = describe(rows("dynet")).split("\n\n")[0].splitlines()
    ends = {
        line.rstrip().index(text) + len(text) for line, text in zip(lines[1:3], ("132.23 G", "90.81 G"), strict=True)
    }
    assert ends == {lines[0].index("MAC") + 3}


def test_a_listed_network_has_a_row_at_its_own_size(monkeypatch: pytest.MonkeyPatch) -> None:
    tiny = Listing("tiny", lambda: nn.Conv2d(3, 3, 3, padding=1), "×1", {"sides": (1, 2)}, (4, 6), "84", "2K")
    monkeypatch.setattr(table, "LISTED", (tiny,))
    (own,), (other,) = rows("tiny"), rows("tiny", size=10)
    assert (own.parameters, own.input, own.macs.total, own.published_operations) == (84, (4, 6), 24 * 81, "2K")
    assert (other.input, other.macs.total, other.published_operations) == ((10, 10), 8100, None)
    assert {
        "name": "tiny",
        "variant": "×1",
        "input": [4, 6],
        "multiply_accumulates": 1944,
    }.items() <= own.as_json().items()
    text = describe([own])
    assert "sides 1,2" in text and "4 × 6" in text and "dynet" not in text
    assert [row.name for row in rows(width=8)][-1] == "tiny"


def test_a_network_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(UsageError, match="no network 'dinet'; known are 'dynet'"):
        rows("dinet")


def test_the_document_has_every_row_as_it_is_printed() -> None:
    document = (Path(__file__).parents[3] / "docs" / "models.md").read_text()
    expected = ["| " + " | ".join(row.cells()) + " |" for row in rows()]
    missing = [line for line in expected if line not in document]
    assert not missing, "docs/models.md lacks\n" + "\n".join(missing)


@pytest.mark.parametrize("listing", table.LISTED, ids=lambda listing: f"{listing.name} {listing.variant or ''}")
def test_every_listing_names_its_network_and_variant_once(listing: Listing) -> None:
    assert listing.name == listing.name.lower()
    assert [(other.name, other.variant) for other in table.LISTED].count((listing.name, listing.variant)) == 1
