from __future__ import annotations

import pytest

from million_ird.errors import UsageError
from pretrain.models.variants import LARGE, SHIPPED, SMALL, WHOLE, Variant, deepest, named


def test_the_shipped_variants_are_the_papers() -> None:
    assert LARGE.repeats == (4, 6, 6, 8) and SMALL.repeats == (2, 3, 3, 4)
    assert LARGE.decoder == LARGE.encoder == (4, 6, 6)
    assert (LARGE.applications, SMALL.applications) == (40, 20)


def test_a_network_without_variants_is_called_with_the_image_alone() -> None:
    assert LARGE.arguments == {"variant": LARGE} and WHOLE.arguments == {}
    assert (WHOLE.name, WHOLE.repeats, WHOLE.applications) == ("whole", (), 1)


@pytest.mark.parametrize("repeats", [(1, 2, 3, 4), (1, 2, 3, 4, 3, 2, 1)])
def test_repeats_are_given_back_as_they_were_given(repeats: tuple[int, ...]) -> None:
    assert Variant.of("a", repeats).repeats == repeats


def test_seven_repeats_give_the_decoder_numbers_of_its_own_by_level() -> None:
    variant = Variant.of("a", (1, 2, 3, 4, 5, 6, 7))
    assert variant.encoder == (1, 2, 3) and variant.latent == 4 and variant.decoder == (5, 6, 7)


@pytest.mark.parametrize(
    ("name", "repeats", "says"),
    [
        ("a", (1, 2, 3), "got 3 repeats, expected 4"),
        ("a", (1, 2, 0, 4), "1 or more"),
        ("a", (1, 2, True, 4), "1 or more"),
        ("", (1, 1, 1, 1), "printable text"),
        ("a/b", (1, 1, 1, 1), "without a slash"),
    ],
)
def test_what_no_network_can_run_is_refused(name: str, repeats: tuple[int, ...], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        Variant.of(name, repeats)


def test_the_deepest_serves_every_variant() -> None:
    assert deepest([Variant.of("a", (1, 9, 1, 2)), Variant.of("b", (3, 1, 1, 1, 1, 1, 5))]).repeats == (
        *(3, 9, 1, 2),
        *(1, 9, 5),
    )


def test_a_name_that_is_none_names_those_there_are() -> None:
    assert named("small", SHIPPED) is SMALL
    with pytest.raises(UsageError, match="no variant 'tiny'; known are 'large', 'small'"):
        named("tiny", SHIPPED)
