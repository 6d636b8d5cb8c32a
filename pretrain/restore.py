"""A network as a function of pictures: whole, in tiles or in bands, on any device; and pictures of before and after."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from million_ird.errors import DatasetError, UsageError
from pretrain.bands import DEFAULT_ROWS, check_rows, restore_banded
from pretrain.models.dynet import DyNet, DyNetSettings
from pretrain.models.variants import AnyVariant, Variant
from pretrain.picture_table import draw_table
from pretrain.step import Precision, autocast
from pretrain.tiles import check_tiles, restore_tiled

Picture = NDArray[np.float32]
"""(H, W, 3) RGB, 0 to 1."""
Pixels = NDArray[np.uint8]
Mode = Literal["whole", "tiled", "banded"]

_GAP = 4
"""Pixels of white between the pictures of a sheet."""
_SAFETY = 1.4
"""Memory is fragmented, and convolutions need work space: the share above what the tensors hold."""
_CGROUP = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class RestoreSettings:
    """How a network is run over one picture."""

    mode: Mode | Literal["auto"] = "auto"
    """`whole`: at once. `banded`: in bands of rows, the same result in a fraction of the memory. `tiled`: in
    overlapping tiles, an approximation in memory that does not grow. `auto`: whole if memory allows, else banded."""
    tile: int = 512
    """Side of a tile in pixels, a multiple of 8 (ours: a dataset patch)."""
    overlap: int = 32
    """Pixels that neighbouring tiles share, a multiple of 8, at most half a tile (ours)."""
    band_rows: int = DEFAULT_ROWS
    """Rows of a band, an even number (ours)."""
    precision: Precision = "fp32"
    """`bf16` halves the memory and is faster on a GPU; results differ by about a level of 255."""

    def __post_init__(self) -> None:
        check_tiles(self.tile, self.overlap)
        check_rows(self.band_rows)


class TooLargeError(Exception):
    """A picture needs more memory than there is. The text says how much, and what may help."""


class Restorer:
    """Restores pictures by one variant of a network: `restorer(picture) -> picture`.

    Args:
        model: the network; moved to the device, set to evaluation.
        variant: how often its blocks are applied.
        settings: whole, tiled or banded.
        device: where it is computed.
        after_part: told, in all modes but `whole`, how many parts of a picture's work are done, and of how many.
    """

    def __init__(
        self,
        model: DyNet,
        variant: Variant,
        settings: RestoreSettings | None = None,
        device: torch.device | None = None,
        after_part: Callable[[int, int], None] | None = None,
    ) -> None:
        self.settings, self.variant, self.device = settings or RestoreSettings(), variant, device or torch.device("cpu")
        model.check_variant(variant)
        self._model, self._after_part = model.to(self.device).eval(), after_part

    def __call__(self, picture: Picture) -> Picture:
        """The restored picture, float32 of the same shape, not clipped to [0, 1].

        Raises:
            TooLargeError: it does not fit into memory in this mode.
        """
        mode = self.mode_for(*picture.shape[:2])
        try:
            with torch.no_grad(), autocast(self.device, self.settings.precision):
                return _picture(self._run(_image(picture, self.device), mode))
        except RuntimeError as error:  # torch has no error of its own for a CPU that is out of memory
            if not isinstance(error, torch.OutOfMemoryError) and "allocate memory" not in str(error):
                raise
            raise TooLargeError(f"out of memory in mode {mode}{_ADVICE[mode]}") from None

    def mode_for(self, height: int, width: int) -> Mode:
        """How a picture of that size will be restored.

        Raises:
            TooLargeError: mode `auto`, and not even bands of it fit into memory.
        """
        if self.settings.mode != "auto":
            return self.settings.mode
        available = available_bytes(self.device)
        needed = {}
        modes: tuple[Mode, ...] = ("whole", "banded")
        for mode in modes:
            rows = self.settings.band_rows if mode == "banded" else None
            needed[mode] = peak_bytes(self._model.settings, height, width, rows, self.settings.precision)
            if needed[mode] <= available:
                return mode
        raise TooLargeError(
            f"{width}×{height} pixels need about {needed['banded'] / 1e9:.1f} GB in bands, "
            f"and {available / 1e9:.1f} GB are free{_ADVICE['banded']}"
        )

    def _run(self, image: Tensor, mode: Mode) -> Tensor:
        settings = self.settings
        if mode == "tiled":
            return restore_tiled(self._model, image, self.variant, settings.tile, settings.overlap, self._after_part)
        if mode == "banded":
            return restore_banded(self._model, image, self.variant, settings.band_rows, self._after_part)
        result: Tensor = self._model(image, self.variant)
        return result


_ADVICE: dict[Mode, str] = {
    "whole": ": choose mode banded, which gives the same result",
    "banded": ": choose mode tiled, which approximates it",
    "tiled": ": choose smaller tiles",
}


def peak_bytes(
    settings: DyNetSettings, height: int, width: int, band_rows: int | None = None, precision: Precision = "fp32"
) -> int:
    """About how many bytes it takes at most to restore one picture, weights aside; from above.

    Counted in the widest place, the feed-forward of decoder level 1 (2 · `width` channels): `whole` holds six times
    its hidden channels and q, k, v besides. In bands that is held for a band and its context only, and for the
    whole picture what decoder level 1 is joined from and the joined.
    """
    hidden = int(2 * settings.width * settings.expansion)
    inside, between = 6 * hidden + 16 * settings.width, 4 * settings.width + 12
    rows = height if band_rows is None else min(height, band_rows + 4)
    channels = inside * rows / height + (between if band_rows is not None else 0)
    return int(_SAFETY * channels * height * width * (2 if precision == "bf16" else 4))


def available_bytes(device: torch.device) -> int:
    """Free memory of a device; of the CPU, what this process may still take."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    import psutil

    free = int(psutil.virtual_memory().available)
    limit = _cgroup_number("memory.max")
    return free if limit is None else min(free, limit - (_cgroup_number("memory.current") or 0))


def _cgroup_number(name: str) -> int | None:
    """A number of this process's container (Linux, version 2), which psutil does not see; None if there is none."""
    try:
        text = (_CGROUP / name).read_text().strip()
    except OSError:
        return None
    return int(text) if text.isdigit() else None


def choose_device(name: str) -> torch.device:
    """`auto` (a GPU if there is one), `cpu`, `cuda` or `cuda:1` as a device that is there.

    Raises:
        UsageError: it is not.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:  # torch without CUDA asserts
        reason = str(error).splitlines()[0]
        raise UsageError(f"there is no device {name!r} here ({reason}); auto takes what there is") from None
    return device


def to_pixels(picture: Picture) -> Pixels:
    """Floats 0 to 1 → uint8 0 to 255, rounded; what lies outside is clipped.

    Raises:
        DatasetError: numbers that are not finite, as a network with damaged weights gives.
    """
    if not np.isfinite(picture).all():
        raise DatasetError("the network gives numbers that are not finite: its weights are damaged or diverged")
    return np.rint(picture.clip(0.0, 1.0) * 255.0).astype(np.uint8)


def from_pixels(pixels: Pixels) -> Picture:
    """uint8 0 to 255 → float32 0 to 1, as networks see it."""
    return pixels.astype(np.float32) / np.float32(255)


def before_after(model: nn.Module, variants: Sequence[AnyVariant], pairs: Sequence[tuple[Picture, Picture]]) -> Pixels:
    """A picture, (H, W, 3), with headings: a row for each pair, the input, what each variant makes of it, the clean.

    Args:
        model: called as `model(x, **variant.arguments)`, as it is and where it is.
        variants: in the order of the columns.
        pairs: (input, clean), all inputs of one size and all clean pictures of one. Of what a network gives, numbers
            that are not finite become black. A smaller input is shown enlarged by bicubic interpolation.
    """
    device = next(model.parameters()).device
    rows = []
    with torch.no_grad():
        for seen, clean in pairs:
            image = _image(seen, device)
            restored = [_picture(model(image, **variant.arguments)) for variant in variants]
            shown = [enlarged(to_pixels(seen), enlargement(seen, clean))]
            shown += [to_pixels(np.nan_to_num(picture, posinf=0, neginf=0)) for picture in (*restored, clean)]
            rows.append(shown)
    first = "input" if enlargement(*pairs[0]) == 1 else f"input, bicubic ×{enlargement(*pairs[0])}"
    return draw_table(rows, [first, *(variant.name for variant in variants), "clean"])


def enlargement(seen: NDArray[Any], clean: NDArray[Any]) -> int:
    """How many times as long as the input's the clean picture's sides are."""
    return int(clean.shape[0] // seen.shape[0])


def enlarged(pixels: Pixels, scale: int) -> Pixels:
    """The picture at `scale` times its sides, by bicubic interpolation, to be looked at."""
    if scale == 1:
        return pixels
    height, width = pixels.shape[:2]
    return np.asarray(Image.fromarray(pixels).resize((scale * width, scale * height), Image.Resampling.BICUBIC))


def side_by_side(rows: Sequence[Sequence[Pixels]]) -> Pixels:
    """Rows of pictures, all of one size, with white between them."""
    height, width = rows[0][0].shape[:2]
    shape = len(rows) * (height + _GAP) - _GAP, len(rows[0]) * (width + _GAP) - _GAP, 3
    canvas = np.full(shape, 255, np.uint8)
    for y, row in enumerate(rows):
        for x, picture in enumerate(row):
            top, left = y * (height + _GAP), x * (width + _GAP)
            canvas[top : top + height, left : left + width] = picture
    return canvas


def _image(picture: Picture, device: torch.device) -> Tensor:
    """(H, W, 3) → (1, 3, H, W)."""
    return torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1)))[None].to(device)


def _picture(image: Tensor) -> Picture:
    """(1, 3, H, W) → (H, W, 3)."""
    result: Picture = image[0].float().permute(1, 2, 0).cpu().numpy()
    return result
