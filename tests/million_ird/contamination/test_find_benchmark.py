"""Benchmark pictures are found inside photographs, shrunk, cut and mirrored, and nowhere else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq
import pytest
from PIL import Image

from million_ird.contamination import BenchmarkTable, ContaminationSettings, confirm, find_benchmark
from million_ird.errors import MillionIrdError, UsageError
from million_ird.fingerprint import TRANSFORMS, Transform, inverse, transformed

Pixels = npt.NDArray[np.uint8]
Photo = Callable[[str], Pixels]
SETTINGS = ContaminationSettings()
PHOTOS = ["china", "flower", "coffee", "astronaut", "rocket", "chelsea", "retina"]


def cut(picture: Pixels, x: float, y: float, share: float, side: int) -> Pixels:
    """A square that spans `share` of the shorter side, made `side` pixels large."""
    length = round(min(picture.shape[:2]) * share)
    left, top = round(x * (picture.shape[1] - length)), round(y * (picture.shape[0] - length))
    part = picture[top : top + length, left : left + length]
    return np.asarray(cv2.resize(part, (side, side), interpolation=cv2.INTER_AREA), np.uint8)


def large(picture: Pixels) -> Pixels:
    return np.asarray(cv2.resize(picture, None, fx=2.5, fy=2.5, interpolation=cv2.INTER_CUBIC), np.uint8)


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_a_shrunken_turned_cut_is_found_in_its_photograph_only(wheel_photo: Photo, transform: Transform) -> None:
    benchmark = np.ascontiguousarray(transformed(cut(wheel_photo("coffee"), 0.3, 0.6, 0.7, 220), transform))
    table = BenchmarkTable.from_pictures({"planted/a": benchmark})
    for name in PHOTOS:
        found = find_benchmark(wheel_photo(name), table, SETTINGS)
        assert (found is not None) == (name == "coffee")
        if found is not None:
            assert found[0].benchmark == "planted/a"
            assert found[0].transform == transform
            assert found[1].accepted


@pytest.mark.parametrize("share", [0.3, 0.45, 0.8, 1.0])
@pytest.mark.parametrize("name", ["china", "coffee", "rocket"])
def test_cuts_of_many_sizes_are_found_in_a_large_photograph(wheel_photo: Photo, name: str, share: float) -> None:
    photo = large(wheel_photo(name))
    table = BenchmarkTable.from_pictures({"planted/cut": cut(photo, 0.55, 0.5, share, 256)})
    found = find_benchmark(photo, table, SETTINGS)
    assert found is not None
    x, y, side = found[0].window
    length = min(photo.shape[:2]) * share
    assert 0.3 * length <= side <= 1.1 * length
    assert x + side > 0.55 * (photo.shape[1] - length)
    assert y + side > 0.5 * (photo.shape[0] - length)


@pytest.mark.parametrize("name", ["china", "coffee", "chelsea"])
def test_a_source_that_is_a_cut_of_the_benchmark_is_found(wheel_photo: Photo, name: str) -> None:
    photo = wheel_photo(name)
    table = BenchmarkTable.from_pictures({"set/whole": photo})
    height, width = photo.shape[:2]
    assert find_benchmark(photo[height // 8 :, : width * 7 // 8], table, SETTINGS) is not None


def test_grey_benchmarks_are_found_in_colour_photographs(wheel_photo: Photo) -> None:
    photo = wheel_photo("coffee")
    grey = np.asarray(cv2.cvtColor(cut(photo, 0.5, 0.5, 1.0, 256), cv2.COLOR_RGB2GRAY), np.uint8)
    assert find_benchmark(photo, BenchmarkTable.from_pictures({"Set12/x": grey}), SETTINGS) is not None


def test_the_luma_of_a_photograph_is_enough(wheel_photo: Photo) -> None:
    photo = wheel_photo("coffee")
    table = BenchmarkTable.from_pictures({"set/x": cut(photo, 0.5, 0.5, 0.8, 256)})
    luma = np.asarray(cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY), np.uint8)
    assert table.lookup(luma, SETTINGS) == table.lookup(photo, SETTINGS)
    assert find_benchmark(luma, table, SETTINGS) is not None


def test_a_saved_table_gives_the_same_answers(wheel_photo: Photo, tmp_path: Path) -> None:
    photo = wheel_photo("coffee")
    table = BenchmarkTable.from_pictures({"set/x": cut(photo, 0.5, 0.5, 0.8, 256), "set/y": wheel_photo("china")})
    table.save(tmp_path / "benchmarks.parquet")
    loaded = BenchmarkTable.load([tmp_path / "benchmarks.parquet"])
    assert [b.name for b in loaded.benchmarks] == ["set/x", "set/y"]
    assert loaded.lookup(photo, SETTINGS) == table.lookup(photo, SETTINGS)
    hit = table.lookup(photo, SETTINGS)[0]
    assert confirm(photo, hit, loaded["set/x"], SETTINGS) == confirm(photo, hit, table["set/x"], SETTINGS)
    assert (tmp_path / "benchmarks.parquet").stat().st_size < 100_000


def test_folders_and_files_make_one_table(wheel_photo: Photo, tmp_path: Path) -> None:
    (tmp_path / "Set5" / "HR").mkdir(parents=True)
    (tmp_path / "Set5" / "readme.txt").write_text("no picture")
    Image.fromarray(wheel_photo("coffee")).save(tmp_path / "Set5" / "HR" / "cup.png")
    BenchmarkTable.from_pictures({"Kodak/1": wheel_photo("china")}).save(tmp_path / "kodak.parquet")
    files = (str(tmp_path / "kodak.parquet"),)
    table = BenchmarkTable.from_settings(ContaminationSettings(folders=(str(tmp_path / "Set5"),), hash_files=files))
    assert table is not None
    assert [b.name for b in table.benchmarks] == ["Kodak/1", "Set5/HR/cup.png"]
    assert BenchmarkTable.from_settings(ContaminationSettings()) is None


def test_bad_benchmarks_end_in_one_clear_line(tmp_path: Path, wheel_photo: Photo) -> None:
    with pytest.raises(MillionIrdError, match="no picture"):
        BenchmarkTable.from_folders({"empty": tmp_path})
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 not a picture")
    with pytest.raises(MillionIrdError, match=r"broken\.jpg"):
        BenchmarkTable.from_folders({"broken": tmp_path})
    with pytest.raises(MillionIrdError, match="cannot be read"):
        BenchmarkTable.load([tmp_path / "absent.parquet"])
    table = BenchmarkTable.from_pictures({"a/b": wheel_photo("china")})
    table.save(tmp_path / "other.parquet")
    other = pq.read_table(tmp_path / "other.parquet").replace_schema_metadata({"million_ird_benchmarks": "99"})
    pq.write_table(other, tmp_path / "other.parquet")
    with pytest.raises(MillionIrdError, match="version"):
        BenchmarkTable.load([tmp_path / "other.parquet"])


def test_one_name_for_two_pictures_is_refused(wheel_photo: Photo) -> None:
    tables = [BenchmarkTable.from_pictures({"a/b": wheel_photo(name)}) for name in ("china", "coffee")]
    with pytest.raises(MillionIrdError, match="a/b"):
        BenchmarkTable([*tables[0].benchmarks, *tables[1].benchmarks])


@pytest.mark.parametrize("shape", [(1, 1), (20, 500), (64, 64)])
def test_small_and_empty_sources_have_no_hits(wheel_photo: Photo, shape: tuple[int, int]) -> None:
    table = BenchmarkTable.from_pictures({"a/b": wheel_photo("china")})
    assert table.lookup(np.full((*shape, 3), 99, np.uint8), SETTINGS) == []
    assert BenchmarkTable([]).lookup(wheel_photo("china"), SETTINGS) == []


def test_a_benchmark_without_content_is_never_found(wheel_photo: Photo) -> None:
    table = BenchmarkTable.from_pictures({"a/plain": np.full((300, 300, 3), 120, np.uint8)})
    assert len(table) == 1
    assert table.lookup(wheel_photo("china"), SETTINGS) == []


def test_the_number_of_candidates_is_bounded(wheel_photo: Photo) -> None:
    photo = wheel_photo("coffee")
    table = BenchmarkTable.from_pictures({f"set/{i}": cut(photo, i / 9, 0.5, 0.8, 200) for i in range(10)})
    assert len(table.lookup(photo, ContaminationSettings(max_candidates=5))) == 5


def test_transforms_are_the_ones_that_undo_the_planting(wheel_photo: Photo) -> None:
    photo = wheel_photo("china")
    for transform in ("rot90", "rot270"):
        table = BenchmarkTable.from_pictures({"a/b": np.ascontiguousarray(transformed(photo, transform))})
        found = find_benchmark(photo, table, SETTINGS)
        assert found is not None and found[0].transform == transform != inverse(transform)


def test_real_benchmarks_are_not_found_in_other_photographs(shared_data: Path) -> None:
    table = BenchmarkTable.from_folders(
        {name: shared_data / "testsets" / name for name in ("Set5", "Set12", "Kodak24")}
    )
    assert len(table) == 41
    for path in sorted((shared_data / "photos" / "debian_mate-backgrounds").glob("*.jpg"))[:4]:
        with Image.open(path) as picture:
            assert find_benchmark(np.array(picture.convert("RGB")), table, SETTINGS) is None
    with Image.open(shared_data / "testsets" / "Kodak24" / "kodim23.png") as picture:
        found = find_benchmark(np.array(picture.convert("RGB")), table, SETTINGS)
    assert found is not None and found[0].benchmark == "Kodak24/kodim23.png"


@pytest.mark.parametrize(
    "values", [{"smallest_window": 0.0}, {"max_bits": 40}, {"min_agreement": 2.0}, {"max_candidates": 0}]
)
def test_settings_out_of_range_name_their_key(values: dict[str, float]) -> None:
    with pytest.raises(UsageError, match=next(iter(values))):
        ContaminationSettings(**values)  # type: ignore[arg-type]
