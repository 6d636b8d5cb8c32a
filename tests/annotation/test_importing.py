"""Imports into projects: matched by name, never over a person's work, every mask and every item counted."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from annotation import importing
from annotation.exporting import ExportSettings, export_masks
from annotation.formats.files import INDEX_NAME
from annotation.formats.model import FormatError, Reading
from annotation.formats.registry import FORMATS
from annotation.importing import Imported, ImportSettings, import_masks
from annotation.mask import encode_mask
from annotation.project import Project
from annotation.records import State
from annotation.store import ConflictError
from million_ird.errors import UsageError
from tests.annotation.drawn_projects import HEIGHT, WIDTH, draw, layer_of, project_of, shown, some_mask
from tests.annotation.formats.world import LOSSY, png_bytes

PNG = ImportSettings("png")


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """Two pairs, s01/00 and s01/01, that nobody has drawn on."""
    with project_of(tmp_path) as made:
        yield made


def masks_folder(folder: Path, **masks: bytes) -> Path:
    """`s01/NAME.png` for each."""
    (folder / "masks" / "s01").mkdir(parents=True)
    for name, data in masks.items():
        (folder / "masks" / "s01" / f"{name.strip('_')}.png").write_bytes(data)
    return folder / "masks"


def outcomes(done: Imported) -> dict[str, str]:
    return {row.name or row.where: f"{row.outcome}: {row.reason}".rstrip(": ") for row in done.rows}


@pytest.mark.parametrize("form", FORMATS)
def test_what_one_project_exports_another_one_imports(form: str, tmp_path: Path) -> None:
    masks = {"s01/00": some_mask(0), "s01/01": some_mask(1)}
    with project_of(tmp_path, name="one") as one:
        for name, mask in masks.items():
            draw(one, name, mask)
        index = export_masks(one, tmp_path / "out", ExportSettings(form))
    with project_of(tmp_path, name="two") as two:
        done = import_masks(two, tmp_path / "out", ImportSettings())
        assert outcomes(done) == {"s01/00": "imported", "s01/01": "imported"}
        assert done.without_mask == ()
        for name, mask in masks.items():
            assert np.array_equal(shown(two, name), mask) == (form not in LOSSY)
            assert layer_of(two, name).state == "in_progress"
            newest = two.store.history(layer_of(two, name).id)[0]
            assert (newest.kind, newest.annotator) == ("import", "import")
        assert outcomes(import_masks(two, tmp_path / "out", ImportSettings())) == dict.fromkeys(masks, "unchanged")
        assert len(two.store.history(layer_of(two, "s01/00").id)) == 2
    assert len(index.items) == 2


def test_files_are_known_by_the_index_of_their_export_whatever_they_are_called(tmp_path: Path) -> None:
    with project_of(tmp_path, name="one") as one:
        draw(one, "s01/00", some_mask(0))
        export_masks(one, tmp_path / "out", ExportSettings("png"))
    (tmp_path / "out/s01/00.png").rename(tmp_path / "out/0815.png")
    index = json.loads((tmp_path / "out" / INDEX_NAME).read_text())
    index["items"][0]["files"] = ["0815.png"]
    (tmp_path / "out" / INDEX_NAME).write_text(json.dumps(index))
    with project_of(tmp_path, name="two") as two:
        assert outcomes(import_masks(two, tmp_path / "out", ImportSettings())) == {"s01/00": "imported"}


def test_an_interrupted_export_is_not_imported(project: Project, tmp_path: Path) -> None:
    draw(project, "s01/00", some_mask(0))
    export_masks(project, tmp_path / "out", ExportSettings("png"))
    index = json.loads((tmp_path / "out" / INDEX_NAME).read_text())
    (tmp_path / "out" / INDEX_NAME).write_text(json.dumps({**index, "is_complete": False}))
    with pytest.raises(FormatError, match="was interrupted: run it again"):
        import_masks(project, tmp_path / "out", ImportSettings())


def test_files_that_match_nothing_and_items_without_a_file_are_listed(project: Project, tmp_path: Path) -> None:
    place = masks_folder(tmp_path, _00=encode_mask(some_mask()), _77=encode_mask(some_mask()))
    done = import_masks(project, place, PNG)
    assert outcomes(done) == {"s01/00": "imported", "s01/77.png": "refused: fits no item"}
    assert done.without_mask == ("s01/01",)
    assert done.counts() == {"imported": 1, "refused": 1}


def test_hostile_names_of_files_stay_on_one_line(project: Project, tmp_path: Path) -> None:
    place = masks_folder(tmp_path, _00=encode_mask(some_mask()))
    for name in (b"line\nbreak.png", b"\xff\xfe.png", b"\x1b[31mred.png", "\u202egnp.png".encode()):
        Path(os.fsdecode(os.path.join(os.fsencode(place), name))).write_bytes(b"")  # noqa: PTH118  bytes
    done = import_masks(project, place, PNG)
    assert done.counts() == {"imported": 1, "refused": 4}
    for row in done.rows:
        assert row.where.isprintable()
        row.where.encode()


def test_two_masks_for_one_item_are_both_refused(project: Project, tmp_path: Path) -> None:
    place = masks_folder(tmp_path, _00=encode_mask(some_mask()))
    (place / "s01" / "00_blur.png").write_bytes(encode_mask(~some_mask()))
    done = import_masks(project, place, PNG)
    assert [(row.where, row.outcome) for row in done.rows] == [
        ("s01/00.png", "refused"),
        ("s01/00_blur.png", "refused"),
    ]
    assert "2 masks are for one item" in done.rows[0].reason
    assert not shown(project, "s01/00").any()


def test_a_mask_of_another_size_names_both(project: Project, tmp_path: Path) -> None:
    place = masks_folder(tmp_path, _00=encode_mask(np.ones((8, 12), np.bool_)))
    assert outcomes(import_masks(project, place, PNG)) == {"s01/00": "refused: the mask is 12x8, its image 24x16"}


def test_grey_levels_inversion_and_empty_masks_need_to_be_asked_for(project: Project, tmp_path: Path) -> None:
    grey = png_bytes(some_mask().astype(np.uint8) * 90)
    place = masks_folder(tmp_path, _00=grey, _01=encode_mask(np.zeros((HEIGHT, WIDTH), np.bool_)))
    done = outcomes(import_masks(project, place, PNG))
    assert done["s01/00"].startswith("refused: values 0 … 90")
    assert done["s01/01"] == "left alone: nothing in it is blurred (--empty imports it all the same)"
    asked = ImportSettings("png", Reading(any_nonzero=True), inverted=True)
    assert outcomes(import_masks(project, place, asked)) == {"s01/00": "imported", "s01/01": "imported"}
    assert np.array_equal(shown(project, "s01/00"), ~some_mask())
    assert shown(project, "s01/01").all()


def test_an_empty_mask_that_was_asked_for_can_be_done(project: Project, tmp_path: Path) -> None:
    place = masks_folder(tmp_path, _00=encode_mask(np.zeros((HEIGHT, WIDTH), np.bool_)))
    done = import_masks(project, place, ImportSettings("png", empty=True, state="done"))
    assert outcomes(done) == {"s01/00": "imported"}
    layer = layer_of(project, "s01/00")
    assert (layer.state, layer.reason) == ("done", "imported empty")


@pytest.mark.parametrize("state", ["in_progress", "done"])
def test_a_persons_work_stays_unless_asked_and_then_stays_in_the_history(
    state: State, project: Project, tmp_path: Path
) -> None:
    drawn = draw(project, "s01/00", some_mask(1), state)
    place = masks_folder(tmp_path, _00=encode_mask(some_mask(2)))
    assert "a person has drawn" in outcomes(import_masks(project, place, PNG))["s01/00"]
    assert np.array_equal(shown(project, "s01/00"), some_mask(1))
    asked = ImportSettings("png", onto_drawn=True, annotator="Bob", state="needs_review")
    assert outcomes(import_masks(project, place, asked)) == {"s01/00": "imported"}
    layer = layer_of(project, "s01/00")
    assert np.array_equal(shown(project, "s01/00"), some_mask(2))
    assert (layer.undo, layer.state, layer.annotator) == (drawn.head, "needs_review", "Bob")
    assert np.array_equal(project.store.mask(layer.id, drawn.head), some_mask(1))


def test_what_a_person_undid_or_skipped_is_their_work_too(project: Project, tmp_path: Path) -> None:
    drawn = draw(project, "s01/00", some_mask(1), None)
    assert drawn.undo is not None
    project.store.move_head(drawn.id, "0" * 32, drawn.undo, drawn.head, "Ada")
    skipped = layer_of(project, "s01/01")
    project.store.set_state(skipped.id, "skipped", "all of it moves", skipped.version, "Ada")
    place = masks_folder(tmp_path, _00=encode_mask(some_mask(2)), _01=encode_mask(some_mask(2)))
    assert import_masks(project, place, PNG).counts() == {"left alone": 2}


def test_proposals_and_earlier_imports_are_replaced(project: Project, tmp_path: Path) -> None:
    project.store.add_proposal(layer_of(project, "s01/00").id, some_mask(1), 0.5, "")
    place = masks_folder(tmp_path, _00=encode_mask(some_mask(2)))
    assert import_masks(project, place, PNG).counts() == {"imported": 1}
    assert not layer_of(project, "s01/00").is_proposal
    (place / "s01" / "00.png").write_bytes(encode_mask(some_mask(3)))
    assert import_masks(project, place, PNG).counts() == {"imported": 1}
    assert np.array_equal(shown(project, "s01/00"), some_mask(3))


def test_a_mask_equal_to_a_proposal_is_a_persons_now(project: Project, tmp_path: Path) -> None:
    project.store.add_proposal(layer_of(project, "s01/00").id, some_mask(2), 0.5, "")
    place = masks_folder(tmp_path, _00=encode_mask(some_mask(2)))
    assert import_masks(project, place, PNG).counts() == {"imported": 1}
    assert not layer_of(project, "s01/00").is_proposal


def test_second_opinions_need_a_second_layer(project: Project, tmp_path: Path) -> None:
    place = masks_folder(tmp_path, _00=encode_mask(some_mask(2)))
    second = ImportSettings("png", layer=2)
    assert outcomes(import_masks(project, place, second)) == {"s01/00": "refused: the item has no layer 2"}
    project.store.ask_second(layer_of(project, "s01/00").item, "Ada")
    assert import_masks(project, place, second).counts() == {"imported": 1}
    assert np.array_equal(shown(project, "s01/00", 2), some_mask(2))
    assert not shown(project, "s01/00").any()


def test_a_plan_changes_nothing(project: Project, tmp_path: Path) -> None:
    place = masks_folder(tmp_path, _00=encode_mask(some_mask(2)))
    assert import_masks(project, place, ImportSettings("png", only_plan=True)).counts() == {"imported": 1}
    assert len(project.store.history(layer_of(project, "s01/00").id)) == 1
    assert layer_of(project, "s01/00").state == "todo"


def test_an_import_that_died_before_it_set_the_state_goes_on(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = masks_folder(tmp_path, _00=encode_mask(some_mask(2)))
    done = ImportSettings("png", state="done")

    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(type(project.store), "set_state", dies)
        import_masks(project, place, done)
    assert layer_of(project, "s01/00").state != "done"
    assert import_masks(project, place, done).counts() == {"unchanged": 1}
    assert layer_of(project, "s01/00").state == "done"


def test_importing_again_takes_nothing_back_from_what_a_person_called_done(project: Project, tmp_path: Path) -> None:
    place = masks_folder(tmp_path, _00=encode_mask(some_mask(2)))
    import_masks(project, place, PNG)
    layer = layer_of(project, "s01/00")
    project.store.set_state(layer.id, "done", "", layer.version, "Ada")
    assert import_masks(project, place, PNG).counts() == {"unchanged": 1}
    assert layer_of(project, "s01/00").state == "done"


def test_somebody_who_draws_at_the_same_moment_keeps_their_stroke(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = masks_folder(tmp_path, _00=encode_mask(some_mask(2)))
    real = importing._append

    def late(*arguments):  # type: ignore[no-untyped-def]
        draw(project, "s01/00", some_mask(5), None)
        return real(*arguments)

    monkeypatch.setattr(importing, "_append", late)
    done = import_masks(project, place, PNG)
    assert done.counts() == {"refused": 1}
    assert str(ConflictError(layer_of(project, "s01/00"), stored=True))[:30] in done.rows[0].reason
    assert np.array_equal(shown(project, "s01/00"), some_mask(5))


def test_names_without_folders_match_only_when_asked(project: Project, tmp_path: Path) -> None:
    (tmp_path / "flat").mkdir()
    (tmp_path / "flat" / "00.png").write_bytes(encode_mask(some_mask(2)))
    assert import_masks(project, tmp_path / "flat", PNG).counts() == {"refused": 1}
    assert import_masks(project, tmp_path / "flat", ImportSettings("png", by_basename=True)).counts() == {"imported": 1}


@pytest.mark.parametrize("form", [form for form in FORMATS if form not in LOSSY])
def test_the_files_of_other_tools_say_what_they_are(form: str, tmp_path: Path) -> None:
    with project_of(tmp_path, name="one") as one:
        draw(one, "s01/00", some_mask(0))
        export_masks(one, tmp_path / "out", ExportSettings(form))
    (tmp_path / "out" / INDEX_NAME).unlink()
    with project_of(tmp_path, name="two") as two:
        done = import_masks(two, tmp_path / "out", ImportSettings())
        assert done.format == form.removesuffix("-uncompressed")
        assert outcomes(done) == {"s01/00": "imported"}
        assert np.array_equal(shown(two, "s01/00"), some_mask(0))


def test_a_format_must_be_named_where_files_say_nothing(project: Project, tmp_path: Path) -> None:
    place = masks_folder(tmp_path, _00=encode_mask(some_mask()))
    (place / "a.xml").write_text("<annotations/>")
    with pytest.raises(UsageError, match="may be of several formats, or of none: name it with --format"):
        import_masks(project, place, ImportSettings())
    (place / "a.xml").rename(place / "a.json")
    with pytest.raises(UsageError, match="name it with --format"):
        import_masks(project, place / "a.json", ImportSettings())
    for settings in (PNG, ImportSettings()):
        with pytest.raises(FormatError, match="there is no file or folder"):
            import_masks(project, tmp_path / "nothing", settings)


def test_settings_that_cannot_be() -> None:
    with pytest.raises(UsageError, match="layers 1 and 2, not 0"):
        ImportSettings(layer=0)
    with pytest.raises(UsageError, match="not skipped"):
        ImportSettings(state="skipped")


def test_human_masks_of_photographs(shared_data: Path, tmp_path: Path) -> None:
    from annotation.project import create_project
    from annotation.sources import FolderSource

    cuhk = shared_data / "blur" / "cuhk"
    with create_project(tmp_path / "project", FolderSource.at(str(cuhk / "image"))) as project:
        done = import_masks(project, cuhk / "mask", ImportSettings("png", state="done"))
        assert done.counts() == {"imported": len(list((cuhk / "mask").iterdir()))}
        assert done.without_mask == ()
        for form in ("coco-rle", "cvat", "label-studio", "labelme", "shards"):
            index = export_masks(project, tmp_path / form, ExportSettings(form))
            assert {item.iou for item in index.items} == {1.0}
        polygons = export_masks(project, tmp_path / "polygons", ExportSettings("coco-polygons"))
        assert all(item.iou == 1 for item in polygons.items if not item.note)
        assert min(item.iou for item in polygons.items) > 0.8
