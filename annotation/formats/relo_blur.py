"""The tree of ReLoBlur: `dataset/train/s01/00/00_blur.png`, `…_sharp.png`, and `masks/train/s01/00/00.png`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from annotation.formats.carried import portable_file
from annotation.formats.files import files_below, not_empty, write_file
from annotation.formats.model import (
    Format,
    Found,
    Labelled,
    PictureFile,
    Reading,
    Skipped,
    Unreadable,
    Writing,
    Written,
)
from annotation.formats.names import one_file_each
from annotation.formats.png import load_picture
from annotation.mask import encode_mask
from annotation.pictures import PictureError

_ENDINGS = (".png", ".jpg", ".jpeg")
_PNG = frozenset({"png"})


def write(masks: Sequence[Labelled], folder: Path, writing: Writing) -> Iterator[Written | Skipped]:
    """Pictures that are no upright PNG are written as one."""
    stems = [_with_split(mask.name, writing.split) for mask in masks]
    one_file_each([mask.name for mask in masks], [f"masks/{path}.png" for path in stems])
    for labelled, path in zip(masks, stems, strict=True):
        try:
            files = _files(labelled, path)
        except PictureError as error:
            yield Skipped(labelled.name, str(error))
            continue
        for name, data in files.items():
            write_file(folder / name, data)
        yield Written(labelled.name, tuple(files))


def _files(labelled: Labelled, path: str) -> dict[str, bytes]:
    """The content of each file of an item, that of the mask first."""
    files = {f"masks/{path}.png": encode_mask(labelled.mask())}
    for kind, picture in (("blur", labelled.blurred), ("sharp", labelled.sharp)):
        if picture is not None:
            files[f"dataset/{path}_{kind}.png"] = _png(picture)
    return files


def _png(picture: PictureFile) -> bytes:
    return portable_file(picture, _PNG)[1]


def _with_split(path: str, split: str) -> str:
    return path if path.startswith(("train/", "test/")) else f"{split}/{path}"


def read(place: Path, reading: Reading) -> Iterator[Found | Unreadable]:
    """The masks below `masks/`, or below the folder itself if that is the one with the masks."""
    folder = place / "masks" if (place / "masks").is_dir() else place
    files = files_below(folder, _ENDINGS)
    not_empty(files, folder, "mask")
    prefix = "masks/" if folder != place else ""
    for name, path in files:
        yield Found(prefix + name, prefix + name, _names(name), None, partial(load_picture, path, reading))


def _names(name: str) -> tuple[str, ...]:
    """With the split and without: projects name their items either way."""
    whole = name.rpartition(".")[0]
    split, _, rest = whole.partition("/")
    return (whole, rest) if split in ("train", "test") and rest else (whole,)


FORMAT = Format("relo-blur", write, read, needs_sharp=True)
