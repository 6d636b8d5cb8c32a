"""Exports of whole projects: what is taken, what is left out and why, and what stays when something goes wrong."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from annotation import exporting
from annotation.exporting import ExportSettings, export_masks, iou_of
from annotation.formats.files import INDEX_NAME
from annotation.formats.index import Index, read_index
from annotation.formats.model import FormatError, Written
from annotation.formats.png import FORMAT as PNG
from annotation.formats.registry import FORMATS
from annotation.importing import ImportSettings, import_masks
from annotation.mask import decode_mask
from annotation.project import Project
from million_ird.errors import StoreError, UsageError
from million_ird.store import PART
from tests.annotation.drawn_projects import draw, layer_of, project_of, shown, some_mask
from tests.annotation.formats.world import LOSSY


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """Two pairs, s01/00 and s01/01, drawn and done; and a single frame that nobody has looked at."""
    pictures = ("s01/00_blur.png", "s01/00_sharp.png", "s01/01_blur.jpg", "s01/01_sharp.png", "alone.png")
    with project_of(tmp_path, pictures) as made:
        draw(made, "s01/00", some_mask(0))
        draw(made, "s01/01", some_mask(1))
        yield made


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_exports_what_is_done_and_running_it_again_changes_nothing(
    form: str, project: Project, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    index = export_masks(project, out, ExportSettings(form))
    assert [item.name for item in index.items] == ["s01/00", "s01/01"]
    assert [item.blurred_pixels for item in index.items] == [int(some_mask(0).sum()), int(some_mask(1).sum())]
    assert {item.iou < 1 for item in index.items} == {form in LOSSY}
    assert index.left_out == (("alone", "in state todo"),)
    assert read_index(out) == index
    assert set(contents(out)) == {*index.files, INDEX_NAME}
    before = contents(out)
    assert export_masks(project, out, ExportSettings(form)) == index
    assert contents(out) == before


def test_the_index_maps_every_file_to_its_item(project: Project, tmp_path: Path) -> None:
    export_masks(project, tmp_path / "out", ExportSettings("png"))
    content = json.loads((tmp_path / "out" / INDEX_NAME).read_text())
    first = content["items"][0]
    assert (first["name"], first["file_name"], first["files"]) == ("s01/00", "s01/00_blur.png", ["s01/00.png"])
    assert np.array_equal(decode_mask((tmp_path / "out" / "s01/00.png").read_bytes()), some_mask(0))


def test_states_layers_and_patterns_choose(project: Project, tmp_path: Path) -> None:
    draw(project, "alone", some_mask(2), "needs_review")
    project.store.ask_second(layer_of(project, "s01/01").item, "Bob")
    draw(project, "s01/01", some_mask(3), number=2)

    def names(settings: ExportSettings, out: str) -> list[str]:
        return [item.name for item in export_masks(project, tmp_path / out, settings).items]

    everything = ("todo", "in_progress", "done", "needs_review", "skipped")
    assert names(ExportSettings("png", states=("needs_review",)), "a") == ["alone"]
    assert names(ExportSettings("png", states=everything), "b") == ["alone", "s01/00", "s01/01"]
    assert names(ExportSettings("png", only="s01/*1"), "c") == ["s01/01"]
    second = export_masks(project, tmp_path / "d", ExportSettings("png", layer=2))
    assert [item.name for item in second.items] == ["s01/01"]
    assert dict(second.left_out) == {"alone": "without a layer 2", "s01/00": "without a layer 2"}
    assert np.array_equal(decode_mask((tmp_path / "d/s01/01.png").read_bytes()), some_mask(3))


def test_proposals_are_left_out_unless_asked_for(project: Project, tmp_path: Path) -> None:
    layer = layer_of(project, "alone")
    project.store.add_proposal(layer.id, some_mask(4), 0.5, "")
    states = ("todo", "in_progress")
    with pytest.raises(FormatError, match="1 a proposal that nobody has accepted"):
        export_masks(project, tmp_path / "out", ExportSettings("png", states=states))
    assert not (tmp_path / "out").exists()
    index = export_masks(project, tmp_path / "out", ExportSettings("png", states=states, proposals=True))
    assert [item.name for item in index.items] == ["alone"]


def test_a_single_frame_has_no_place_among_pairs(project: Project, tmp_path: Path) -> None:
    draw(project, "alone", some_mask(2))
    index = export_masks(project, tmp_path / "out", ExportSettings("lmd-vit"))
    assert index.left_out == (("alone", "without the sharp picture that the format needs"),)


def test_an_item_whose_picture_is_gone_is_left_out_and_its_mask_is_not(project: Project, tmp_path: Path) -> None:
    (tmp_path / "pictures/s01/00_sharp.png").unlink()
    index = export_masks(project, tmp_path / "shards", ExportSettings("shards"))
    assert [item.name for item in index.items] == ["s01/01"]
    assert "s01/00_sharp.png" in dict(index.left_out)["s01/00"]
    assert len(export_masks(project, tmp_path / "png", ExportSettings("png")).items) == 2
    (tmp_path / "pictures/s01/01_blur.jpg").unlink()
    with pytest.raises(FormatError, match="nothing to export: of 3 items"):
        export_masks(project, tmp_path / "none", ExportSettings("shards"))
    assert not (tmp_path / "none").exists()


def test_one_damaged_mask_does_not_keep_the_others_back(project: Project, tmp_path: Path) -> None:
    import sqlite3

    head = layer_of(project, "s01/00").head
    with contextlib.closing(sqlite3.connect(project.store.path)) as db, db:
        for (trigger,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            db.execute(f"DROP TRIGGER {trigger}")  # what forbids this to everybody else
        db.execute("UPDATE revision SET mask = x'00' WHERE id = ?", (head,))
    index = export_masks(project, tmp_path / "out", ExportSettings("coco-rle"))
    assert [item.name for item in index.items] == ["s01/01"]
    assert dict(index.left_out)["s01/00"].startswith("with a damaged mask in the store")
    done = import_masks(project, tmp_path / "out", ImportSettings(onto_drawn=True))
    assert done.counts() == {"unchanged": 1}


def test_a_foreign_folder_is_refused(project: Project, tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.tex").write_text("years of work")
    with pytest.raises(UsageError, match="holds files that no export wrote"):
        export_masks(project, tmp_path / "thesis", ExportSettings("png"))
    with pytest.raises(UsageError, match="is a file"):
        export_masks(project, tmp_path / "thesis" / "chapter.tex", ExportSettings("png"))
    export_masks(project, tmp_path / "out", ExportSettings("png"))
    with pytest.raises(UsageError, match="holds an export as png: choose another folder for cvat"):
        export_masks(project, tmp_path / "out", ExportSettings("cvat"))
    assert contents(tmp_path / "thesis") == {"chapter.tex": b"years of work"}


def test_files_of_masks_that_are_no_longer_done_go_and_other_files_stay(project: Project, tmp_path: Path) -> None:
    out = tmp_path / "out"
    export_masks(project, out, ExportSettings("png"))
    (out / "notes.txt").write_text("mine")
    layer = layer_of(project, "s01/01")
    project.store.set_state(layer.id, "in_progress", "", layer.version, "Ada")
    export_masks(project, out, ExportSettings("png"))
    assert set(contents(out)) == {"s01/00.png", "notes.txt", INDEX_NAME}


def test_an_index_that_was_changed_cannot_make_the_export_remove_other_files(project: Project, tmp_path: Path) -> None:
    out = tmp_path / "out"
    export_masks(project, out, ExportSettings("png"))
    (tmp_path / "precious").write_text("x")
    index = json.loads((out / INDEX_NAME).read_text())
    index["files"].append("../precious")
    (out / INDEX_NAME).write_text(json.dumps(index))
    export_masks(project, out, ExportSettings("png"))
    assert (tmp_path / "precious").exists()


def test_what_was_interrupted_can_be_run_again(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    real = Path.replace
    moved = 0

    def dies(self: Path, target: Path) -> Path:
        nonlocal moved
        moved += self.suffix == ".png"  # not the index
        if moved == 2:
            raise KeyboardInterrupt
        return real(self, target)

    monkeypatch.setattr(Path, "replace", dies)
    with pytest.raises(KeyboardInterrupt):
        export_masks(project, out, ExportSettings("png"))
    monkeypatch.undo()
    half = read_index(out)
    assert half is not None
    assert not half.is_complete
    assert export_masks(project, out, ExportSettings("png")).is_complete
    assert set(contents(out)) == {"s01/00.png", "s01/01.png", INDEX_NAME}


@pytest.mark.parametrize("damage", ["differs", "missing", "broken", "twice"])
def test_what_does_not_come_back_as_it_was_is_never_called_done(
    damage: str, project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def writes_badly(masks, folder, writing):  # type: ignore[no-untyped-def]
        for written in PNG.write(masks, folder, writing):
            path = folder / written.files[0]
            if damage == "differs":
                path.write_bytes((folder / "s01/00.png").read_bytes())
            elif damage == "missing":
                path.rename(path.with_suffix(".txt"))
                (folder / "alone.png").write_bytes(b"")
            elif damage == "broken":
                path.write_bytes(path.read_bytes()[:-20])
            else:
                path.with_suffix(".bmp").write_bytes(path.read_bytes())
            yield written

    spoilt = exporting.Format("png", writes_badly, PNG.read)
    monkeypatch.setattr(exporting, "open_format", lambda _name: spoilt)
    with pytest.raises(
        Exception, match=r"differs|does not come back|fits no item|cannot be read back|comes back twice"
    ):
        export_masks(project, tmp_path / "out", ExportSettings("png"))
    assert not (tmp_path / "out").exists()


def test_what_a_killed_export_left_is_cleaned_up(project: Project, tmp_path: Path) -> None:
    left = tmp_path / "out" / PART / f"{socket.gethostname()}-999999999-0"
    left.mkdir(parents=True)
    (left / "a.png").write_bytes(b"half")
    export_masks(project, tmp_path / "out", ExportSettings("png"))
    assert set(contents(tmp_path / "out")) == {"s01/00.png", "s01/01.png", INDEX_NAME}
    assert not (tmp_path / "out" / PART).exists()


def test_what_is_drawn_while_the_export_runs_does_not_mix_in(project: Project, tmp_path: Path) -> None:
    def draws(name: str) -> None:
        if name == "s01/00":
            draw(project, "s01/01", ~shown(project, "s01/01"), None)

    index = export_masks(project, tmp_path / "out", ExportSettings("png"), draws)
    assert index.items[1].blurred_pixels == some_mask(1).sum()


def test_a_folder_that_cannot_be_written_is_one_line(project: Project, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot write"):
        export_masks(project, tmp_path / "file" / "out", ExportSettings("png"))


def test_a_damaged_index_is_one_line(project: Project, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    for content in ("", "[]", '{"what": "other"}', '{"what": "million-ird export of masks", "version": 99}'):
        (tmp_path / "out" / INDEX_NAME).write_text(content)
        with pytest.raises(UsageError, match="choose another folder"):
            export_masks(project, tmp_path / "out", ExportSettings("png"))


def test_settings_that_cannot_be() -> None:
    with pytest.raises(UsageError, match="layers 1 and 2, not 3"):
        ExportSettings("png", layer=3)
    with pytest.raises(UsageError, match="states are"):
        ExportSettings("png", states=())
    with pytest.raises(UsageError, match="there is no format 'tiff'"):
        exporting.open_format("tiff")


def test_the_overlap_of_two_masks() -> None:
    empty, half = np.zeros((2, 2), np.bool_), np.array([[True, True], [False, False]])
    assert iou_of(empty, empty) == 1
    assert iou_of(empty, half) == 0
    assert iou_of(half, ~empty) == 0.5


def test_equal_indices_read_back_equal(tmp_path: Path) -> None:
    index = Index("png", "p", 1, True, (), (("a", "b"),), ("x",))
    (tmp_path / INDEX_NAME).write_bytes(exporting.to_json(exporting.to_table(index)))
    assert read_index(tmp_path) == index
    assert Written("a", ("x",)).note == ""
