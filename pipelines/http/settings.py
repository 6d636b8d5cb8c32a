"""What a recipe's section [fetch] may say about the network."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from typing import Literal

from million_ird.errors import UsageError


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """Limits, manners and safety of the HTTP client. Times are in seconds, sizes in bytes.

    Raises:
        UsageError: a value out of range; the text names the key.
    """

    connections: int = 64
    """Requests in flight per worker. 64 keep one core busy with 1 MB photographs at 100 ms round trip."""
    per_host_connections: int = 8
    """Requests in flight per host, over all workers. Browsers use 6 per host; one host is often a whole CDN."""
    per_host_interval_s: float = 0.0
    """Least time between the starts of two requests to one host, over all workers; a longer Crawl-delay wins."""
    connect_timeout_s: float = 10.0
    """For resolving a name, and again for connecting, TLS included."""
    idle_timeout_s: float = 15.0
    """Longest silence while an answer is awaited or read."""
    total_timeout_s: float = 90.0
    """For one request, body included: with it a server that drips bytes costs one row and this much time."""
    max_nbytes: int = 100 * 1024 * 1024
    """Largest body, as sent and as unpacked. A 100-megapixel camera JPEG has about 60 MB."""
    retries: int = 3
    """Further attempts after a failure that may pass (`reasons.RETRIED`)."""
    backoff_s: float = 1.0
    """Pause before the second attempt; doubles each time, times a random factor from 0.5 to 1.5."""
    backoff_cap_s: float = 30.0
    """Longest such pause."""
    retry_after_cap_s: float = 120.0
    """Longest Retry-After that is waited for; a longer one fails the row, and the host still rests this long."""
    unit_time_cap_s: float = 3600.0
    """Time for all rows of one unit; what is left then is rejected as `unit_time_cap`, for `retry-failed`."""
    max_redirects: int = 8
    """Redirects followed for one row. RFC 9309 wants at least 5 for robots.txt."""
    user_agent: str = "million-ird/0.1 (image dataset builder; respects robots.txt and X-Robots-Tag)"
    """Who we say we are. Its first word, without version, is the name that robots.txt rules are matched with."""
    robots: Literal["honour", "ignore"] = "honour"
    """Whether robots.txt is read and obeyed (RFC 9309)."""
    robots_unreachable: Literal["allow", "forbid"] = "forbid"
    """What a robots.txt that cannot be read means (5xx, no connection). RFC 9309, 2.3.1.4: forbid."""
    crawl_delay_cap_s: float = 30.0
    """Longest Crawl-delay that is obeyed in full; a longer one counts as this."""
    honour_noai: bool = True
    """Reject answers with `X-Robots-Tag: noai` or `noimageai`."""
    honour_noindex: bool = False
    """Reject answers with `X-Robots-Tag: noindex`, `noimageindex` or `none` as well."""
    allow_private_networks: bool = False
    """Permit addresses that are not on the public internet: for tests, demos and mirrors in your own network."""
    proxy: str = ""
    """An http proxy for all requests. Proxies of the environment are never used: a manifest must not reach the
    inside of a network because of a variable that somebody set for another purpose. A proxy resolves names itself,
    so it, not we, must then keep requests away from private addresses."""
    dns_ttl_s: float = 300.0
    """How long a name's addresses are remembered."""
    dns_failure_ttl_s: float = 30.0
    """How long it is remembered that a name does not exist."""
    breaker_failures: int = 10
    """After so many failures in a row (`reasons.UNHEALTHY`) a host rests."""
    breaker_pause_s: float = 15.0
    """The first rest; doubles with each. Afterwards a single request tries whether the host is back."""
    breaker_rests: int = 3
    """After so many rests in vain the host counts as down: its rows are rejected as `host_down`."""
    breaker_down_s: float = 600.0
    """How long a host counts as down until a single request tries it again."""
    lease_s: float = 30.0
    """Slots of a worker that has been silent for so long come back: it is taken for dead."""

    def __post_init__(self) -> None:
        for name in ("connections", "per_host_connections", "max_nbytes", "breaker_failures"):
            if getattr(self, name) < 1:
                raise UsageError(f"fetch.{name} = {getattr(self, name)}: must be at least 1")
        for name in ("connect_timeout_s", "idle_timeout_s", "total_timeout_s", "unit_time_cap_s", "lease_s"):
            if getattr(self, name) <= 0:
                raise UsageError(f"fetch.{name} = {getattr(self, name)}: must be above 0")
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, int | float) and value < 0:
                raise UsageError(f"fetch.{field.name} = {value}: must not be negative")
        if self.robots not in ("honour", "ignore"):
            raise UsageError(f"fetch.robots = {self.robots!r}: must be honour or ignore")
        if self.robots_unreachable not in ("allow", "forbid"):
            raise UsageError(f"fetch.robots_unreachable = {self.robots_unreachable!r}: must be allow or forbid")
        if not self.user_agent.isascii() or not self.user_agent.isprintable() or not self.product:
            raise UsageError(f"fetch.user_agent = {self.user_agent!r}: must begin with a name of ASCII letters")

    @property
    def product(self) -> str:
        """The product token of `user_agent`, e.g. `million-ird`, that robots rules are matched with."""
        match = re.match(r"[A-Za-z_-]+", self.user_agent)
        return match.group() if match else ""
