"""The sheet shows exactly what training sees."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest

from million_ird import Dataset
from pretrain.corrupt import GAUSSIAN, CorruptSettings, Degraded, Levels, degrade
from pretrain.masking import MaskSettings
from pretrain.sheet import SheetRow, draw_sheet, sheet_rows
from pretrain.stream.settings import StreamSettings
from pretrain.stream.stream import Stream, open_stream

_CORRUPTING, _MASKING = CorruptSettings(kind_per="cell"), MaskSettings(fill="noise")


@pytest.fixture
def stream(built: Dataset, tmp_path: Path) -> Stream:
    settings = StreamSettings(crop=32, workers=0, lanes=8, cache=str(tmp_path / "cache"))
    make = partial(degrade, corrupting=_CORRUPTING, masking=_MASKING)
    return open_stream([built.url], settings, 5, make, say=lambda line: None)


def test_the_rows_are_the_first_samples_of_training(stream: Stream) -> None:
    rows = sheet_rows(stream, 12, _CORRUPTING, _MASKING)
    with stream.loader(batch_size=12) as batches:
        batch = next(batches)
    assert tuple(row.key for row in rows) == batch.keys
    for row, seen, target in zip(rows, batch.inputs.numpy(), batch.targets.numpy(), strict=True):
        np.testing.assert_array_equal(row.made.input.transpose(2, 0, 1), seen)
        np.testing.assert_array_equal(row.clean.transpose(2, 0, 1), target)


def test_each_row_holds_the_three_pictures_enlarged(stream: Stream) -> None:
    rows = sheet_rows(stream, 3, _CORRUPTING, _MASKING)
    sheet = draw_sheet(rows)
    assert sheet.dtype == np.uint8 and sheet.shape[1:] == (3 * 64 + 4 * 12, 3)
    for number, row in enumerate(rows):
        for column, crop in enumerate((row.clean, row.made.corrupted, row.made.input)):
            y, x = 39 + number * (64 + 27), 12 + column * (64 + 12)
            np.testing.assert_array_equal(sheet[y : y + 64 : 2, x : x + 64 : 2], crop)
        assert (sheet[y + 64 : y + 64 + 20] != sheet[0, 0]).any()  # the caption


def test_the_caption_counts_the_cells() -> None:
    kinds = np.array([[GAUSSIAN, 0], [0, 0]], np.uint8)
    masked = np.array([[False, True], [True, False]])
    black = np.zeros((32, 32, 3), np.uint8)
    row = SheetRow("a-key", black, Degraded(black, black, kinds > 0, masked, kinds, Levels(50, 12.34, 5.0)))
    assert row.caption == "of 4 cells: 1 Gaussian (sigma 12.3), 2 masked, 1 clean · a-key"
