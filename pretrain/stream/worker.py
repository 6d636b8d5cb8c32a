"""A reading process: fills its rows of each step's arrays in memory that it shares with the training process.

It is a plain child process that talks over one connection: it gets its share, then the steps it may fill, and answers
with each step done. It ends when the other end of the connection does, so it never outlives the training.
"""

from __future__ import annotations

import mmap
import pickle
from dataclasses import dataclass
from multiprocessing.connection import Connection

from million_ird.errors import MillionIrdError, UsageError
from pretrain.stream.share import Producer, Share


@dataclass(frozen=True, slots=True)
class Filled:
    """A step's rows are in place."""

    step: int
    damages: tuple[str, ...]


def main(arguments: list[str]) -> int:
    """Arguments: descriptors of the connection and the shared memory, number of slots in it, first step."""
    connection_number, memory_number, slots, step = map(int, arguments)
    import cv2

    cv2.setNumThreads(1)  # there is one process for each core already
    connection: Connection = Connection(connection_number)
    try:
        _work(connection, mmap.mmap(memory_number, 0), slots, step)
    except (EOFError, ConnectionError):
        return 0  # the training has ended
    except MillionIrdError as error:
        connection.send(error)
    return 0


def _work(connection: Connection, memory: mmap.mmap, slots: int, step: int) -> None:
    share = _receive_share(connection)
    producer = Producer(share)
    slot_bytes = share.geometry.slot_bytes()
    allowed = step
    while True:
        while allowed <= step or connection.poll():
            allowed = connection.recv()
        arrays = share.geometry.arrays(step, memory, step % slots * slot_bytes)
        connection.send(Filled(step, tuple(producer.fill(step, arrays))))
        step += 1


def _receive_share(connection: Connection) -> Share:
    data = connection.recv_bytes()
    try:
        share: Share = pickle.loads(data)
    except (AttributeError, ImportError) as error:
        raise UsageError(
            f"what makes samples cannot be imported by a worker ({error}): define it in a module"
        ) from error
    return share
