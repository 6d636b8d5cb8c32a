"""How many images per CPU-second does fetching and storing take, against img2dataset without re-encoding?

Both get the same list from the same server (a process of its own, whose CPU is not counted), use 2 processes, and
write tars, JSON or Parquet rows and SHA-256 sums. CPU-seconds are user + system of the whole process tree. Each side
runs a short and a long list; the difference gives the cost per image without interpreters' start-up, which is shown
beside it. Rounds alternate, and the table shows the medians.

    python benchmarks/fetching.py                                # makes a throw-away environment for img2dataset
    python benchmarks/fetching.py --img2dataset /env/bin/python  # or uses one that has it
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from machine import describe

SERVE = "serve"
OURS = "ours"
PROCESSES = 2
CONNECTIONS = 32
"""Per process, on both sides; one host serves everything, so our limit per host is set to the same."""
UNIT_ROWS = 1000

IMG2DATASET = f"""
import sys
from img2dataset import download
if __name__ == "__main__":
    download(url_list=sys.argv[1], output_folder=sys.argv[2], input_format="txt", output_format="webdataset",
             processes_count={PROCESSES}, thread_count={CONNECTIONS}, number_sample_per_shard={UNIT_ROWS},
             disable_all_reencoding=True, compute_hash="sha256", enable_wandb=False)
"""


@dataclass(frozen=True)
class Cost:
    """What one side took in one round."""

    per_image_s: float
    """CPU-seconds per image, start-up excluded."""
    start_up_s: float
    """CPU-seconds before the first image: interpreters and imports."""
    peak_mb: tuple[float, float]
    """Largest resident memory of one process, for the short and the long list."""


def main() -> None:
    """Run the comparison and print a table per image size."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    arguments.add_argument("--img2dataset", metavar="PYTHON", help="an interpreter that has img2dataset")
    arguments.add_argument("--images", type=int, default=6000, help="length of the long list; the short one is a sixth")
    arguments.add_argument("--kilobytes", type=int, nargs="+", default=[50, 200, 1000], help="sizes of one image")
    arguments.add_argument("--rounds", type=int, default=3)
    options = arguments.parse_args()
    print(f"{options.images} images, {PROCESSES} processes × {CONNECTIONS} connections; {describe()}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        theirs = [options.img2dataset or _install_img2dataset(folder / "environment"), "-c", IMG2DATASET]
        commands = {"million-ird": [sys.executable, __file__, OURS], "img2dataset": theirs}
        for kilobytes in options.kilobytes:
            costs: dict[str, list[Cost]] = {side: [] for side in commands}
            with _server(kilobytes * 1024) as url:
                for _ in range(options.rounds):
                    for side, command in commands.items():
                        costs[side].append(_cost(command, url, options.images, folder))
            _print_table(costs, kilobytes)


def _cost(command: list[str], url: str, images: int, folder: Path) -> Cost:
    few, many = images // 6, images
    (cpu_few, peak_few), (cpu_many, peak_many) = (_run(command, url, count, folder) for count in (few, many))
    per_image_s = (cpu_many - cpu_few) / (many - few)
    return Cost(per_image_s, cpu_few - few * per_image_s, (peak_few, peak_many))


def _run(command: list[str], url: str, count: int, folder: Path) -> tuple[float, float]:
    """User + system CPU-seconds of one run and all processes it started and waited for; the peak of one in MB."""
    with tempfile.TemporaryDirectory(dir=folder) as name:
        urls, out = Path(name) / "urls.txt", Path(name) / "out"
        urls.write_text("".join(f"{url}/{number:06d}.jpg\n" for number in range(count)))
        with (Path(name) / "log").open("wb") as log:
            process = subprocess.Popen([*command, str(urls), str(out)], stdout=log, stderr=log)
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        stored = sum(_members(tar) for tar in out.glob("*.tar"))
        if process.returncode or stored != count:
            raise SystemExit(f"{command[0]} stored {stored} of {count}:\n{(Path(name) / 'log').read_text()[-3000:]}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def _members(tar: Path) -> int:
    import tarfile

    with tarfile.open(tar) as archive:
        return sum(name.endswith(".jpg") for name in archive.getnames())


def _print_table(costs: dict[str, list[Cost]], kilobytes: int) -> None:
    columns = f"{'CPU ms/image':>14}{'images/CPU-s':>14}{'start-up CPU s':>16}{'peak MB, short/long':>21}"
    print(f"\n{f'{kilobytes} KB':14}{columns}")
    for side, rounds in costs.items():
        per_image_s = statistics.median(cost.per_image_s for cost in rounds)
        start_s = statistics.median(cost.start_up_s for cost in rounds)
        short, long = (max(cost.peak_mb[i] for cost in rounds) for i in range(2))
        peaks = f"{short:.0f}/{long:.0f}"
        print(f"{side:14}{1000 * per_image_s:14.3f}{1 / per_image_s:14.0f}{start_s:16.1f}{peaks:>21}")
    pairs = zip(costs["million-ird"], costs["img2dataset"], strict=True)
    ratios = [theirs.per_image_s / ours.per_image_s for ours, theirs in pairs]
    print(
        f"images per CPU-second, ratio {statistics.median(ratios):.2f} (rounds {min(ratios):.2f} to {max(ratios):.2f})"
    )


def _install_img2dataset(folder: Path) -> str:
    venv.create(folder, with_pip=True)
    python = str(folder / "bin" / "python")
    subprocess.run([python, "-m", "pip", "install", "--quiet", "img2dataset"], check=True)
    return python


# Our side: what a fetch unit does with screens off.


def fetch_list(urls: list[str], out: Path) -> None:
    """Fetch and store a list in units, in PROCESSES processes."""
    units = [urls[start : start + UNIT_ROWS] for start in range(0, len(urls), UNIT_ROWS)]
    with multiprocessing.get_context("spawn").Pool(PROCESSES) as pool:
        pool.starmap(fetch_and_store, [(unit, out / f"{number:05d}") for number, unit in enumerate(units)], 1)
        pool.close()
        pool.join()


def fetch_and_store(urls: list[str], stem: Path) -> None:
    """One unit: `stem`.tar with the bytes, `stem`.parquet with a row each."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from million_ird.records import image_key
    from million_ird.shards import ShardWriter
    from pipelines.http.body import Body
    from pipelines.http.client import Client, Fetched
    from pipelines.http.settings import HttpSettings

    settings = HttpSettings(
        connections=CONNECTIONS, per_host_connections=CONNECTIONS, allow_private_networks=True, robots="honour"
    )
    rows = []
    arrived: dict[int, Body] = {}

    def store(shard: ShardWriter) -> None:
        """Write what has arrived, in the list's order; what waits for an earlier row waits on disk."""
        while len(rows) in arrived:
            url, body = urls[len(rows)], arrived.pop(len(rows))
            member = shard.add(f"{image_key(url)}.jpg", body.read())
            rows.append({"url": url, "sha256": body.sha256, "offset": member.offset, "size": member.size})
            body.discard()
        for body in list(arrived.values())[CONNECTIONS:]:
            body.path()

    async def run(spool: Path) -> None:
        pending = iter(enumerate(urls))
        async with Client(settings, spool=spool) as client:

            async def work() -> None:
                for number, url in pending:
                    fetched = await client.fetch(url)
                    if isinstance(fetched, Fetched):
                        arrived[number] = fetched.body
                        store(shard)

            await asyncio.gather(*(work() for _ in range(CONNECTIONS)))

    with tempfile.TemporaryDirectory(dir=stem.parent) as name, ShardWriter(stem.with_suffix(".tar")) as shard:
        asyncio.run(run(Path(name)))
    pq.write_table(pa.Table.from_pylist(rows), stem.with_suffix(".parquet"))


# The server: answers every path with the same bytes, from memory, and keeps connections alive.


@contextmanager
def _server(nbytes: int) -> Iterator[str]:
    process = subprocess.Popen([sys.executable, __file__, SERVE, str(nbytes)], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{json.loads(process.stdout.readline())}"
    finally:
        process.terminate()
        process.wait()


class _Answer(asyncio.Protocol):
    image: bytes

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._received = b""

    def data_received(self, data: bytes) -> None:
        self._received += data
        while b"\r\n\r\n" in self._received:
            head, _, self._received = self._received.partition(b"\r\n\r\n")
            found = head.split(b" ", 2)[1].endswith(b".jpg")
            body, status = (self.image, b"200 OK") if found else (b"", b"404 Not Found")
            self._transport.write(
                b"HTTP/1.1 %s\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % (status, len(body)) + body
            )
            if b"connection: close" in head.lower():
                self._transport.close()


async def _serve(nbytes: int) -> None:
    _Answer.image = _jpeg_of(nbytes)
    server = await asyncio.get_running_loop().create_server(_Answer, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def _jpeg_of(nbytes: int) -> bytes:
    """A real JPEG, brought to the size by an application segment's worth of comment."""
    import cv2
    import numpy as np

    side = 256
    noise = np.random.default_rng(0).integers(0, 255, (side, side, 3), dtype=np.uint8)
    jpeg = cv2.imencode(".jpg", noise)[1].tobytes()
    comments = b""
    while len(jpeg) + len(comments) < nbytes:
        size = min(65_000, max(nbytes - len(jpeg) - len(comments) - 4, 1))
        comments += b"\xff\xfe" + (size + 2).to_bytes(2, "big") + bytes(size)
    return jpeg[:2] + comments + jpeg[2:]


if __name__ == "__main__":
    if sys.argv[1:2] == [SERVE]:
        asyncio.run(_serve(int(sys.argv[2])))
    elif sys.argv[1:2] == [OURS]:
        target = Path(sys.argv[3])
        target.mkdir()
        fetch_list(Path(sys.argv[2]).read_text().split(), target)
    else:
        began = time.monotonic()
        main()
        print(f"took {time.monotonic() - began:.0f} s")
