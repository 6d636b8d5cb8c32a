"""A re-cut judges and cuts anew from what was fetched, downloads nothing, and says what it cannot do."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from million_ird.cli import main
from million_ird.dataset import Dataset, open_dataset
from million_ird.layout import fetch_marker
from million_ird.pixels import decode_patch
from million_ird.store import Store
from tests.flow.web_world import KilledError, WebWorld, files_with, kill_after, problems, rows, web_world
from tests.flow.world import digest

SERIAL = ("--set", "execution.executor=serial")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebWorld]:
    with web_world(tmp_path_factory.mktemp("world")) as world:
        world.build(world.root / "built")
        yield world


@pytest.fixture(scope="module")
def old(world: WebWorld) -> Dataset:
    return open_dataset(str(world.root / "built"))


def _recut(old: Dataset, out: Path, *settings: str) -> int:
    overrides = [word for setting in settings for word in ("--set", setting)]
    return main(["recut", old.url, "--out", str(out), *SERIAL, *overrides])


def _shards(url: str) -> dict[str, str]:
    return {name: value for name, value in digest(url).items() if name.startswith("patches/")}


def test_nothing_changed_gives_the_same_shards_and_downloads_nothing(
    world: WebWorld, old: Dataset, tmp_path: Path
) -> None:
    asked, before = len(world.server.record.paths), digest(old.url)
    assert _recut(old, tmp_path / "new") == 0
    assert world.server.record.paths[asked:] == []
    assert _shards(str(tmp_path / "new")) == _shards(old.url)
    assert digest(old.url) == before
    assert problems(tmp_path / "new") == []
    new = open_dataset(str(tmp_path / "new"))
    assert [name for name in new.store.list("images") if name.endswith(".tar")] == []
    for row in rows(new).values():
        if row["kept"]:
            name = next(name for name in world.pictures if world.url(name) == row["url"])
            assert new.image_bytes(row) == world.pictures[name]


def test_images_on_an_object_store_are_cut_into_a_folder(
    world: WebWorld, old: Dataset, tmp_path: Path, s3_url: str
) -> None:
    remote = Store(s3_url)
    for name in old.store.list(""):
        remote.write(name, old.store.read(name))
    assert _recut(open_dataset(s3_url), tmp_path / "new") == 0
    assert _shards(str(tmp_path / "new")) == _shards(old.url)
    new = open_dataset(str(tmp_path / "new"))
    kept = [row for row in rows(new).values() if row["kept"]]
    assert {str(row["tar"]).rpartition("/images/")[0] for row in kept} == {s3_url}
    assert all(new.image_bytes(row) for row in kept)


def test_another_size_gives_other_patches_of_the_same_pixels(world: WebWorld, old: Dataset, tmp_path: Path) -> None:
    assert _recut(old, tmp_path / "new", "patches.size=32", "patches.max_flat_fraction=1") == 0
    assert problems(tmp_path / "new") == []
    large = {row["key"]: decode_patch(data) for row, data in old}
    small = 0
    for row, data in open_dataset(str(tmp_path / "new")):
        assert (row["width"], row["height"]) == (32, 32)
        x, y = row["x"] // 64 * 64, row["y"] // 64 * 64
        around = large.get(f"{row['image_key']}-y{y:05d}-x{x:05d}-s0064")
        if row["encoding"] == "webp" and around is not None:
            left, top = row["x"] - x, row["y"] - y
            assert (decode_patch(data) == around[top : top + 32, left : left + 32]).all()
            small += 1
    assert small > 50


def test_thresholds_move_both_ways(world: WebWorld, old: Dataset, tmp_path: Path) -> None:
    before = rows(old)
    values = sorted(float(str(row["entropy"])) for row in before.values() if row["kept"])
    assert _recut(old, tmp_path / "looser", "screens.keep.entropy=[0, inf]") == 0
    looser = rows(open_dataset(str(tmp_path / "looser")))
    assert {row["url"] for key, row in looser.items() if row["kept"] and not before[key]["kept"]} == {
        world.url("grey.jpg")
    }
    assert _recut(old, tmp_path / "tighter", f"screens.keep.entropy=[{values[3]}, {values[-2]}]") == 0
    tighter = rows(open_dataset(str(tmp_path / "tighter")))
    for key, row in tighter.items():
        value = before[key]["entropy"]
        if value is None:
            assert {**row, "tar": ""} == {**before[key], "tar": ""}
        else:
            inside = values[3] <= float(str(value)) <= values[-2]
            assert row["kept"] == inside
            assert row["reason"] == ("" if inside else f"entropy_{'low' if float(str(value)) < values[3] else 'high'}")
    assert problems(tmp_path / "tighter") == problems(tmp_path / "looser") == []


@pytest.mark.parametrize("keep", ["kept", "none"])
def test_bytes_that_were_not_kept_are_counted_and_nothing_is_written(
    world: WebWorld, tmp_path: Path, keep: str, capsys: pytest.CaptureFixture[str]
) -> None:
    old = world.build(tmp_path / "old", f"images.keep_images={keep}")
    assert _recut(old, tmp_path / "new", "screens.keep.entropy=[0, inf]") == 1
    said = capsys.readouterr().err
    assert f"{1 if keep == 'kept' else 9} of 9 images" in said
    assert f'images.keep_images = "{keep}"; "all" would have kept them' in said
    assert not (tmp_path / "new").exists()
    assert _recut(old, tmp_path / "new") == (0 if keep == "kept" else 1)


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("fetch.max_redirects=3", "fetch.max_redirects: 8 → 3"),
        ("decode.max_pixels=5000000", "decode.max_pixels"),
        ("manifest.path=other.csv", "manifest.path"),
        ("screens.keep.niqe=[0, 5]", "niqe was not measured"),
        ("screens.keep.nonsense=[0, 5]", "there is no screen 'nonsense'"),
        ("patches.sise=32", "did you mean patches.size"),
        ("images.keep_images=none", "images.keep_images"),
    ],
)
def test_what_a_recut_cannot_change_is_named(
    old: Dataset, tmp_path: Path, setting: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _recut(old, tmp_path / "new", setting) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


def test_a_recut_goes_to_a_place_of_its_own(
    world: WebWorld, old: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _recut(old, Path(old.url)) == 2
    assert "goes to another place" in capsys.readouterr().err
    shutil.copytree(old.url, tmp_path / "copy")
    assert _recut(old, tmp_path / "new") == 0
    assert _recut(open_dataset(str(tmp_path / "copy")), tmp_path / "new") == 2
    assert f"was cut from {old.url}; choose another --out" in capsys.readouterr().err
    assert _recut(old, tmp_path / "copy") == 2
    assert "was built, not cut from another dataset" in capsys.readouterr().err


def test_an_unfinished_dataset_is_not_cut_again(
    old: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(old.url, tmp_path / "half")
    (tmp_path / "half" / fetch_marker("g000-00001")).unlink()
    assert _recut(open_dataset(str(tmp_path / "half")), tmp_path / "new") == 1
    assert "is not fetched to its end" in capsys.readouterr().err
    shutil.rmtree(tmp_path / "half" / "plan")
    assert _recut(open_dataset(str(tmp_path / "half")), tmp_path / "new") == 1
    assert "is not fetched to its end" in capsys.readouterr().err
    assert main(["recut", str(tmp_path / "nowhere"), "--out", str(tmp_path / "new")]) == 1


def test_a_recipe_may_be_given_in_place_of_settings(world: WebWorld, old: Dataset, tmp_path: Path) -> None:
    text = (world.root / "recipe.toml").read_text().replace("size = 64", "size = 96").replace('"small"', '"other"')
    (world.root / "other.toml").write_text(text)
    command = ["recut", old.url, "--out", str(tmp_path / "new"), "--recipe", str(world.root / "other.toml"), *SERIAL]
    assert main(command) == 0
    new = open_dataset(str(tmp_path / "new"))
    assert new.info["name"] == "other"
    assert {row["width"] for row, _ in new} == {96}


def test_stopped_anywhere_it_is_finished_by_the_same_command(
    old: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        changes = kill_after(patch, 10_000)
        assert _recut(old, tmp_path / "undisturbed", "patches.size=32") == 0
    expected = digest(str(tmp_path / "undisturbed"))
    for moment in range(1, len(changes), max(1, len(changes) // 10)):
        shutil.rmtree(tmp_path / "new", ignore_errors=True)
        with monkeypatch.context() as patch:
            kill_after(patch, moment)
            with pytest.raises(KilledError):
                _recut(old, tmp_path / "new", "patches.size=32")
        assert _recut(old, tmp_path / "new", "patches.size=32") == 0
        assert digest(str(tmp_path / "new")) == expected, f"stopped before {changes[moment]}"


def test_what_was_taken_down_stays_so_whenever_it_happens(world: WebWorld, old: Dataset, tmp_path: Path) -> None:
    shutil.copytree(old.url, tmp_path / "old")
    source = open_dataset(str(tmp_path / "old"))
    assert _recut(source, tmp_path / "before") == 0
    assert main(["takedown", source.url, "--url", world.url("a.jpg")]) == 0
    for name in ("after", "before"):
        assert _recut(source, tmp_path / name) == 0
        assert files_with(tmp_path / name, world.url("a.jpg")) == []
        assert problems(tmp_path / name) == []
        new = open_dataset(str(tmp_path / name))
        for row in rows(new).values():
            assert not row["kept"] or new.image_bytes(row)
        with new.store.open("plan/g000/patches.parquet") as file:
            for row in pq.read_table(file).to_pylist():
                assert not row["url"] or new.image_bytes(row)


def test_a_takedown_in_a_recut_says_where_the_bytes_still_are(
    world: WebWorld, old: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _recut(old, tmp_path / "new") == 0
    before = digest(old.url)
    assert main(["takedown", str(tmp_path / "new"), "--url", world.url("d.png")]) == 0
    assert f"the bytes are also in {old.url}" in capsys.readouterr().out
    assert digest(old.url) == before
    assert files_with(tmp_path / "new", world.url("d.png")) == []
    assert problems(tmp_path / "new") == []


def test_a_picture_that_another_dataset_buried_is_left_out(world: WebWorld, old: Dataset, tmp_path: Path) -> None:
    shutil.copytree(old.url, tmp_path / "other")
    assert main(["takedown", str(tmp_path / "other"), "--url", world.url("d.png")]) == 0
    stones = str(tmp_path / "other" / "tombstones.parquet")
    assert _recut(old, tmp_path / "new", f'takedown.tombstones=["{stones}"]') == 0
    new = rows(open_dataset(str(tmp_path / "new")))
    assert [row["reason"] for key, row in new.items() if rows(old)[key]["url"] == world.url("d.png")] == ["taken_down"]


def test_a_missing_table_of_tombstones_is_told(
    old: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _recut(old, tmp_path / "new", f'takedown.tombstones=["{tmp_path}/none.parquet"]') == 2
    assert "none.parquet is no table of tombstones" in capsys.readouterr().err
