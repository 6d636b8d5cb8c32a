"""Batches: the same for any number of workers and ranks, from any step on, through deaths and damage."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch

from million_ird.errors import DatasetError, MillionIrdError, UsageError
from million_ird.order import step_positions
from pretrain.stream.batch import Batch
from pretrain.stream.loader import DamageCount, Loader
from pretrain.stream.samples import Make
from pretrain.stream.stream import Stream, open_stream
from tests.pretrain.stream.world import (
    Lines,
    make,
    make_and_die,
    make_and_die_once,
    settings,
    stream_of,
    write_tars,
)


@pytest.fixture
def tars(tmp_path: Path) -> Path:
    return write_tars(tmp_path / "set")


def take(loader: Loader, count: int) -> list[Batch]:
    with loader:
        return [next(loader) for _ in range(count)]


def same(a: Batch, b: Batch) -> bool:
    names = ("inputs", "targets", "degraded", "masked", "kinds")
    tensors = all(torch.equal(getattr(a, name), getattr(b, name)) for name in names)
    return tensors and (a.step, a.keys, a.substituted) == (b.step, b.keys, b.substituted)


def all_same(a: list[Batch], b: list[Batch]) -> bool:
    return len(a) == len(b) and all(same(*pair) for pair in zip(a, b, strict=True))


def _stream(tars: Path, tmp_path: Path, made: Make, say: Lines | None = None) -> Stream:
    return open_stream([str(tars)], settings(tmp_path / "cache"), 0, made, say=say if say is not None else Lines())


def test_a_batch_is_the_samples_of_its_positions(tars: Path, tmp_path: Path) -> None:
    stream = stream_of(tars, tmp_path / "cache", crop=48)
    batches = take(stream.loader(4), 3)
    for step, batch in enumerate(batches):
        assert (batch.step, len(batch), batch.substituted) == (step, 4, 0)
        assert batch.inputs.shape == batch.targets.shape == (4, 3, 48, 48)
        assert batch.degraded.shape == batch.masked.shape == batch.kinds.shape == (4, 3, 3)
        kinds = (batch.inputs.dtype, batch.targets.dtype, batch.degraded.dtype, batch.masked.dtype, batch.kinds.dtype)
        assert kinds == (torch.uint8, torch.uint8, torch.bool, torch.bool, torch.uint8)
        places = [stream.order.place(position) for position in step_positions(step, 4)]
        assert batch.keys == tuple(f"k{place.patch:04d}" for place in places)
        # Exactly the degraded cell is black, all else is the target.
        cells = batch.degraded.repeat_interleave(16, 1).repeat_interleave(16, 2)[:, None]
        assert torch.equal(batch.inputs, batch.targets * ~cells)
        assert torch.equal(batch.kinds > 0, batch.degraded)
    assert {key for batch in take(stream.loader(6), 3) for key in batch.keys} == {f"k{n:04d}" for n in range(18)}


@pytest.mark.parametrize("workers", [3, 9])
def test_the_number_of_workers_changes_nothing(tars: Path, tmp_path: Path, workers: int) -> None:
    stream = stream_of(tars, tmp_path / "cache", crops_per_patch=2, prefetch=2)
    assert all_same(take(stream.loader(6), 8), take(stream.loader(6, workers=workers), 8))


@pytest.mark.parametrize("ranks", [2, 4])
def test_the_ranks_together_have_the_batches_of_one(tars: Path, tmp_path: Path, ranks: int) -> None:
    stream = stream_of(tars, tmp_path / "cache", crops_per_patch=2)
    whole = take(stream.loader(8), 5)
    parts = [take(stream.loader(8, rank, ranks), 5) for rank in range(ranks)]
    for step, batch in enumerate(whole):
        for rank in range(ranks):
            assert torch.equal(parts[rank][step].inputs, batch.inputs[rank::ranks])
            assert parts[rank][step].keys == batch.keys[rank::ranks]


@pytest.mark.parametrize("workers", [0, 2])
def test_from_any_step_on_the_batches_are_those_of_an_undisturbed_run(tars: Path, tmp_path: Path, workers: int) -> None:
    stream = stream_of(tars, tmp_path / "cache")
    undisturbed = take(stream.loader(5), 9)  # of 18 patches: batches straddle epochs
    assert all_same(take(stream.loader(5, start_step=6, workers=workers), 3), undisturbed[6:])
    again = stream_of(tars, tmp_path / "cache")  # another process would begin so
    assert all_same(take(again.loader(5, start_step=4, workers=workers), 5), undisturbed[4:])


def test_the_size_of_crops_follows_its_schedule(tars: Path, tmp_path: Path) -> None:
    schedule = ((0, 16), (2, 48), (4, 32))
    stream = stream_of(tars, tmp_path / "cache", crop=schedule, prefetch=2)
    plain, worked = take(stream.loader(4), 6), take(stream.loader(4, workers=2), 6)
    assert [batch.inputs.shape[-1] for batch in plain] == [16, 16, 48, 48, 32, 32]
    assert [batch.kinds.shape for batch in plain][::2] == [(4, 1, 1), (4, 3, 3), (4, 2, 2)]
    assert all_same(plain, worked)
    assert all_same(take(stream.loader(4, start_step=3), 3), plain[3:])


@pytest.mark.parametrize("pinned", [False, True])
def test_batches_are_memory_of_their_own(
    tars: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pinned: bool
) -> None:
    calls: list[int] = []  # there may be no GPU that could pin memory; the contract is that of `pin_memory`: a copy
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda tensor: calls.append(1) or tensor.clone())
    stream = stream_of(tars, tmp_path / "cache", prefetch=1)
    with stream.loader(4, workers=1, pin_memory=pinned) as loader:
        first = next(loader)
        copy = first.inputs.clone()
        for _ in range(3):
            next(loader)
        assert torch.equal(first.inputs, copy)
    assert len(calls) == (20 if pinned else 0)  # five tensors of four batches


def test_a_killed_worker_is_replaced_and_no_batch_changes(tars: Path, tmp_path: Path) -> None:
    lines = Lines()
    stream = stream_of(tars, tmp_path / "cache", say=lines)
    wanted = take(stream.loader(4), 14)
    lines.clear()
    found = []
    with stream.loader(4, workers=2) as loader:
        for step in range(14):  # the last death shows once what was ready before, four steps, is used up
            if step in (2, 3, 8):
                os.kill(loader.pids[step % 2], signal.SIGKILL)
            found.append(next(loader))
    assert all_same(wanted, found)
    assert len(lines) == 3
    assert len([line for line in lines if "data worker 0 was killed by SIGKILL at step" in line]) == 2


def test_a_worker_killed_in_the_middle_of_a_step_fills_it_anew(tars: Path, tmp_path: Path) -> None:
    flag, lines = tmp_path / "flag", Lines()
    stream = _stream(tars, tmp_path, partial(make_and_die_once, flag=str(flag)), lines)
    found: list[Batch] = []
    with stream.loader(4, workers=1) as loader:
        found.append(next(loader))
        flag.touch()  # not before: this process asks once for the shapes of samples, and shall live
        while flag.exists():
            found.append(next(loader))
        found += [next(loader) for _ in range(6)]  # more than lay ready
    assert all_same(take(stream.loader(4), len(found)), found)
    assert len([line for line in lines if "was killed by SIGKILL" in line]) == 1


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (signal.SIGKILL, r"data worker 0 was killed 3 times at step 0 by SIGKILL: is the machine out of memory"),
        (signal.SIGSEGV, r"data worker 0 was killed 3 times at step 0 by SIGSEGV$"),
        (0, r"data worker 0 failed at step 0; its own message stands above"),
    ],
)
def test_a_worker_that_dies_again_and_again_ends_the_run(
    tars: Path, tmp_path: Path, number: int, text: str, capfd: pytest.CaptureFixture[str]
) -> None:
    flag = tmp_path / "flag"
    stream = _stream(tars, tmp_path, partial(make_and_die, flag=str(flag), number=number))
    loader = stream.loader(4, workers=1)
    loader.close()
    with stream.loader(4, workers=1) as loader:
        os.kill(loader.pids[0], signal.SIGKILL)  # so that it begins anew, with the flag there
        flag.touch()
        with pytest.raises(MillionIrdError, match=text):
            for _ in range(20):
                next(loader)
    assert ("this cannot be made" in capfd.readouterr().err) == (number == 0)


def _children() -> set[int]:
    return {process.pid for process in psutil.Process().children(recursive=True)}


@pytest.mark.parametrize("way", ["close", "with", "forget"])
def test_a_loader_leaves_no_process_and_no_file_open(tars: Path, tmp_path: Path, way: str) -> None:
    stream = stream_of(tars, tmp_path / "cache")
    take(stream.loader(4, workers=1), 1)
    before, files = _children(), psutil.Process().num_fds()
    loader: Loader | None = stream.loader(4, workers=2)
    assert loader is not None
    next(loader)
    assert len(_children() - before) == 2
    if way == "close":
        loader.close()
        loader.close()
    elif way == "with":
        with loader:
            next(loader)
    else:
        loader = None
    assert _children() <= before
    assert psutil.Process().num_fds() <= files
    if loader is not None:
        with pytest.raises(ValueError, match="this loader is closed"):
            next(loader)


def test_workers_end_when_the_training_is_killed(tars: Path, tmp_path: Path) -> None:
    program = """
import sys, time
from pathlib import Path
from tests.pretrain.stream.world import stream_of
loader = stream_of(sys.argv[1], Path(sys.argv[2])).loader(4, workers=2)
print(*loader.pids, flush=True)
time.sleep(60)
"""
    command = [sys.executable, "-c", program, str(tars), str(tmp_path / "cache")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[3]) as training:
        assert training.stdout is not None
        workers = [psutil.Process(int(pid)) for pid in training.stdout.readline().split()]
        assert len(workers) == 2
        training.kill()
    _, alive = psutil.wait_procs(workers, timeout=30)
    assert alive == []


def test_damage_is_said_counted_and_carried_on(tars: Path, tmp_path: Path) -> None:
    lines = Lines()
    stream = stream_of(tars, tmp_path / "cache", say=lines, max_damaged_share=0.2, damage_grace=10)
    file = tars / "1.tar"
    data = bytearray(file.read_bytes())
    data[stream.index.patch(8).offset + 20] ^= 1
    file.write_bytes(data)
    lines.clear()
    plain, worked = take(stream.loader(6), 6), take(stream.loader(6, workers=2), 6)
    assert all_same(plain, worked)
    assert sum(batch.substituted for batch in plain) == 2
    assert len(lines) == 4
    assert all("damaged, replaced by another patch" in line and "k0008" in line for line in lines)
    assert all_same(take(stream.loader(6, start_step=3), 3), plain[3:])


@pytest.mark.parametrize("workers", [0, 2])
def test_too_much_damage_ends_the_run(tars: Path, tmp_path: Path, workers: int) -> None:
    stream = stream_of(tars, tmp_path / "cache", max_damaged_share=0.2, damage_grace=12)
    (tars / "1.tar").unlink()
    with (
        stream.loader(6, workers=workers) as loader,
        pytest.raises(DatasetError, match=r"of 1[28] samples were damaged, more than stream.max_damaged_share = 0.2"),
    ):
        for _ in range(4):
            next(loader)


def test_the_share_of_damage_goes_on_where_it_was() -> None:
    whole, resumed = (DamageCount(0.1, 100, 0, 0, Lines()) for _ in range(2))
    for _ in range(30):
        whole.add(10, 1, ["x"])
    resumed = DamageCount(0.1, 100, whole.seen, whole.damaged, Lines())
    with pytest.raises(DatasetError, match="31 of 309 samples were damaged"):
        resumed.add(9, 1, ["x"])


def test_many_damages_are_said_one_by_one_and_then_counted() -> None:
    lines = Lines()
    damage = DamageCount(1.0, 1, 0, 0, lines)
    for number in range(100):
        damage.add(1, 1, [f"patch {number}"])
    assert len(lines) == 20 + 2
    assert lines[19].endswith("patch 19")
    assert lines[20:] == [
        "40 damaged patches were met and replaced so far",
        "80 damaged patches were met and replaced so far",
    ]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"batch_size": 6, "rank": 0, "ranks": 4}, "a batch of 6 cannot be divided among 4 ranks"),
        ({"batch_size": 6, "rank": 0, "ranks": 3}, "stream.lanes = 4 cannot be divided among 3 ranks"),
        ({"batch_size": 4, "rank": 2, "ranks": 2}, "rank 2 of 2 with a batch of 4 from step 0 cannot be"),
        ({"batch_size": 0}, "a batch of 0"),
        ({"batch_size": 4, "start_step": -1}, "from step -1 cannot be"),
    ],
)
def test_numbers_that_do_not_go_together_are_named(
    tars: Path, tmp_path: Path, arguments: dict[str, int], text: str
) -> None:
    with pytest.raises(UsageError, match=text):
        stream_of(tars, tmp_path / "cache").loader(**arguments)  # type: ignore[arg-type]


def test_what_cannot_be_sent_to_a_worker_is_named(tars: Path, tmp_path: Path) -> None:
    local: Callable[..., object] = lambda crop, rng: make(crop, rng)  # noqa: E731  a lambda cannot be pickled
    stream = _stream(tars, tmp_path, local)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="cannot be sent to a worker"):
        stream.loader(4, workers=1)
    assert len(take(stream.loader(4), 1)) == 1


def test_what_a_worker_cannot_import_is_named(tars: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import types

    module = types.ModuleType("only_here")
    exec(
        "from tests.pretrain.stream.world import make as inner\ndef made(crop, rng):\n    return inner(crop, rng)",
        module.__dict__,
    )
    monkeypatch.setitem(sys.modules, "only_here", module)
    stream = _stream(tars, tmp_path, module.made)
    with stream.loader(4, workers=1) as loader, pytest.raises(UsageError, match="cannot be imported by a worker"):
        next(loader)


def test_what_makes_no_samples_is_named(tars: Path, tmp_path: Path) -> None:
    def wrong(crop: np.ndarray, rng: np.random.Generator) -> object:
        made = make(crop, rng)
        return type(made)(made.input[:8], made.degraded, made.masked, made.kinds)

    stream = _stream(tars, tmp_path, wrong)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=r"what makes samples gave uint8 \(8, 32, 3\) for a crop of 32"):
        stream.loader(4)


def test_a_worker_runs_ahead_and_waits(tars: Path, tmp_path: Path) -> None:
    stream = stream_of(tars, tmp_path / "cache", prefetch=3)
    with stream.loader(4, workers=1) as loader:
        next(loader)
        assert loader._pool is not None
        worker = loader._pool._workers[0]
        deadline = time.monotonic() + 30
        while worker.next_step < 4 and time.monotonic() < deadline:
            loader._pool._hear(0)
        assert worker.next_step == 4  # one was taken, three lie ready
        assert not worker.connection.poll(0.2)
