"""The tree of ReLoBlur: `dataset/train/s01/00/00_blur.png`, `…_sharp.png`, and `masks/train/s01/00/00.png`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from annotation.formats.carried import portable_file
from annotation.formats.files import files_below, not_empty, write_file
from annotation.formats.model import Format, Found, Labelled, PictureFile, Reading, Unreadable, Writing, Written
from annotation.formats.names import one_file_each
from annotation.formats.png import load_picture
from annotation.mask import encode_mask

_ENDINGS = (".png", ".jpg", ".jpeg")
_PNG = frozenset({"png"})


def write(masks: Sequence[Labelled], folder: Path, writing: Writing) -> Iterator[Written]:
    """Pictures that are no upright PNG are written as one."""
    stems = [_with_split(mask.name, writing.split) for mask in masks]
    one_file_each([mask.name for mask in masks], [f"masks/{path}.png" for path in stems])
    for labelled, path in zip(masks, stems, strict=True):
        files = [f"masks/{path}.png"]
        write_file(folder / files[0], encode_mask(labelled.mask()))
        for kind, picture in (("blur", labelled.blurred), ("sharp", labelled.sharp)):
            if picture is not None:
                files.append(f"dataset/{path}_{kind}.png")
                write_file(folder / files[-1], _png(picture))
        yield Written(labelled.name, tuple(files))


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
