"""Who may talk to the server: the name it is asked by, the token, the page's own origin; and what browsers are told.

`Guard` stands in front of the whole application, so that no route can be reached, and no answer leaves, without it.
"""

from __future__ import annotations

import hmac
import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass

from starlette.datastructures import Headers, MutableHeaders, QueryParams
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "worker-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob: data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": _CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Not "no-referrer": under that policy a browser may send its POST with `Origin: null`.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
"""What every answer carries."""

_HOST = re.compile(r"(\[[0-9a-fA-F:.]{2,45}\]|[A-Za-z0-9._-]{1,253})(?::([0-9]{1,5}))?")
_BODY_TYPES = ("application/json", "application/octet-stream")
"""A form, or a script of another origin that asks no permission first, can send neither of them."""
_READING = ("GET", "HEAD")
_COOKIE_SECONDS = 30 * 24 * 3600
"""A tablet that forgets what it had open need not be given the address again; a new token ends it sooner."""

_WELCOME = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Blur masks</title>'
    '<meta http-equiv="refresh" content="0; url=/"></head><body><a href="/">Open the page</a></body></html>'
)
"""Goes on to the page by itself. Not by a redirect: on one that began on another site, in a mail say, browsers would
not send the strict cookie that they have just been given."""


@dataclass(frozen=True)
class Access:
    """From where and with what a request is taken."""

    token: str = ""
    """What a browser must have been given; "" where none is needed, since only this machine reaches the server."""
    names: frozenset[str] = frozenset()
    """Host names, in lower case, that the server goes by besides `localhost`."""
    any_address: bool = False
    """Take every IP address as its name, not only loopback ones. A name can be made to point here by whoever owns it
    (DNS rebinding); an address cannot."""
    cookie: str = "annotate"
    """Name of the cookie with the token. Cookies know no ports, so each server has a name of its own."""


class Guard:
    """Asks every request for what `Access` wants, and gives every answer the protective headers."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close"})
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        refusal = self._refusal(scope)
        await (self._app if refusal is None else refusal)(scope, receive, send_guarded)

    def _refusal(self, scope: Scope) -> Response | None:
        """The answer to a request that must not get to the application, or the one that hands out the cookie."""
        headers = Headers(scope=scope)
        host = _host(headers.getlist("host"))
        if host is None or not self._is_ours(host[0]):
            return _refused(421, "the server does not go by that name; start it with --name to add one")
        if scope["method"] not in _READING and (refusal := _foreign(headers, host)) is not None:
            return refusal
        return self._without_token(scope, headers) if self._access.token else None

    def _is_ours(self, name: str) -> bool:
        if name == "localhost" or name in self._access.names:
            return True
        try:
            address = ipaddress.ip_address(name.strip("[]"))
        except ValueError:
            return False
        return self._access.any_address or address.is_loopback

    def _without_token(self, scope: Scope, headers: Headers) -> Response | None:
        """None where the request has the token."""
        if scope["path"] == "/" and scope["method"] == "GET":
            given = QueryParams(scope["query_string"]).getlist("token")
            if len(given) == 1 and self._is_token(given[0]):
                return self._welcome(secure=scope["scheme"] == "https")
        if any(self._is_token(value) for value in _cookies(headers, self._access.cookie)):
            return None
        return _refused(401, "open the address that the server printed when it started: it ends in ?token=…")

    def _is_token(self, given: str) -> bool:
        return hmac.compare_digest(given.encode("utf-8", "replace"), self._access.token.encode())

    def _welcome(self, secure: bool) -> Response:
        answer = Response(_WELCOME, media_type="text/html")
        answer.set_cookie(
            self._access.cookie,
            self._access.token,
            max_age=_COOKIE_SECONDS,
            path="/",
            httponly=True,
            samesite="strict",
            secure=secure,
        )
        return answer


def _refused(status: int, error: str) -> Response:
    return JSONResponse({"error": error}, status)


def _host(values: list[str]) -> tuple[str, str] | None:
    """Name (an IPv6 address in its brackets) and port ("" for the default one) that a request was sent to."""
    found = _HOST.fullmatch(values[0]) if len(values) == 1 else None
    return None if found is None else (found[1].lower().rstrip("."), found[2] or "")


def _foreign(headers: Headers, host: tuple[str, str]) -> Response | None:
    """Refuses what would change something and does not come from our own page."""
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in _BODY_TYPES:
        return _refused(415, f"the content type must be {' or '.join(_BODY_TYPES)}")
    scheme, _, origin = headers.get("origin", "").partition("://")
    sender = _host([origin])
    if len(headers.getlist("origin")) != 1 or sender is None or not _is_same(scheme, sender, host):
        return _refused(403, "only the server's own page may change something here (the Origin header is another)")
    if headers.get("sec-fetch-site", "same-origin") != "same-origin":
        return _refused(403, "only the server's own page may change something here (Sec-Fetch-Site is another)")
    return None


def _is_same(scheme: str, sender: tuple[str, str], host: tuple[str, str]) -> bool:
    """The scheme that was asked for is not known behind a proxy, but that a port may be left out is."""
    default = {"http": "80", "https": "443"}.get(scheme)
    return default is not None and (sender[0], sender[1] or default) == (host[0], host[1] or default)


def _cookies(headers: Headers, name: str) -> Iterator[str]:
    """Values of a cookie. Other programs of the same host set theirs as they like: only `;` and `=` count."""
    for line in headers.getlist("cookie"):
        for part in line.split(";"):
            key, _, value = part.strip().partition("=")
            if key == name:
                yield value
