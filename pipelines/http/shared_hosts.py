"""The host ledger as workers see it: in their own process, or one Ray actor for all of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from pipelines.http.hosts import Ask, Grant, HostLedger, RobotsAnswer, RobotsFile
from pipelines.http.settings import HttpSettings


class Hosts(Protocol):
    """The ledger's methods, awaitable."""

    gap_s: float
    """Least time between two exchanges of one worker: gathers many requests' business into one call."""

    async def exchange(self, worker: str, asks: Sequence[Ask]) -> list[Grant]: ...

    async def leave(self, worker: str) -> None: ...

    async def robots(self, origin: str) -> RobotsAnswer: ...

    async def keep_robots(self, origin: str, file: RobotsFile) -> None: ...

    async def space(self, host: str, interval_s: float) -> None: ...


class LocalHosts:
    """A ledger in this process. Several clients of one event loop may share it."""

    gap_s = 0.0

    def __init__(self, ledger: HostLedger) -> None:
        self._ledger = ledger

    async def exchange(self, worker: str, asks: Sequence[Ask]) -> list[Grant]:
        """See `HostLedger.exchange`."""
        return self._ledger.exchange(worker, asks)

    async def leave(self, worker: str) -> None:
        """See `HostLedger.leave`."""
        self._ledger.leave(worker)

    async def robots(self, origin: str) -> RobotsAnswer:
        """See `HostLedger.robots`."""
        return self._ledger.robots(origin)

    async def keep_robots(self, origin: str, file: RobotsFile) -> None:
        """See `HostLedger.keep_robots`."""
        self._ledger.keep_robots(origin, file)

    async def space(self, host: str, interval_s: float) -> None:
        """See `HostLedger.space`."""
        self._ledger.space(host, interval_s)


class RayHosts:
    """The ledger that lives in a Ray actor (`start_hosts_actor`); picklable, so a task can receive it.

    If the actor's node dies Ray starts a new one with an empty book: slots in use are then unknown to it until they
    come back, and each robots.txt is fetched once more.
    """

    gap_s = 0.01

    def __init__(self, actor: Any) -> None:
        self._actor = actor

    async def exchange(self, worker: str, asks: Sequence[Ask]) -> list[Grant]:
        """See `HostLedger.exchange`."""
        grants: list[Grant] = await self._actor.exchange.remote(worker, asks)
        return grants

    async def leave(self, worker: str) -> None:
        """See `HostLedger.leave`."""
        await self._actor.leave.remote(worker)

    async def robots(self, origin: str) -> RobotsAnswer:
        """See `HostLedger.robots`."""
        answer: RobotsAnswer = await self._actor.robots.remote(origin)
        return answer

    async def keep_robots(self, origin: str, file: RobotsFile) -> None:
        """See `HostLedger.keep_robots`."""
        await self._actor.keep_robots.remote(origin, file)

    async def space(self, host: str, interval_s: float) -> None:
        """See `HostLedger.space`."""
        await self._actor.space.remote(host, interval_s)


def start_hosts_actor(settings: HttpSettings) -> RayHosts:
    """Start the one ledger of a build as an actor of the connected cluster. It ends with the driver.

    It takes no CPU of the cluster's account (`num_cpus=0`): its calls take microseconds, and a cluster whose every
    CPU runs a unit must still be able to place it.
    """
    import ray

    actor_class = ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=-1)(HostLedger)
    return RayHosts(actor_class.remote(settings))
