from __future__ import annotations

from pretrain.models.table import describe, rows


def test_the_rows_carry_the_published_numbers() -> None:
    found = {(row.name, row.variant.name): row for row in rows(224, 48)}
    large, small = found["dynet", "large"], found["dynet", "small"]
    control = found["promptir (dynet unshared)", "large"]
    assert large.parameters == small.parameters == 16_613_135
    assert (large.published_parameters, control.published_parameters) == (16_726_031, 35_592_263)
    assert control.parameters == 35_376_967
    assert round(small.operations.multiply_accumulates / 1e9, 2) == 90.81


def test_at_another_width_nothing_is_said_of_the_published_code() -> None:
    assert {row.published_parameters for row in rows(64, 8)} == {None}
    assert "–" in describe(rows(64, 8))


def test_columns_are_aligned() -> None:
    lines = describe(rows(224, 48)).split("\n\n")[0].splitlines()
    ends = {
        line.rstrip().index(text) + len(text) for line, text in zip(lines[1:3], ("132.23 G", "90.81 G"), strict=True)
    }
    assert ends == {lines[0].index("MAC") + 3}
