"""Lists of pictures in every form; rows that cannot be used are counted, one by one."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from annotation.project import create_project
from annotation.sources import Candidate, open_source
from annotation.sources.manifest import ManifestSource
from annotation.store import Refused
from million_ird.errors import UsageError
from tests.annotation.picture_folders import write_pictures

ROWS = [
    {"blurred": "b/0.png", "sharp": "s/0.png", "name": "zero", "camera": "X"},
    {"blurred": "b/1.png", "sharp": "", "name": "", "camera": ""},
]


def _write(folder: Path, suffix: str) -> Path:
    path = folder / f"list{suffix}"
    separator = "\t" if suffix == ".tsv" else ","
    if suffix in (".csv", ".tsv"):
        lines = [separator.join(ROWS[0]), *(separator.join(row.values()) for row in ROWS)]
        path.write_text("\n".join(lines) + "\n")
    elif suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    elif suffix == ".json":
        path.write_text(json.dumps(ROWS))
    else:
        pq.write_table(pa.Table.from_pylist(ROWS), path)
    return path


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".json", ".parquet"])
def test_every_form_of_manifest_gives_the_same_items(tmp_path: Path, suffix: str) -> None:
    write_pictures(tmp_path, "b/0.png", "b/1.png", "s/0.png")
    with create_project(tmp_path / "p", open_source(str(_write(tmp_path, suffix)))) as project:
        first, second = project.store.every_item()
        assert (first.name, first.blurred, first.sharp) == ("zero", "b/0.png", "s/0.png")
        assert (second.name, second.blurred, second.sharp) == ("b/1", "b/1.png", None)
        assert (first.provenance, second.provenance) == ({"camera": "X"}, {})
        assert project.pictures.pixels(first, "sharp").shape == (16, 24, 3)


def test_a_text_file_is_a_list_of_paths(tmp_path: Path) -> None:
    write_pictures(tmp_path, "0.png", "a b/1.png")
    (tmp_path / "list.txt").write_text("# mine\n0.png\n\na b/1.png\n")
    found = list(open_source(str(tmp_path / "list.txt")).candidates())
    assert [row.name for row in found if isinstance(row, Candidate)] == ["0", "a b/1"]


def test_rows_that_cannot_be_used_are_counted_with_a_reason(tmp_path: Path) -> None:
    lines = [
        "path,sharp",
        "0.png,",
        ",",
        "0.png,",
        "../x.png,",
        "/etc/passwd,",
        "http://host/a.png,",
        "1.png,../s.png",
        "a,b,c",
    ]
    (tmp_path / "list.csv").write_text("\n".join(lines))
    found = list(ManifestSource.at(str(tmp_path / "list.csv")).candidates())
    assert {row.place: row.reason for row in found if isinstance(row, Refused)} == {
        "row 1": "no_path",
        "row 2": "duplicate_row",
        "row 3": "outside_folder",
        "row 4": "outside_folder",
        "row 5": "not_local",
        "row 6": "sharp_outside_folder",
        "row 7": "wrong_cell_count",
    }
    assert len(found) == len(lines) - 1


def test_paths_belong_to_the_folder_that_is_named(tmp_path: Path) -> None:
    write_pictures(tmp_path / "photos", "x/0.png")
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists" / "list.csv").write_text(f"path\nx/0.png\n{tmp_path}/photos/x/../x/0.png\n")
    source = ManifestSource.at(str(tmp_path / "lists" / "list.csv"), str(tmp_path / "photos"))
    first, again = source.candidates()
    assert isinstance(first, Candidate)
    assert isinstance(source.read(first.blurred), bytes)
    assert isinstance(again, Refused)
    assert again.reason == "duplicate_row"


def test_two_rows_of_one_name_are_two_items(tmp_path: Path) -> None:
    write_pictures(tmp_path, "0.png", "1.png")
    (tmp_path / "list.csv").write_text("path,name\n0.png,same\n1.png,Same\n")
    with create_project(tmp_path / "p", open_source(str(tmp_path / "list.csv"))) as project:
        assert [item.name for item in project.store.every_item()] == ["same", "Same.1"]


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("list.csv", "picture,name\na.png,x\n", "no column blurred, blur, path, file; its columns are name, picture"),
        ("list.json", "[{", "is no JSON"),
        ("list.xml", "<a/>", "no manifest that is read here"),
        ("list.tar", "x", "no manifest that is read here"),
        ("list.parquet", "x", "cannot read"),
    ],
)
def test_a_manifest_that_cannot_be_read_ends_in_one_line(tmp_path: Path, name: str, text: str, says: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(UsageError, match=says) as raised:
        list(ManifestSource.at(str(tmp_path / name)).candidates())
    assert "\n" not in str(raised.value)


def test_an_empty_manifest_has_no_items(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("")
    assert list(ManifestSource.at(str(tmp_path / "list.csv")).candidates()) == []
