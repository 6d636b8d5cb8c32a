"""A build over HTTP into an S3-compatible store: killed, late, doubled; the bytes are those of a quiet build."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Iterator, Mapping

import pytest

from million_ird.dataset import open_dataset
from million_ird.store import Store
from pipelines.build import examination
from pipelines.fetch import FetchJob, give_up_unit
from pipelines.recipe import recipe_from_dict
from tests.flow.world import World, digest, pictures
from tests.pipelines.hostile_server import serve


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The world's pictures behind a real HTTP server, named by a list of URLs."""
    world = World(tmp_path_factory.mktemp("world"))
    with serve(world.root / "photos") as server:
        urls = [f"{server.url}/{name}" for name in sorted(pictures())]
        (world.root / "urls.txt").write_text("\n".join([*urls, f"{server.url}/gone.jpg"]))
        text = world.recipe.read_text().replace(str(world.root / "photos"), str(world.root / "urls.txt"))
        world.recipe.write_text(text)
        yield world


@pytest.fixture(scope="module")
def quiet(world: World) -> Mapping[str, str]:
    """What a build into a folder leaves that nobody disturbed."""
    code, printed = world.build(str(world.root / "folder"))
    assert code == 0, printed
    return digest(str(world.root / "folder"))


def test_an_object_store_holds_what_a_folder_holds(world: World, quiet: Mapping[str, str], s3_url: str) -> None:
    code, printed = world.build(s3_url)
    assert code == 0, printed
    assert digest(s3_url) == quiet
    patches = list(open_dataset(s3_url))
    assert len(patches) == sum(shard.patches for shard in open_dataset(s3_url).shards()) > 50


@pytest.mark.parametrize("seed", range(4))
def test_killed_on_an_object_store(world: World, quiet: Mapping[str, str], s3_url: str, seed: int) -> None:
    chance = random.Random(seed)
    store = Store(s3_url)
    with world.start(s3_url) as process:
        while process.poll() is None and not store.list(["images", "patches"][seed % 2]):
            time.sleep(0.02)
        time.sleep(chance.uniform(0, 0.4))
        os.kill(process.pid, signal.SIGKILL)
    code, printed = world.build(s3_url)  # waits out the dead writer's lease
    assert code == 0, printed
    assert digest(s3_url) == quiet


def test_a_late_attempt_changes_nothing(world: World, s3_url: str) -> None:
    assert world.build(s3_url)[0] == 0
    before = digest(s3_url)
    dataset = open_dataset(s3_url)
    recipe = recipe_from_dict(dataset.recipe)
    job = FetchJob(dataset.store, 0, examination(dataset.store, recipe), recipe.fetch, recipe.images)
    give_up_unit(job, 1)  # a worker that was away and comes back with other results for a unit that is published
    assert digest(s3_url) == before


def test_a_second_build_on_an_object_store_stops(world: World, s3_url: str) -> None:
    store = Store(s3_url)
    with world.start(s3_url, "fetch.per_host_interval_s=0.3") as first:  # about ten seconds of work
        while not store.list("lease"):
            time.sleep(0.02)
        code, printed = world.build(s3_url)
        first.communicate(timeout=120)
    assert first.returncode == 0
    assert code == 1
    assert "another build is writing to" in printed
    assert "Traceback" not in printed
