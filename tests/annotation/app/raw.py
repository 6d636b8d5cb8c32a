"""Requests that no well-behaved client sends: bytes on a socket."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from urllib.parse import urlsplit


def exchange(url: str, pieces: Iterable[bytes], patience: float = 20.0) -> tuple[int, bytes]:
    """Sends bytes and reads until the server closes: the status (0 where it never answered), and everything it said."""
    place = urlsplit(url)
    with socket.create_connection((place.hostname, place.port), timeout=patience) as connection:
        try:
            for piece in pieces:
                connection.sendall(piece)
        except (BrokenPipeError, ConnectionResetError):
            pass  # it has heard enough; its answer may still be there
        said = bytearray()
        try:
            while piece := connection.recv(65536):
                said += piece
        except ConnectionResetError:
            pass
    return int(said.split(b" ", 2)[1]) if said.startswith(b"HTTP/1.1 ") else 0, bytes(said)


def head(method: str, target: str, url: str, *lines: str) -> bytes:
    """A request's head as the page would send it; `lines` are further headers, or others of the same name."""
    own = {
        "Host": urlsplit(url).netloc,
        "Origin": url,
        "Content-Type": "application/octet-stream",
        "Connection": "close",
    }
    given = {line.partition(":")[0].lower() for line in lines}
    headers = [f"{name}: {value}" for name, value in own.items() if name.lower() not in given]
    return "\r\n".join([f"{method} {target} HTTP/1.1", *headers, *lines, "", ""]).encode("latin-1")
