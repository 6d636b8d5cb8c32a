"""How one worker takes slots: requests queue per host here, and whole batches go to the ledger.

The gate also owns the worker's number of connections. A slot of a host is asked for only when a connection is free to
use it at once, so that a start never comes later than the ledger spaced it.
"""

from __future__ import annotations

import asyncio
import uuid
from collections import defaultdict, deque
from collections.abc import Callable, Collection

from pipelines.http.hosts import Ask, Grant, Outcome, Returned
from pipelines.http.reasons import FetchError, Reason
from pipelines.http.settings import HttpSettings
from pipelines.http.shared_hosts import Hosts


class _Connections:
    """How many more requests this worker may start; counts what is promised during an exchange as taken."""

    def __init__(self, count: int) -> None:
        self.free = count


class _Lane:
    """The queues before one ledger, and the task that talks to it."""

    def __init__(
        self, settings: HttpSettings, hosts: Hosts, connections: _Connections, on_freed: Callable[[], None]
    ) -> None:
        self.hosts = hosts
        self._worker = uuid.uuid4().hex
        self._connections = connections
        self._heartbeat_s = settings.lease_s / 3
        self._per_host = settings.per_host_connections
        self._on_freed = on_freed
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}
        self._returned: defaultdict[str, list[Returned]] = defaultdict(list)
        self._due: dict[str, None] = {}  # hosts to ask about next, in order of arrival
        self._starved: dict[str, None] = {}  # hosts with waiting rows that found no free connection
        self._held = 0
        self._wake = asyncio.Event()
        self._task = asyncio.create_task(self._run())

    async def acquire(self, host: str) -> None:
        """Wait for a slot. Raises FetchError `host_down`, or whatever ended the talk with the ledger."""
        if self._task.done():
            self._task.result()
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(host, deque()).append(future)
        self._ask_soon(host)
        try:
            await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled() and future.exception() is None:
                self.release(host, Returned(Outcome.UNUSED))
            raise

    def release(self, host: str, returned: Returned) -> None:
        """Bring a slot back."""
        self._held -= 1
        self._connections.free += 1
        self._returned[host].append(returned)
        self._ask_soon(host)
        self._on_freed()

    def connection_freed(self) -> None:
        """Rows that lacked a connection may try again."""
        if self._starved:
            self._due.update(self._starved)
            self._starved.clear()
            self._wake.set()

    async def close(self) -> None:
        """Stop talking; the ledger gets everything back."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self.hosts.leave(self._worker)

    def _ask_soon(self, host: str) -> None:
        self._due[host] = None
        self._wake.set()

    async def _run(self) -> None:
        try:
            while True:
                await self._wait_for_business()
                asks = self._collect()
                if asks or self._held:
                    grants = await self.hosts.exchange(self._worker, asks)
                    for ask, grant in zip(asks, grants, strict=True):
                        self._hand_out(grant, ask.want)
                if self.hosts.gap_s:
                    await asyncio.sleep(self.hosts.gap_s)
        except BaseException as error:
            self._fail_all(error)
            raise

    async def _wait_for_business(self) -> None:
        if not self._due:
            self._wake.clear()
            timeout_s = self._heartbeat_s if self._held else None
            try:
                async with asyncio.timeout(timeout_s):
                    await self._wake.wait()
            except TimeoutError:
                pass  # nothing but a sign of life

    def _collect(self) -> list[Ask]:
        asks = []
        for host in self._due:
            want = min(self._count_waiting(host), self._connections.free, self._per_host)
            self._connections.free -= want
            if host in self._waiting and want == 0:
                self._starved[host] = None
            returned = tuple(self._returned.pop(host, ()))
            if want or returned:
                asks.append(Ask(host, want, returned))
        self._due.clear()
        return asks

    def _count_waiting(self, host: str) -> int:
        queue = self._waiting.get(host)
        while queue and queue[0].done():  # given up while waiting
            queue.popleft()
        if not queue:
            self._waiting.pop(host, None)
        return len(queue or ())

    def _hand_out(self, grant: Grant, wanted: int) -> None:
        loop = asyncio.get_running_loop()
        if len(grant.waits_s) < wanted:
            self._connections.free += wanted - len(grant.waits_s)
            self._on_freed()
        self._held += len(grant.waits_s)
        for wait_s in grant.waits_s:
            if wait_s > 0:
                loop.call_later(wait_s, self._start_one, grant.host)
            else:
                self._start_one(grant.host)
        if grant.down:
            error = FetchError(Reason.HOST_DOWN, f"{grant.host} failed too often in a row")
            for future in self._waiting.pop(grant.host, ()):
                if not future.done():
                    future.set_exception(error)
        elif grant.retry_s:
            loop.call_later(grant.retry_s, self._ask_soon, grant.host)
        elif self._count_waiting(grant.host):
            self._starved[grant.host] = None

    def _start_one(self, host: str) -> None:
        """Give a slot whose time has come to the first row that still wants it."""
        if self._count_waiting(host):
            self._waiting[host].popleft().set_result(None)
            self._count_waiting(host)
        else:
            self.release(host, Returned(Outcome.UNUSED))

    def _fail_all(self, error: BaseException) -> None:
        for queue in self._waiting.values():
            for future in queue:
                if not future.done():
                    if isinstance(error, asyncio.CancelledError):
                        future.cancel()
                    else:
                        future.set_exception(error)
        self._waiting.clear()


class Gate:
    """The way to a slot, for hosts of this unit alone and for hosts that other units share.

    Args:
        settings: the recipe's [fetch].
        local: the ledger of this unit.
        shared: the build's ledger, None if there is none.
        shared_hosts: the hosts that stand in the build's ledger.
    """

    def __init__(
        self, settings: HttpSettings, local: Hosts, shared: Hosts | None, shared_hosts: Collection[str]
    ) -> None:
        connections = _Connections(settings.connections)
        self._shared_hosts = shared_hosts
        self._local = _Lane(settings, local, connections, self._connection_freed)
        self._shared = _Lane(settings, shared, connections, self._connection_freed) if shared else self._local
        self._lanes: dict[str, _Lane] = {}

    def meet(self, host: str, *, redirected: bool) -> None:
        """Decide, once, in which ledger a host stands. One that only redirects lead to stands in the build's: units
        whose rows have nothing in common are often redirected to the same server."""
        if host not in self._lanes:
            self._lanes[host] = self._shared if redirected or host in self._shared_hosts else self._local

    def hosts_for(self, host: str) -> Hosts:
        """The ledger in which the host stands."""
        return self._lanes[host].hosts

    async def acquire(self, host: str) -> None:
        """Wait until a request to the host may start, now. Raises FetchError `host_down`."""
        await self._lanes[host].acquire(host)

    def release(self, host: str, returned: Returned) -> None:
        """Bring back what `acquire` gave."""
        self._lanes[host].release(host, returned)

    async def close(self) -> None:
        """Give everything back."""
        await self._local.close()
        if self._shared is not self._local:
            await self._shared.close()

    def _connection_freed(self) -> None:
        self._local.connection_freed()
        self._shared.connection_freed()
