"""A real server on a free port of this machine, in a thread; and pictures to draw on."""

from __future__ import annotations

import secrets
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import httpx
import numpy as np
import numpy.typing as npt
from PIL import Image

from annotation.app.security import Access
from annotation.mask import Mask, pack_bits, unpack_bits
from annotation.project import Project, open_project
from annotation.serving import listening, make_server

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Live:
    """A running server, and a client that speaks to it as its page does."""

    url: str
    client: httpx.Client

    def json(self, path: str, status: int = 200) -> Any:
        answer = self.client.get(path)
        assert answer.status_code == status, answer.text
        return answer.json()

    def post(self, path: str, body: object, status: int = 200) -> Any:
        answer = self.client.post(path, json=body)
        assert answer.status_code == status, answer.text
        return answer.json()

    def mask(self, layer: int, size: tuple[int, int], revision: str = "") -> Mask:
        answer = self.client.get(f"/api/layers/{layer}/mask", params={"revision": revision} if revision else {})
        assert answer.status_code == 200, answer.text
        return unpack_bits(answer.content, *size)

    def stroke(self, layer: int, parent: str, at: tuple[int, int], values: Mask, **changes: object) -> httpx.Response:
        """Sends a stroke; `changes` replaces values of its address, or `body`."""
        body = changes.pop("body", None)
        height, width = values.shape
        address = {"revision": fresh(), "parent": parent, "kind": "brush", "x": at[0], "y": at[1]}
        address |= {"width": width, "height": height, "annotator": "ada", **changes}
        return self.client.post(
            f"/api/layers/{layer}/revisions",
            params={name: str(value) for name, value in address.items() if value is not None},
            content=pack_bits(values) if body is None else body,
            headers={"Content-Type": "application/octet-stream"},
        )


@contextmanager
def serving(folder: Path, access: Access | None = None) -> Iterator[Live]:
    """Serves the project in a folder until the block is left."""
    with open_project(folder) as project, listening("127.0.0.1", 0) as listener, running(project, listener, access):
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with httpx.Client(base_url=url, headers={"Origin": url}, timeout=60, trust_env=False, verify=False) as client:
            yield Live(url, client)


@contextmanager
def running(project: Project, listener: Any, access: Access | None) -> Iterator[None]:
    server = make_server(project, access or Access())
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        while not server.started and thread.is_alive():
            time.sleep(0.005)
        assert server.started
        yield
    finally:
        server.should_exit = True
        thread.join()


def fresh() -> str:
    """A new id, as the page makes one."""
    return secrets.token_hex(16)


def scene(width: int, height: int, seed: int = 0) -> Pixels:
    """A picture with something to hold on to: soft noise, uint8 RGB (height, width, 3)."""
    rng = np.random.default_rng(seed)
    noise = cv2.GaussianBlur(rng.normal(0, 1, (height, width, 3)), (0, 0), 3)
    return np.clip(128 + noise / noise.std() * 40, 0, 255).astype(np.uint8)


def disc(width: int, height: int, centre: tuple[int, int], radius: int) -> Mask:
    """Pixels within `radius` of the centre."""
    ys, xs = np.mgrid[:height, :width]
    return np.asarray((xs - centre[0]) ** 2 + (ys - centre[1]) ** 2 <= radius**2)


def write_pair(folder: Path, name: str, width: int, height: int, shift: float = 1.5) -> None:
    """A sharp frame, and a blurred one whose disc is smeared and whose content lies `shift` pixels further left."""
    sharp = scene(width, height, len(name))
    warp = np.array([[1, 0, -shift], [0, 1, 0]], np.float64)
    moved = cv2.warpAffine(sharp, warp, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    smeared = cv2.blur(moved, (25, 1))
    where = disc(width, height, (width // 2, height // 2), height // 6)[:, :, None]
    Image.fromarray(np.where(where, smeared, moved).astype(np.uint8)).save(folder / f"{name}_blur.png")
    Image.fromarray(sharp).save(folder / f"{name}_sharp.png")


def bomb(size: int) -> bytes:
    """A zlib stream of so many zero bytes."""
    packer = zlib.compressobj(9)
    return b"".join(packer.compress(bytes(1 << 20)) for _ in range(size >> 20)) + packer.flush()
