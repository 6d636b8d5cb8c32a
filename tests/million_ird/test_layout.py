"""Names on disk are a contract with other programs and older datasets: here they stand a second time."""

from __future__ import annotations

from million_ird import layout


def test_names_of_files() -> None:
    assert layout.plan_folder(0) == "plan/g000"
    assert layout.sources_marker(12) == "plan/g012/sources.json"
    assert layout.duplicates_marker(1) == "plan/g001/duplicates.json"
    assert layout.patches_marker(1) == "plan/g001/patches.json"
    assert layout.fetch_unit_name(2, 34) == "g002-00034"
    assert layout.fetch_marker(layout.fetch_unit_name(0, 7)) == "images/g000-00007.json"
    assert layout.shard_stem("jpg", 41) == "patches/jpg/00041"


def test_names_sort_as_their_numbers_do() -> None:
    names = [layout.fetch_unit_name(g, unit) for g in (0, 1, 10) for unit in (0, 9, 10, 99_999)]
    assert sorted(names) == names
    assert sorted(layout.shard_stem("jpg", n) for n in (100, 20, 3)) == [
        layout.shard_stem("jpg", n) for n in (3, 20, 100)
    ]
