"""An HTTP server for benchmarks, in a process of its own so that its CPU is not counted.

Serves the files of a folder, or tiny pictures that are made as they are asked for: `/<number>.jpg` is a 64×64 JPEG
like no other, except that every hundredth has the pixels of the one before it.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from urllib.parse import unquote

TINY = "tiny"
_SIDE = 64


@contextmanager
def serving(what: str) -> Iterator[str]:
    """The address (`http://127.0.0.1:<port>`) of a server of the folder `what`, or of `TINY` pictures."""
    process = subprocess.Popen([sys.executable, __file__, what], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.terminate()
        process.wait()


class _Answer(asyncio.Protocol):
    def __init__(self, find: Callable[[str], bytes | None]) -> None:
        self._find = find

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._received = b""

    def data_received(self, data: bytes) -> None:
        self._received += data
        while b"\r\n\r\n" in self._received:
            head, _, self._received = self._received.partition(b"\r\n\r\n")
            body = self._find(unquote(head.split(b" ", 2)[1].decode("ascii")).lstrip("/"))
            status = b"404 Not Found" if body is None else b"200 OK"
            kind = b"text/plain" if body is None else b"image/jpeg"
            self._transport.write(
                b"HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n" % (status, kind, len(body or b""))
            )
            self._transport.write(body or b"")
            if b"connection: close" in head.lower():
                self._transport.close()


def _file(folder: Path, name: str) -> bytes | None:
    path = folder / name
    return path.read_bytes() if path.is_file() else None


def _tiny(name: str) -> bytes | None:
    """A textured square: smooth colours with noise on top."""
    import cv2
    import numpy as np

    stem = name.removesuffix(".jpg")
    if not stem.isdigit():
        return None
    number = int(stem)
    random = np.random.default_rng(number - (number % 100 == 99))
    coarse = random.integers(0, 255, (5, 5, 3), dtype=np.uint8)
    picture = cv2.resize(coarse, (_SIDE, _SIDE), interpolation=cv2.INTER_CUBIC).astype(np.int16)
    picture += random.integers(-24, 25, picture.shape, dtype=np.int16)
    jpeg = cv2.imencode(".jpg", np.clip(picture, 0, 255).astype(np.uint8))[1].tobytes()
    comment = b"\xff\xfe" + (len(stem) + 2).to_bytes(2, "big") + stem.encode()  # other bytes for equal pixels
    return jpeg[:2] + comment + jpeg[2:]


async def _serve(what: str) -> None:
    find = _tiny if what == TINY else partial(_file, Path(what))
    server = await asyncio.get_running_loop().create_server(lambda: _Answer(find), "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    parent = os.getppid()
    while os.getppid() == parent:  # ends by itself if the benchmark was killed
        await asyncio.sleep(1)


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1]))
