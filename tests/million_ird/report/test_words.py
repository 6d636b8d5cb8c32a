"""Numbers as a person reads them."""

from __future__ import annotations

import pytest

from million_ird.report import words


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0\u202fB"), (999, "999\u202fB"), (1000, "1.00\u202fkB"), (999_600, "1.00\u202fMB"),
     (12_340_000, "12.3\u202fMB"), (4.56e12, "4.56\u202fTB")],
)  # fmt: skip
def test_bytes_have_three_digits_and_an_si_prefix(value: int, text: str) -> None:
    assert words.size(int(value)) == text


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [(0, 10, "0\u202f%"), (10, 10, "100\u202f%"), (1, 10**6, "<0.1\u202f%"),
     (999_999, 10**6, "99.9\u202f%"), (1, 3, "33.3\u202f%"),
     (0, 0, "–")],
)  # fmt: skip
def test_a_share_never_rounds_to_none_or_all(part: int, whole: int, text: str) -> None:
    assert words.share(part, whole) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (1234.56, "1,235"), (0.25, "0.25"), (-8.537, "−8.537"), (1e12, "1.00e+12"), (100.0, "100")],
)
def test_measures_have_four_digits(value: float, text: str) -> None:
    assert words.measure(value) == text


def test_names_durations_and_long_strings() -> None:
    assert words.title("jpeg_quality_low") == "JPEG quality low"
    assert words.plural(1, "shard") == "1 shard" and words.plural(1200, "shard") == "1,200 shards"
    assert words.seconds(3661) == "1\u202fh 01\u202fmin" and words.seconds(0.84) == "0.8\u202fs"
    assert len(words.middle("x" * 5000, 72)) == 72
    assert words.megapixels(12_400_000_000) == "12.4\u202fGP"
