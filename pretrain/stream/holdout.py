"""The images that are kept out of training, chosen once by a hash of their keys and recorded.

An image is held out if its salted hash lies below a bound. The bound is chosen so that the wanted number of images
lies below it; as it and the salt are recorded, an image keeps its side however the dataset grows, and of new images
about the same share is held out. All patches of an image go together.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from million_ird.errors import DatasetError
from million_ird.order import hash_words, mix_array
from million_ird.store import explained
from pretrain.stream.index import PatchIndex
from pretrain.stream.settings import HoldoutSettings

_SALT = 5  # what the hash of the seed is for

FILE = "holdout.json"
"""Its name in a run's folder."""


@dataclass(frozen=True, slots=True)
class Holdout:
    """Which images are held out."""

    salt: int
    below: int
    """An image is held out if the salted hash of its key is smaller, 0 … 2^64 - 1; 0 holds out none."""
    images: int
    """So many were, when it was chosen."""
    of_images: int
    fingerprint: str
    """Of the index it was chosen for."""

    def mask(self, image_hashes: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """Which of the images of these hashes (the index's column `image`) are held out: bool, same shape."""
        return self.order(image_hashes) < np.uint64(self.below)

    def order(self, image_hashes: NDArray[np.uint64]) -> NDArray[np.uint64]:
        """The salted hashes: uint64, same shape. Held-out images are validated in their order."""
        return mix_array(image_hashes ^ np.uint64(self.salt))


def choose_holdout(index: PatchIndex, settings: HoldoutSettings, seed: int, smallest_side: int) -> Holdout:
    """Chooses among the images that have a patch of at least `smallest_side` pixels in both directions.

    Raises:
        DatasetError: there is only one image, so none can be spared.
    """
    hashes = [
        np.unique(image[np.minimum(width, height) >= smallest_side])
        for _, (image, width, height) in index.each("image", "width", "height")
    ]
    images = np.unique(np.concatenate(hashes))
    salt = hash_words(seed, _SALT)
    nothing = Holdout(salt, 0, 0, len(images), index.fingerprint)
    if settings.fraction == 0 or len(images) == 0:
        return nothing
    if len(images) == 1:
        raise DatasetError("there is only one image, which cannot be held out: set stream.holdout.fraction to 0")
    count = min(max(round(settings.fraction * len(images)), settings.min_images), settings.max_images, len(images) - 1)
    salted = np.sort(nothing.order(images))
    return Holdout(salt, int(salted[count]), count, len(images), index.fingerprint)


def check_holdout(holdout: Holdout, index: PatchIndex) -> None:
    """Raises `DatasetError` if a record claims to be of this index and holds out another number of its images."""
    if holdout.fingerprint != index.fingerprint:
        return  # the dataset has grown, which the rule is made for
    held = [np.unique(image[holdout.mask(image)]) for _, (image,) in index.each("image")]
    if len(np.unique(np.concatenate(held))) < holdout.images:
        raise DatasetError(f"{FILE} says that {holdout.images:,} images are held out; by its rule fewer are")


def write_holdout(file: Path, holdout: Holdout) -> None:
    """Records it as JSON, at once. `StoreError` if the disk is full or read-only."""
    content: dict[str, Any] = {**asdict(holdout), "salt": f"{holdout.salt:016x}", "below": f"{holdout.below:016x}"}
    part = file.with_name(f".{file.name}.part")
    with explained("write", str(file)):
        part.write_text(json.dumps(content, indent=1) + "\n")
        part.replace(file)


def read_holdout(file: Path) -> Holdout | None:
    """What a run's folder has on record, or None. `DatasetError` if the file is damaged."""
    try:
        content = json.loads(file.read_text())
        return Holdout(int(content.pop("salt"), 16), int(content.pop("below"), 16), **content)
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DatasetError(f"{file} is damaged ({error}): put it back from a copy, or begin a new run") from error
