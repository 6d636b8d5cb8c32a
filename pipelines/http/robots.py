"""What a site's owner allows: robots.txt (RFC 9309) and the X-Robots-Tag header.

robots.txt is read with Protego (BSD, the parser of the Scrapy project): it knows wildcards, `$` and longest-match
precedence, which `urllib.robotparser` does not, and stays linear on hostile patterns.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from protego import Protego

from pipelines.http.hosts import RobotsFile
from pipelines.http.reasons import FetchError, Reason
from pipelines.http.settings import HttpSettings

MAX_NBYTES = 500 * 1024
"""How much of a robots.txt is read: the least that RFC 9309 (2.5) asks of a crawler. What follows is ignored."""

_WITH_VALUE = frozenset({"unavailable_after", "max-snippet", "max-image-preview", "max-video-preview"})
"""X-Robots-Tag rules that contain a colon themselves, so that it does not end a crawler's name."""
_SHARED_TROUBLE = frozenset(
    {
        Reason.FORBIDDEN_ADDRESS,
        Reason.DNS_NOT_FOUND,
        Reason.DNS_FAILED,
        Reason.CONNECT_FAILED,
        Reason.CONNECT_TIMEOUT,
        Reason.TLS_ERROR,
        Reason.HOST_DOWN,
    }
)
_NOAI = frozenset({"noai", "noimageai"})
_NOINDEX = frozenset({"noindex", "noimageindex", "none"})


@dataclass(frozen=True, slots=True)
class RobotsRules:
    """The rules of one origin. `parser` None: everything is allowed."""

    parser: Protego | None
    product: str

    def check(self, url: str) -> None:
        """Raises FetchError `robots` if the rules forbid this URL."""
        if self.parser is not None and not self.parser.can_fetch(url, self.product):
            raise FetchError(Reason.ROBOTS, "robots.txt forbids it")

    @property
    def crawl_delay_s(self) -> float:
        """The Crawl-delay for us in seconds, 0 if there is none."""
        delay = self.parser.crawl_delay(self.product) if self.parser is not None else None
        return max(0.0, float(delay or 0.0))


def read_rules(file: RobotsFile, settings: HttpSettings) -> RobotsRules:
    """Parse a robots.txt.

    Raises:
        FetchError: it is unreachable and the settings say that this forbids: `robots_unreachable`, or the trouble
            itself where the row would have met the same (no such name, no connection, …).
    """
    if file.status == "unreachable" and settings.robots_unreachable == "forbid":
        reason = Reason(file.reason)
        if reason not in _SHARED_TROUBLE:
            reason = Reason.ROBOTS_UNREACHABLE
        raise FetchError(reason, f"robots.txt: {file.detail}", final=True)
    return RobotsRules(Protego.parse(file.text) if file.status == "found" else None, settings.product)


def check_x_robots_tag(headers: Iterable[str], settings: HttpSettings) -> None:
    """Judge the X-Robots-Tag headers of an answer, those for everybody and those that name us.

    Raises:
        FetchError: `noai` or `noindex`.
    """
    rules = {rule for header in headers for rule in _rules_for(header, settings.product.lower())}
    if settings.honour_noai and rules & _NOAI:
        raise FetchError(Reason.NOAI, "X-Robots-Tag: " + ", ".join(sorted(rules)))
    if settings.honour_noindex and rules & _NOINDEX:
        raise FetchError(Reason.NOINDEX, "X-Robots-Tag: " + ", ".join(sorted(rules)))


def _rules_for(header: str, product: str) -> Iterable[str]:
    """Rules of one header that hold for `product`. `name: a, b, other: c` gives a and b to name, c to other."""
    for_us = True
    for part in header.lower().split(","):
        name, colon, rest = part.partition(":")
        rule = part.strip()
        if colon and name.strip() not in _WITH_VALUE:
            for_us = name.strip() in (product, "*")
            rule = rest.strip()
        if for_us and rule:
            yield rule
