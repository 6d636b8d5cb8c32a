"""What a plan says of a buried image goes; its row stays where it was, and so do row groups and metadata."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq

from million_ird.manifest import ManifestSettings
from million_ird.records import image_key, normalise_url
from million_ird.store import Store
from pipelines.plan import PlanSettings, plan_sources, read_unit
from pipelines.scrub import clean_plan
from pipelines.traces import Traces

_URLS = [f"https://{host}.example/{n}.jpg" for host in ("one", "two") for n in range(5)] + [
    "https://lone.example/x.jpg"
]


def _plan(folder: Path) -> Path:
    (folder / "list.txt").write_text("\n".join([*_URLS, _URLS[0], _URLS[-1], "no url"]) + "\n")
    (folder / "plan").mkdir()
    (folder / "spill").mkdir()
    plan_sources(
        [ManifestSettings(path=str(folder / "list.txt"))], PlanSettings(unit_rows=4), folder / "plan", folder / "spill"
    )
    return folder / "plan"


def test_a_row_is_blank_and_stays_in_its_unit(tmp_path: Path) -> None:
    plan = _plan(tmp_path)
    before = pq.ParquetFile(plan / "units-00000.parquet")
    units = [read_unit(Store(str(tmp_path)), "plan", unit).to_pylist() for unit in range(before.num_row_groups)]
    gone = {image_key(normalise_url(_URLS[0])), image_key(normalise_url(_URLS[-1]))}
    clean_plan(plan, gone)
    after = pq.ParquetFile(plan / "units-00000.parquet")
    assert after.num_row_groups == before.num_row_groups > 1
    assert after.schema_arrow.equals(before.schema_arrow, check_metadata=True)
    for unit, rows in enumerate(units):
        for old, new in zip(rows, read_unit(Store(str(tmp_path)), "plan", unit).to_pylist(), strict=True):
            blank = {name: "" if isinstance(value, str) else None for name, value in old.items()}
            stays = {"key": old["key"], "source": old["source"]}
            assert new == (blank | stays if old["key"] in gone else old)


def test_other_lines_and_hosts_without_rows_go_too(tmp_path: Path) -> None:
    plan = _plan(tmp_path)
    clean_plan(plan, {image_key(normalise_url(_URLS[0])), image_key(normalise_url(_URLS[-1]))})
    rejected = pq.read_table(plan / "rejected.parquet").to_pylist()
    assert [(row["url"], row["reason"]) for row in rejected][:2] == [("", "duplicate_url"), ("", "duplicate_url")]
    assert [row["row"] for row in rejected] == [11, 12, 13]
    assert pq.read_table(plan / "hosts.parquet")["host"].to_pylist() == ["one.example", "two.example"]
    assert not any(b"lone.example" in path.read_bytes() for path in plan.iterdir())


def test_nothing_buried_changes_no_byte(tmp_path: Path) -> None:
    plan = _plan(tmp_path)
    before = {path.name: path.read_bytes() for path in plan.iterdir()}
    clean_plan(plan, set())
    assert {path.name: path.read_bytes() for path in plan.iterdir()} == before
    table = pq.read_table(plan / "units-00000.parquet")
    assert Traces({"f" * 24}).clean("units-00000.parquet", table) is table
