"""Counts and names as lines for a person."""

from __future__ import annotations

from annotation.tables import counted, left_out_lines, some


def test_counts_have_their_plural() -> None:
    assert [counted(count, "mask") for count in (0, 1, 2000)] == ["0 masks", "1 mask", "2,000 masks"]


def test_only_a_few_names_are_shown_and_long_ones_are_cut() -> None:
    assert some(["a", "b"]) == "a, b"
    assert some([str(number) for number in range(9)]) == "0, 1, 2, 3, 4, …"
    assert some(["x" * 99]) == "x" * 60 + "…"


def test_reasons_come_by_their_number_and_the_rest_is_added_up() -> None:
    assert left_out_lines([("a", "odd"), ("b", "even"), ("c", "even")]) == [
        "left out    2 even: b, c",
        "left out    1 odd: a",
    ]
    lines = left_out_lines([(str(number), f"reason {number}") for number in range(40)], "refused")
    assert len(lines) == 13
    assert lines[-1] == "refused     28 for other reasons: 12, 13, 14, 15, 16, …"
    assert left_out_lines([]) == []
