"""Running the server: where it listens, whom it lets in, what it says on the terminal, how it ends."""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import os
import secrets
import signal
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from million_ird.errors import MissingExtraError, UsageError

if TYPE_CHECKING:
    import uvicorn

    from annotation.app.security import Access
    from annotation.project import Project

TOKEN_VARIABLE = "MILLION_IRD_ANNOTATE_TOKEN"
_SHORTEST_TOKEN = 16
_LONGEST_TOKEN = 200
_LAST_REQUESTS = 5
"""Seconds that running requests are given once the server was told to stop."""
_CONNECTIONS = 500
"""More at once are answered 503: a browser opens six."""


@dataclass(frozen=True)
class ServeSettings:
    """Where a server listens and whom it lets in."""

    host: str = "127.0.0.1"
    """Name or address to listen on. Loopback, unless somebody decides otherwise: then a token is needed."""
    port: int = 8765
    """0 to 65535; 0 takes a free one. The default is ours, and is nobody's registered service that browsers know."""
    names: tuple[str, ...] = ()
    """Further host names it is reached by: a proxy's, or an entry in the network's DNS."""
    token: str = ""
    """Asked for even on loopback if given; made up where one is needed and none is given."""

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65535:
            raise UsageError(f"--port: {self.port} is no port; ports are 0 (any free one) to 65535")
        if self.token and not _SHORTEST_TOKEN <= len(self.token) <= _LONGEST_TOKEN:
            raise UsageError(f"the token must have {_SHORTEST_TOKEN} to {_LONGEST_TOKEN} characters")
        if self.token and not all(
            (character.isalnum() and character.isascii()) or character in "-._~" for character in self.token
        ):
            raise UsageError("the token may hold letters, digits, and - . _ ~ only, since it stands in an address")


def require_extra() -> None:
    """MissingExtraError unless what the page needs is installed."""
    try:
        import fastapi  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise MissingExtraError(
            f"the page needs fastapi and uvicorn ({error}): pip install 'million-ird[annotate]'"
        ) from None


def given_token(file: Path | None) -> str:
    """The token in a file, else in the environment variable; "" if there is neither."""
    if file is None:
        return os.environ.get(TOKEN_VARIABLE, "")
    try:
        text = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--token-file: {file} cannot be read ({error})") from None
    if not text:
        raise UsageError(
            f"--token-file: {file} is empty; write a token of {_SHORTEST_TOKEN} characters or more into it"
        )
    return text


def serve(project: Project, settings: ServeSettings, say: Callable[[str], None], opened: Callable[[str], None]) -> int:
    """Serves a project until SIGINT or SIGTERM; then 0. For the main thread, which is where signals arrive.

    Args:
        say: gets the lines for the person who started it.
        opened: gets the address once requests are taken.

    Raises:
        UsageError: the address cannot be listened on.
    """
    with listening(settings.host, settings.port) as listener:
        access = _access(settings, listener)
        server = make_server(project, access)
        address = _address(settings.host, listener)
        whole = f"{address}/?token={access.token}" if access.token else f"{address}/"
        with _ending(server):
            for line in _banner(project, whole):
                say(line)
            opened(whole)
            server.run(sockets=[listener])
    say("stopped; everything that was drawn is stored")
    return 0


def make_server(project: Project, access: Access) -> uvicorn.Server:
    """The server of a project, not yet running; `run(sockets=[…])` with a listening socket starts it."""
    import uvicorn

    from annotation.app.application import create_app

    return uvicorn.Server(
        uvicorn.Config(
            create_app(project, access),
            log_level="warning",  # tracebacks of unexpected errors; an access log would hold the token
            access_log=False,
            server_header=False,
            ws="none",
            limit_concurrency=_CONNECTIONS,
            timeout_graceful_shutdown=_LAST_REQUESTS,
        )
    )


@contextlib.contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    """A listening socket.

    Raises:
        UsageError: the port is taken or not allowed, or there is no such address here.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (socket.gaierror, UnicodeError):
        raise UsageError(f"--host: {host!r} is no address of this machine, and no name that has one") from None
    with contextlib.closing(socket.socket(family, kind, protocol)) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(address)
            listener.listen(128)
        except OSError as error:
            raise UsageError(_why_not(error, host, port)) from None
        yield listener


def _access(settings: ServeSettings, listener: socket.socket) -> Access:
    from annotation.app.security import Access

    address, port = listener.getsockname()[:2]
    local = ipaddress.ip_address(address.partition("%")[0]).is_loopback
    names = {name.lower().rstrip(".") for name in settings.names}
    if not local:
        names |= {settings.host.lower(), socket.gethostname().lower(), socket.getfqdn().lower()}
    return Access(
        token=settings.token or ("" if local else secrets.token_urlsafe(24)),
        names=frozenset(names),
        any_address=not local,
        cookie=f"annotate_{port}",
    )


def _why_not(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"port {port} is taken, perhaps by another server of this project: stop it, or choose another with "
            "--port (0 takes any free one)"
        )
    if error.errno == errno.EACCES:
        return f"--port: {port} is reserved for the system; choose one from 1024 on, or 0 for any free one"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"--host: {host!r} is no address of this machine"
    return f"cannot listen on {host} port {port}: {error.strerror}"


def _address(host: str, listener: socket.socket) -> str:
    """What to type into a browser, on this machine or, where the server is open to it, on the network."""
    bound, port = listener.getsockname()[:2]
    if ipaddress.ip_address(bound.partition("%")[0]).is_unspecified:
        host = _own_address(listener.family)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _own_address(family: int) -> str:
    """The address that this machine has on its network. A UDP socket is connected without sending anything."""
    with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.connect(("2001:db8::1" if family == socket.AF_INET6 else "192.0.2.1", 9))
        return str(probe.getsockname()[0])
    return socket.gethostname()


def _banner(project: Project, address: str) -> Iterator[str]:
    counts = project.store.counts()
    done = f"{counts.get('done', 0):,} done, {counts.get('needs_review', 0):,} need review"
    yield f"{address}  {project.name}: {project.store.count():,} items, {done}"
    if "?token=" in address:
        yield "Whoever has this address can read and draw: pass it on with care. It is shown this once."
    yield "Ctrl-C stops the server; every stroke is on the disk once the page says so."


@contextlib.contextmanager
def _ending(server: uvicorn.Server) -> Iterator[None]:
    """SIGINT and SIGTERM end the server in peace, from now on, and the process then goes on to its own end.

    uvicorn catches both while it runs and raises them again afterwards, for the handlers it found: these.
    """

    def stop(_number: int, _frame: object) -> None:
        server.should_exit = True

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
