"""Read the fields of a TIFF directory: the structure that TIFF files, EXIF and the MPF list of a JPEG share."""

from __future__ import annotations

import struct
from dataclasses import dataclass

ORIENTATION = 274
_EXIF_DIRECTORY, _INTEROP_DIRECTORY = 0x8769, 0xA005
_COLOUR_SPACE, _INTEROP_INDEX = 0xA001, 1
_FORMATS = {1: "B", 2: "s", 3: "H", 4: "I", 6: "b", 7: "s", 8: "h", 9: "i", 13: "I", 16: "Q", 17: "q", 18: "Q"}
_MAX_DIRECTORIES, _MAX_FIELDS, _MAX_VALUES = 1000, 1000, 1_048_576
"""Real files have a few pages, some fifty fields in each, and a value per strip or tile."""


class BrokenFieldsError(ValueError):
    """The bytes are no readable TIFF structure."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a directory, read when asked: many hostile ones may point at the same megabytes."""

    data: bytes
    form: str
    """A `struct` format with byte order, count and type."""
    start: int
    """Where the values lie in `data`."""

    @property
    def size(self) -> int:
        """Bytes of all values."""
        return struct.calcsize(self.form)

    @property
    def raw(self) -> bytes:
        """The bytes as they are."""
        return self.data[self.start : self.start + self.size]

    @property
    def values(self) -> tuple[int, ...]:
        """The integers; none for text and undefined types."""
        return () if self.form.endswith("s") else struct.unpack_from(self.form, self.data, self.start)


Directory = dict[int, Field]


@dataclass(frozen=True, slots=True)
class TiffFields:
    """Directories within `data`, which begins with the TIFF header."""

    data: bytes
    endian: str
    big: bool

    @classmethod
    def open(cls, data: bytes) -> tuple[TiffFields, int]:
        """The reader and the offset of the first directory.

        Raises:
            BrokenFieldsError: no TIFF header.
        """
        endian = {b"II": "<", b"MM": ">"}.get(data[:2])
        if endian is None or len(data) < 8:
            raise BrokenFieldsError("no byte-order mark")
        magic = struct.unpack_from(endian + "H", data, 2)[0]
        if magic == 42:
            return cls(data, endian, big=False), struct.unpack_from(endian + "I", data, 4)[0]
        if magic == 43 and len(data) >= 16:
            return cls(data, endian, big=True), struct.unpack_from(endian + "Q", data, 8)[0]
        raise BrokenFieldsError(f"magic number {magic}")

    def directory(self, offset: int) -> tuple[Directory, int]:
        """The fields at `offset`, and the offset of the next directory (0 after the last).

        Fields of types that hold no integers (rational, float) are left out.

        Raises:
            BrokenFieldsError: the directory does not lie within the data.
        """
        count_format, entry_size, next_format = ("Q", 20, "Q") if self.big else ("H", 12, "I")
        (count,) = self._unpack(count_format, offset)
        if count > _MAX_FIELDS:
            raise BrokenFieldsError(f"a directory of {count} fields")
        first = offset + struct.calcsize(count_format)
        if first + count * entry_size > len(self.data):
            raise BrokenFieldsError("a directory reaches past the end")
        fields: Directory = {}
        for entry in range(first, first + count * entry_size, entry_size):
            tag, kind = self._unpack("HH", entry)
            if kind in _FORMATS:
                fields[tag] = self._field(entry, kind)
        end = first + count * entry_size
        has_next = end + struct.calcsize(next_format) <= len(self.data)
        return fields, self._unpack(next_format, end)[0] if has_next else 0

    def chain(self, offset: int) -> list[Directory]:
        """Every directory from `offset` on.

        Raises:
            BrokenFieldsError: a directory lies outside the data, or the chain does not end.
        """
        found: list[Directory] = []
        seen: set[int] = set()
        while offset:
            if offset in seen or len(found) >= _MAX_DIRECTORIES:
                raise BrokenFieldsError("the chain of directories does not end")
            seen.add(offset)
            fields, offset = self.directory(offset)
            found.append(fields)
        return found

    def _field(self, entry: int, kind: int) -> Field:
        (count,) = self._unpack("Q" if self.big else "I", entry + 4)
        if count > len(self.data) or (_FORMATS[kind] != "s" and count > _MAX_VALUES):
            raise BrokenFieldsError("a field reaches past the end")
        form = f"{self.endian}{count}{_FORMATS[kind]}"
        inline = entry + (12 if self.big else 8)
        fits = struct.calcsize(form) <= (8 if self.big else 4)
        start = inline if fits else self._unpack("Q" if self.big else "I", inline)[0]
        if start + struct.calcsize(form) > len(self.data):
            raise BrokenFieldsError("a field reaches past the end")
        return Field(self.data, form, start)

    def _unpack(self, form: str, offset: int) -> tuple[int, ...]:
        try:
            return struct.unpack_from(self.endian + form, self.data, offset)
        except (struct.error, OverflowError):
            raise BrokenFieldsError("an offset points past the end") from None


@dataclass(frozen=True, slots=True)
class Exif:
    """The two things that EXIF says about pixels."""

    orientation: int = 1
    """1..8; 1 if absent or broken."""
    colour_space: str = ""
    """`srgb`, `adobe_rgb`, or "" where EXIF does not say (`uncalibrated` says nothing)."""


def read_exif(blob: bytes) -> Exif:
    """Read EXIF that begins with its TIFF header (a leading `Exif\\0\\0` is skipped). Broken EXIF says nothing."""
    try:
        reader, offset = TiffFields.open(blob.removeprefix(b"Exif\x00\x00"))
        fields, _ = reader.directory(offset)
    except BrokenFieldsError:
        return Exif()
    return Exif(orientation=orientation_of(fields), colour_space=_exif_colour_space(reader, fields))


def orientation_of(fields: Directory) -> int:
    """The EXIF orientation 1..8 of a directory; 1 if absent or impossible."""
    value = first_value(fields, ORIENTATION, 1)
    return value if 1 <= value <= 8 else 1


def first_value(fields: Directory, tag: int, default: int) -> int:
    """The first integer of a field, or `default` where there is none."""
    field = fields.get(tag)
    return field.values[0] if field and field.values else default


def _exif_colour_space(reader: TiffFields, fields: Directory) -> str:
    """ColorSpace 1 is sRGB; Adobe RGB is 65535 with interoperability index R03, or the unofficial 2 (DCF 2.0)."""
    try:
        exif, _ = reader.directory(first_value(fields, _EXIF_DIRECTORY, 0))
    except BrokenFieldsError:
        return ""
    value = first_value(exif, _COLOUR_SPACE, 0)
    if value in (1, 2):
        return {1: "srgb", 2: "adobe_rgb"}[value]
    try:
        interop, _ = reader.directory(first_value(exif, _INTEROP_DIRECTORY, 0))
    except BrokenFieldsError:
        return ""
    index = interop.get(_INTEROP_INDEX)
    return "adobe_rgb" if index is not None and index.raw.startswith(b"R03") else ""
