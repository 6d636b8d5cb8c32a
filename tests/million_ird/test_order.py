"""The sequence of samples: what every epoch holds, and that it is the same for everybody and for ever."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from million_ird.errors import UsageError
from million_ird.order import (
    NEAR_SUBSTITUTES,
    Order,
    Place,
    hash_words,
    mix,
    mix_array,
    permutation,
    step_positions,
)

_ORDERS = st.builds(
    Order,
    st.lists(st.integers(0, 9), min_size=1, max_size=6).filter(any),
    seed=st.integers(0, 2**63 - 1),
    lanes=st.integers(1, 12),
    window=st.integers(1, 20),
    crops_per_patch=st.integers(1, 3),
)


def test_the_sequence_of_a_seed_is_what_it_was() -> None:
    order = Order([5, 0, 7, 3], seed=42, lanes=4, window=6, crops_per_patch=2)
    places = [order.place(position) for position in (0, 1, 2, 3, 4, 29, 30, 31, 60, 10**15)]
    assert places == [
        Place(0, 10, 0),
        Place(0, 13, 0),
        Place(0, 0, 0),
        Place(0, 14, 1),
        Place(0, 10, 1),
        Place(0, 2, 1),
        Place(1, 3, 0),
        Place(1, 14, 0),
        Place(2, 14, 0),
        Place(33333333333333, 0, 0),
    ]
    substitutes = [[order.substitute(position, n).patch for n in (0, 1, 4)] for position in (0, 31, 2**70)]
    assert substitutes == [[8, 13, 11], [2, 1, 11], [8, 6, 5]]
    large = Order([1000] * 8, seed=0)
    assert [large.place(p).patch for p in (0, 1, 2, 63, 64, 7999, 8000)] == [1704, 7938, 2029, 6457, 2183, 7608, 475]


def test_the_hash_is_splitmix64() -> None:
    # The first number that the published generator gives for the seed 0.
    assert mix(0x9E3779B97F4A7C15) == 0xE220A8397B1DCDAF
    values = np.array([0, 1, 2**63, 2**64 - 1], np.uint64)
    assert mix_array(values).tolist() == [mix(int(value)) for value in values]
    assert hash_words(1, 2, 3) == 0x6AE515C1C0AC7E37
    assert permutation(7, 8).tolist() == [1, 5, 7, 0, 4, 6, 3, 2]


@given(_ORDERS, st.integers(0, 3))
def test_an_epoch_holds_every_crop_of_every_patch_once(order: Order, epoch: int) -> None:
    start = epoch * order.samples
    places = [order.place(position) for position in range(start, start + order.samples)]
    wanted = [Place(epoch, patch, crop) for patch in range(order.patches) for crop in range(order.crops_per_patch)]
    assert sorted(places, key=lambda place: (place.patch, place.crop)) == wanted


@given(_ORDERS, st.integers(1, 7), st.integers(1, 4), st.integers(0, 5))
def test_all_ranks_together_take_the_sequence_whatever_their_number(
    order: Order, samples: int, ranks: int, step: int
) -> None:
    batch = samples * ranks
    one = [order.place(position) for position in step_positions(step, batch)]
    many = [[order.place(position) for position in step_positions(step, batch, rank, ranks)] for rank in range(ranks)]
    assert [len(share) for share in many] == [samples] * ranks
    assert [many[row % ranks][row // ranks] for row in range(batch)] == one


@given(_ORDERS, st.integers(0, 200), st.randoms(use_true_random=False))
def test_a_place_depends_on_nothing_that_was_asked_before(order: Order, start: int, random: object) -> None:
    fresh = Order(order._sizes, order.seed, order.lanes, order.window, order.crops_per_patch)
    for position in range(0, start, 7):
        order.place(position)
    assert [order.place(p) for p in range(start, start + 30)] == [fresh.place(p) for p in range(start, start + 30)]


def test_steps_follow_each_other_without_gap_and_straddle_epochs() -> None:
    order = Order([10], seed=1, lanes=4)
    positions = [position for step in range(5) for position in step_positions(step, 8)]
    assert positions == list(range(40))
    assert {order.place(position).epoch for position in step_positions(1, 8)} == {0, 1}


def test_a_batch_that_the_ranks_cannot_share_is_refused() -> None:
    with pytest.raises(UsageError, match="a batch of 10 cannot be divided among 4 ranks"):
        step_positions(0, 10, 1, 4)


@given(_ORDERS)
def test_crops_of_a_patch_follow_each_other_in_their_lane(order: Order) -> None:
    lanes = [range(lane, order.samples, order.lanes) for lane in range(min(order.lanes, order.samples))]
    sequence = [order.place(position) for lane in lanes for position in lane]
    for start in range(0, order.samples, order.crops_per_patch):
        crops = sequence[start : start + order.crops_per_patch]
        assert [place.crop for place in crops] == list(range(order.crops_per_patch))
        assert len({place.patch for place in crops}) == 1


@given(_ORDERS)
def test_lanes_are_equally_long(order: Order) -> None:
    lengths = Counter(position % order.lanes for position in range(order.samples))
    assert max(lengths.values()) - min(lengths.get(lane, 0) for lane in range(order.lanes)) <= 1


@given(_ORDERS, st.integers(0, 500))
def test_a_lane_reads_from_few_shards_at_a_time(order: Order, position: int) -> None:
    ends = np.cumsum(order._sizes)
    shards = order.shards(position)
    smallest = min(size for size in order._sizes if size)
    assert len(shards) == len(set(shards)) <= 2 + (order.window - 2) // smallest
    end = order.next_block(position)
    last = end if end is not None else (position // order.samples + 1) * order.samples
    for later in range(position, last, order.lanes):
        assert int(np.searchsorted(ends, order.place(later).patch, side="right")) in shards
        assert order.shards(later) == shards


@given(_ORDERS, st.integers(0, 500))
def test_the_next_block_is_the_first_other_one(order: Order, position: int) -> None:
    later = order.next_block(position)
    if later is None:
        return
    assert later % order.lanes == position % order.lanes
    before, _, after = (order._locate(p)[1] // order.window for p in (later - order.lanes, position, later))
    assert before == order._locate(position)[1] // order.window == after - 1


def test_a_rank_reads_its_share_of_the_shards_in_an_epoch() -> None:
    order = Order([100] * 64, seed=3, lanes=8, window=50)
    for rank in range(4):
        patches = [order.place(position).patch for position in range(rank, order.samples, 4)]
        # two lanes of eight shards each, cut at both ends by the turn of the ring and by blocks
        assert len({patch // 100 for patch in patches}) <= 2 * (8 + 2)


def test_epochs_and_seeds_differ() -> None:
    def sequence(seed: int, epoch: int) -> list[int]:
        order = Order([50] * 4, seed, lanes=8, window=16)
        return [order.place(epoch * 200 + position).patch for position in range(200)]

    first = sequence(0, 0)
    for other in (sequence(0, 1), sequence(1, 0)):
        assert sum(a == b for a, b in zip(first, other, strict=True)) < 20
        lanes = [{frozenset(order[lane::8]) for lane in range(8)} for order in (first, other)]
        assert not lanes[0] & lanes[1]


@pytest.mark.parametrize("sizes", [[4000], [500] * 8, [100] * 40], ids=["one shard", "eight", "forty"])
def test_neighbours_of_a_shard_are_spread_over_the_epoch(sizes: list[int]) -> None:
    """Of a random order the mean distance of two patches is a third of the epoch; patches that stand side by side in a
    shard are nearly so far apart here, and batches are as mixed as random ones."""
    order = Order(sizes, seed=5, lanes=16, window=256)
    position_of = np.empty(order.samples)
    batches = []
    for position in range(order.samples):
        position_of[order.place(position).patch] = position
        batches.append(order.place(position).patch)
    # Neighbours are in one lane's window most often: they are a window's share of a lane apart, spread over lanes.
    gaps = np.abs(np.diff(position_of)) / order.samples
    assert gaps.mean() > 0.2
    # Ranks of the patches within a batch of 32: of a random order their spread is that of the whole.
    spread = np.std(np.reshape(batches, (-1, 32)), axis=1).mean() / np.std(batches)
    assert 0.9 < spread < 1.1


def test_where_a_patch_stands_does_not_say_where_it_will_stand() -> None:
    order = Order([500] * 4, seed=9, lanes=16, window=128)
    places = np.empty((3, order.samples))
    for epoch in range(3):
        for position in range(order.samples):
            places[epoch, order.place(epoch * order.samples + position).patch] = position
    correlations = np.corrcoef(places)[np.triu_indices(3, 1)]
    assert np.abs(correlations).max() < 0.1  # more than four standard errors of 2,000 independent places


@given(_ORDERS, st.integers(0, 10**12), st.integers(0, 15))
def test_a_substitute_is_of_the_same_epoch_and_first_of_the_same_block(
    order: Order, position: int, attempt: int
) -> None:
    place, substitute = order.place(position), order.substitute(position, attempt)
    assert (substitute.epoch, substitute.crop) == (place.epoch, place.crop)
    assert 0 <= substitute.patch < order.patches
    if attempt < NEAR_SUBSTITUTES:
        shard = int(np.searchsorted(np.cumsum(order._sizes), substitute.patch, side="right"))
        assert shard in order.shards(position)


def test_substitutes_reach_all_patches() -> None:
    order = Order([20, 20], seed=0, lanes=2, window=8)
    assert len({order.substitute(3, attempt).patch for attempt in range(4, 400)}) == 40


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ({"lanes": 0}, "lanes must be at least 1, not 0"),
        ({"window": 0}, "window must be at least 1"),
        ({"window": 1 << 20}, "window must be at most 131072"),
        ({"crops_per_patch": -1}, "crops_per_patch must be at least 1, not -1"),
        ({"seed": -1}, "seed must be 0"),
        ({"seed": 2**63}, "seed must be 0"),
        ({"shard_sizes": [0, 0]}, "no patch to put in order"),
        ({"shard_sizes": []}, "no patch to put in order"),
    ],
)
def test_numbers_out_of_range_are_refused(wrong: dict[str, object], text: str) -> None:
    arguments: dict[str, object] = {"shard_sizes": [3], "seed": 0, **wrong}
    with pytest.raises(UsageError, match=text):
        Order(**arguments)  # type: ignore[arg-type]
