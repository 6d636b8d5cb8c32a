"""PNG files under the names of the images: 1 bit, white is blurred."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from annotation.formats.files import MASK_FILE_BYTES, files_below, not_empty, read_bounded, write_file
from annotation.formats.model import Format, FormatError, Found, Labelled, Reading, Size, Unreadable, Writing, Written
from annotation.formats.names import one_file_each
from annotation.mask import Mask, MaskError, decode_mask, encode_mask

_ENDINGS = (".png", ".bmp", ".tif", ".tiff", ".gif", ".webp", ".jpg", ".jpeg")
"""What is read: other tools write masks in all of them."""


def write(masks: Sequence[Labelled], folder: Path, writing: Writing) -> Iterator[Written]:
    """`holiday/beach` becomes `holiday/beach.png`."""
    paths = [f"{mask.name}.png" for mask in masks]
    one_file_each([mask.name for mask in masks], paths)
    for mask, path in zip(masks, paths, strict=True):
        write_file(folder / path, encode_mask(mask.mask()))
        yield Written(mask.name, (path,))


def read(place: Path, reading: Reading) -> Iterator[Found | Unreadable]:
    """Every picture file below a folder is a mask."""
    files = files_below(place, _ENDINGS)
    not_empty(files, place, "picture file")
    for name, path in files:
        yield Found(name, name, (name.rpartition(".")[0], name), None, partial(load_picture, path, reading))


def load_picture(path: Path, reading: Reading, size: Size) -> Mask:
    """The mask in a picture file; MaskError if there is none, or of another size."""
    try:
        data = read_bounded(path, MASK_FILE_BYTES)
    except FormatError as error:
        raise MaskError(str(error)) from None
    return decode_mask(data, size, reading.any_nonzero)


FORMAT = Format("png", write, read)
