"""Which task and which picture stand at a position of the endless sequence: arithmetic alone, so a run can be resumed
anywhere, on any number of ranks and workers.

Tasks come in rounds of 840 positions, in which each has its share of places (rounded by largest remainders; 840 is
divisible by 2 to 8). The places of a task are spread evenly over the round and jittered, so that every batch holds
about the same mixture without ever repeating a pattern. A task's own samples are counted through, and each epoch of a
task visits all of them once, shuffled.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass

from million_ird.order import MAX_WINDOW, Order, hash_words

ROUND = 840
"""Positions of a round."""

_TASK, _JITTER, _SUBSTITUTE = 11, 12, 13  # what a hash is for


@dataclass(frozen=True, slots=True)
class Place:
    """What stands at a position: a task, an epoch of it, and a sample 0 … (samples of the task) - 1."""

    task: str
    epoch: int
    sample: int


class TaskSampler:
    """The sequence of one seed.

    Args:
        samples: how many different samples each task has; at least 1.
        weights: the relative share of each task, above 0; of the same names.
        seed: 0 … 2^63 - 1.
    """

    def __init__(self, samples: Mapping[str, int], weights: Mapping[str, float], seed: int) -> None:
        self._seed = seed
        self._names = sorted(weights)
        self.places = round_places({name: weights[name] for name in self._names})
        """Places of each task in a round."""
        self._orders = {
            name: Order([samples[name]], hash_words(seed, _TASK, number) >> 1, 1, min(samples[name], MAX_WINDOW))
            for number, name in enumerate(self._names)
        }
        self._rounds: OrderedDict[int, list[tuple[str, int]]] = OrderedDict()

    def place(self, position: int) -> Place:
        """What stands at a position, 0 or greater."""
        round_number, within = divmod(position, ROUND)
        name, turn = self._round(round_number)[within]
        return self._at(name, round_number * self.places[name] + turn)

    def substitute(self, place: Place, position: int, attempt: int) -> Place:
        """What to take instead of a damaged sample: of the same task and epoch, decided by seed and arguments."""
        samples = self._orders[place.task].samples
        return Place(place.task, place.epoch, hash_words(self._seed, _SUBSTITUTE, position, attempt) % samples)

    def _at(self, name: str, count: int) -> Place:
        found = self._orders[name].place(count)
        return Place(name, found.epoch, found.patch)

    def _round(self, number: int) -> list[tuple[str, int]]:
        """(task, how many of it were before in this round) of each position of a round."""
        if number not in self._rounds:
            self._rounds[number] = self._lay(number)
            while len(self._rounds) > 2:
                self._rounds.popitem(last=False)
        return self._rounds[number]

    def _lay(self, number: int) -> list[tuple[str, int]]:
        spread = []
        for index, name in enumerate(self._names):
            for turn in range(self.places[name]):
                jitter = hash_words(self._seed, _JITTER, number, index, turn) / 2.0**64
                spread.append(((turn + jitter) / self.places[name], name, turn))
        return [(name, turn) for _, name, turn in sorted(spread)]


def round_places(weights: Mapping[str, float]) -> dict[str, int]:
    """How many of the `ROUND` places each task has: in proportion, at least one, by largest remainders."""
    total = sum(weights.values())
    exact = {name: weight / total * ROUND for name, weight in weights.items()}
    places = {name: max(1, int(share)) for name, share in exact.items()}
    while (missing := ROUND - sum(places.values())) != 0:
        step = 1 if missing > 0 else -1
        surplus = {name: step * (places[name] - exact[name]) for name in sorted(places) if places[name] + step > 0}
        places[min(surplus, key=surplus.__getitem__)] += step
    return places
