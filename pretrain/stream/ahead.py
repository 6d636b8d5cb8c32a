"""Remote shards are fetched before their lanes reach them."""

from __future__ import annotations

import queue
import threading

from million_ird.order import Order
from pretrain.stream.reader import Reader

_THREADS = 2
"""Fetching at the same time in each process: one waits for a slow answer while the other one fills the line."""


class Ahead:
    """Fetches in the background what the lanes of this process read from now and in their next blocks.

    The threads only make copies; nothing is read from here, so they change no sample. They end with the process, or
    soon after `close`.
    """

    def __init__(self, order: Order, reader: Reader, remote: frozenset[int]) -> None:
        self._order, self._reader, self._remote = order, reader, remote
        self._next: dict[int, int] = {}
        """For each lane the position where its next block begins."""
        self._wanted: queue.PriorityQueue[tuple[int, int]] = queue.PriorityQueue()
        """(position that needs it, shard): what is needed first comes first."""
        self._closed = False
        for _ in range(_THREADS):
            threading.Thread(target=self._fetch, daemon=True, name="shards ahead").start()

    def passed(self, position: int) -> None:
        """Tells that a position is about to be read. Cheap, but where a lane enters another block."""
        lane = position % self._order.lanes
        following = self._next.get(lane)
        if following is not None and position < following:
            return
        if following is None:
            self._want(position)
        self._next[lane] = following = self._order.next_block(position) or self._next_epoch(position)
        self._want(following)

    def close(self) -> None:
        """Lets the threads end once what they are fetching is there."""
        self._closed = True
        for _ in range(_THREADS):
            self._wanted.put((-1, -1))

    def _want(self, position: int) -> None:
        for shard in self._order.shards(position):
            if shard in self._remote:
                self._wanted.put((position, shard))

    def _next_epoch(self, position: int) -> int:
        """The first position of the same lane in the next epoch."""
        start = (position // self._order.samples + 1) * self._order.samples
        return start + (position - start) % self._order.lanes

    def _fetch(self) -> None:
        while True:
            _, shard = self._wanted.get()
            if self._closed:
                return
            self._reader.prefetch(shard)
