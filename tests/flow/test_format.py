"""docs/format.md against a dataset that was really built: its files, their fields, its one range request."""

from __future__ import annotations

import json
import re
import tarfile
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from million_ird import open_dataset
from tests.flow.tour import Tour, begin, readme_line
from tests.policy.documents import ROOT, blocks
from tests.policy.test_format import FORMAT, documented

_TYPES = {"string": str, "integer": int, "float": float}


@pytest.fixture(scope="module")
def tour(tmp_path_factory: pytest.TempPathFactory, wheel_photo_file: Callable[[str], bytes]) -> Tour:
    tour = begin(tmp_path_factory.mktemp("tour"), wheel_photo_file)
    done = tour.run(readme_line("million-ird build quickstart --out my-set", "~/Pictures"), "images.keep_images=all")
    assert done.returncode == 0, done.stderr
    assert tour.run(readme_line("million-ird takedown")).returncode == 0  # so that there are tombstones
    return tour


@pytest.fixture(scope="module")
def root(tour: Tour) -> Path:
    return tour.root / "my-set"


def _fields(heading: str) -> list[str]:
    """First cells of the table below a heading."""
    table = FORMAT.split(f"\n{heading}\n")[1].split("| --- | --- |\n")[1].split("\n\n")[0]
    return re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)


def test_every_file_of_a_dataset_is_in_the_documented_tree(root: Path) -> None:
    tree = blocks(ROOT / "docs" / "format.md", "")[0]
    names = {re.split(r"  +", line.strip())[0] for line in tree.splitlines()[1:]}
    shapes = {re.sub(r"‹hash›", "[0-9a-f]{12}", re.escape(name)) for name in names if not name.endswith(("/", "…"))}
    shapes |= {r"plan/g000/(duplicates|patches)\.json", r"images/g000-\d{5}.*", r"patches/webp/\d{5}\.\w+"}
    shapes |= {"(log|report)/.*"}
    found = {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}
    assert {name for name in found if not any(re.fullmatch(shape, name) for shape in shapes)} == set()
    assert {shape for shape in shapes if not any(re.fullmatch(shape, name) for name in found)} == set()


def test_the_head_has_the_documented_fields(root: Path) -> None:
    head = json.loads((root / "dataset.json").read_text())
    assert set(_fields("## dataset.json")) - {"recut_of"} == set(head)
    assert all(set(shard) == {"tar", "encoding", "patches", "bytes"} for shard in head["shards"])


def test_markers_have_the_documented_fields(root: Path) -> None:
    names = [name for name in root.rglob("*.json") if name.parts[-3:-1] != ("plan", "g000") or name.stem != "summary"]
    markers = [
        json.loads(name.read_text()) for name in names if name.parent.name not in ("log", "fetch", "cut", "report")
    ]
    markers = [marker for marker in markers if "format_version" not in marker]
    assert len(markers) >= 6
    assert all(set(marker) == set(_fields("## Markers")) for marker in markers)
    assert all(set(file) == {"name", "nbytes", "checksum"} for marker in markers for file in marker["files"])


def test_sidecars_have_the_documented_fields_and_types(root: Path) -> None:
    expected = [(name, _TYPES[kind]) for name, kind in documented("<!-- fields: sidecar -->")]
    seen = 0
    for path in sorted(root.glob("patches/*/*.tar")):
        with tarfile.open(path, format=tarfile.USTAR_FORMAT) as tar:
            members = tar.getmembers()
            assert {(member.mtime, member.uid, member.gid, member.mode) for member in members} == {(0, 0, 0, 0o644)}
            assert all(member.name.count(".") == 1 for member in members)
            for member in members[1::2]:
                sidecar = json.load(tar.extractfile(member))  # type: ignore[arg-type]
                assert [(name, type(value)) for name, value in sidecar.items()] == expected
                assert member.name == f"{sidecar['key']}.json"
                assert members[members.index(member) - 1].name == f"{sidecar['key']}.{path.parent.name}"
                seen += 1
    assert seen == sum(1 for _ in open_dataset(str(root)))


def test_the_range_request_of_the_document(tour: Tour) -> None:
    (snippet,) = blocks(ROOT / "docs" / "format.md", "python")
    done = tour.python(snippet)
    assert done.returncode == 0, done.stderr


def test_plans_name_their_first_unit_and_their_coders(root: Path) -> None:
    assert b"first_unit" in pq.read_schema(root / "plan/g000/units-00000.parquet").metadata
    assert b"coders" in pq.read_schema(root / "plan/g000/patches.parquet").metadata


def test_strings_are_never_null(root: Path) -> None:
    for path in root.rglob("*.parquet"):
        table = pq.read_table(path)
        nulls = [f.name for f in table.schema if str(f.type) in ("string", "bool") and table[f.name].null_count]
        assert (path.name, nulls) == (path.name, [])


def test_a_newer_minor_version_is_read_and_another_major_one_refused(tour: Tour, tmp_path: Path) -> None:
    mine = tour.copy(tmp_path)
    head = mine.root / "my-set" / "dataset.json"
    content = json.loads(head.read_text())
    head.write_text(json.dumps(content | {"format_version": "1.9", "novelty": 1}))
    assert mine.run("million-ird status my-set").returncode == 0
    head.write_text(json.dumps(content | {"format_version": "2.0"}))
    done = mine.run("million-ird status my-set")
    assert done.returncode == 1
    assert "format version 2.0" in done.stderr and "Install" in done.stderr
