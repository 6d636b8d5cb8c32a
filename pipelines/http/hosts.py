"""What must hold for a host over all workers: slots, spacing, rests, and its robots.txt.

`HostLedger` is plain bookkeeping on an injected clock, without network, threads or Ray. Workers bring slots back and
ask for new ones in one call for many hosts (`exchange`). A grant says how long to wait before each start, never an
absolute time, since machines' clocks differ. Slots of a worker that falls silent come back after `lease_s`; every
exchange, also an empty one, is a sign of life.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from pipelines.http.settings import HttpSettings

_HORIZON_S = 0.25
"""Starts are promised so far ahead and no further: a promise made before a 429 would break the host's rest."""
_BUSY_RETRY_S = 0.05
"""When to ask again for a slot that other workers hold."""
_REST_RETRY_S = 1.0
"""Longest time until the next question while a host rests."""
_ROBOTS_CLAIM_S = 120.0
"""How long one worker may take over fetching a robots.txt before another tries."""
_ROBOTS_UNREACHABLE_S = 600.0
"""How long an unreachable robots.txt is believed to stay so."""


class Outcome(StrEnum):
    """What a request says about its host."""

    ANSWERED = "answered"
    """It spoke HTTP, whatever the status."""
    FAILED = "failed"
    """It did not answer, or not to the end."""
    UNUSED = "unused"
    """The slot came back without a word about the host."""


@dataclass(frozen=True, slots=True)
class Returned:
    """One slot that comes back; `pause_s` > 0 asks that the whole host rest (429, 503, Retry-After)."""

    outcome: Outcome
    pause_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Ask:
    """One worker's business with one host: slots that come back, and how many it could use now."""

    host: str
    want: int = 0
    returned: tuple[Returned, ...] = ()


@dataclass(frozen=True, slots=True)
class Grant:
    """The answer: per slot the seconds to wait before its start. Fewer than wanted: ask again after `retry_s`.

    `down`: the host is given up for now, do not wait for it.
    """

    host: str
    waits_s: tuple[float, ...] = ()
    retry_s: float = 0.0
    down: bool = False


@dataclass(frozen=True, slots=True)
class RobotsFile:
    """What asking for a robots.txt gave."""

    status: Literal["found", "absent", "unreachable"]
    text: str = ""
    reason: str = ""
    """For an unreachable one: why, as a value of `reasons.Reason`."""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class RobotsAnswer:
    """`file` if it is known; else `fetch` tells whether this worker should fetch it, or ask again a little later."""

    file: RobotsFile | None = None
    fetch: bool = False


@dataclass(slots=True)
class _Host:
    held: dict[str, int] = field(default_factory=dict)  # worker → slots in use
    queue: dict[str, None] = field(default_factory=dict)  # workers that got too little, longest wait first
    interval_s: float = 0.0
    next_start: float = -math.inf
    rests_until: float = -math.inf
    down_until: float = -math.inf
    failures: int = 0  # in a row
    rests: int = 0  # in a row, each because of failures


class HostLedger:
    """The one book of a build (or, for hosts that no other unit has, of a unit). Not thread-safe, never blocks.

    Holds an entry per host it was asked about, a few hundred bytes and its robots.txt.
    """

    def __init__(self, settings: HttpSettings, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._clock = clock
        self._hosts: dict[str, _Host] = {}
        self._heard: dict[str, float] = {}
        self._robots: dict[str, tuple[float, RobotsFile]] = {}
        self._robots_claims: dict[str, float] = {}

    def exchange(self, worker: str, asks: Sequence[Ask]) -> list[Grant]:
        """Take slots back and give new ones; one grant per ask, in order."""
        now = self._clock()
        self._heard[worker] = now
        self._drop_silent_workers(now)
        return [self._serve(worker, ask, now) for ask in asks]

    def leave(self, worker: str) -> None:
        """A worker is done: whatever it still holds comes back at once."""
        self._heard.pop(worker, None)
        self._forget(worker)

    def robots(self, origin: str) -> RobotsAnswer:
        """The robots.txt of an origin (`scheme://host`), or who fetches it: exactly one worker is told to."""
        now = self._clock()
        known = self._robots.get(origin)
        if known and known[0] > now:
            return RobotsAnswer(known[1])
        if self._robots_claims.get(origin, -math.inf) > now:
            return RobotsAnswer()
        self._robots_claims[origin] = now + _ROBOTS_CLAIM_S
        return RobotsAnswer(fetch=True)

    def keep_robots(self, origin: str, file: RobotsFile) -> None:
        """Remember a robots.txt: for the whole build, an unreachable one for ten minutes."""
        lasts_s = _ROBOTS_UNREACHABLE_S if file.status == "unreachable" else math.inf
        self._robots[origin] = (self._clock() + lasts_s, file)
        self._robots_claims.pop(origin, None)

    def space(self, host: str, interval_s: float) -> None:
        """Widen the host's spacing to `interval_s` (its Crawl-delay, capped); never narrows it."""
        entry = self._entry(host)
        entry.interval_s = max(entry.interval_s, min(interval_s, self._settings.crawl_delay_cap_s))

    def _entry(self, host: str) -> _Host:
        if host not in self._hosts:
            self._hosts[host] = _Host(interval_s=self._settings.per_host_interval_s)
        return self._hosts[host]

    def _serve(self, worker: str, ask: Ask, now: float) -> Grant:
        host = self._entry(ask.host)
        for returned in ask.returned:
            self._take_back(host, worker, returned, now)
        if ask.want == 0 or host.down_until > now:
            host.queue.pop(worker, None)
            return Grant(ask.host, down=host.down_until > now)
        waits_s, start = self._starts(host, min(ask.want, self._free_for(host, worker)), now)
        if waits_s:
            host.held[worker] = host.held.get(worker, 0) + len(waits_s)
            host.queue.pop(worker, None)
        if len(waits_s) == ask.want:
            return Grant(ask.host, waits_s)
        host.queue.setdefault(worker)
        return Grant(ask.host, waits_s, retry_s=min(max(start - now, _BUSY_RETRY_S), _REST_RETRY_S))

    def _free_for(self, host: _Host, worker: str) -> int:
        """Slots that `worker` may take: those free, less one for each worker that has waited longer."""
        down_on_trial = host.failures >= self._settings.breaker_failures
        limit = 1 if down_on_trial else self._settings.per_host_connections
        ahead = 0
        for waiting in host.queue:
            if waiting == worker:
                break
            ahead += 1
        return max(0, limit - sum(host.held.values()) - ahead)

    def _starts(self, host: _Host, count: int, now: float) -> tuple[tuple[float, ...], float]:
        """Up to `count` start times from now on, and the earliest start after them."""
        start = max(now, host.next_start, host.rests_until)
        waits_s: list[float] = []
        while len(waits_s) < count and start - now <= _HORIZON_S:
            waits_s.append(start - now)
            start += host.interval_s
            host.next_start = start
        return tuple(waits_s), start

    def _take_back(self, host: _Host, worker: str, returned: Returned, now: float) -> None:
        if host.held.get(worker, 0) > 1:
            host.held[worker] -= 1
        else:
            host.held.pop(worker, None)
        if returned.pause_s > 0:
            host.rests_until = max(host.rests_until, now + returned.pause_s)
        if returned.outcome is Outcome.ANSWERED:
            host.failures = host.rests = 0
            host.down_until = -math.inf
        elif returned.outcome is Outcome.FAILED:
            self._count_failure(host, now)

    def _count_failure(self, host: _Host, now: float) -> None:
        """The circuit breaker: rest, rest twice as long, …, then down; a lone trial follows each."""
        host.failures += 1
        if host.failures < self._settings.breaker_failures or max(host.rests_until, host.down_until) > now:
            return  # not yet, or a straggler of the requests that led to this rest
        if host.rests >= self._settings.breaker_rests:
            host.down_until = now + self._settings.breaker_down_s
            return
        host.rests_until = now + self._settings.breaker_pause_s * 2**host.rests
        host.rests += 1

    def _drop_silent_workers(self, now: float) -> None:
        silent = [worker for worker, heard in self._heard.items() if now - heard > self._settings.lease_s]
        for worker in silent:
            del self._heard[worker]
            self._forget(worker)

    def _forget(self, worker: str) -> None:
        for host in self._hosts.values():
            host.held.pop(worker, None)
            host.queue.pop(worker, None)
