from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from million_ird.errors import DatasetError, MillionIrdError, StoreError, UsageError
from million_ird.manifest import ManifestSettings
from million_ird.records import REJECTED_SOURCE_SCHEMA, SOURCE_SCHEMA, image_key
from million_ird.store import Store
from pipelines import plan
from pipelines.plan import (
    HOSTS,
    REJECTED,
    PlanSettings,
    PlanSummary,
    plan_batches,
    plan_sources,
    read_shared_hosts,
    read_summary,
    read_unit,
)


class Planned:
    """A plan on disk, opened."""

    def __init__(self, folder: Path, summary: PlanSummary) -> None:
        self.store, self.folder, self.summary = Store(str(folder.parent)), folder.name, summary
        self.path = folder
        numbers = range(summary.first_unit, summary.first_unit + summary.units)
        self.units = [read_unit(self.store, self.folder, number).to_pylist() for number in numbers]

    @property
    def rows(self) -> list[dict[str, Any]]:
        return [row for unit in self.units for row in unit]

    @property
    def rejected(self) -> list[dict[str, Any]]:
        return list(pq.read_table(self.path / REJECTED).to_pylist())

    def bytes(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in sorted(self.path.iterdir())}


def make_plan(
    tmp_path: Path, manifests: Sequence[ManifestSettings], unit_rows: int = 10, name: str = "plan", **options: Any
) -> Planned:
    out, spill = tmp_path / name, tmp_path / f"{name}-spill"
    out.mkdir()
    spill.mkdir()
    return Planned(out, plan_sources(manifests, PlanSettings(unit_rows=unit_rows, few_units=1), out, spill, **options))


def write_list(path: Path, urls: Sequence[str]) -> ManifestSettings:
    path.write_text("".join(url + "\n" for url in urls), encoding="utf-8")
    return ManifestSettings(path=str(path))


def urls_of(host: str, count: int) -> list[str]:
    return [f"http://{host}/{i}.jpg" for i in range(count)]


def test_every_row_is_planned_once_or_rejected_with_a_reason(tmp_path: Path) -> None:
    urls = ["http://a.example/1", "bad", "HTTP://A.example:80/1#x", "http://b.example/2", "http://a.example/1"]
    first = write_list(tmp_path / "one.txt", urls)
    second = write_list(tmp_path / "two.txt", ["http://b.example/2", "http://c.example/3"])
    planned = make_plan(tmp_path, [first, second])
    assert sorted(row["url"] for row in planned.rows) == [
        "http://a.example/1",
        "http://b.example/2",
        "http://c.example/3",
    ]
    assert [(r["source"], r["row"], r["reason"], r["detail"]) for r in planned.rejected] == [
        ("one.txt", 1, "bad_url", "scheme '(none)' is not http or https"),
        ("one.txt", 2, "duplicate_url", "row 0 of one.txt is the same"),
        ("one.txt", 4, "duplicate_url", "row 0 of one.txt is the same"),
        ("two.txt", 0, "duplicate_url", "row 3 of one.txt is the same"),
    ]
    summary = planned.summary
    assert summary.rows == 7 == summary.planned + sum(summary.rejected.values())
    assert summary.rejected == {"bad_url": 1, "duplicate_url": 3}
    assert summary.sources == {"one.txt": 5, "two.txt": 2}
    assert pq.read_schema(planned.path / REJECTED).equals(REJECTED_SOURCE_SCHEMA)


def test_of_equal_sources_the_first_in_manifest_order_stays(tmp_path: Path) -> None:
    rows = [f"http://a.example/{i % 50},{i}" for i in range(5000)]
    (tmp_path / "x.csv").write_text("\n".join(["url,author", *rows]))
    planned = make_plan(tmp_path, [ManifestSettings(path=str(tmp_path / "x.csv"))])
    assert {row["url"]: row["author"] for row in planned.rows} == {f"http://a.example/{i}": str(i) for i in range(50)}
    assert planned.summary.rejected == {"duplicate_url": 4950}


def test_bytes_depend_neither_on_threads_nor_on_memory_nor_on_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import duckdb

    numbers = random.Random(5).choices(range(20_000), k=30_000)
    manifest = write_list(tmp_path / "list.txt", [f"http://host{n % 300}.example/{n}.jpg" for n in numbers])
    connect = duckdb.connect
    results: list[dict[str, bytes]] = []
    for threads, memory in ((1, 1.0), (4, 1.0), (3, 0.06)):

        def with_threads(path: str, threads: int = threads) -> Any:
            return connect(path, config={"threads": threads})

        monkeypatch.setattr(duckdb, "connect", with_threads)
        name = f"plan{len(results)}"
        results.append(make_plan(tmp_path, [manifest], 500, name, memory_gb=memory).bytes())
    assert all(result == results[0] for result in results)


def test_units_are_read_one_by_one_and_hold_about_what_was_asked(tmp_path: Path) -> None:
    urls = [url for n in range(30) for url in urls_of(f"h{n}.example", 3 + n)] + urls_of("big.example", 800)
    planned = make_plan(tmp_path, [write_list(tmp_path / "x.txt", urls)], unit_rows=100)
    sizes = [len(unit) for unit in planned.units]
    assert sum(sizes) == len(urls) and planned.summary.units == -(-len(urls) // 100)
    assert all(60 <= size <= 140 for size in sizes), sizes
    assert read_unit(planned.store, planned.folder, 0).schema.equals(SOURCE_SCHEMA)
    assert all(unit == sorted(unit, key=lambda row: row["key"]) for unit in planned.units)
    with pytest.raises(FileNotFoundError):
        read_unit(planned.store, planned.folder, planned.summary.units)


def test_a_small_host_stays_in_one_unit_and_a_large_one_is_spread(tmp_path: Path) -> None:
    small = [url for n in range(200) for url in urls_of(f"h{n}.example", 1 + n % 12)]
    planned = make_plan(tmp_path, [write_list(tmp_path / "x.txt", small + urls_of("big.example", 700))], unit_rows=100)
    units_by_host: dict[str, set[int]] = {}
    for number, unit in enumerate(planned.units):
        for row in unit:
            units_by_host.setdefault(row["host"], set()).add(number)
    assert all(len(units) == 1 for host, units in units_by_host.items() if host != "big.example")
    assert len(units_by_host["big.example"]) == planned.summary.units
    most = max(Counter(row["host"] for row in unit)["big.example"] for unit in planned.units)
    assert most <= 700 / planned.summary.units * 1.5
    assert read_shared_hosts(planned.store, planned.folder) == {"big.example"}
    hosts = pq.read_table(planned.path / HOSTS).to_pylist()
    assert [h["host"] for h in hosts] == sorted(units_by_host)
    assert {h["host"]: h["units"] for h in hosts} == {host: len(units) for host, units in units_by_host.items()}
    assert (planned.summary.hosts, planned.summary.shared_hosts) == (201, 1)
    assert (planned.summary.largest_host, planned.summary.largest_host_rows) == ("big.example", 700)


@pytest.mark.parametrize(("rows", "expected"), [(20, 16), (129, 16), (6_400, 100), (1_000_000, 1000), (10**8, 10_000)])
def test_a_unit_holds_what_keeps_every_core_busy(rows: int, expected: int) -> None:
    assert PlanSettings().rows_for(rows) == expected


def test_a_single_host_still_gives_even_units(tmp_path: Path) -> None:
    planned = make_plan(tmp_path, [write_list(tmp_path / "x.txt", urls_of("one.example", 2000))], unit_rows=200)
    assert planned.summary.units == 10
    assert all(140 <= len(unit) <= 260 for unit in planned.units)


def test_local_rows_stay_in_manifest_order_apart_from_hosts(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for i in range(25):
        (tmp_path / "in" / f"{i:02d}.jpg").write_bytes(b"x")
    local = ManifestSettings(path=str(tmp_path / "in"))
    planned = make_plan(tmp_path, [write_list(tmp_path / "x.txt", urls_of("a.example", 12)), local])
    assert [row["url"] for unit in planned.units[:3] for row in unit] == [f"{i:02d}.jpg" for i in range(25)]
    assert [len(unit) for unit in planned.units[:3]] == [10, 10, 5]
    assert all(row["host"] for unit in planned.units[3:] for row in unit)
    assert planned.summary.local_rows == 25 and planned.summary.hosts == 1


def test_one_folder_named_twice_is_planned_once_but_two_with_equal_paths_are_an_error(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "1.jpg").write_bytes(folder.encode())
    a, b = str(tmp_path / "a"), str(tmp_path / "b")
    twice = make_plan(tmp_path, [ManifestSettings(path=a), ManifestSettings(path=a, name="again")], name="twice")
    assert twice.summary.rejected == {"duplicate_file": 1} and twice.summary.planned == 1
    with pytest.raises(MillionIrdError, match=r"a/1\.jpg.*b/1\.jpg|b/1\.jpg.*a/1\.jpg.*key_prefix"):
        make_plan(tmp_path, [ManifestSettings(path=a), ManifestSettings(path=b)], name="clash")
    told_apart = [ManifestSettings(path=a), ManifestSettings(path=b, key_prefix="b/")]
    assert make_plan(tmp_path, told_apart, name="apart").summary.planned == 2


def test_a_key_collision_across_hosts_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("million_ird.manifest.columns.image_key", lambda origin: "0" * 24)
    with pytest.raises(MillionIrdError, match="have the same image key"):
        make_plan(tmp_path, [write_list(tmp_path / "x.txt", ["http://a.example/", "http://b.example/"])])


def test_keys_that_share_half_their_digits_are_no_duplicates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("million_ird.manifest.columns.image_key", lambda url: "0" * 16 + image_key(url)[:8])
    planned = make_plan(tmp_path, [write_list(tmp_path / "x.txt", ["http://a.example/", "http://b.example/"])])
    assert planned.summary.planned == 2 and not planned.rejected


def test_a_later_generation_takes_only_what_is_new(tmp_path: Path) -> None:
    first = make_plan(tmp_path, [write_list(tmp_path / "x.txt", urls_of("a.example", 30))], name="g0")
    grown = write_list(tmp_path / "x.txt", [*urls_of("a.example", 45), "http://a.example/44.jpg"])
    keys = [pa.array([row["key"] for row in unit]) for unit in first.units]
    second = make_plan(tmp_path, [grown], name="g1", existing_keys=keys, first_unit=first.summary.units)
    assert {row["url"] for row in second.rows} == {f"http://a.example/{i}.jpg" for i in range(30, 45)}
    assert second.summary.rejected == {"already_planned": 30, "duplicate_url": 1}
    assert second.summary.first_unit == 3 and second.summary.units == 2
    assert {r["detail"] for r in second.rejected[:30]} == {"an earlier generation has this image"}


def test_a_later_generation_may_begin_in_the_middle_of_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "UNITS_PER_FILE", 4)
    manifest = write_list(tmp_path / "x.txt", urls_of("a.example", 100))
    planned = make_plan(tmp_path, [manifest], first_unit=7)
    assert [path for path in planned.summary.files if path.startswith("units")] == [
        f"units-{n:05d}.parquet" for n in (1, 2, 3, 4)
    ]
    assert len({row["key"] for row in planned.rows}) == 100
    with pytest.raises(FileNotFoundError):
        read_unit(planned.store, planned.folder, 6)


def test_long_manifests_get_larger_units(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "spill").mkdir()
    manifest = write_list(tmp_path / "x.txt", urls_of("a.example", 1000))
    settings = PlanSettings(unit_rows=10, max_units=5)
    summary = plan_sources([manifest], settings, tmp_path / "out", tmp_path / "spill")
    assert summary.unit_rows == 200 and summary.units <= 5


@pytest.mark.parametrize("urls", [[], ["bad", "ftp://x"]])
def test_a_plan_without_rows_is_a_plan(tmp_path: Path, urls: list[str]) -> None:
    planned = make_plan(tmp_path, [write_list(tmp_path / "x.txt", urls)])
    assert planned.summary.units == 0 and planned.summary.rows == len(urls) and len(planned.rejected) == len(urls)
    assert read_shared_hosts(planned.store, planned.folder) == frozenset()


def test_batches_of_any_origin_can_be_planned(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "spill").mkdir()
    summary = plan_batches([], ["retry"], PlanSettings(), tmp_path / "out", tmp_path / "spill")
    assert summary.planned == 0 and summary.sources == {"retry": 0}


def test_the_summary_is_read_back_and_progress_is_told(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    told: list[int] = []
    (tmp_path / "x.csv").write_text("url,width,height\nhttp://a.example/1,100,50\nhttp://a.example/2,,\nx,1,1\n")
    manifest = ManifestSettings(path=str(tmp_path / "x.csv"))
    planned = make_plan(tmp_path, [manifest], progress=told.append)
    assert capfd.readouterr() == ("", "")
    assert read_summary(planned.store, planned.folder) == planned.summary
    assert told == [3] and (planned.summary.sized_rows, planned.summary.sized_pixels) == (1, 5000)


def test_too_little_memory_is_one_clear_error(tmp_path: Path) -> None:
    manifest = write_list(tmp_path / "x.txt", urls_of("a.example", 20_000))
    with pytest.raises(StoreError, match=r"the planning sort failed in .*execution\.spill_gb"):
        make_plan(tmp_path, [manifest], memory_gb=0.001)


@pytest.mark.parametrize("name", ["[1]*", "a'b", "sp ace %41#", "{a,b}", "**"])
def test_a_dataset_may_lie_under_any_name(tmp_path: Path, name: str) -> None:
    """The sort reads its spilled rows by a path in which DuckDB would find patterns."""
    settings = write_list(tmp_path / "a.csv", urls_of("a.example", 5))
    assert len(make_plan(tmp_path, [settings], name=name).rows) == 5


def test_a_name_in_which_the_sort_cannot_work_is_one_clear_error(tmp_path: Path) -> None:
    settings = write_list(tmp_path / "a.csv", urls_of("a.example", 5))
    with pytest.raises(StoreError, match=r"DuckDB.* cannot work in .*/what\?.*: choose a place without '\?'"):
        make_plan(tmp_path, [settings], name="what?")


def test_damaged_plans_are_named(tmp_path: Path) -> None:
    planned = make_plan(tmp_path, [write_list(tmp_path / "x.txt", urls_of("a.example", 3))])
    (planned.path / "summary.json").write_text("{")
    with pytest.raises(DatasetError, match=r"plan/summary\.json is damaged"):
        read_summary(planned.store, "plan")
    (planned.path / "units-00000.parquet").write_bytes(b"PAR1")
    with pytest.raises(DatasetError, match=r"plan/units-00000\.parquet is damaged"):
        read_unit(planned.store, "plan", 0)


def test_manifests_need_different_names(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    one, two = write_list(tmp_path / "x.txt", []), write_list(tmp_path / "a" / "x.txt", [])
    with pytest.raises(UsageError, match=r"two are named 'x\.txt'"):
        make_plan(tmp_path, [one, two])
    with pytest.raises(UsageError, match=r"manifest\.path must be given"):
        make_plan(tmp_path, [], name="none")


def test_settings_are_checked() -> None:
    with pytest.raises(ValueError, match="unit_rows must be at least 1"):
        PlanSettings(unit_rows=0)


def test_real_manifests(shared_data: Path, tmp_path: Path) -> None:
    names = ["manifests/test_1000.parquet", "manifests/test_1000.txt", "manifests/cc3m_validation_head.tsv", "oddcases"]
    planned = make_plan(tmp_path, [ManifestSettings(path=str(shared_data / name)) for name in names], unit_rows=100)
    summary = planned.summary
    assert summary.rows == 4212 == len(planned.rows) + len(planned.rejected)
    assert len({row["key"] for row in planned.rows}) == summary.planned
