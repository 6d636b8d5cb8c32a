"""The draw of variants: pure, with the shares asked for, and the sandwich."""

from __future__ import annotations

import itertools

import pytest

from million_ird.errors import UsageError
from million_ird.settings import from_dict
from pretrain.draw import DrawSettings, draw_variants
from pretrain.models.variants import LARGE, SMALL, Variant

MIDDLE = [Variant.of(f"middle-{n}", (3, n, 4, 5)) for n in (3, 4, 5)]


def shares(settings: DrawSettings, steps: int = 4000, seed: int = 0) -> dict[str, float]:
    drawn = [draw_variants(seed, step, settings, (LARGE, SMALL, *MIDDLE)) for step in range(steps)]
    assert all(len(variants) == 1 for variants in drawn)
    names = [variants[0].name for variants in drawn]
    return {name: names.count(name) / steps for name in sorted(set(names))}


def test_every_variant_has_an_equal_share_unless_told_otherwise() -> None:
    found = shares(DrawSettings())
    assert len(found) == 5
    assert all(abs(share - 0.2) < 0.03 for share in found.values())


def test_shares_are_those_asked_for_and_what_is_not_named_is_never_drawn() -> None:
    found = shares(DrawSettings(probability={"large": 3.0, "small": 1.0, "middle-3": 0.0}))
    assert set(found) == {"large", "small"}
    assert abs(found["large"] - 0.75) < 0.03


def test_the_first_draws_of_seed_0_stay_for_ever() -> None:
    drawn = [draw_variants(0, step, DrawSettings(), (LARGE, SMALL))[0].name[0] for step in range(40)]
    assert "".join(drawn) == "sslssllslllllssssslssllssllssllsslssllsl"


def test_a_draw_depends_on_seed_and_step_only() -> None:
    settings = DrawSettings()
    one = [draw_variants(1, step, settings, (LARGE, SMALL)) for step in range(64)]
    assert one == [draw_variants(1, step, settings, (SMALL, LARGE)) for step in reversed(range(64))][::-1]
    assert one != [draw_variants(2, step, settings, (LARGE, SMALL)) for step in range(64)]


def test_successive_draws_are_independent() -> None:
    """Runs of equal draws: of 4000 fair and independent ones about half repeat the one before."""
    names = [draw_variants(5, step, DrawSettings(), (LARGE, SMALL))[0].name for step in range(4001)]
    repeats = sum(a == b for a, b in itertools.pairwise(names))
    assert abs(repeats / 4000 - 0.5) < 0.03


def test_the_sandwich_has_the_largest_first_and_the_smallest_last() -> None:
    settings = DrawSettings(rule="sandwich", between=2)
    seen = set()
    for step in range(40):
        drawn = draw_variants(0, step, settings, (MIDDLE[0], SMALL, MIDDLE[2], LARGE, MIDDLE[1]))
        assert (drawn[0], drawn[-1], len(drawn)) == (LARGE, SMALL, 4)
        assert [v.applications for v in drawn] == sorted((v.applications for v in drawn), reverse=True)
        seen |= {variant.name for variant in drawn}
    assert len(seen) == 5
    assert draw_variants(0, 0, DrawSettings(rule="sandwich", between=9), (LARGE, SMALL)) == (LARGE, SMALL)
    assert draw_variants(0, 0, settings, (SMALL,)) == (SMALL,)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"probability": {"large": -1.0}}, "at least 0"),
        ({"probability": {"large": 0.0}}, "one of them above"),
        ({"rule": "sandwich", "probability": {"large": 1.0}}, "leave it out"),
        ({"between": -1}, "draw.between"),
        ({"rule": "sandwhich"}, "did you mean 'sandwich'"),
    ],
)
def test_settings_that_cannot_be(values: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        from_dict(DrawSettings, values, "draw")


def test_an_unknown_variant_is_named() -> None:
    with pytest.raises(UsageError, match=r"draw.probability.lage: there is no such variant; known are large, small"):
        draw_variants(0, 0, DrawSettings(probability={"lage": 1.0}), (LARGE, SMALL))
