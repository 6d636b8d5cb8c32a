"""Pairs that lie in one folder and are told apart by their endings, `00_blur.png` beside `00_sharp.png`: ReLoBlur.

Its tree has `dataset/test/s01/00/00_blur.png` and `…_sharp.png`, and the mask in `masks/test/s01/00/00.png`; the part
`test` is taken where there is one. A plain folder of such pairs has its masks in a folder `mask` or `masks` in it.
"""

from __future__ import annotations

from pathlib import Path

from pretrain.evaluate.picture_set import Item
from pretrain.images import image_files, shown_name
from pretrain.pairs import LeftOut

_BLUR, _SHARP = "_blur", "_sharp"
_ALONE = {
    _BLUR: "no clean picture of that name",
    _SHARP: "no degraded picture of that name",
    "": f"neither a {_BLUR} nor a {_SHARP} picture, as the others are",
}
"""Why a picture is in no pair, by its ending."""
_SCENES = f"s[0-9]*/*/*{_BLUR}.*"
_ROOTS = ("dataset/test", "test", "dataset", ".")


def pairs_by_ending(folder: Path) -> tuple[list[Item], list[LeftOut]]:
    """The pairs below a folder, by name, and the pictures beside them that are in none; nothing of either if it is no
    such tree and holds no such pair itself.

    Raises:
        UsageError: a folder of it cannot be listed.
    """
    roots = (folder / root for root in _ROOTS)
    tree = next((root for root in roots if any(root.glob(_SCENES))), None)
    if tree is None:
        found = [_sorted_out(folder, folder, _masks_in(folder))]
    else:
        homes = sorted({path.parent for path in tree.glob(_SCENES)})
        found = [_sorted_out(home, tree, _masks_of_tree(home)) for home in homes]
    items = [item for pairs, _ in found for item in pairs]
    return items, [file for _, alone in found for file in alone] if items else []


def _sorted_out(home: Path, root: Path, masks: Path | None) -> tuple[list[Item], list[LeftOut]]:
    """The pairs of one folder, named by their paths below `root`, and its other pictures."""
    files = image_files(home)
    blurred = {path.stem.removesuffix(_BLUR) for path in files if path.stem.endswith(_BLUR)}
    sharp = {path.stem.removesuffix(_SHARP): path for path in files if path.stem.endswith(_SHARP)}
    known = {path.stem: path for path in image_files(masks)} if masks is not None else {}
    items, alone = [], []
    for path in files:
        ending = next((ending for ending in (_BLUR, _SHARP) if path.stem.endswith(ending)), "")
        name = path.stem.removesuffix(ending)
        if ending == _BLUR and name in sharp:
            items.append(Item(shown_name(path.relative_to(root).as_posix()), path, sharp[name], known.get(name)))
        elif ending != _SHARP or name not in blurred:
            alone.append(LeftOut(path, _ALONE[ending]))
    return items, alone


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
