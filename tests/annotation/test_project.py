"""Projects are made, opened, added to, and never overwritten."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from annotation.description import PROJECT
from annotation.project import MASKS, Added, create_project, new_project, open_project
from annotation.records import Rect
from annotation.sources import FolderSource
from annotation.store import MaskStore, Refused
from million_ird.errors import StoreError, UsageError
from tests.annotation.picture_folders import encoded, noise, write_pictures
from tests.annotation.store.strokes import draw, small_item

_ROOT = Path(__file__).resolve().parents[2]


def _folder(path: Path) -> FolderSource:
    return FolderSource.at(str(path))


def test_a_project_has_the_items_of_its_folder_and_can_be_opened_again(tmp_path: Path) -> None:
    source = _folder(write_pictures(tmp_path / "photos", "a.png", "b/c_blur.png", "b/c_sharp.png"))
    with create_project(tmp_path / "p", source, "Wheels") as project:
        assert (project.name, project.folder) == ("Wheels", tmp_path / "p")
        draw(project.store, 1)
    with open_project(tmp_path / "p") as project:
        assert project.name == "Wheels"
        assert [(item.name, item.is_pair) for item in project.store.every_item()] == [("a", False), ("b/c", True)]
        assert project.store.mask(1).sum() == 12
        assert list(project.verify()) == []
    assert sorted(path.name for path in (tmp_path / "p").iterdir()) == [MASKS, PROJECT]


def _made_by_an_earlier_version(folder: Path) -> None:
    """Takes from a project what version 1 of its file had not."""
    record = json.loads((folder / PROJECT).read_text())
    del record["id"]
    (folder / PROJECT).write_text(json.dumps(record | {"version": 1}))


def test_a_project_is_told_from_every_other_for_ever(tmp_path: Path) -> None:
    source = _folder(write_pictures(tmp_path / "photos", "a.png"))
    ids = []
    for place in ("p", "q"):
        with new_project(tmp_path / place, "Wheels") as project:
            ids.append(project.identity())
            project.add(source)
            assert project.identity() == ids[-1]
        with open_project(tmp_path / place) as project:
            assert project.identity() == ids[-1]
    assert len(set(ids)) == 2


def test_a_copy_is_the_same_project_until_the_line_with_its_id_is_taken_out(tmp_path: Path) -> None:
    with new_project(tmp_path / "p", "Wheels") as project:
        original = project.identity()
    shutil.copytree(tmp_path / "p", tmp_path / "copy")
    with open_project(tmp_path / "copy") as project:
        assert project.identity() == original
    lines = (tmp_path / "copy" / PROJECT).read_text().splitlines(keepends=True)
    (tmp_path / "copy" / PROJECT).write_text("".join(line for line in lines if '"id"' not in line))
    with open_project(tmp_path / "copy") as project:
        assert len(project.identity()) == 32 and project.identity() != original


def test_a_project_of_an_earlier_version_gets_one_identity_whoever_asks(tmp_path: Path) -> None:
    new_project(tmp_path / "p", "Wheels").close()
    _made_by_an_earlier_version(tmp_path / "p")
    before = (tmp_path / "p" / PROJECT).read_bytes()

    def ask(_: int) -> str:
        with open_project(tmp_path / "p") as project:
            return project.identity()

    with open_project(tmp_path / "p") as late:
        assert (tmp_path / "p" / PROJECT).read_bytes() == before  # looking at it changes nothing
        with ThreadPoolExecutor(6) as pool:
            ids = set(pool.map(ask, range(12)))
        assert ids == {late.identity()} == {ask(0)} and all(ids)
    assert json.loads((tmp_path / "p" / PROJECT).read_text())["version"] == 2  # who would drop it refuses the file
    assert sorted(path.name for path in (tmp_path / "p").iterdir()) == [MASKS, PROJECT]


def test_adding_to_a_project_of_an_earlier_version_keeps_what_it_says(tmp_path: Path) -> None:
    source = _folder(write_pictures(tmp_path / "photos", "a.png"))
    new_project(tmp_path / "p", "Wheels", 0.5).close()
    _made_by_an_earlier_version(tmp_path / "p")
    with open_project(tmp_path / "p") as project:
        project.add(source)
        described = project.description
        assert described.id == project.identity()
    with open_project(tmp_path / "p") as project:
        assert project.description == described
        assert (described.name, described.second_opinions, len(described.sources)) == ("Wheels", 0.5, 1)


_ASK = """
import os, sys
from pathlib import Path
from annotation.project import open_project
from million_ird.errors import StoreError
if os.geteuid() == 0:  # who may write anywhere
    os.setegid(65534)
    os.seteuid(65534)
try:
    with open_project(Path(sys.argv[1])) as project:
        project.identity()
except StoreError as error:
    print(error)
"""


def test_a_project_of_an_earlier_version_in_a_read_only_folder_ends_in_one_line() -> None:
    """Not below pytest's own folder, which other users may not enter."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        new_project(folder).close()
        _made_by_an_earlier_version(folder)
        before = (folder / PROJECT).read_bytes()
        folder.chmod(0o555)
        done = subprocess.run([sys.executable, "-c", _ASK, name], capture_output=True, text=True, cwd=_ROOT)
        folder.chmod(0o755)
        assert (folder / PROJECT).read_bytes() == before
    assert (done.returncode, done.stderr) == (0, "")
    assert "it or its folder is read-only; change the permissions" in done.stdout


def test_running_again_adds_what_is_new_and_touches_nothing(tmp_path: Path) -> None:
    photos = write_pictures(tmp_path / "photos", "b.png", "c.png")
    (photos / "page.png").write_text("<!doctype html>")
    with create_project(tmp_path / "p", _folder(photos)) as project:
        draw(project.store, 1)
        before = [project.store.layer(1), project.store.item(1), project.store.item(2)]
        write_pictures(photos, "a.png")
        (photos / "page.png").write_bytes(encoded(noise(9)))  # was refused, can be used now
        assert project.add(_folder(photos)) == Added(2, 2, ())
        assert [project.store.layer(1), project.store.item(1), project.store.item(2)] == before
        assert [item.name for item in project.store.every_item()] == ["b", "c", "a", "page"]
        assert project.store.refused() == []
        assert list(project.sources) == [1]


def test_a_second_source_gets_names_of_its_own(tmp_path: Path) -> None:
    first, second = (write_pictures(tmp_path / name, "00.png", "01.jpg") for name in ("one", "two"))
    with create_project(tmp_path / "p", _folder(first)) as project:
        assert project.add(_folder(second)).items == 2
        assert [item.name for item in project.store.every_item()] == ["00", "01", "00.png", "01.jpg"]
        assert [item.source for item in project.store.every_item()] == [1, 1, 2, 2]
        assert not np.array_equal(
            project.pictures.pixels(project.store.item(1)), project.pictures.pixels(project.store.item(4))
        )


def test_every_file_is_an_item_or_refused_with_a_reason(tmp_path: Path) -> None:
    photos = write_pictures(tmp_path / "photos", "good.png", "lonely_sharp.png", "d_blur.png")
    (photos / "d_sharp.png").write_bytes(encoded(noise(1, 8, 8)))
    (photos / "empty.jpg").write_bytes(b"")
    (photos / "notes.txt").write_text("text")
    (photos / "cut.png").write_bytes(encoded(noise(3))[:-30])
    (photos / "clear.png").write_bytes(encoded(np.zeros((8, 8, 4), np.uint8)))
    with new_project(tmp_path / "p") as project:
        added = project.add(_folder(photos))
        reasons = {refused.place: refused.reason for refused in added.refused}
        assert added.items == 1
        assert reasons == {
            "lonely_sharp.png": "no_blurred_frame",
            "d_blur.png": "sizes_differ",
            "empty.jpg": "empty",
            "notes.txt": "not_an_image_name",
            "cut.png": "truncated",
            "clear.png": "alpha",
        }
        assert {row.place: row.reason for _, row in project.store.refused()} == reasons
        assert project.add(_folder(photos)).refused  # said again, stored once
        assert len(project.store.refused()) == 6


def test_damage_behind_the_header_is_found_only_by_decoding(tmp_path: Path) -> None:
    photos = write_pictures(tmp_path / "photos", "a.jpg")
    (photos / "b.jpg").write_bytes(encoded(noise(1, 300, 200), "JPEG")[:-9000])
    with new_project(tmp_path / "p") as project:
        assert project.add(_folder(photos), decodes=True).refused[0].reason == "truncated"
    with new_project(tmp_path / "q") as project:
        assert project.add(_folder(photos)).items == 2


def test_second_opinions_are_asked_for_by_name_alone(tmp_path: Path) -> None:
    photos = write_pictures(tmp_path / "photos", *(f"{number:03d}.png" for number in range(60)))
    chosen = []
    for place in ("p", "q"):
        with create_project(tmp_path / place, _folder(photos), second_opinions=0.5) as project:
            chosen.append([row.name for row in project.store.items() if len(row.layers) == 2])
    assert chosen[0] == chosen[1]
    assert 15 < len(chosen[0]) < 45
    for share, layers in ((0.0, 1), (1.0, 2)):
        with create_project(tmp_path / f"p{share}", _folder(photos), second_opinions=share) as project:
            assert {len(row.layers) for row in project.store.items()} == {layers}


def test_a_project_is_never_made_over_another(tmp_path: Path) -> None:
    source = _folder(write_pictures(tmp_path / "photos", "a.png"))
    create_project(tmp_path / "p", source).close()
    with pytest.raises(UsageError, match="is a project already; its masks are never overwritten"):
        create_project(tmp_path / "p", source)
    with pytest.raises(UsageError, match="between 0 and 1"):
        create_project(tmp_path / "q", source, second_opinions=2)
    (tmp_path / "p" / PROJECT).unlink()
    with pytest.raises(StoreError, match=r"masks of 1 items, but project\.json is missing: restore it"):
        create_project(tmp_path / "p", source)


def test_what_a_killed_creation_left_is_used_again(tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / f"{MASKS}.part").write_bytes(b"half a file")
    new_project(tmp_path / "p").close()
    (tmp_path / "p" / PROJECT).unlink()  # killed between the two files
    source = _folder(write_pictures(tmp_path / "photos", "a.png"))
    with create_project(tmp_path / "p", source) as project:
        assert project.store.count() == 1
    assert sorted(path.name for path in (tmp_path / "p").iterdir()) == [MASKS, PROJECT]


def test_a_description_without_its_store_ends_in_one_line(tmp_path: Path) -> None:
    new_project(tmp_path / "p").close()
    (tmp_path / "p" / MASKS).unlink()
    with pytest.raises(StoreError, match=r"there is no .*masks\.sqlite"):
        open_project(tmp_path / "p")
    assert not (tmp_path / "p" / MASKS).exists()


def test_a_source_that_cannot_be_read_is_not_written_down(tmp_path: Path) -> None:
    class Broken(FolderSource):
        def candidates(self):  # type: ignore[no-untyped-def]
            raise UsageError("cannot be read")

    with new_project(tmp_path / "p") as project:
        with pytest.raises(UsageError):
            project.add(Broken(str(tmp_path)))
        assert dict(project.sources) == {}
    with open_project(tmp_path / "p") as project:
        assert dict(project.sources) == {}


def test_pictures_that_another_process_added_are_shown(tmp_path: Path) -> None:
    first, second = (write_pictures(tmp_path / name, "a.png") for name in ("one", "two"))
    with create_project(tmp_path / "p", _folder(first)) as served:
        with open_project(tmp_path / "p") as other:
            other.add(_folder(second))
        assert np.array_equal(served.pictures.pixels(served.store.item(2)), noise(0))


def test_two_that_add_at_once_give_their_sources_numbers_of_their_own(tmp_path: Path) -> None:
    places = [write_pictures(tmp_path / f"{number}", "a.png") for number in range(6)]
    new_project(tmp_path / "p").close()

    def add(place: Path) -> None:
        with open_project(tmp_path / "p") as project:
            project.add(_folder(place))

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(add, places))
    with open_project(tmp_path / "p") as project:
        assert sorted(source.place for source in project.sources.values()) == sorted(map(str, places))
        assert {item.source for item in project.store.every_item()} == set(range(1, 7))
        assert list(project.verify()) == []


def test_of_many_that_make_one_project_one_does(tmp_path: Path) -> None:
    def make(_: int) -> bool:
        try:
            new_project(tmp_path / "p").close()
        except UsageError:
            return False
        return True

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(make, range(6))) == 1


def test_ten_thousand_items_are_listed_by_keys(tmp_path: Path) -> None:
    """Every page is found through an index, whatever its place: the plans name no scan of a whole table."""
    with new_project(tmp_path / "p") as project:
        store = project.store
        store.add_items(1, [small_item(f"{number:05d}") for number in range(10_000)])
        store.add_items(1, [Refused("x", "y")])
        queries: list[str] = []
        with store._connections.plain() as connection:
            connection.set_trace_callback(queries.append)
        assert [row.id for row in store.items(9_000, 2)] == [9_001, 9_002]
        assert [row.id for row in store.items(9_000, 2, "todo")] == [9_001, 9_002]
        assert [row.id for row in store.search("0999", 9_000, 2, "todo")[0]] == [9_991, 9_992]
        assert [row.id for row in store.search("0999", 9_000, 2)[0]] == [9_991, 9_992]
        assert store.counts()["todo"] == store.count() == 10_000
        with store._connections.plain() as connection:
            connection.set_trace_callback(None)
            listing = [query for query in queries if query.startswith("SELECT i.id")]
            plans = [row[3] for query in listing for row in connection.execute(f"EXPLAIN QUERY PLAN {query}")]
        assert len(listing) == 4
        assert [plan for plan in plans if plan.startswith("SCAN") and plan != "SCAN page"] == []


def test_drawing_outside_one_item_leaves_the_others_alone(tmp_path: Path) -> None:
    source = _folder(write_pictures(tmp_path / "photos", "a.png", "b.png"))
    with create_project(tmp_path / "p", source) as project:
        store: MaskStore = project.store
        other = store.layer(2)
        draw(store, 1, Rect(0, 0, 24, 16))
        assert store.layer(2) == other
        assert not store.mask(2).any()
