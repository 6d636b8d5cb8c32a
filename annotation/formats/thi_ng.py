"""The run-length code of Label Studio's brush (thi.ng's `rle-pack`): a stream of bits, highest first.

32 bits: how many values follow. 5 bits: bits of a value, less one. Four times 4 bits: bits of a length, less one, for
each of the four kinds of length. Then packets: 1 bit whether one value is repeated, 2 bits which kind of length, the
length less one, and the value, or so many values.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from annotation.mask import MaskError

_VALUE_BITS = 8
_LENGTH_BITS = (3, 4, 8, 16)
"""What Label Studio uses, too."""
_KINDS = len(_LENGTH_BITS)


def encode(values: NDArray[np.uint8]) -> bytes:
    """The stream of some values, (N,) uint8; all are written as repetitions, which masks consist of."""
    packets = [f"{values.size:032b}{_VALUE_BITS - 1:05b}", *(f"{size - 1:04b}" for size in _LENGTH_BITS)]
    packets += (_packet(value, length) for value, length in _runs(values))
    bits = "".join(packets)
    bits += "0" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8, "big")


def decode(data: bytes, count: int) -> NDArray[np.uint8]:
    """The `count` values of a stream, (count,) uint8.

    Raises:
        MaskError: it holds another number of values, or ends too early.
    """
    stream = _Bits(data)
    if (stated := stream.number(32)) != count:
        raise MaskError(f"its runs are for {stated:,} values, its size asks for {count:,}")
    value_bits = stream.number(5) + 1
    if value_bits > _VALUE_BITS:
        raise MaskError(f"its values have {value_bits} bits, more than the {_VALUE_BITS} of a picture")
    length_bits = [stream.number(4) + 1 for _ in range(_KINDS)]
    out = np.empty(count, np.uint8)
    at = 0
    while at < count:
        is_run = stream.number(1)
        end = at + stream.number(length_bits[stream.number(2)]) + 1
        if end > count:
            raise MaskError("its runs are longer than the mask")
        out[at:end] = stream.number(value_bits) if is_run else stream.numbers(end - at, value_bits)
        at = end
    return out


class _Bits:
    """A stream of bits that is read from the front."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at, self._end = data, 0, 8 * len(data)

    def number(self, bits: int) -> int:
        """The next bits as a number."""
        first, end = self._take(bits)
        window = int.from_bytes(self._data[first // 8 : (end + 7) // 8], "big")
        return (window >> (-end % 8)) & ((1 << bits) - 1)

    def numbers(self, count: int, bits: int) -> NDArray[np.uint8]:
        """The next `count` numbers of at most 8 bits each: (count,)."""
        first, end = self._take(count * bits)
        window = np.frombuffer(self._data, np.uint8)[first // 8 : (end + 7) // 8]
        flat = np.unpackbits(window)[first % 8 : first % 8 + count * bits]
        weights = 1 << np.arange(bits - 1, -1, -1)
        return (flat.reshape(count, bits) @ weights).astype(np.uint8)

    def _take(self, bits: int) -> tuple[int, int]:
        first, self._at = self._at, self._at + bits
        if self._at > self._end:
            raise MaskError("its runs end too early")
        return first, self._at


def _packet(value: int, length: int) -> str:
    """One repetition of at most the longest length."""
    kind = next(kind for kind, size in enumerate(_LENGTH_BITS) if length <= 1 << size)
    return f"1{kind:02b}{length - 1:0{_LENGTH_BITS[kind]}b}{value:0{_VALUE_BITS}b}"


def _runs(values: NDArray[np.uint8]) -> Iterator[tuple[int, int]]:
    """(value, length) of equal neighbours, those that are too long for one packet in parts."""
    starts = np.concatenate(([0], np.flatnonzero(values[1:] != values[:-1]) + 1, [values.size]))
    longest = 1 << _LENGTH_BITS[-1]
    for start, end in zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True):
        for at in range(start, end, longest):
            yield int(values[at]), min(longest, end - at)
