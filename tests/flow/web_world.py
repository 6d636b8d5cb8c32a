"""A small dataset built in this process from a web server of the test's own, for the verbs that change a dataset."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

import numpy as np

from million_ird.dataset import Dataset, open_dataset
from million_ird.screens import DEFAULT_INTERVALS
from million_ird.store import Store
from million_ird.verify import check_unit, check_whole, unit_markers
from pipelines.build import build
from pipelines.recipe import Recipe, load_recipe
from pipelines.session import session
from tests.flow.world import jpeg, picture, png
from tests.pipelines.hostile_server import Request, Running, serve

RECIPE = """
name = "small"
[manifest]
path = "list.csv"
[plan]
unit_rows = 4
[fetch]
allow_private_networks = true
robots = "ignore"
retries = 0
backoff_s = 0.01
breaker_failures = 1000
[screens]
measure = ["short_side", "entropy", "laplacian_variance"]
[screens.keep]
{open}
[patches]
size = 64
[shards]
target_mb = 1
[images]
keep_images = "all"
[execution]
executor = "serial"
"""


def quiet(text: str) -> None:
    """Takes progress lines and keeps them to itself."""
    assert text


def small_pictures() -> dict[str, bytes]:
    """File name → bytes: four JPEGs, two PNGs, copies of `a.jpg`, one picture without contrast, one page."""
    a = picture(1, 320, 256)
    return {
        "a.jpg": jpeg(a),
        "a again.jpg": jpeg(a),
        "a mirrored.jpg": jpeg(np.ascontiguousarray(a[:, ::-1]), 80),
        "b.jpg": jpeg(picture(2, 320, 256)),
        "c.jpg": jpeg(picture(3, 256, 256)),
        "d.png": png(picture(4, 256, 192)),
        "e.png": png(picture(5, 192, 192)),
        "f.jpg": jpeg(picture(6, 256, 192)),
        "grey.jpg": jpeg((picture(7, 256, 192) // 40 + 120).astype(np.uint8)),
        "page.jpg": b"<!doctype html><title>gone</title>",
    }


@dataclass
class WebWorld:
    """A server with pictures, a list of their URLs, and a recipe."""

    root: Path
    server: Running
    pictures: dict[str, bytes]
    busy: set[str] = field(default_factory=set)
    """Names that are answered with 503."""

    def url(self, name: str) -> str:
        return f"{self.server.url}/{name.replace(' ', '%20')}"

    def write_list(self, names: list[str]) -> None:
        """The manifest: one line a name; `b` and `c` carry a license of their own, and the first line stands twice."""
        with (self.root / "list.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["url", "license", "author"])
            for name in [*names, names[0]]:
                writer.writerow([self.url(name), "special" if name[0] in "bc" else "CC0", f"author of {name}"])

    def recipe(self, *overrides: str) -> Recipe:
        return load_recipe(str(self.root / "recipe.toml"), overrides)

    def build(self, out: Path | str, *overrides: str) -> Dataset:
        with session(str(out), self.recipe(*overrides), quiet) as run:
            return build(run)


@contextmanager
def web_world(root: Path) -> Iterator[WebWorld]:
    """A world whose server runs until the block ends; its list names every picture and one that is gone."""

    def answer(request: Request) -> None:
        name = unquote(request.path).removeprefix("/")
        if name in world.busy:
            request.reply(status=503)
        elif name in world.pictures:
            request.reply(world.pictures[name])
        else:
            request.reply(status=404)

    opened = "\n".join(f"{name} = [-inf, inf]" for name in DEFAULT_INTERVALS if name != "entropy")
    (root / "recipe.toml").write_text(RECIPE.format(open=opened + "\nentropy = [3.5, inf]"))
    with serve(answer) as server:
        world = WebWorld(root, server, small_pictures())
        world.write_list([*world.pictures, "gone.jpg"])
        yield world


def problems(url: Path | str) -> list[str]:
    """What `verify` finds."""
    dataset = open_dataset(str(url))
    found = [problem for name in unit_markers(dataset) for problem in check_unit(dataset.store, name).problems]
    return [str(problem) for problem in [*found, *check_whole(dataset)]]


def rows(dataset: Dataset) -> dict[str, dict[str, object]]:
    """Image key → row."""
    return {row["key"]: row for batch in dataset.image_rows() for row in batch.to_pylist()}


def key_of(dataset: Dataset, url: str) -> str:
    """The key of the image with this URL."""
    return next(str(key) for key, row in rows(dataset).items() if row["url"] == url)


def files_with(url: Path | str, text: str) -> list[str]:
    """Names of the files of a dataset that hold a text, in their bytes or, for tables, in any cell or statistic."""
    import pyarrow.parquet as pq

    store = Store(str(url))
    found = []
    for name in store.list(""):
        data = store.read(name)
        if name.endswith(".parquet"):
            with store.open(name) as file:
                data += repr(pq.read_table(file).to_pylist()).encode()
        if text.encode() in data or text in name:
            found.append(name)
    return found


class KilledError(BaseException):
    """Ends a run like a kill would, wherever it is raised: nothing of ours catches it."""


def kill_after(monkeypatch: object, operations: int) -> list[str]:
    """Lets so many changes of any store happen and then raises `KilledError` at each further one.

    Returns the list that names every change, as they happen.
    """
    happened: list[str] = []
    for name in ("put_file", "write", "create", "remove"):
        original = getattr(Store, name)

        def change(store: Store, *arguments: object, _name: str = name, _original: object = original) -> object:
            target = str(arguments[1] if _name == "put_file" else arguments[0])
            if target.startswith("lease/"):
                return _original(store, *arguments)  # type: ignore[operator]
            if len(happened) >= operations:
                raise KilledError
            happened.append(f"{_name} {target}")
            return _original(store, *arguments)  # type: ignore[operator]

        monkeypatch.setattr(Store, name, change)  # type: ignore[attr-defined]
    return happened
