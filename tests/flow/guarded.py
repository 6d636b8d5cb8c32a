"""A build that cannot leave this machine: `python -m tests.flow.guarded TRIED build …`.

Connections to the address PUBLIC, which is one of the public internet to all code under test, are led to 127.0.0.1;
every other one is refused, so that no packet leaves the loopback interface even if the guard of the client is broken.
The file TRIED gets a line with the address of each attempt, and the file TRIED.peak the build's peak memory in bytes.
"""

from __future__ import annotations

import asyncio
import resource
import socket
import sys
from pathlib import Path

from million_ird.cli import main

PUBLIC = "93.184.216.34"


def confine(tried: Path) -> None:
    """Holds every later connection of this process to the rule above."""
    genuine = asyncio.SelectorEventLoop.sock_connect

    async def connect(loop: asyncio.SelectorEventLoop, connection: socket.socket, address: tuple[str, int]) -> None:
        with tried.open("a") as file:
            file.write(f"{address[0]}\n")
        if address[0] != PUBLIC:
            raise ConnectionRefusedError(f"nothing goes to {address[0]}")
        await genuine(loop, connection, ("127.0.0.1", *address[1:]))

    asyncio.SelectorEventLoop.sock_connect = connect  # type: ignore[assignment]


def peak_memory() -> int:
    """Largest resident set of this process in bytes. (`getrusage` also counts what its parent had when it forked.)"""
    status = Path("/proc/self/status")
    if not status.exists():
        scale = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale
    (line,) = [line for line in status.read_text().splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) * 1024


if __name__ == "__main__":
    tried = Path(sys.argv[1])
    confine(tried)
    code = main(sys.argv[2:])
    tried.with_suffix(".peak").write_text(str(peak_memory()))
    sys.exit(code)
