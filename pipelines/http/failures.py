"""What went wrong, in our words: exceptions of the HTTP library and statuses become reasons."""

from __future__ import annotations

import ssl
import time
from datetime import UTC
from email.utils import parsedate_to_datetime

from aiohttp import (
    ClientConnectorDNSError,
    ClientConnectorError,
    ClientPayloadError,
    ClientResponse,
    ClientResponseError,
    ClientSSLError,
    ConnectionTimeoutError,
    InvalidURL,
    SocketTimeoutError,
)

from pipelines.http.guard import AddressError
from pipelines.http.reasons import FetchError, Reason, reason_of_status
from pipelines.http.settings import HttpSettings


def as_fetch_error(error: Exception) -> FetchError:
    """Name the failure of one request. Unknown ones count as a lost connection."""
    address_error = _cause(error, AddressError)
    if isinstance(address_error, AddressError):
        return FetchError(address_error.reason, address_error.detail)
    detail = f"{type(error).__name__}: {error}"
    if isinstance(error, ClientSSLError | ssl.SSLError) or _cause(error, ssl.SSLError):
        return FetchError(Reason.TLS_ERROR, detail)
    for kind, reason in _REASON_OF:
        if isinstance(error, kind):
            return FetchError(reason, detail)
    return FetchError(Reason.CONNECTION_LOST, detail)


_REASON_OF: tuple[tuple[type[Exception], Reason], ...] = (  # the first that fits
    (ConnectionTimeoutError, Reason.CONNECT_TIMEOUT),
    (SocketTimeoutError, Reason.IDLE_TIMEOUT),
    (TimeoutError, Reason.TOO_SLOW),
    (ClientConnectorDNSError, Reason.DNS_FAILED),
    (ClientConnectorError, Reason.CONNECT_FAILED),
    (ClientPayloadError, Reason.SHORT_BODY),
    (ClientResponseError, Reason.BAD_HTTP),
    (InvalidURL, Reason.INVALID_URL),
    (ValueError, Reason.BAD_HTTP),
)


def _cause(error: BaseException | None, kind: type[BaseException]) -> BaseException | None:
    """The first exception of `kind` in the chain of causes."""
    while error is not None:
        if isinstance(error, kind):
            return error
        error = error.__cause__
    return None


def status_error(response: ClientResponse, settings: HttpSettings) -> FetchError:
    """The failure that a status other than 200 means, with the rest that the server asks for."""
    reason = reason_of_status(response.status)
    error = FetchError(reason, f"{response.status} {response.reason or ''}".strip(), measured=response.status)
    header = response.headers.get("Retry-After", "")
    asked_s = retry_after_s(header, time.time())
    if reason is Reason.HTTP_BUSY:
        error.pause_s = settings.backoff_s if asked_s is None else min(asked_s, settings.retry_after_cap_s)
        if asked_s is not None and asked_s > settings.retry_after_cap_s:
            error.final = True
            error.detail += f", Retry-After: {header}, more than fetch.retry_after_cap_s"
    return error


def retry_after_s(header: str, now: float) -> float | None:
    """Seconds from `now` (Unix time) that a Retry-After header asks for; None if it says nothing readable."""
    text = header.strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:  # "-0000": RFC 9110 dates are GMT whatever they say
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, moment.timestamp() - now)
