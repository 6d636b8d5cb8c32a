"""LMD-ViT's training files: `.npy` files that each hold a dict, `img_blur` and `img_gt` uint8 (H, W, 3) and `blur_mask`
(H, W) from 0 to 1.

Such a file is a pickle, which can run any program when it is loaded with `allow_pickle=True`. It is never loaded so
here; `array_pickle` reads what such a dict needs and refuses everything else.
"""

from __future__ import annotations

import io
import pickle
import re
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from annotation.formats.array_pickle import load_arrays
from annotation.formats.files import MASK_FILE_BYTES, files_below, not_empty, read_bounded, write_file
from annotation.formats.model import (
    Format,
    FormatError,
    Found,
    Labelled,
    Reading,
    Size,
    Skipped,
    Unreadable,
    Writing,
    Written,
)
from annotation.formats.names import one_file_each
from annotation.mask import Mask, MaskError, check_size
from annotation.pictures import PictureError

_MAGIC = b"\x93NUMPY"
_HEADER = re.compile(rb"\{'descr': '\|O', 'fortran_order': (?:True|False), 'shape': \(\), \}\s*")


def write(masks: Sequence[Labelled], folder: Path, writing: Writing) -> Iterator[Written | Skipped]:
    """`s01/00/00` becomes `s01/00/00.npy`, pictures upright."""
    paths = [f"{mask.name}.npy" for mask in masks]
    one_file_each([mask.name for mask in masks], paths)
    for labelled, path in zip(masks, paths, strict=True):
        try:
            content = _content(labelled)
        except PictureError as error:
            yield Skipped(labelled.name, str(error))
            continue
        write_file(folder / path, _save(content))
        yield Written(labelled.name, (path,))


def _content(labelled: Labelled) -> dict[str, NDArray[Any]]:
    if labelled.sharp is None:
        raise PictureError(f"{labelled.name} has no sharp frame, which img_gt needs")
    return {
        "img_blur": labelled.blurred.pixels(),
        "img_gt": labelled.sharp.pixels(),
        "blur_mask": labelled.mask().astype(np.float32),
    }


def _save(content: dict[str, NDArray[Any]]) -> bytes:
    """As `numpy.save` writes a dict, but so that every version of numpy can load it: version 2 has moved a function
    that pickles of arrays name, and knows it under its old name, too; versions before 1.26 know no other."""
    out = io.BytesIO()
    np.lib.format.write_array_header_1_0(out, {"descr": "|O", "fortran_order": False, "shape": ()})
    pickled = pickle.dumps(np.array(content, dtype=object), protocol=3)
    # Its first mention precedes all pixels, and later ones refer to it.
    out.write(pickled.replace(b"cnumpy._core.multiarray\n", b"cnumpy.core.multiarray\n", 1))
    return out.getvalue()


def read(place: Path, reading: Reading) -> Iterator[Found | Unreadable]:
    """Every `.npy` file below a folder."""
    files = files_below(place, (".npy",))
    not_empty(files, place, "file *.npy")
    for name, path in files:
        yield Found(name, name, (name.removesuffix(".npy"),), None, partial(_load, path, reading))


def _load(path: Path, reading: Reading, size: Size) -> Mask:
    try:
        data = read_bounded(path, MASK_FILE_BYTES)
    except FormatError as error:
        raise MaskError(str(error)) from None
    arrays = load_arrays(_pickle_of(data))
    if "blur_mask" not in arrays:
        raise MaskError("its dict has no array blur_mask")
    mask = arrays["blur_mask"]
    mask = mask[:, :, 0] if mask.ndim == 3 and mask.shape[2] == 1 else mask
    if mask.ndim != 2:
        raise MaskError(f"blur_mask has the shape {mask.shape}, not (height, width)")
    check_size((mask.shape[1], mask.shape[0]), size)
    return _binary(mask, reading)


def _pickle_of(data: bytes) -> bytes:
    """What follows the header of a `.npy` file."""
    if data[:6] != _MAGIC or len(data) < 12 or data[6] not in (1, 2, 3):
        raise MaskError("it is no .npy file")
    start, width = 8, 2 if data[6] == 1 else 4
    end = start + width + int.from_bytes(data[start : start + width], "little")
    if end > len(data) or end > 4096 or not _HEADER.fullmatch(data[start + width : end]):
        raise MaskError("it is no .npy file of a dict: its header is that of another array, or cut off")
    return data[end:]


def _binary(mask: NDArray[Any], reading: Reading) -> Mask:
    """Exactly 0 and 1, or 0 and 255 where the numbers are whole."""
    if reading.any_nonzero:
        return np.asarray(mask != 0)
    full = 255 if mask.dtype.kind in "iu" and mask.max(initial=0) > 1 else 1
    blurred: Mask = np.asarray(mask == full)
    if not (blurred | (mask == 0)).all():
        low, high = mask.min(), mask.max()
        raise MaskError(
            f"blur_mask holds values {low} … {high}, not only 0 and {full}: threshold it, or count every "
            "non-zero value as blurred"
        )
    return blurred


FORMAT = Format("lmd-vit", write, read, needs_sharp=True)
