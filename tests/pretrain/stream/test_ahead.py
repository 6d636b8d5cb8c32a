"""Remote shards are fetched before they are needed, and read even where there is no room for them."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import fsspec
import pytest

from million_ird.order import Order
from pretrain.crop import DamagedPatchError
from pretrain.stream.ahead import Ahead
from pretrain.stream.cache import ShardCache
from pretrain.stream.reader import Reader
from tests.pretrain.stream.test_loader import all_same, take
from tests.pretrain.stream.world import Lines, stream_of, write_tars


@pytest.fixture
def remote(tmp_path: Path) -> Iterator[str]:
    """Twelve tars of six patches on the memory file system."""
    write_tars(tmp_path / "set", shards=12)
    fs, name = fsspec.filesystem("memory"), uuid.uuid4().hex
    fs.put(str(tmp_path / "set"), f"/{name}", recursive=True)
    yield f"memory://{name}/*.tar"
    fs.rm(f"/{name}", recursive=True)


class _Recorder(Reader):
    """Notes what is asked for instead of fetching it."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def prefetch(self, shard: int) -> None:
        self.asked.append(shard)


def _await(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_the_shards_of_every_block_are_asked_for_before_it_is_read() -> None:
    order = Order([6] * 12, seed=1, lanes=3, window=4)
    recorder = _Recorder()
    ahead = Ahead(order, recorder, frozenset(range(12)))
    expected: list[int] = []
    known: dict[int, int] = {}
    for position in range(2 * order.samples):
        ahead.passed(position)
        block = order._locate(position)[1] // order.window + position // order.samples * 1000
        if known.get(position % 3) != block:
            known[position % 3] = block
            expected += order.shards(position)
        # All shards of this block were asked for at the latest now, and those of the lane's next one as well.
        following = order.next_block(position) or ahead._next_epoch(position)
        assert following > position
        assert following % 3 == position % 3
        assert ahead._next[position % 3] == following
    _await(lambda: len(recorder.asked) >= len(expected))
    ahead.close()
    assert set(recorder.asked) == set(range(12))


def test_a_local_shard_is_not_asked_for() -> None:
    recorder = _Recorder()
    ahead = Ahead(Order([6] * 12, 1, 3, 4), recorder, frozenset({2}))
    for position in range(72):
        ahead.passed(position)
    _await(lambda: bool(recorder.asked) and ahead._wanted.empty())
    ahead.close()
    assert set(recorder.asked) == {2}


def test_where_there_is_no_room_patches_are_read_over_the_network(remote: str, tmp_path: Path) -> None:
    roomy = stream_of(remote, tmp_path / "cache")
    wanted = take(roomy.loader(6), 12)
    size = roomy.index.shards[0][1].nbytes
    lines = Lines()
    tight = stream_of(remote, tmp_path / "tight", say=lines, cache_gb=2.5 * size / 1e9)
    lines.clear()
    assert all_same(take(tight.loader(6), 12), wanted)
    assert len(lines) == 1
    assert "is less than the" in lines[0]
    assert "4 lanes of this machine" in lines[0]
    assert 0 < ShardCache(tmp_path / "tight", 1).held_bytes() <= 2.5 * size


def test_a_shard_that_is_gone_is_damage_with_and_without_room(remote: str, tmp_path: Path) -> None:
    stream = stream_of(remote, tmp_path / "cache", max_damaged_share=1.0)
    fs = fsspec.filesystem("memory")
    for number in (3, 4):
        fs.rm(stream.index.shards[number][1].name)
    for copy in (tmp_path / "cache" / "shards").glob("*.tar"):
        copy.unlink()
    batches = take(stream.loader(6), 12)
    assert sum(batch.substituted for batch in batches) == 12
    reader = Reader(stream.index, ShardCache(tmp_path / "no room", 1))
    for patch in (stream.index.patch(number) for number in (3 * 6, 4 * 6, 3 * 6 + 1)):
        with pytest.raises(DamagedPatchError, match="tar is missing in memory://"):
            reader.read(patch)
    assert reader.read(stream.index.patch(5 * 6)) == stream.read(stream.index.patch(5 * 6))


def test_shards_in_use_are_marked_and_idle_ones_let_go(
    remote: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = stream_of(remote, tmp_path / "cache")
    reader = Reader(stream.index, ShardCache(tmp_path / "cache", 10**9))
    now = [1000.0]
    monkeypatch.setattr("pretrain.stream.reader.time.monotonic", lambda: now[0])
    reader.read(stream.index.patch(0))
    reader.read(stream.index.patch(7))
    assert list(reader._open) == [0, 1]
    marks = []
    monkeypatch.setattr("pretrain.stream.reader.mark_used", marks.append)
    now[0] += 10
    reader.read(stream.index.patch(1))
    assert marks == []
    now[0] += 115
    reader.read(stream.index.patch(1))
    assert len(marks) == 1
    assert list(reader._open) == [0]
    reader.close()
