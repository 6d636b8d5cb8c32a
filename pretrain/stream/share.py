"""The samples of a run that one process makes, step after step."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from million_ird.errors import DatasetError, UsageError
from million_ird.order import step_positions
from pretrain.stream.ahead import Ahead
from pretrain.stream.arrays import BatchArrays, Geometry
from pretrain.stream.cache import ShardCache
from pretrain.stream.holdout import Holdout
from pretrain.stream.index import PatchIndex, load_part
from pretrain.stream.reader import Reader
from pretrain.stream.samples import Make, Sampler
from pretrain.stream.selection import Selection
from pretrain.stream.settings import StreamSettings


@dataclass(frozen=True)
class Share:
    """Which samples of each step a process makes, and all that it needs to make them; small enough to be sent there.

    Lanes go to ranks, and those of a rank to its workers, in turns: lane % ranks is the rank and
    (lane // ranks) % workers the worker.
    """

    folders: tuple[Path, ...]
    """Where the parts of the index are stored."""
    cache_folder: Path
    settings: StreamSettings
    seed: int
    holdout: Holdout
    make: Make
    geometry: Geometry
    batch: int
    """Samples of a step on all ranks."""
    rank: int
    ranks: int
    worker: int = 0
    workers: int = 1

    def rows(self, step: int) -> list[tuple[int, int]]:
        """(row of the rank's batch, position) of each sample of a step that is this worker's."""
        lanes = self.settings.lanes
        positions = step_positions(step, self.batch, self.rank, self.ranks)
        return [
            (row, position)
            for row, position in enumerate(positions)
            if position % lanes // self.ranks % self.workers == self.worker
        ]


class Producer:
    """Fills the rows of a share."""

    def __init__(self, share: Share, selection: Selection | None = None) -> None:
        self._share = share
        selection = selection or _select(share)
        cache = ShardCache(share.cache_folder, int(share.settings.cache_gb * 1e9))
        self._reader = Reader(selection.index, cache)
        order = selection.order(share.settings, share.seed)
        self._sampler = Sampler(selection, order, self._reader, share.make)
        remote = remote_shards(selection.index, cache)
        self._ahead = Ahead(order, self._reader, remote) if remote else None

    def fill(self, step: int, arrays: BatchArrays) -> list[str]:
        """Writes the share's rows of a step; returns a line for every damaged patch that was met."""
        side = self._share.geometry.side(step)
        damages: list[str] = []
        rows = self._share.rows(step)
        if self._ahead is not None:
            for _, position in rows:
                self._ahead.passed(position)
        for row, position in rows:
            sample = self._sampler.sample(position, side)
            arrays.put(row, sample)
            damages += sample.damages
        return damages

    def close(self) -> None:
        if self._ahead is not None:
            self._ahead.close()
        self._reader.close()


def check_ranks(section: str, lanes: int, batch: int, rank: int, ranks: int, start_step: int) -> None:
    """Whether ranks can share lanes and batches evenly; `section` is of the setting `lanes`, for the message.

    Raises:
        UsageError: numbers that do not divide, or that cannot be.
    """
    if batch < 1 or ranks < 1 or not 0 <= rank < ranks or start_step < 0:
        raise UsageError(f"rank {rank} of {ranks} with a batch of {batch} from step {start_step} cannot be")
    if batch % ranks:
        raise UsageError(f"a batch of {batch} cannot be divided among {ranks} ranks: take a multiple of {ranks}")
    if lanes % ranks:
        raise UsageError(f"{section}.lanes = {lanes} cannot be divided among {ranks} ranks: take a multiple")


def remote_shards(index: PatchIndex, cache: ShardCache) -> frozenset[int]:
    """Numbers of the shards that are read from copies."""
    return frozenset(
        number for number, (part, file) in enumerate(index.shards) if cache.is_remote(file.name, part.description.root)
    )


def _select(share: Share) -> Selection:
    """The selection of the stored index, in another process than the one that made it."""
    parts = [load_part(folder) for folder in share.folders]
    found = [part for part in parts if part is not None]
    if len(found) < len(parts):
        raise DatasetError("the stored index of the dataset has gone: has the dataset changed while it is trained on?")
    return Selection(PatchIndex(found), share.holdout, share.settings.largest_crop)
