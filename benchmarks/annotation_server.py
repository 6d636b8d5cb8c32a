"""How long does the page wait for its server? A project of 10,000 items, pictures of 2152x1436, over real HTTP.

    python benchmarks/annotation_server.py [--items 10000] [--rounds 200]

The server is the command that people start, in a process of its own, on an empty folder that is removed afterwards. One
item is a real pair of files, made here; the others are rows without files, since lists never touch files. Prints, for
each request, the median, the 95th percentile and the longest of all rounds in milliseconds, as the client sees them.
Strokes are timed alone, and while another person asks for GrabCut without a pause; every stroke adds to the mask.
"""

from __future__ import annotations

import argparse
import re
import secrets
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import httpx
import numpy as np
import numpy.typing as npt
from machine import describe
from PIL import Image

from annotation.mask import pack_bits
from annotation.project import create_project
from annotation.sources import open_source
from annotation.store import NewItem

WIDTH, HEIGHT = 2152, 1436
BRUSH = 61
"""Side in pixels of a stroke's rectangle: a dab of the brush at its usual size."""


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=200)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        project = make_project(Path(folder), arguments.items)
        with running(project) as client:
            print(f"{arguments.items:,} items, pictures of {WIDTH}x{HEIGHT}; {describe()}\n")
            print("| request | p50 ms | p95 ms | longest | KB |\n| --- | --- | --- | --- | --- |")
            measure(client, arguments.items, arguments.rounds)


def make_project(folder: Path, items: int) -> Path:
    """A project whose first item is a pair of files, and whose other items are rows alone."""
    pictures = folder / "pictures"
    pictures.mkdir()
    rng = np.random.default_rng(0)
    where = ellipse()[:, :, None]
    sharp = sum(texture(rng, sigma) for sigma in (2, 8, 40)) / 3 + 60 * where
    blurred = np.where(where, cv2.blur(sharp, (41, 1)), sharp)
    for frame, pixels in (("sharp", sharp), ("blur", blurred)):
        noisy = pixels + rng.normal(0, 2, pixels.shape)
        Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8)).save(
            pictures / f"000000_{frame}.png", compress_level=1
        )
    with create_project(folder / "project", open_source(str(pictures)), name="Many") as project:
        rows = (
            NewItem(
                f"row/{number:06}",
                f"row/{number:06}.png",
                WIDTH,
                HEIGHT,
                f"row/{number:06}.png",
                None,
                secrets.token_hex(32),
            )
            for number in range(1, items)
        )
        project.store.add_items(1, rows)
    return folder / "project"


def texture(rng: np.random.Generator, sigma: float) -> npt.NDArray[np.float64]:
    """Noise of one scale, (HEIGHT, WIDTH, 3), around 128."""
    noise = cv2.GaussianBlur(rng.normal(0, 1, (HEIGHT, WIDTH, 3)), (0, 0), sigma)
    return np.asarray(128 + noise / noise.std() * 45)


def ellipse() -> npt.NDArray[np.bool_]:
    """What is smeared."""
    ys, xs = np.mgrid[:HEIGHT, :WIDTH]
    return np.asarray(((xs - 1100) / 420) ** 2 + ((ys - 700) / 300) ** 2 < 1)


@contextmanager
def running(project: Path) -> Iterator[httpx.Client]:
    """A client of the server, which has ended when the block is left."""
    command = [sys.executable, "-m", "million_ird.cli", "annotate", "serve", str(project), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        found = re.match(r"(http://[\d.:]+)/", process.stdout.readline())
        assert found is not None
        with httpx.Client(base_url=found[1], headers={"Origin": found[1]}, timeout=120, trust_env=False) as client:
            yield client
        process.terminate()


def measure(client: httpx.Client, items: int, rounds: int) -> None:
    """Every request, one after the other."""
    few = max(3, rounds // 20)
    timed("/api/project", rounds, lambda _: client.get("/api/project"))
    timed("/api/items, first page of 200", rounds, lambda _: client.get("/api/items"))
    timed("/api/items, a page in the middle", rounds, lambda _: client.get(f"/api/items?after={items // 2}"))
    timed("/api/items?state=done, none", rounds, lambda _: client.get("/api/items?state=done"))
    timed("/api/items/1", rounds, lambda _: client.get("/api/items/1"))
    draw = Drawing(client)
    timed("a stroke", rounds, draw.stroke)
    timed("undo", few, draw.undo)
    with other_person_cutting(client):
        timed("a stroke while somebody else cuts", rounds, draw.stroke)
    timed("mask", rounds, lambda _: client.get("/api/layers/1/mask"))
    timed("windows", few, lambda _: client.get("/api/layers/1/windows"))
    timed(f"history of {2 * rounds} strokes", few, lambda _: client.get("/api/layers/1/history"))
    timed("blurred picture, first time", 1, lambda _: client.get("/api/items/1/blurred"))
    picture = client.get("/api/items/1/blurred")
    timed("blurred picture, again", few, lambda _: client.get("/api/items/1/blurred"))
    known = {"If-None-Match": picture.headers["etag"]}
    timed("blurred picture, known", rounds, lambda _: client.get("/api/items/1/blurred", headers=known))
    timed("registration, first time", 1, lambda _: client.get("/api/items/1/registration"))
    timed("registration, again", rounds, lambda _: client.get("/api/items/1/registration"))
    timed("sharp frame, first time", 1, lambda _: client.get("/api/items/1/sharp"))
    timed("sharp frame, again", few, lambda _: client.get("/api/items/1/sharp"))
    timed("scissors, new anchor", few, lambda n: outline(client, (400 + 40 * n, 500), (480 + 40 * n, 560)))
    timed("scissors, pointer moves", rounds, lambda n: outline(client, (1000, 700), (1010 + n % 200, 720)))
    timed("scissors, new anchor, far away", few, lambda n: outline(client, (400 + 40 * n, 500), (900 + 40 * n, 560)))
    timed("GrabCut, box of 300", few, lambda _: cut(client, [950, 550, 300, 300]))
    timed("GrabCut, box of 900x660", few, lambda _: cut(client, [650, 370, 900, 660]))


def timed(what: str, rounds: int, ask: Callable[[int], httpx.Response]) -> None:
    """Prints a row."""
    seconds = []
    for number in range(rounds):
        begun = time.perf_counter()
        answer = ask(number)
        seconds.append(time.perf_counter() - begun)
        assert answer.status_code in (200, 201, 304), answer.text
    p50, p95 = statistics.median(seconds), float(np.percentile(seconds, 95))
    times = " | ".join(f"{1e3 * value:.1f}" for value in (p50, p95, max(seconds)))
    print(f"| {what} | {times} | {len(answer.content) / 1e3:.1f} |", flush=True)


class Drawing:
    """Strokes on the first layer, each on the one before."""

    def __init__(self, client: httpx.Client) -> None:
        self.client = client
        self.rng = np.random.default_rng(1)
        self.layer = client.get("/api/items/1").json()["layers"][0]

    def stroke(self, number: int) -> httpx.Response:
        """A dab somewhere."""
        x, y = (int(self.rng.integers(0, side - BRUSH)) for side in (WIDTH, HEIGHT))
        ys, xs = np.mgrid[:BRUSH, :BRUSH] - BRUSH // 2
        where = {"x": x, "y": y, "width": BRUSH, "height": BRUSH, "kind": "brush", "annotator": "bench"}
        answer = self.client.post(
            "/api/layers/1/revisions",
            params={**where, "revision": secrets.token_hex(16), "parent": self.layer["head"]},
            content=pack_bits(xs**2 + ys**2 <= (BRUSH // 2) ** 2),
            headers={"Content-Type": "application/octet-stream"},
        )
        self.layer = answer.json()
        return answer

    def undo(self, _number: int) -> httpx.Response:
        """To the parent."""
        move = {"operation": secrets.token_hex(16), "to": self.layer["undo"], "expected": self.layer["head"]}
        answer = self.client.post("/api/layers/1/head", json={**move, "annotator": "bench"})
        self.layer = answer.json()
        return answer


@contextmanager
def other_person_cutting(client: httpx.Client) -> Iterator[None]:
    """Somebody who asks for GrabCut without a pause."""
    ended = threading.Event()

    def go_on() -> None:
        with httpx.Client(base_url=client.base_url, headers=client.headers, timeout=120, trust_env=False) as other:
            while not ended.is_set():
                cut(other, [650, 370, 900, 660])

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def outline(client: httpx.Client, anchor: tuple[int, int], target: tuple[int, int]) -> httpx.Response:
    """The path between two points."""
    return client.post("/api/items/1/scissors", json={"picture": "blurred", "anchor": anchor, "target": target})


def cut(client: httpx.Client, box: list[int]) -> httpx.Response:
    """What is in a box."""
    return client.post("/api/items/1/grabcut", json={"picture": "blurred", "box": box})


if __name__ == "__main__":
    main()
