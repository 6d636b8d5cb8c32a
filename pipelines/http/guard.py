"""Which addresses may be spoken to, so that a manifest cannot reach a database or a cloud's metadata service.

Three lines of defence: the host as written (`check_host`, at every redirect), every address that its name resolves to
(`GuardedResolver`; the connection then uses exactly these), and the address that a socket is made for (`open_socket`,
at connect time).
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Any

from aiohttp.abc import AbstractResolver, ResolveResult

from pipelines.http.reasons import FetchError, Reason
from pipelines.http.settings import HttpSettings

Lookup = Callable[[str], Awaitable[Sequence[str]]]
"""Host name → its addresses as text. Raises `socket.gaierror` as `socket.getaddrinfo` does."""

_NAT64 = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"))
_IPV4_COMPATIBLE = IPv6Network("::/96")
_LOOKUP_THREADS = 32
"""Most of a lookup is waiting, and a list of small hosts needs one per row."""
_TEMPORARY_TTL_S = 2.0
"""How long a temporary DNS failure is remembered: enough that the rows of one moment share it."""


class AddressError(OSError):
    """A name or an address that cannot be used. An OSError, for that is what the connector passes on."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether the address is one host on the public internet, also seen through IPv6 forms that carry an IPv4."""
    if isinstance(address, IPv6Address):
        inner = _carried_ipv4(address)
        if inner is not None:
            return is_public(inner)
        if address.is_site_local:
            return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def _carried_ipv4(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address inside a mapped, compatible, 6to4 or NAT64 address; None if there is none."""
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address in _IPV4_COMPATIBLE or any(address in network for network in _NAT64):
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return None


def literal_address(host: str) -> IPv4Address | IPv6Address | None:
    """The address that a host name spells, or None for a real name.

    Reads what C libraries read: dotted, short (`127.1`), decimal (`2130706433`), octal and hexadecimal forms, IPv6
    with or without brackets and zone, and all of these with a final dot.
    """
    text = host.strip("[]").partition("%")[0].rstrip(".")
    try:
        return ip_address(text)
    except ValueError:
        pass
    if not text or not all(_is_number(part) for part in text.split(".")):
        return None
    try:
        return IPv4Address(socket.inet_aton(text))
    except OSError:
        return None


def _is_number(part: str) -> bool:
    digits = part[2:] if part[:2].lower() == "0x" else part
    return bool(digits) and all(letter in "0123456789abcdefABCDEF" for letter in digits) and part[0].isdigit()


class Guard:
    """Judges hosts and addresses by the settings."""

    def __init__(self, settings: HttpSettings) -> None:
        self._allow_private = settings.allow_private_networks
        self._allow_connect = settings.allow_private_networks or bool(settings.proxy)

    def check_host(self, host: str) -> None:
        """Look at the host as a URL writes it.

        Raises:
            FetchError: `forbidden_address`.
        """
        address = literal_address(host)
        if self._allow_private:
            return
        if address is not None and not is_public(address):
            raise FetchError(Reason.FORBIDDEN_ADDRESS, f"{host} is {address}, not public")
        name = host.rstrip(".").lower()
        if name == "localhost" or name.endswith(".localhost"):
            raise FetchError(Reason.FORBIDDEN_ADDRESS, f"{host} is this machine")

    def check_address(self, text: str) -> None:
        """Look at an address that a connection is about to use.

        Raises:
            AddressError: it is not public.
        """
        address = literal_address(text)
        if self._allow_connect:
            return
        if address is None or not is_public(address):
            raise AddressError(Reason.FORBIDDEN_ADDRESS, f"{text} is not public")

    def open_socket(self, addr_info: tuple[Any, ...]) -> socket.socket:
        """A socket for one `getaddrinfo` entry: the last look, on the very address that will be connected to."""
        family, kind, protocol, _, destination = addr_info
        self.check_address(destination[0])
        return socket.socket(family, kind, protocol)


class GuardedResolver(AbstractResolver):
    """Resolves names for the connector: remembers answers, asks once at a time, and passes public addresses only.

    If one address of a name is forbidden the whole name is: a public host has no business with private ones.
    """

    def __init__(self, settings: HttpSettings, guard: Guard, lookup: Lookup | None = None) -> None:
        self._settings = settings
        self._guard = guard
        self._threads = None if lookup else ThreadPoolExecutor(_LOOKUP_THREADS, thread_name_prefix="dns")
        self._lookup = lookup or self._system_lookup
        self._answers: dict[str, tuple[float, tuple[str, ...] | AddressError]] = {}
        self._asking: dict[str, asyncio.Task[tuple[str, ...] | AddressError]] = {}

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Addresses of `host` in the connector's form.

        Raises:
            AddressError: `dns_not_found`, `dns_failed` or `forbidden_address`.
        """
        answer = await self._answer(host)
        if isinstance(answer, AddressError):
            raise AddressError(answer.reason, answer.detail)
        for address in answer:
            self._guard.check_address(address)
        return [_as_result(host, address, port) for address in answer]

    async def close(self) -> None:
        """Forget everything; lookups that still hang are left to their threads."""
        for task in self._asking.values():
            task.cancel()
        if self._threads:
            self._threads.shutdown(wait=False, cancel_futures=True)

    async def _answer(self, host: str) -> tuple[str, ...] | AddressError:
        known = self._answers.get(host)
        if known and known[0] > time.monotonic():
            return known[1]
        task = self._asking.get(host)
        if task is None:
            task = self._asking[host] = asyncio.create_task(self._ask(host))
            task.add_done_callback(lambda _: self._asking.pop(host, None))
        return await asyncio.shield(task)  # one row that gives up must not take the others' answer away

    async def _ask(self, host: str) -> tuple[str, ...] | AddressError:
        answer: tuple[str, ...] | AddressError
        ttl_s = self._settings.dns_ttl_s
        try:
            answer = tuple(await asyncio.wait_for(self._lookup(host), self._settings.connect_timeout_s))
            if not answer:
                answer = AddressError(Reason.DNS_NOT_FOUND, f"{host} has no address")
        except TimeoutError:
            answer = AddressError(Reason.DNS_FAILED, f"no answer for {host}")
        except (socket.gaierror, UnicodeError) as error:
            gone = isinstance(error, UnicodeError) or error.errno in (socket.EAI_NONAME, socket.EAI_NODATA)
            answer = AddressError(Reason.DNS_NOT_FOUND if gone else Reason.DNS_FAILED, f"{host}: {error}")
        if isinstance(answer, AddressError):
            gone = answer.reason is Reason.DNS_NOT_FOUND
            ttl_s = self._settings.dns_failure_ttl_s if gone else _TEMPORARY_TTL_S
        self._answers[host] = (time.monotonic() + ttl_s, answer)
        return answer

    async def _system_lookup(self, host: str) -> Sequence[str]:
        loop = asyncio.get_running_loop()
        infos = await loop.run_in_executor(self._threads, _getaddrinfo, host)
        return list(dict.fromkeys(str(info[4][0]) for info in infos))


def _getaddrinfo(host: str) -> list[tuple[Any, ...]]:
    return list(socket.getaddrinfo(host, None, type=socket.SOCK_STREAM))


def _as_result(host: str, address: str, port: int) -> ResolveResult:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    flags = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
    return ResolveResult(hostname=host, host=address, port=port, family=family, proto=0, flags=flags)
