"""One image's bytes become one row: complete, the same every time, kept and rejected alike."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from million_ird.examine import Examination, examine, rejected_row, taken_down_row
from million_ird.pixels import DecodeSettings
from million_ird.records import SOURCE_SCHEMA, TOMBSTONE_SCHEMA, Rejection, image_schema
from million_ird.screens import DEFAULT_INTERVALS, Interval, ScreenSettings
from million_ird.tombstones import Tombstones
from tests.flow.world import jpeg, picture, png

OPEN = dict.fromkeys(DEFAULT_INTERVALS, Interval())


def _source(key: str = "k") -> dict[str, Any]:
    empty: dict[str, Any] = {field.name: "" if field.type == pa.string() else None for field in SOURCE_SCHEMA}
    return empty | {"key": key, "url": "http://example.com/a", "license": "CC0", "source": "list"}


def _examination(tombstones: Tombstones | None = None, **intervals: Interval) -> Examination:
    screens = ScreenSettings(measure=("short_side", "entropy"), keep=OPEN | intervals)
    return Examination(DecodeSettings(), screens, tombstones=tombstones or Tombstones())


def test_a_kept_row_is_complete_and_fits_its_schema() -> None:
    data = jpeg(picture(1, 200, 120))
    examination = _examination()
    row = examine(_source(), data, examination, final_url="http://example.com/b")
    assert row["kept"] and row["step"] == row["reason"] == ""
    assert (row["width"], row["height"], row["format"], row["short_side"]) == (200, 120, "jpeg", 120.0)
    assert row["sha256"] == hashlib.sha256(data).hexdigest() and row["nbytes"] == len(data)
    assert row["cuttable"] and len(row["phash"]) == 32 and len(row["pixel_hash"]) == 32
    assert row["final_url"] == "http://example.com/b" and row["license"] == "CC0"
    schema = image_schema(examination.screens.columns())
    assert row.keys() <= set(schema.names)
    table = pa.Table.from_pylist([row], schema=schema)
    assert not [name for name in schema.names if table[name].type == pa.string() and table[name].null_count]


def test_the_same_bytes_give_the_same_row() -> None:
    data = png(picture(2, 160, 160))
    assert examine(_source(), data, _examination()) == examine(_source(), data, _examination())


def test_a_rejected_image_is_measured_all_the_same() -> None:
    data = jpeg(picture(1, 200, 120))
    kept = examine(_source(), data, _examination())
    rejected = examine(_source(), data, _examination(short_side=Interval(low=128)))
    assert (rejected["step"], rejected["reason"], rejected["measured"]) == ("screen", "short_side_low", 120.0)
    verdict = ("kept", "step", "reason", "measured", "detail")
    assert {n: v for n, v in rejected.items() if n not in verdict} == {
        n: v for n, v in kept.items() if n not in verdict
    }


@pytest.mark.parametrize(
    ("data", "reason"),
    [(b"", "empty"), (b"<!doctype html>", "not_an_image"), (jpeg(picture(1, 200, 120))[:3000], "truncated")],
)
def test_what_does_not_decode_is_a_row_too(data: bytes, reason: str) -> None:
    row = examine(_source(), data, _examination())
    assert (row["step"], row["reason"], row["kept"]) == ("decode", reason, False)
    assert row["nbytes"] == len(data) and row["sha256"] and row["phash"] is None and row["tar"] == ""


def _stone(row: dict[str, Any], **only: str) -> Tombstones:
    blank = {"key": "other", "sha256": "", "pixel_hash": "", "phash": b"", "reason": ""}
    stone = blank | {name: row[name] for name in only.values()}
    return Tombstones(pa.Table.from_pylist([stone], schema=TOMBSTONE_SCHEMA))


@pytest.mark.parametrize("by", ["key", "sha256", "pixel_hash", "phash"])
def test_a_tombstone_is_met_by_any_of_its_hashes(by: str) -> None:
    data = jpeg(picture(1, 200, 120))
    stone = _stone(examine(_source(), data, _examination()), by=by)
    row = examine(_source(), data, _examination(stone))
    assert (row["step"], row["reason"], row["thumbnail"]) == ("screen", "taken_down", None)
    other = examine(_source("another"), jpeg(picture(9, 200, 120)), _examination(stone))
    assert other["kept"]


def test_a_tombstone_is_met_by_a_mirrored_copy() -> None:
    rgb = picture(1, 200, 120)
    stone = _stone(examine(_source(), jpeg(rgb), _examination()), by="phash")
    copy = examine(_source("copy"), jpeg(np.ascontiguousarray(rgb[:, ::-1]), 70), _examination(stone))
    assert copy["reason"] == "taken_down"


def test_rows_that_were_never_examined() -> None:
    row = rejected_row(_source(), Rejection("fetch", "http_not_found", 404.0, "gone"), final_url="x")
    assert (row["kept"], row["step"], row["reason"], row["measured"]) == (False, "fetch", "http_not_found", 404.0)
    blank = taken_down_row(_source())
    assert blank["reason"] == "taken_down"
    assert {name for name, value in blank.items() if value} == {"key", "source", "step", "reason"}
