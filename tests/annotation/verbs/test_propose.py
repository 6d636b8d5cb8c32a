from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from annotation.project import Project, create_project
from annotation.records import Layer, Rect
from annotation.sources import FolderSource
from annotation.verbs.propose import main
from million_ird.errors import UsageError
from million_ird.pixels import encode_png
from tests.annotation.scenes import scene

PAIRS = 3


def make_project(folder: Path, second_opinions: float = 0.0) -> Project:
    """A project of three pairs, the last without any movement, and one single frame."""
    pictures = folder / "pictures"
    pictures.mkdir(parents=True)
    for seed in range(PAIRS):
        blurred, sharp, _ = scene(seed)
        (pictures / f"{seed}_blur.png").write_bytes(encode_png(sharp if seed == PAIRS - 1 else blurred))
        (pictures / f"{seed}_sharp.png").write_bytes(encode_png(sharp))
    (pictures / "alone.png").write_bytes(encode_png(scene(9)[0]))
    return create_project(folder / "project", FolderSource.at(str(pictures)), second_opinions=second_opinions)


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with make_project(tmp_path) as made:
        yield made


@pytest.fixture
def run(project: Project, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    def call(*arguments: str) -> tuple[int, str]:
        code = main([str(project.folder), "--processes", "1", *arguments])
        captured = capsys.readouterr()
        return code, captured.out + captured.err

    return call


def layer(project: Project, name: str) -> Layer:
    item = next(item for item in project.store.every_item() if item.name.startswith(name))
    return project.store.layers(item.id)[0]


def test_proposals_are_stored_told_and_made_once(project: Project, run: Callable[..., tuple[int, str]]) -> None:
    code, said = run()
    assert code == 0
    assert "propose: 4/4 items" in said
    for seed in range(PAIRS - 1):
        shown, truth = layer(project, str(seed)), scene(seed)[2]
        mask = project.store.mask(shown.id)
        assert shown.is_proposal
        assert shown.state == "todo"  # nothing is accepted for anybody
        assert shown.annotator == ""
        assert (mask & truth).sum() / (mask | truth).sum() > 0.6
        assert 0.3 < (shown.confidence or 0) <= 1
        note = project.store.history(shown.id)[0].note
        assert "shift" in note
        assert "correlation" in note
    still = layer(project, str(PAIRS - 1))
    assert still.is_proposal
    assert still.confidence == 0
    assert not project.store.mask(still.id).any()
    assert "nothing found" in said

    heads = [layer(project, str(seed)).head for seed in range(PAIRS)]
    code, said = run()
    assert code == 0
    assert "has a proposal  4" in said
    assert [layer(project, str(seed)).head for seed in range(PAIRS)] == heads
    code, said = run("--again", "--items", "0*")
    assert layer(project, "0").head != heads[0]
    assert layer(project, "1").head == heads[1]


def test_what_a_person_did_is_left_alone(project: Project, run: Callable[..., tuple[int, str]]) -> None:
    drawn, finished, undone = (layer(project, str(seed)) for seed in range(3))
    rect, values = Rect(0, 0, 4, 4), np.ones((4, 4), np.bool_)
    project.store.append(drawn.id, uuid.uuid4().hex, drawn.head, "brush", "Ada", rect, values)
    project.store.set_state(finished.id, "skipped", "too dark", finished.version, "Ada")
    project.store.append(undone.id, uuid.uuid4().hex, undone.head, "brush", "Ada", rect, values)
    project.store.move_head(undone.id, uuid.uuid4().hex, undone.head, project.store.layer(undone.id).head, "Ada")
    before = [project.store.layer(shown.id) for shown in (drawn, finished, undone)]
    code, said = run("--again")
    assert code == 0
    assert [project.store.layer(shown.id) for shown in (drawn, finished, undone)] == before
    assert "drawn on" in said
    assert "finished" in said


def test_a_damaged_picture_is_a_counted_line(project: Project, run: Callable[..., tuple[int, str]]) -> None:
    picture = project.folder.parent / "pictures" / "1_sharp.png"
    picture.write_bytes(picture.read_bytes()[:-200])
    code, said = run("--items", "0*", "1*")
    assert code == 3
    assert "Traceback" not in said
    assert said.count("1_sharp.png") == 1
    assert "failed    1" in said
    assert layer(project, "0").is_proposal
    assert not layer(project, "1").is_proposal


def test_second_opinions_can_be_left_independent(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with make_project(tmp_path, second_opinions=1.0) as project:
        item = next(iter(project.store.every_item()))
        arguments = [str(project.folder), "--processes", "1", "--items", item.name]
        assert main([*arguments, "--first-only"]) == 0
        assert [shown.is_proposal for shown in project.store.layers(item.id)] == [True, False]
        assert main(arguments) == 0
        assert [shown.is_proposal for shown in project.store.layers(item.id)] == [True, True]
    capsys.readouterr()


@pytest.mark.parametrize("arguments", [("--items", "nothing-like-it"), ("--processes", "0")])
def test_what_cannot_be_asked(run: Callable[..., tuple[int, str]], arguments: tuple[str, ...]) -> None:
    with pytest.raises(UsageError):
        run(*arguments)


def test_a_folder_that_is_no_project(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        main([str(tmp_path)])
