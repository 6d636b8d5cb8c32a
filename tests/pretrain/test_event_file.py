"""TensorBoard's own reader reads what is written without it."""

from __future__ import annotations

import math
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from million_ird.pixels.encode import encode_png
from pretrain.event_file import EventFile, masked_crc32c

_READ = """
import json, sys, warnings
warnings.simplefilter("ignore")  # about other libraries of its own
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
events = EventAccumulator(sys.argv[1])
events.Reload()
scalars = {tag: [(e.step, e.value) for e in events.Scalars(tag)] for tag in events.Tags()["scalars"]}
images = {tag: [(e.step, e.width, e.height) for e in events.Images(tag)] for tag in events.Tags()["images"]}
print(json.dumps([scalars, images]))
"""


def _read(folder: Path) -> object:
    import json

    done = subprocess.run([sys.executable, "-c", _READ, str(folder)], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_tensorboard_reads_scalars_and_pictures_and_forgets_what_is_done_again(tmp_path: Path) -> None:
    first = EventFile(tmp_path, 0)
    for step in (1, 2, 300):
        first.scalars(step, {"train/loss": step / 2, "train/größe": 1e-9})
    first.scalars(300, {"nan": math.nan, "infinite": math.inf})
    first.picture(2, "picture", encode_png(np.zeros((4, 6, 3), np.uint8)), 4, 6)
    first.close()
    second = EventFile(tmp_path, 2)
    second.scalars(3, {"train/loss": 7.0})
    second.close()
    scalars, images = _read(tmp_path)  # type: ignore[misc]
    assert scalars["train/loss"] == [[1, 0.5], [2, 1.0], [3, 7.0]]
    assert scalars["train/größe"] == [[1, pytest.approx(1e-9)], [2, pytest.approx(1e-9)]]
    assert "nan" not in scalars and "infinite" not in scalars
    assert images == {"picture": [[2, 6, 4]]}


def test_a_start_writes_a_file_of_its_own_that_sorts_last(tmp_path: Path) -> None:
    for start in range(12):
        EventFile(tmp_path, start).close()
    names = sorted(path.name for path in tmp_path.iterdir())
    assert len(names) == 12 and names[-1].endswith(".0000000011")


def test_the_checksum_is_that_of_the_format() -> None:
    # RFC 3720, B.4: the CRC-32C of 32 zero bytes and of 32 bytes of ones.
    for data, crc in ((b"\0" * 32, 0x8A9136AA), (b"\xff" * 32, 0x62A8AB43)):
        masked = (crc >> 15 | crc << 17) + 0xA282EAD8 & 0xFFFFFFFF
        assert masked_crc32c(data) == masked


def test_every_record_carries_its_checksums(tmp_path: Path) -> None:
    file = EventFile(tmp_path, 0)
    file.scalars(1, {"a": 1.0})
    file.close()
    data = next(tmp_path.iterdir()).read_bytes()
    records = 0
    while data:
        (length,) = struct.unpack("<Q", data[:8])
        assert struct.unpack("<I", data[8:12]) == (masked_crc32c(data[:8]),)
        event, data = data[12 : 12 + length], data[12 + length :]
        assert struct.unpack("<I", data[:4]) == (masked_crc32c(event),)
        data = data[4:]
        records += 1
    assert records == 2
