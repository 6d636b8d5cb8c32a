"""A picture that is taken down is nowhere any more, comes back under no name, and whatever else there is stays."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from million_ird.cli import main
from million_ird.dataset import Dataset, open_dataset
from million_ird.layout import TOMBSTONES, duplicates_marker, patches_marker
from million_ird.store import Store
from million_ird.verify import check_unit, unit_markers
from pipelines.build import build
from pipelines.scrub import JOURNAL
from pipelines.session import session
from tests.flow.web_world import (
    KilledError,
    WebWorld,
    files_with,
    key_of,
    kill_after,
    problems,
    quiet,
    rows,
    web_world,
)
from tests.flow.world import digest, jpeg, picture

CLUSTER = ("a.jpg", "a again.jpg", "a mirrored.jpg")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebWorld]:
    with web_world(tmp_path_factory.mktemp("world")) as world:
        world.build(world.root / "built")
        yield world


@pytest.fixture
def dataset(world: WebWorld, tmp_path: Path) -> Dataset:
    """A fresh copy of the built dataset."""
    shutil.copytree(world.root / "built", tmp_path / "out")
    return open_dataset(str(tmp_path / "out"))


@pytest.fixture(scope="module")
def undisturbed(world: WebWorld) -> dict[str, str]:
    """What the takedown of `a.jpg` leaves when nothing disturbs it."""
    shutil.copytree(world.root / "built", world.root / "undisturbed")
    assert main(["takedown", str(world.root / "undisturbed"), "--url", world.url("a.jpg")]) == 0
    return _everything(world.root / "undisturbed")


def _everything(folder: Path | str) -> dict[str, str]:
    """Name → SHA-256 of every file."""
    store = Store(str(folder))
    return {name: hashlib.sha256(store.read(name)).hexdigest() for name in store.list("")}


def _stats(dataset: Dataset) -> dict[str, object]:
    content: dict[str, object] = json.loads(dataset.store.read("report/stats.json"))
    return content


def test_the_picture_and_its_copies_are_nowhere(
    world: WebWorld, dataset: Dataset, capsys: pytest.CaptureFixture[str]
) -> None:
    before = rows(dataset)
    keys = [key_of(dataset, world.url(name)) for name in CLUSTER]
    assert main(["takedown", dataset.url, "--url", world.url("a.jpg"), "--reason", "asked for"]) == 0
    assert "1 image and 2 copies, with 18 kept patches" in capsys.readouterr().out
    for name in CLUSTER:
        assert files_with(dataset.url, world.url(name)) == []
        assert files_with(dataset.url, f"author of {name}") == []
        assert not any(world.pictures[name][200:1200] in dataset.store.read(file) for file in dataset.store.list(""))
    assert problems(dataset.url) == []
    after = rows(open_dataset(dataset.url))
    assert {key: row for key, row in after.items() if key not in keys} == {
        key: row | {column: after[key][column] for column in ("tar", "offset")}
        for key, row in before.items()
        if key not in keys
    }
    for key in keys:
        row = {name: value for name, value in after[key].items() if value not in (None, "", False)}
        assert row == {"key": key, "source": "list.csv", "step": "screen", "reason": "taken_down"}


def test_every_other_patch_and_image_keeps_its_bytes(world: WebWorld, dataset: Dataset) -> None:
    keys = {key_of(dataset, world.url(name)) for name in CLUSTER}
    patches = {row["key"]: data for row, data in dataset if row["image_key"] not in keys}
    assert main(["takedown", dataset.url, "--url", world.url("a.jpg")]) == 0
    after = open_dataset(dataset.url)
    assert {row["key"]: data for row, data in after} == patches
    for key, row in rows(after).items():
        if row["kept"]:
            name = next(name for name in world.pictures if world.url(name) == row["url"])
            assert after.image_bytes(row) == world.pictures[name], key


def test_head_card_and_report_follow(world: WebWorld, dataset: Dataset) -> None:
    assert main(["takedown", dataset.url, "--url", world.url("a.jpg")]) == 0
    after = open_dataset(dataset.url)
    patches = sum(shard.patches for shard in after.shards())
    assert sum(shard["patches"] for shard in after.info["shards"]) == patches == 81 - 18
    assert f"{patches:,} patches of 64" in after.store.read("README.md").decode()
    assert _stats(after)["patches"] == patches
    assert "taken_down" in after.store.read("report/stats.json").decode()
    assert after.info["state"] == "complete"
    assert after.duplicates().num_rows == 0


def test_a_tombstone_holds_hashes_and_no_name(world: WebWorld, dataset: Dataset) -> None:
    assert main(["takedown", dataset.url, "--url", world.url("a.jpg"), "--reason", "asked for"]) == 0
    with dataset.store.open(TOMBSTONES) as file:
        stones = pq.read_table(file).to_pylist()
    assert {stone["reason"] for stone in stones} == {"asked for"}
    hashes = {hashlib.sha256(world.pictures[name]).hexdigest() for name in CLUSTER}
    assert {stone["sha256"] for stone in stones} == hashes
    assert all(len(stone["phash"]) == 32 and len(stone["pixel_hash"]) == 32 for stone in stones)


@pytest.mark.parametrize(
    ("choice", "gone"),
    [
        ("--url HTTP://{host}:80/../a.jpg", set()),
        ("--url {url}/b.jpg#part", {"b.jpg"}),
        ("--url {url}/gone.jpg", {"gone.jpg"}),
        ("--url {url}/a again.jpg", set(CLUSTER)),
        ("--license special", {"b.jpg"} | {"c.jpg"}),
        ("--sha256 {sha256}", {"d.png"}),
        ("--key {key}", {"e.png"}),
        ("--key {key}-y00000-x00064-s0064", {"e.png"}),
        ("--host {host}", None),
    ],
)
def test_each_way_to_name_pictures(world: WebWorld, dataset: Dataset, choice: str, gone: set[str] | None) -> None:
    option, _, value = choice.partition(" ")
    value = value.format(
        host=world.server.host,
        url=world.server.url,
        key=key_of(dataset, world.url("e.png")),
        sha256=hashlib.sha256(world.pictures["d.png"]).hexdigest().upper(),
    )
    urls = {str(row["url"]) for row in rows(dataset).values()}
    expected = urls if gone is None else {world.url(name) for name in gone}
    assert main(["takedown", dataset.url, option, value]) == (0 if expected else 1)
    assert {str(row["url"]) for row in rows(dataset).values()} - {""} == urls - expected
    assert problems(dataset.url) == []


def test_a_host_is_forgotten(world: WebWorld, dataset: Dataset) -> None:
    assert main(["takedown", dataset.url, "--host", world.server.host]) == 0
    held = files_with(dataset.url, world.server.host)
    assert held == []
    assert [shard.tar for shard in dataset.shards()] == ["", ""]
    assert [name for name in dataset.store.list("") if name.endswith(".tar")] == []


def test_a_rebuild_brings_nothing_back(world: WebWorld, dataset: Dataset) -> None:
    assert main(["takedown", dataset.url, "--url", world.url("a.jpg")]) == 0
    before, asked = digest(dataset.url), len(world.server.record.paths)
    world.build(dataset.url)
    assert digest(dataset.url) == before
    assert world.server.record.paths[asked:] == []


def test_the_picture_comes_back_under_no_other_name(world: WebWorld, dataset: Dataset) -> None:
    assert main(["takedown", dataset.url, "--url", world.url("a.jpg")]) == 0
    a = picture(1, 320, 256)
    new = {"same bytes.jpg": world.pictures["a.jpg"], "encoded anew.jpg": jpeg(a, 70), "new.jpg": jpeg(picture(50))}
    world.pictures |= new
    kept = sum(shard.patches for shard in dataset.shards())
    try:
        world.write_list([*world.pictures, "gone.jpg"])
        after = world.build(dataset.url)
    finally:
        world.write_list([name for name in world.pictures if name not in new] + ["gone.jpg"])
        for name in new:
            del world.pictures[name]
    by_url = {row["url"]: row for row in rows(after).values()}
    assert by_url[world.url("new.jpg")]["kept"]
    for name in ("same bytes.jpg", "encoded anew.jpg"):
        row = by_url[world.url(name)]
        assert (row["reason"], row["thumbnail"], row["tar"]) == ("taken_down", None, "")
    assert sum(shard.patches for shard in after.shards()) > kept
    assert {row["image_key"] for row, _ in after}.isdisjoint(
        {row["key"] for row in by_url.values() if row["reason"] == "taken_down"}
    )
    assert files_with(after.url, world.url("a.jpg")) == []  # the list still names it, as already planned
    assert problems(after.url) == []


def test_a_second_takedown_changes_nothing(
    world: WebWorld, dataset: Dataset, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["takedown", dataset.url, "--url", world.url("a.jpg")]) == 0
    before = _everything(dataset.url)
    capsys.readouterr()
    for choice in (["--url", world.url("a.jpg")], ["--sha256", hashlib.sha256(world.pictures["a.jpg"]).hexdigest()]):
        assert main(["takedown", dataset.url, *choice]) == 0
        assert "taken down before: nothing to do" in capsys.readouterr().out
    assert _everything(dataset.url) == before


def test_what_is_not_there_is_said_and_changes_nothing(
    world: WebWorld, dataset: Dataset, capsys: pytest.CaptureFixture[str]
) -> None:
    before = _everything(dataset.url)
    assert main(["takedown", dataset.url, "--url", "https://elsewhere.example/x.jpg"]) == 1
    assert "matches url https://elsewhere.example/x.jpg" in capsys.readouterr().out
    assert _everything(dataset.url) == before


def test_a_dry_run_says_the_same_and_changes_nothing(
    world: WebWorld, dataset: Dataset, capsys: pytest.CaptureFixture[str]
) -> None:
    before = _everything(dataset.url)
    assert main(["takedown", dataset.url, "--url", world.url("a.jpg"), "--dry-run"]) == 0
    assert "1 image and 2 copies, with 18 kept patches; --dry-run" in capsys.readouterr().out
    assert _everything(dataset.url) == before


def test_wrong_usage_is_told_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in ([], ["--url", "u", "--key", "k"]):
        with pytest.raises(SystemExit) as stopped:
            main(["takedown", str(tmp_path), *arguments])
        assert stopped.value.code == 2
    assert main(["takedown", str(tmp_path), "--url", " "]) == 2
    assert main(["takedown", str(tmp_path), "--url", "u"]) == 1
    assert "no dataset at" in capsys.readouterr().err


def _undo_from_unit(dataset: Dataset, unit: str) -> None:
    """Takes a finished dataset back to where a build stood before it fetched a unit."""
    store = dataset.store
    for name in store.list(""):
        late = name.startswith(("patches/", "report/")) or name in ("duplicates.parquet", "README.md")
        if late or name.startswith(f"images/{unit}") or name in (duplicates_marker(0), patches_marker(0)):
            store.remove(name)


def test_a_picture_not_fetched_yet_is_never_asked_for(world: WebWorld, dataset: Dataset) -> None:
    image = next(row for row in dataset.image_rows_of(0) for row in row.to_pylist() if row["kept"])
    unit = next(m.unit for m in dataset.image_markers() if image["key"] in _keys(dataset, m.named(".parquet")))
    _undo_from_unit(dataset, unit)
    path = image["url"].removeprefix(world.server.url)
    assert main(["takedown", dataset.url, "--url", image["url"]]) == 0
    assert not dataset.store.exists(JOURNAL)
    before = world.server.record.count(path)
    after = world.build(dataset.url)
    assert world.server.record.count(path) == before
    assert rows(after)[image["key"]]["reason"] == "taken_down"
    assert files_with(after.url, image["url"]) == []
    assert problems(after.url) == []


def _keys(dataset: Dataset, file: object) -> list[str]:
    with dataset.store.open(file.name) as table:  # type: ignore[attr-defined]
        keys: list[str] = pq.read_table(table, columns=["key"])["key"].to_pylist()
    return keys


def test_a_shard_not_cut_yet_is_cut_without_the_picture(
    world: WebWorld, dataset: Dataset, undisturbed: dict[str, str]
) -> None:
    for suffix in ("tar", "parquet", "json"):
        dataset.store.remove(f"patches/jpg/00000.{suffix}")
    assert main(["takedown", dataset.url, "--url", world.url("a.jpg")]) == 0
    world.build(dataset.url)
    tars = {name: value for name, value in digest(dataset.url).items() if name.endswith(".tar")}
    assert tars == {name: value for name, value in undisturbed.items() if name.endswith(".tar")}
    assert problems(dataset.url) == []


def test_a_folder_of_pictures_forgets_a_file_name(world: WebWorld, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        (photos / "trip").mkdir(parents=True, exist_ok=True)
        (photos / "trip" / f"my {name}").write_bytes(world.pictures[name])
    recipe = world.recipe(f"manifest.path={json.dumps(str(photos))}")
    with session(str(tmp_path / "out"), recipe, quiet) as run:
        build(run)
    assert main(["takedown", str(tmp_path / "out"), "--url", "trip/my b.jpg"]) == 0
    assert files_with(tmp_path / "out", "my b.jpg") == []
    assert problems(tmp_path / "out") == []
    before = digest(str(tmp_path / "out"))
    with session(str(tmp_path / "out"), recipe, quiet) as run:
        build(run)
    assert digest(str(tmp_path / "out")) == before


@pytest.mark.parametrize("keep", ["kept", "none"])
def test_whatever_images_a_recipe_keeps(world: WebWorld, tmp_path: Path, keep: str) -> None:
    dataset = world.build(tmp_path / "out", f"images.keep_images={keep}")
    assert main(["takedown", dataset.url, "--url", world.url("b.jpg")]) == 0
    assert files_with(dataset.url, world.url("b.jpg")) == []
    tars = {name for name in dataset.store.list("images") if name.endswith(".tar")}
    named = {file.name for marker in dataset.image_markers() for file in marker.files if file.name.endswith(".tar")}
    assert tars == (set() if keep == "none" else named)
    images_kept = keep != "none"
    checked = [check_unit(dataset.store, name, images_kept) for name in unit_markers(dataset)]
    assert [problem for unit in checked for problem in unit.problems] == []
    before = digest(dataset.url)
    world.build(dataset.url, f"images.keep_images={keep}")
    assert digest(dataset.url) == before


def test_while_another_writes_it_says_so(world: WebWorld, dataset: Dataset, capsys: pytest.CaptureFixture[str]) -> None:
    before = digest(dataset.url)
    with session(dataset.url, world.recipe(), quiet):
        assert main(["takedown", dataset.url, "--url", world.url("b.jpg")]) == 1
    assert "another build is writing to" in capsys.readouterr().err
    assert digest(dataset.url) == before


def test_a_takedown_on_an_object_store(world: WebWorld, s3_url: str, undisturbed: dict[str, str]) -> None:
    local, remote = Store(str(world.root / "built")), Store(s3_url)
    for name in local.list(""):
        remote.write(name, local.read(name))
    assert main(["takedown", s3_url, "--url", world.url("a.jpg")]) == 0
    there = _everything(s3_url)
    assert {name for name in there if there[name] != undisturbed.get(name)} <= {"report/index.html"}
    assert there.keys() == undisturbed.keys()


def test_stopped_at_many_moments_it_is_finished_by_the_same_command(
    world: WebWorld, tmp_path: Path, undisturbed: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ["takedown", str(tmp_path / "out"), "--url", world.url("a.jpg")]
    with monkeypatch.context() as patch:
        shutil.copytree(world.root / "built", tmp_path / "out")
        changes = kill_after(patch, 10_000)
        assert main(command) == 0
    assert _everything(tmp_path / "out") == undisturbed
    last = next(i for i, change in enumerate(changes) if change.startswith("put_file report/"))
    for moment in {*random.Random(7).sample(range(last + 1), 12), len(changes) - 1}:
        shutil.rmtree(tmp_path / "out")
        shutil.copytree(world.root / "built", tmp_path / "out")
        with monkeypatch.context() as patch:
            kill_after(patch, moment)
            with pytest.raises(KilledError):
                main(command)
        assert main(command) == 0
        assert _everything(tmp_path / "out") == undisturbed, f"stopped before {changes[moment]}"


_KILLED = """
import os, signal, sys
from million_ird.store import Store
from million_ird.verify import check_unit, unit_markers
moment, left = int(sys.argv[1]), [0]
for name in ("put_file", "write", "create", "remove"):
    def change(store, *arguments, original=getattr(Store, name)):
        left[0] += 1
        if left[0] > moment:
            os.kill(os.getpid(), signal.SIGKILL)
        return original(store, *arguments)
    setattr(Store, name, change)
from million_ird.cli import main
sys.exit(main(sys.argv[2:]))
"""


@pytest.mark.parametrize("seed", range(4))
def test_killed_for_good_it_is_finished_by_the_next_build(
    world: WebWorld, dataset: Dataset, undisturbed: dict[str, str], seed: int
) -> None:
    moment = random.Random(seed).randrange(3, 18)
    command = [sys.executable, "-c", _KILLED, str(moment), "takedown", dataset.url, "--url", world.url("a.jpg")]
    died = subprocess.run(command, check=False, capture_output=True, env={**os.environ})
    assert died.returncode == -signal.SIGKILL, died.stderr
    if seed % 2:
        world.build(dataset.url)
    else:
        assert main(["takedown", dataset.url, "--url", world.url("a.jpg")]) == 0
    assert {name: value for name, value in digest(dataset.url).items() if name != "README.md"} == {
        name: undisturbed[name] for name in undisturbed if not name.startswith(("log/", "report/", "README.md"))
    }
    assert problems(dataset.url) == []
