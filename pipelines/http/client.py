"""The walk of one row: URL → robots.txt → slot → request → redirects → file, again if it may pass the next time."""

from __future__ import annotations

import asyncio
import errno
import itertools
import random
import re
import ssl
from collections.abc import Awaitable, Callable, Collection
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar
from urllib.parse import quote, urljoin, urlsplit

from aiohttp import ClientError, ClientResponse, ClientSession, ClientTimeout, DummyCookieJar, TCPConnector
from yarl import URL

from million_ird.errors import UsageError
from million_ird.records import Rejection, normalise_url
from pipelines.http.body import Body, read_body, store_body
from pipelines.http.failures import as_fetch_error, status_error
from pipelines.http.gate import Gate
from pipelines.http.guard import Guard, GuardedResolver, Lookup
from pipelines.http.hosts import HostLedger, Outcome, Returned, RobotsFile
from pipelines.http.reasons import RETRIED, UNHEALTHY, FetchError, Reason
from pipelines.http.robots import MAX_NBYTES, RobotsRules, check_x_robots_tag, read_rules
from pipelines.http.settings import HttpSettings
from pipelines.http.shared_hosts import Hosts, LocalHosts

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_KEEPALIVE_S = 2.0
"""An idle connection is kept so long: rows of a busy host follow at once, and a list of many small hosts must not
gather open connections."""
_DRAINED_NBYTES = 16 * 1024
"""A body that nobody wants is read up to this size, to keep the connection; a larger one costs the connection."""
_ASCII = "".join(map(chr, range(128)))
_ROBOTS_POLL_S = 0.1
"""How often to look whether another worker has read a robots.txt."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Redirect:
    url: str


@dataclass(frozen=True, slots=True)
class Fetched:
    """A body, and how it got here. Times and attempts are for the log, never for a row."""

    body: Body
    final_url: str
    status: int
    content_type: str
    x_robots_tag: str
    """The X-Robots-Tag headers that let it pass, joined by commas: evidence for the row's provenance."""
    attempts: int
    seconds: float

    @property
    def path(self) -> Path:
        """The body as a file of the spool (see `Body.path`; `body.read()` is cheaper for bytes)."""
        return self.body.path()

    @property
    def nbytes(self) -> int:
        """The body's size."""
        return self.body.nbytes

    @property
    def sha256(self) -> str:
        """The body's SHA-256 in hex."""
        return self.body.sha256


@dataclass(frozen=True, slots=True)
class _Stored:
    body: Body
    final_url: str
    status: int
    content_type: str
    x_robots_tag: str


class Client:
    """Fetches the rows of one unit. Call `fetch` for as many rows at a time as you like; they queue in its gate.

        async with Client(settings, spool=folder) as client:
            results = await asyncio.gather(*(client.fetch(url) for url in urls))

    Args:
        settings: the recipe's [fetch].
        hosts: the build's ledger, or None if no host is shared with another unit.
        shared_hosts: the hosts (as in the column `host`) that stand in that ledger, as do all that only
            redirects lead to; others stand in a ledger of this client.
        spool: an existing folder for large bodies, this client's alone. They belong to the caller, who discards them.
        lookup: resolves names, for tests; by default the system does.
    """

    def __init__(
        self,
        settings: HttpSettings,
        hosts: Hosts | None = None,
        *,
        spool: Path,
        shared_hosts: Collection[str] = frozenset(),
        lookup: Lookup | None = None,
    ) -> None:
        self._settings = settings
        self._hosts = hosts
        self._shared = shared_hosts if hosts is not None else frozenset()
        self._spool = spool
        self._lookup = lookup
        self._guard = Guard(settings)
        self._serial = itertools.count()
        self._robots: dict[str, asyncio.Task[RobotsRules]] = {}

    async def __aenter__(self) -> Self:
        settings = self._settings
        self._deadline = asyncio.get_running_loop().time() + settings.unit_time_cap_s
        self._closing = AsyncExitStack()
        resolver = GuardedResolver(settings, self._guard, self._lookup)
        self._closing.push_async_callback(resolver.close)
        self._gate = Gate(settings, LocalHosts(HostLedger(settings)), self._hosts, self._shared)
        self._closing.push_async_callback(self._gate.close)
        connector = TCPConnector(
            resolver=resolver,
            use_dns_cache=False,  # the resolver has its own, with the settings' times
            socket_factory=self._guard.open_socket,
            limit=0,  # the gate counts
            keepalive_timeout=_KEEPALIVE_S,
            ssl=_tls(ssl.get_default_verify_paths()),
        )
        self._session = await self._closing.enter_async_context(
            ClientSession(
                connector=connector,
                headers={
                    "User-Agent": settings.user_agent,
                    "Accept": "image/*, */*;q=0.5",
                    "Accept-Encoding": "identity",
                },
                cookie_jar=DummyCookieJar(),
                auto_decompress=False,
                trust_env=False,
                proxy=settings.proxy or None,
                requote_redirect_url=False,
                timeout=ClientTimeout(
                    total=settings.total_timeout_s,
                    sock_connect=settings.connect_timeout_s,
                    sock_read=settings.idle_timeout_s,
                ),
            )
        )
        self._closing.push_async_callback(self._cancel_robots)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._closing.aclose()

    async def fetch(self, url: str, expected_sha256: str = "") -> Fetched | Rejection:
        """Bring one URL's body here.

        Args:
            url: as the manifest has it.
            expected_sha256: 64 hex digits that the body must have, or "".

        Returns:
            `Fetched`, or a `Rejection` of the step `fetch` with a reason of `reasons.Reason`.

        Raises:
            StoreError: the spool cannot be written.
            UsageError: the process may not open as many files as it needs.
        """
        begun = self._now()
        try:
            async with asyncio.timeout_at(self._deadline):
                stored, attempts = await self._persist(lambda: self._walk(url, self._store, obey_robots=True))
        except TimeoutError:
            cap_s = self._settings.unit_time_cap_s
            return FetchError(Reason.UNIT_TIME_CAP, f"fetch.unit_time_cap_s = {cap_s:g} is over").rejection()
        except FetchError as error:
            return error.rejection()
        if expected_sha256 and stored.body.sha256 != expected_sha256.lower():
            stored.body.discard()
            return FetchError(Reason.SHA256_MISMATCH, f"got {stored.body.sha256}").rejection()
        return Fetched(
            body=stored.body,
            final_url=stored.final_url,
            status=stored.status,
            content_type=stored.content_type,
            x_robots_tag=stored.x_robots_tag,
            attempts=attempts,
            seconds=self._now() - begun,
        )

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    async def _persist(self, walk: Callable[[], Awaitable[T]]) -> tuple[T, int]:
        """Try until it works, cannot work, or has been tried often enough; gives the number of attempts too."""
        settings = self._settings
        for attempt in itertools.count(1):
            try:
                return await walk(), attempt
            except FetchError as error:
                if error.final or error.reason not in RETRIED or attempt > settings.retries:
                    raise
            pause_s = min(settings.backoff_cap_s, settings.backoff_s * 2.0 ** (attempt - 1))
            await asyncio.sleep(pause_s * random.uniform(0.5, 1.5))
        raise AssertionError("unreachable")

    async def _walk(self, url: str, consume: Callable[[ClientResponse], Awaitable[T]], *, obey_robots: bool) -> T:
        """Ask for a URL and follow its redirects, each hop judged as the first."""
        seen: set[str] = set()
        for hop in range(self._settings.max_redirects + 1):
            target = request_url(url)
            if str(target) in seen:
                raise FetchError(Reason.REDIRECT_LOOP, f"again at {target}")
            seen.add(str(target))
            self._guard.check_host(target.raw_host or "")
            self._gate.meet(target.raw_authority, redirected=hop > 0)
            if obey_robots and self._settings.robots == "honour":
                rules = await self._rules(target)
                rules.check(str(target))
            answer = await self._visit(target, consume)
            if not isinstance(answer, _Redirect):
                return answer
            url = answer.url
        raise FetchError(Reason.TOO_MANY_REDIRECTS, f"last to {url}", measured=len(seen))

    async def _visit(self, url: URL, consume: Callable[[ClientResponse], Awaitable[T]]) -> T | _Redirect:
        """One request in one slot of its host."""
        host = url.raw_authority
        await self._gate.acquire(host)
        returned = Returned(Outcome.UNUSED)
        try:
            async with self._session.get(url, allow_redirects=False) as response:
                if response.status in _REDIRECTS:
                    answer: T | _Redirect = _Redirect(_redirect_target(response))
                    await _drain(response)
                else:
                    answer = await consume(response)
            returned = Returned(Outcome.ANSWERED)
            return answer
        except FetchError as error:
            returned = Returned(Outcome.ANSWERED, error.pause_s)
            raise
        except (ClientError, TimeoutError, OSError, ValueError) as error:
            if isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE):
                raise UsageError("too many open files: raise `ulimit -n` or lower fetch.connections") from error
            problem = as_fetch_error(error)
            returned = Returned(Outcome.FAILED if problem.reason in UNHEALTHY else Outcome.ANSWERED)
            raise problem from error
        finally:
            self._gate.release(host, returned)

    async def _store(self, response: ClientResponse) -> _Stored:
        if response.status != 200:
            await _drain(response)
            raise status_error(response, self._settings)
        tags = response.headers.getall("X-Robots-Tag", ())
        check_x_robots_tag(tags, self._settings)
        path = self._spool / f"{next(self._serial):08d}"
        return _Stored(
            body=await store_body(response, path, self._settings.max_nbytes),
            final_url=str(response.url),
            status=response.status,
            content_type=response.headers.get("Content-Type", ""),
            x_robots_tag=", ".join(tags),
        )

    async def _rules(self, url: URL) -> RobotsRules:
        """The robots rules of the URL's origin; loaded once, however many rows wait for them."""
        origin = f"{url.scheme}://{url.raw_authority}"
        task = self._robots.get(origin)
        if task is None:
            task = self._robots[origin] = asyncio.create_task(self._load_rules(origin, url.raw_authority))
        return await asyncio.shield(task)  # a row that is given up must not end what others wait for

    async def _load_rules(self, origin: str, host: str) -> RobotsRules:
        hosts = self._gate.hosts_for(host)
        answer = await hosts.robots(origin)
        while answer.file is None and not answer.fetch:
            await asyncio.sleep(_ROBOTS_POLL_S)
            answer = await hosts.robots(origin)
        file = answer.file
        if file is None:
            file = await self._fetch_robots(origin)
            await hosts.keep_robots(origin, file)
        rules = read_rules(file, self._settings)
        if rules.crawl_delay_s:
            await hosts.space(host, rules.crawl_delay_s)
        return rules

    async def _fetch_robots(self, origin: str) -> RobotsFile:
        url = origin + "/robots.txt"
        try:
            file, _ = await self._persist(lambda: self._walk(url, self._read_robots, obey_robots=False))
        except FetchError as error:
            return RobotsFile("unreachable", reason=error.reason.value, detail=error.rejection().detail)
        return file

    async def _read_robots(self, response: ClientResponse) -> RobotsFile:
        """RFC 9309, 2.3.1: 2xx is the file, 4xx means there is none (429 is trouble, like 5xx)."""
        if 200 <= response.status < 300:
            body = await read_body(response, MAX_NBYTES)
            return RobotsFile("found", text=body.decode("utf-8", "replace").lstrip("\ufeff"))
        await _drain(response)
        if 400 <= response.status < 500 and response.status != 429:
            return RobotsFile("absent")
        raise status_error(response, self._settings)

    async def _cancel_robots(self) -> None:
        for task in self._robots.values():
            task.cancel()
        await asyncio.gather(*self._robots.values(), return_exceptions=True)


@cache
def _tls(_certificates: ssl.DefaultVerifyPaths) -> ssl.SSLContext:
    """One for all units of a process: loading the machine's certificates takes 25 ms."""
    return ssl.create_default_context()


def request_url(text: str) -> URL:
    """The URL as it goes over the wire: normalised, and without `.` and `..` segments, so that robots.txt rules are
    matched against the path that the server will see.

    Raises:
        FetchError: `invalid_url` or `forbidden_scheme`.
    """
    try:
        parts = urlsplit(normalise_url(text))
    except ValueError as error:
        scheme = text.strip().partition(":")[0].lower()
        if scheme.isidentifier() and scheme not in ("http", "https"):
            raise FetchError(Reason.FORBIDDEN_SCHEME, f"{scheme}: is neither http nor https") from error
        raise FetchError(Reason.INVALID_URL, str(error)) from error
    if not _HOST.fullmatch(parts.netloc):
        raise FetchError(Reason.INVALID_URL, f"{parts.netloc!r} is no host")
    query = f"?{parts.query}" if parts.query else ""
    return URL(f"{parts.scheme}://{parts.netloc}{_without_dots(parts.path)}{query}", encoded=True)


_HOST = re.compile(r"([A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(:\d{1,5})?")


def _without_dots(path: str) -> str:
    """RFC 3986, 5.2.4, for a path that begins with a slash; `%2e` is a dot too, as servers and browsers see it."""
    if "/." not in path and "/%2" not in path:
        return path
    kept: list[str] = []
    segments = path.split("/")[1:]
    plain = [segment.replace("%2e", ".").replace("%2E", ".") for segment in segments]
    for segment, shown in zip(segments, plain, strict=True):
        if shown == "..":
            del kept[-1:]
        elif shown != ".":
            kept.append(segment)
    if plain[-1] in (".", ".."):
        kept.append("")
    return "/" + "/".join(kept)


def _redirect_target(response: ClientResponse) -> str:
    location = response.headers.get("Location", "").strip()
    if not location:
        raise FetchError(Reason.BAD_REDIRECT, f"{response.status} without Location", measured=response.status)
    sent = location.encode("utf-8", "surrogateescape")  # the very bytes, whatever encoding they were meant in
    try:
        return urljoin(str(response.url), quote(sent, safe=_ASCII))
    except ValueError as error:
        raise FetchError(Reason.BAD_REDIRECT, f"to {location}: {error}") from error


async def _drain(response: ClientResponse) -> None:
    """Read a small body to its end, so that the connection can be used again. It does not matter if that fails."""
    if response.content_length is not None and response.content_length <= _DRAINED_NBYTES:
        with suppress(ClientError):
            await response.read()
