"""What TensorBoard reads, written without it: scalars and pictures, one file per start of a run.

A record is its length, a checksum of the length, the bytes, a checksum of the bytes; the bytes are an `Event` message
of protocol buffers (https://github.com/tensorflow/tensorboard: tensorboard/compat/proto/event.proto, summary.proto and
summary/writer/record_writer.py). Five fields of it are enough, and save a dependency that only looking needs:
`pip install tensorboard`, then `tensorboard --logdir DIR/tensorboard`.
"""

from __future__ import annotations

import math
import struct
import time
from collections.abc import Mapping
from pathlib import Path

_CASTAGNOLI = 0x82F63B78  # the polynomial of CRC-32C, bits reversed


class EventFile:
    """A new event file in `folder`; TensorBoard forgets what earlier files say of steps after `step`.

    Args:
        folder: made where it is absent; files of earlier starts stay.
        step: steps done when this one starts.
    """

    def __init__(self, folder: Path, step: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        started = len(list(folder.glob("events.out.tfevents.*")))
        # TensorBoard reads the files of a folder in the order of their names.
        self._file = (folder / f"events.out.tfevents.{started:010d}").open("ab")
        self._write(_text(3, "brain.Event:2"), 0)
        if started:
            session_start = _varint_field(1, 1)
            self._write(_bytes(7, session_start), step + 1)

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """One point on each curve; a value that is no number is left out."""
        points = b"".join(
            _bytes(1, _text(1, tag) + _key(2, 5) + struct.pack("<f", value))
            for tag, value in values.items()
            if math.isfinite(value)
        )
        if points:
            self._write(_bytes(5, points), step)

    def picture(self, step: int, tag: str, png: bytes, height: int, width: int) -> None:
        """An RGB picture, as PNG."""
        image = _varint_field(1, height) + _varint_field(2, width) + _varint_field(3, 3) + _bytes(4, png)
        self._write(_bytes(5, _bytes(1, _text(1, tag) + _bytes(4, image))), step)

    def close(self) -> None:
        self._file.close()

    def _write(self, content: bytes, step: int) -> None:
        event = _key(1, 1) + struct.pack("<d", time.time()) + _varint_field(2, step) + content
        length = struct.pack("<Q", len(event))
        record = length + struct.pack("<I", masked_crc32c(length)) + event + struct.pack("<I", masked_crc32c(event))
        self._file.write(record)
        self._file.flush()


def masked_crc32c(data: bytes) -> int:
    """CRC-32C, rotated by 15 bits and shifted by a constant, as the record format wants it."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _TABLE[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def _table() -> list[int]:
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (_CASTAGNOLI if byte & 1 else 0)
        table.append(byte)
    return table


_TABLE = _table()


def _key(field: int, wire: int) -> bytes:
    """Head of a field: its number, and how its value is written (0 varint, 1 eight bytes, 2 counted, 5 four bytes)."""
    return _varint(field << 3 | wire)


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _varint_field(field: int, value: int) -> bytes:
    return _key(field, 0) + _varint(value)


def _bytes(field: int, value: bytes) -> bytes:
    return _key(field, 2) + _varint(len(value)) + value


def _text(field: int, value: str) -> bytes:
    return _bytes(field, value.encode())
