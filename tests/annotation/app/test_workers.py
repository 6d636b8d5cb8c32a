"""Bounded threads and bounded memory."""

from __future__ import annotations

import asyncio
import threading

import pytest

from annotation.app.errors import RequestError
from annotation.app.workers import Kept, Workers


def test_a_full_queue_says_so_and_empties_again() -> None:
    async def ask() -> None:
        workers = Workers(threads=1, waiting=1, name="test")
        gate = threading.Event()
        running = [asyncio.create_task(workers.run(gate.wait, 20)) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(RequestError) as refused:
            await workers.run(lambda: 1)
        assert refused.value.status == 503
        gate.set()
        assert await asyncio.gather(*running) == [True, True]
        assert await workers.run(lambda: 1) == 1
        workers.close()

    asyncio.run(ask())


def test_an_error_reaches_the_one_who_asked_and_frees_the_place() -> None:
    async def ask() -> None:
        workers = Workers(threads=1, waiting=0, name="test")
        for _ in range(3):
            with pytest.raises(ZeroDivisionError):
                await workers.run(lambda: 1 // 0)
        workers.close()

    asyncio.run(ask())


def test_what_is_asked_for_at_once_is_computed_once() -> None:
    kept = Kept[int](10, lambda _: 1)
    gate, calls = threading.Event(), []

    def compute() -> int:
        calls.append(1)
        gate.wait(20)
        return 7

    found: list[int] = []
    threads = [threading.Thread(target=lambda: found.append(kept.get("a", compute))) for _ in range(5)]
    for thread in threads:
        thread.start()
    gate.set()
    for thread in threads:
        thread.join()
    assert found == [7] * 5 and len(calls) == 1


def test_the_oldest_is_forgotten_beyond_the_budget() -> None:
    kept = Kept[bytes](100, len)
    computed: list[str] = []

    def get(key: str, size: int) -> None:
        kept.get(key, lambda: computed.append(key) or bytes(size))  # type: ignore[func-returns-value]

    for key in "abcabc":
        get(key, 30)
    assert computed == ["a", "b", "c"]
    get("a", 30)
    get("d", 30)  # b is the oldest now
    for key in "acd":
        get(key, 30)
    assert computed == ["a", "b", "c", "d"]
    get("b", 30)
    assert computed[-1] == "b"
    get("large", 500)  # alone too large: kept until the next one comes
    get("large", 500)
    assert computed.count("large") == 1


def test_a_failure_is_not_kept() -> None:
    kept = Kept[int](10, lambda _: 1)
    with pytest.raises(ZeroDivisionError):
        kept.get("a", lambda: 1 // 0)
    assert kept.get("a", lambda: 3) == 3
