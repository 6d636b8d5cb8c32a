"""Tasks in their shares, every sample once an epoch, all by arithmetic."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pretrain.finetune.sampler import ROUND, Place, TaskSampler, round_places
from pretrain.finetune.tasks import PUBLISHED_SHARES

_SAMPLES = {"denoise": 30, "derain": 7, "dehaze": 500}
_EQUAL = dict.fromkeys(_SAMPLES, 1.0)


def _places(count: int, seed: int = 0, start: int = 0) -> list[Place]:
    sampler = TaskSampler(_SAMPLES, _EQUAL, seed)
    return [sampler.place(position) for position in range(start, start + count)]


def test_equal_weights_give_equal_shares_in_every_round() -> None:
    for number in (0, 5):
        tasks = Counter(place.task for place in _places(ROUND, start=number * ROUND))
        assert tasks == dict.fromkeys(_SAMPLES, ROUND // 3)


def test_every_batch_holds_about_the_same_mixture() -> None:
    for start in range(0, 20 * 32, 32):
        tasks = Counter(place.task for place in _places(32, start=start))
        assert all(9 <= tasks[name] <= 13 for name in _SAMPLES)


def test_batches_do_not_repeat_a_pattern() -> None:
    rounds = {tuple(place.task for place in _places(ROUND, start=number * ROUND)) for number in range(4)}
    assert len(rounds) == 4


def test_each_epoch_of_a_task_has_every_sample_once_in_another_order() -> None:
    places = [place for place in _places(4 * ROUND) if place.task == "dehaze"]
    first, second = ([p.sample for p in places if p.epoch == epoch] for epoch in (0, 1))
    assert sorted(first) == sorted(second) == list(range(500))
    assert first != second


def test_a_small_task_comes_round_more_often() -> None:
    epochs = {place.task: place.epoch for place in _places(2 * ROUND)}
    assert epochs == {"denoise": 560 // 30, "derain": 559 // 7, "dehaze": 559 // 500}


def test_a_position_says_the_same_whatever_was_asked_before() -> None:
    sampler = TaskSampler(_SAMPLES, _EQUAL, 3)
    forward = [sampler.place(position) for position in range(3000)]
    assert [sampler.place(position) for position in range(2999, -1, -1)] == forward[::-1]
    assert TaskSampler(_SAMPLES, _EQUAL, 3).place(2500) == forward[2500]
    assert TaskSampler(_SAMPLES, _EQUAL, 4).place(2500) != forward[2500]


def test_the_sequence_of_a_seed_stays_what_it_is() -> None:
    assert [(p.task, p.epoch, p.sample) for p in _places(6, seed=7, start=10**12)] == [
        ("dehaze", 666666666, 76),
        ("denoise", 11111111111, 3),
        ("derain", 47619047619, 2),
        ("dehaze", 666666666, 118),
        ("denoise", 11111111111, 11),
        ("dehaze", 666666666, 40),
    ]


def test_a_substitute_is_of_the_same_task_and_reproducible() -> None:
    sampler = TaskSampler(_SAMPLES, _EQUAL, 0)
    place = sampler.place(11)
    substitutes = [sampler.substitute(place, 11, attempt) for attempt in range(8)]
    assert {(each.task, each.epoch) for each in substitutes} == {(place.task, place.epoch)}
    assert len({each.sample for each in substitutes}) > 1
    assert substitutes == [TaskSampler(_SAMPLES, _EQUAL, 0).substitute(place, 11, attempt) for attempt in range(8)]


def test_the_published_shares() -> None:
    places = round_places(PUBLISHED_SHARES)
    shares = [round(places[name] / ROUND, 3) for name in ("denoise", "derain", "dehaze")]
    assert shares == pytest.approx([0.325, 0.169, 0.506], abs=0.001)


@given(st.dictionaries(st.text(min_size=1, max_size=3), st.floats(1e-6, 1e6), min_size=1, max_size=9))
def test_places_always_fill_the_round_and_leave_nobody_out(weights: dict[str, float]) -> None:
    places = round_places(weights)
    assert sum(places.values()) == ROUND
    assert min(places.values()) >= 1
    total = sum(weights.values())
    for name, weight in weights.items():
        exact = weight / total * ROUND
        assert places[name] == 1 or abs(places[name] - exact) <= len(weights)
