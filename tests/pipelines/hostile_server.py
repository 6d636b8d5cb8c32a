"""A web server on 127.0.0.1 that does what it is told, good or bad; and what the tests saw it do.

    with serve(folder) as server:                 # plain files, connections kept alive
        fetch(server.url + "/picture.jpg")

    with serve(answers) as server: ...            # `answers(request)` writes whatever it likes, see `Request`

The handler runs in a thread per connection. A handler that wants to be slow calls `request.sleep`, which ends at once
when the server closes, so that no test waits for it and no thread stays behind.
"""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit


class ClosingError(Exception):
    """The server is closing: a sleeping handler gives up."""


class Request(BaseHTTPRequestHandler):
    """One request, as the handler sees it: `path`, `headers`, `wfile`, and the helpers below."""

    protocol_version = "HTTP/1.1"
    timeout = 20
    server: _Server

    def do_GET(self) -> None:
        record = self.server.record
        record.begin(self)
        try:
            self.server.handler(self)
        except (ClosingError, ConnectionError, ssl.SSLError):
            self.close_connection = True
        finally:
            record.end()

    def reply(self, body: bytes = b"", status: int = 200, **headers: str) -> None:
        """A well-formed answer. Header names are given with underscores: `Retry_After="1"`."""
        self.send_response(status)
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        for name, value in ({"Content-Length": str(len(body))} | given).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def redirect(self, location: str, status: int = 302) -> None:
        """An answer that sends the client elsewhere."""
        self.reply(status=status, Location=location)

    def raw(self, data: bytes, *, close: bool = True) -> None:
        """Bytes as they are, in place of an answer."""
        self.close_connection = close
        self.wfile.write(data)

    def reset(self) -> None:
        """Break the connection with a TCP reset."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.connection.close()

    def sleep(self, seconds: float) -> None:
        """Wait. Raises ClosingError if the server closes meanwhile."""
        if self.server.closing.wait(seconds):
            raise ClosingError

    def log_message(self, format: str, *args: object) -> None:
        """Silence."""


@dataclass
class Record:
    """What the server saw: `paths` in order, `starts` (monotonic seconds) likewise, `headers`, most at a time."""

    paths: list[str] = field(default_factory=list)
    starts: list[float] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    connections: int = 0
    most_parallel: int = 0
    _running: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, request: Request) -> None:
        with self._lock:
            self.paths.append(request.path)
            self.starts.append(time.monotonic())
            self.headers.append({name.lower(): value for name, value in request.headers.items()})
            self._running += 1
            self.most_parallel = max(self.most_parallel, self._running)

    def end(self) -> None:
        with self._lock:
            self._running -= 1

    def count(self, path: str) -> int:
        """How often a path was asked for."""
        return Counter(self.paths)[path]


class _Server(ThreadingHTTPServer):
    daemon_threads = False
    block_on_close = True
    request_queue_size = 256

    def __init__(self, handler: Callable[[Request], None], tls: ssl.SSLContext | None) -> None:
        super().__init__(("127.0.0.1", 0), Request)
        self.handler = handler
        self.closing = threading.Event()
        self.record = Record()
        self._tls = tls
        self._open: set[socket.socket] = set()

    def finish_request(self, request: socket.socket, address: object) -> None:  # type: ignore[override]
        self.record.connections += 1
        request.settimeout(Request.timeout)
        self._open.add(request)
        try:
            if self._tls:
                request = self._tls.wrap_socket(request, server_side=True)
                self._open.add(request)
            Request(request, address, self)  # type: ignore[arg-type]
        except (ConnectionError, ssl.SSLError, TimeoutError, ValueError):
            pass  # the client left, or did not like our certificate
        finally:
            self._open.discard(request)
            request.close()

    def hang_up(self) -> None:
        """End every open connection, so that threads that wait for another request on one come to their end."""
        self.closing.set()
        for connection in list(self._open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


@dataclass
class Running:
    """A server that runs: its address and what it saw."""

    url: str
    host: str
    """`127.0.0.1:port`, as in a row's column `host`."""
    record: Record


@contextmanager
def serve(source: Path | Callable[[Request], None], tls: ssl.SSLContext | None = None) -> Iterator[Running]:
    """Run a server for a folder or a handler until the block ends."""
    handler = _files_of(source) if isinstance(source, Path) else source
    server = _Server(handler, tls)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    host = f"127.0.0.1:{server.server_port}"
    try:
        yield Running(f"{'https' if tls else 'http'}://{host}", host, server.record)
    finally:
        server.shutdown()
        thread.join()
        server.hang_up()
        server.server_close()


def _files_of(folder: Path) -> Callable[[Request], None]:
    root = folder.resolve()

    def answer(request: Request) -> None:
        path = (root / unquote(urlsplit(request.path).path).lstrip("/")).resolve()
        if path.is_file() and path.is_relative_to(root):
            request.reply(path.read_bytes())
        else:
            request.reply(b"no such file\n", status=404)

    return answer
