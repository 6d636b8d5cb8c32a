"""Pairs that lie in one folder and are told apart by their endings, `00_blur.png` beside `00_sharp.png`: ReLoBlur.

Its tree has `dataset/test/s01/00/00_blur.png` and `…_sharp.png`, and the mask in `masks/test/s01/00/00.png`; the part
`test` is taken where there is one. A plain folder of such pairs has its masks in a folder `mask` or `masks` in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pretrain.evaluate.picture_set import Item
from pretrain.images import image_files, shown_name

_BLUR, _SHARP = "_blur", "_sharp"
_SCENES = f"s[0-9]*/*/*{_BLUR}.*"
_ROOTS = ("dataset/test", "test", "dataset", ".")


def pairs_by_ending(folder: Path) -> tuple[Item, ...]:
    """The pairs below a folder, by name; none if it is no such tree and holds no such pair itself.

    Raises:
        UsageError: a folder of it cannot be listed.
    """
    roots = (folder / root for root in _ROOTS)
    tree = next((root for root in roots if any(root.glob(_SCENES))), None)
    if tree is None:
        return tuple(_pairs(folder, folder, _masks_in(folder)))
    homes = sorted({path.parent for path in tree.glob(_SCENES)})
    return tuple(item for home in homes for item in _pairs(home, tree, _masks_of_tree(home)))


def _pairs(home: Path, root: Path, masks: Path | None) -> Iterator[Item]:
    files = image_files(home)
    sharp = {path.stem.removesuffix(_SHARP): path for path in files if path.stem.endswith(_SHARP)}
    known = {path.stem: path for path in image_files(masks)} if masks is not None else {}
    for path in files:
        name = path.stem.removesuffix(_BLUR)
        if name != path.stem and name in sharp:
            yield Item(shown_name(path.relative_to(root).as_posix()), path, sharp[name], known.get(name))


def _masks_in(folder: Path) -> Path | None:
    return next((folder / name for name in ("mask", "masks") if (folder / name).is_dir()), None)


def _masks_of_tree(home: Path) -> Path | None:
    """The folder of a shot's masks: that of the shot, with `masks` in place of the last `dataset` of its path."""
    parts = list(home.parts)
    if "dataset" not in parts:
        return None
    parts[len(parts) - 1 - parts[::-1].index("dataset")] = "masks"
    masks = Path(*parts)
    return masks if masks.is_dir() else None
