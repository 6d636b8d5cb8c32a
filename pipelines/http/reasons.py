"""Why a fetch fails: a closed set, so that a report can count it and `retry-failed` knows what to try again."""

from __future__ import annotations

from enum import StrEnum

from million_ird.records import Rejection


class Reason(StrEnum):
    """The reasons of the step `fetch`; `MEANING` says in one line what each tells a person."""

    INVALID_URL = "invalid_url"
    FORBIDDEN_SCHEME = "forbidden_scheme"
    FORBIDDEN_ADDRESS = "forbidden_address"
    DNS_NOT_FOUND = "dns_not_found"
    DNS_FAILED = "dns_failed"
    CONNECT_FAILED = "connect_failed"
    CONNECT_TIMEOUT = "connect_timeout"
    TLS_ERROR = "tls_error"
    CONNECTION_LOST = "connection_lost"
    IDLE_TIMEOUT = "idle_timeout"
    TOO_SLOW = "too_slow"
    BAD_HTTP = "bad_http"
    HTTP_NOT_FOUND = "http_not_found"
    HTTP_DENIED = "http_denied"
    HTTP_CLIENT_ERROR = "http_client_error"
    HTTP_BUSY = "http_busy"
    HTTP_SERVER_ERROR = "http_server_error"
    HTTP_UNEXPECTED = "http_unexpected"
    BAD_REDIRECT = "bad_redirect"
    REDIRECT_LOOP = "redirect_loop"
    TOO_MANY_REDIRECTS = "too_many_redirects"
    SHORT_BODY = "short_body"
    EMPTY_BODY = "empty_body"
    TOO_LARGE = "too_large"
    UNSUPPORTED_ENCODING = "unsupported_encoding"
    BAD_ENCODING = "bad_encoding"
    SHA256_MISMATCH = "sha256_mismatch"
    ROBOTS = "robots"
    ROBOTS_UNREACHABLE = "robots_unreachable"
    NOAI = "noai"
    NOINDEX = "noindex"
    HOST_DOWN = "host_down"
    UNIT_TIME_CAP = "unit_time_cap"


MEANING: dict[Reason, str] = {
    Reason.INVALID_URL: "no http(s) URL that can be asked for",
    Reason.FORBIDDEN_SCHEME: "neither http nor https, in the manifest or after a redirect",
    Reason.FORBIDDEN_ADDRESS: "the host is, or resolves to, an address that is not on the public internet",
    Reason.DNS_NOT_FOUND: "the host name does not exist",
    Reason.DNS_FAILED: "the name server gave no answer, or a temporary failure",
    Reason.CONNECT_FAILED: "no connection: refused or unreachable",
    Reason.CONNECT_TIMEOUT: "no connection within connect_timeout_s",
    Reason.TLS_ERROR: "the certificate or the TLS handshake is not in order",
    Reason.CONNECTION_LOST: "the connection broke before the answer was complete",
    Reason.IDLE_TIMEOUT: "the server was silent for idle_timeout_s",
    Reason.TOO_SLOW: "the answer was not complete within total_timeout_s",
    Reason.BAD_HTTP: "the answer is not HTTP, or its head is too large",
    Reason.HTTP_NOT_FOUND: "404 or 410: gone",
    Reason.HTTP_DENIED: "401, 402, 403, 407 or 451: not for us",
    Reason.HTTP_CLIENT_ERROR: "another 4xx status",
    Reason.HTTP_BUSY: "408, 425, 429 or 503, also after waiting as asked",
    Reason.HTTP_SERVER_ERROR: "another 5xx status",
    Reason.HTTP_UNEXPECTED: "a status other than 200 that is no error, such as 204, 206 or 304",
    Reason.BAD_REDIRECT: "a redirect without a target that can be asked for",
    Reason.REDIRECT_LOOP: "redirects lead back to where they came from",
    Reason.TOO_MANY_REDIRECTS: "more redirects than max_redirects",
    Reason.SHORT_BODY: "the body ended before its announced end",
    Reason.EMPTY_BODY: "status 200 and no byte",
    Reason.TOO_LARGE: "more bytes than max_nbytes, announced, sent or unpacked",
    Reason.UNSUPPORTED_ENCODING: "a Content-Encoding that we did not ask for and do not read",
    Reason.BAD_ENCODING: "a compressed body that cannot be unpacked",
    Reason.SHA256_MISMATCH: "other bytes than the manifest's sha256 promises",
    Reason.ROBOTS: "robots.txt forbids this URL",
    Reason.ROBOTS_UNREACHABLE: "robots.txt could not be read and robots_unreachable is forbid",
    Reason.NOAI: "X-Robots-Tag says noai or noimageai",
    Reason.NOINDEX: "X-Robots-Tag says noindex, noimageindex or none, and honour_noindex is set",
    Reason.HOST_DOWN: "the host failed so often that it is left alone for a while",
    Reason.UNIT_TIME_CAP: "the unit's time was over before this row's turn came or ended",
}

RETRIED: frozenset[Reason] = frozenset(
    {
        Reason.DNS_FAILED,
        Reason.CONNECT_FAILED,
        Reason.CONNECT_TIMEOUT,
        Reason.CONNECTION_LOST,
        Reason.IDLE_TIMEOUT,
        Reason.SHORT_BODY,
        Reason.HTTP_BUSY,
        Reason.HTTP_SERVER_ERROR,
    }
)
"""Tried again at once, within the unit. TOO_SLOW is not: it already cost a whole total_timeout_s."""

TRANSIENT: frozenset[Reason] = RETRIED | {
    Reason.TOO_SLOW,
    Reason.ROBOTS_UNREACHABLE,
    Reason.HOST_DOWN,
    Reason.UNIT_TIME_CAP,
}
"""Worth another try on another day: what `retry-failed` picks up."""

UNHEALTHY: frozenset[Reason] = frozenset(
    {
        Reason.DNS_FAILED,
        Reason.CONNECT_FAILED,
        Reason.CONNECT_TIMEOUT,
        Reason.CONNECTION_LOST,
        Reason.IDLE_TIMEOUT,
        Reason.TOO_SLOW,
    }
)
"""Signs that the host itself is dead, which the circuit breaker counts. A 404 or a bad certificate is none."""


def reason_of_status(status: int) -> Reason:
    """The reason for an HTTP status that is neither 200 nor a redirect."""
    if status in (404, 410):
        return Reason.HTTP_NOT_FOUND
    if status in (401, 402, 403, 407, 451):
        return Reason.HTTP_DENIED
    if status in (408, 425, 429, 503):
        return Reason.HTTP_BUSY
    if 400 <= status < 500:
        return Reason.HTTP_CLIENT_ERROR
    return Reason.HTTP_SERVER_ERROR if 500 <= status < 600 else Reason.HTTP_UNEXPECTED


class FetchError(Exception):
    """Ends one attempt at a row. Inside this package only: `Client.fetch` turns it into a `Rejection`.

    `pause_s` is how long the whole host should be left alone; `final` forbids another try within the unit.
    """

    def __init__(
        self,
        reason: Reason,
        detail: str = "",
        *,
        measured: float | None = None,
        pause_s: float = 0.0,
        final: bool = False,
    ) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail
        self.measured = measured
        self.pause_s = pause_s
        self.final = final

    def rejection(self) -> Rejection:
        """The row's verdict; `detail` is cut to 300 printable characters, for a server may have written it."""
        line = "".join(letter if letter.isprintable() else " " for letter in self.detail)
        return Rejection("fetch", self.reason.value, self.measured, line[:300])
