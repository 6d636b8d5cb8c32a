"""Names that break programs: spaces, quotes, dots, other scripts, line breaks, 3,000 characters, signs that mean
something in URLs. Each is a picture like any other, or a row that says why not."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, unquote

import pytest

from million_ird.dataset import open_dataset
from million_ird.records import image_key
from tests.flow.web_world import WebWorld, files_with, problems, rows, web_world
from tests.flow.world import jpeg, picture

LONG = "/".join(["a" * 250] * 11) + "/" + "b" * 230 + ".jpg"
"""A path of 3,000 characters; no part of it is longer than the 255 bytes that file systems take."""

NAMES = [
    "two words.jpg",
    'it\'s "quoted".jpg',
    "`backtick` $HOME ; rm -rf.jpg",
    "two..dots...jpg",
    "a../b...jpg",
    "%20 and %2e%2e%2f.jpg",
    "hash#mark.jpg",
    "question?mark=1&b=2.jpg",
    "line\nbreak.jpg",
    "tab\tand\rreturn.jpg",
    "grüße-日本語-🌊.jpg",
    "decomposed-e\u0301.jpg",
    "composed-\u00e9.jpg",
    "back\\slash.jpg",
    "star*[a]{b}.jpg",
    "comma,semicolon;colon:.jpg",
    "-dash.jpg",
    "no suffix",
    "UPPER.JPG",
    "<script>alert(1)</script>.jpg",
    "CON.jpg",
    "deep/er/than/that.jpg",
    LONG,
]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebWorld]:
    with web_world(tmp_path_factory.mktemp("world")) as world:
        yield world


def _pictures() -> dict[str, bytes]:
    return {name: jpeg(picture(n, 96, 96)) for n, name in enumerate(NAMES)}


def test_files_of_any_name_are_pictures_like_others(world: WebWorld, tmp_path: Path) -> None:
    pictures = _pictures()
    for name, data in pictures.items():
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    dataset = world.build(tmp_path / "out", f"manifest.path={json.dumps(str(tmp_path / 'photos'))}")
    found = {str(row["url"]): row for row in rows(dataset).values()}
    assert set(found) == set(pictures)
    for name, row in found.items():
        assert row["kept"], (name, row["reason"], row["detail"])
        assert row["key"] == image_key(name)
        assert dataset.image_bytes(row) == pictures[name]
    assert {row["url"] for row, _ in dataset} == set(pictures)
    assert problems(dataset.url) == []
    for row, _ in dataset:
        assert row["key"].isascii() and "." not in row["key"] and row["member"] == f"{row['key']}.jpg"
    page = dataset.store.read("report/index.html").decode()
    assert "<script>alert(1)" not in page


def test_what_a_folder_cannot_name_is_a_row_with_a_reason(world: WebWorld, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    data = jpeg(picture(1, 96, 96))
    (folder / "good.jpg").write_bytes(data)
    (folder / os.fsdecode(b"not-\xff-utf8.jpg")).write_bytes(data)
    (folder / ".hidden.jpg").write_bytes(data)  # hidden files are nobody's pictures
    (folder / "broken link.jpg").symlink_to(tmp_path / "nowhere")
    (tmp_path / "outside.jpg").write_bytes(jpeg(picture(2, 96, 96)))
    dataset = world.build(tmp_path / "out", f"manifest.path={json.dumps(str(folder))}")
    assert [row["url"] for row in rows(dataset).values()] == ["good.jpg"]
    rejected = [row for batch in dataset.rejected_sources() for row in batch.to_pylist()]
    assert sorted(row["reason"] for row in rejected) == ["name_not_utf8", "not_a_file"]


@pytest.mark.parametrize("name", ["../outside.jpg", "/etc/hostname", "a/../../outside.jpg", "..", "%2e%2e/outside.jpg"])
def test_a_list_cannot_reach_local_files(world: WebWorld, tmp_path: Path, name: str) -> None:
    (tmp_path / "outside.jpg").write_bytes(jpeg(picture(1, 96, 96)))
    (tmp_path / "list").mkdir()
    with (tmp_path / "list" / "list.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["url"], [name], [f"file://{tmp_path}/outside.jpg"]])
    dataset = world.build(tmp_path / "out", f"manifest.path={json.dumps(str(tmp_path / 'list' / 'list.csv'))}")
    assert rows(dataset) == {}
    assert sum(batch.num_rows for batch in dataset.rejected_sources()) == 2


def test_urls_of_any_spelling_are_fetched_once_each(world: WebWorld, tmp_path: Path) -> None:
    pictures = _pictures()
    served = {name: name for name in pictures if name != LONG} | {"long/" + "c" * 2950 + ".jpg": LONG}
    urls = {f"{world.server.url}/{quote(path)}": name for path, name in served.items()}
    spelt = {  # as people write them: not escaped where HTTP wants it, or escaped where it need not be
        f"{world.server.url}/two words.jpg": "two words.jpg",
        f"{world.server.url}/grüße-日本語-🌊.jpg": "grüße-日本語-🌊.jpg",
        f"  {world.server.url}/-dash.jpg#fragment": "-dash.jpg",
    }
    world.pictures |= {path: pictures[name] for path, name in served.items()}
    with (tmp_path / "list.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["url"], *([url] for url in [*urls, *spelt])])
    asked = len(world.server.record.paths)
    dataset = world.build(tmp_path / "out", f"manifest.path={json.dumps(str(tmp_path / 'list.csv'))}")
    found = {row["url"]: row for row in rows(dataset).values()}
    assert all(row["kept"] for row in found.values()), [(row["url"], row["reason"]) for row in found.values()]
    paths = world.server.record.paths[asked:]
    assert sorted(map(unquote, paths)) == sorted("/" + path for path in served), "each picture is asked for once"
    rejected = [row["reason"] for batch in dataset.rejected_sources() for row in batch.to_pylist()]
    assert rejected == ["duplicate_url"] * len(spelt)
    assert problems(dataset.url) == []


def test_the_words_of_strangers_stay_words(world: WebWorld, tmp_path: Path) -> None:
    """Licenses, authors and other columns come out as they went in and never as markup."""
    evil = '"><img src=x onerror=alert(1)>|`\n{{7*7}}'
    with (tmp_path / "list.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["url", "license", "author", "note"], [world.url("b.jpg"), evil, evil, evil]])
    dataset = world.build(tmp_path / "out", f"manifest.path={json.dumps(str(tmp_path / 'list.csv'))}")
    (row,) = rows(dataset).values()
    assert row["author"] == evil and json.loads(str(row["provenance"])) == {"note": evil}
    assert "report/index.html" not in files_with(dataset.url, "<img src=x onerror")
    assert "README.md" not in files_with(dataset.url, "<img src=x")
    assert open_dataset(dataset.url).info["state"] == "complete"
