"""Projects are made, opened, added to, and never overwritten."""

from __future__ import annotations

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
        assert store.counts()["todo"] == store.count() == 10_000
        with store._connections.plain() as connection:
            connection.set_trace_callback(None)
            listing = [query for query in queries if query.startswith("SELECT i.id")]
            plans = [row[3] for query in listing for row in connection.execute(f"EXPLAIN QUERY PLAN {query}")]
        assert len(listing) == 2
        assert [plan for plan in plans if plan.startswith("SCAN") and plan != "SCAN page"] == []


def test_drawing_outside_one_item_leaves_the_others_alone(tmp_path: Path) -> None:
    source = _folder(write_pictures(tmp_path / "photos", "a.png", "b.png"))
    with create_project(tmp_path / "p", source) as project:
        store: MaskStore = project.store
        other = store.layer(2)
        draw(store, 1, Rect(0, 0, 24, 16))
        assert store.layer(2) == other
        assert not store.mask(2).any()
