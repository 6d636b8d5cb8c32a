"""A network as a function of pictures: whole, in tiles or in bands, on any device; and pictures of before and after."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor, nn

from million_ird.errors import UsageError
from pretrain.bands import DEFAULT_ROWS, check_rows, restore_banded
from pretrain.degradations.resize import as_large, enlargement
from pretrain.images import Pixels
from pretrain.levels import Picture, to_pixels
from pretrain.memory import available_bytes, banded_peak_bytes, peak_bytes
from pretrain.models.dynet import DyNet, DyNetSettings
from pretrain.models.families import check_runs, family_of, for_inference, scale_of, settings_of, tiles_for
from pretrain.models.variants import AnyVariant, Variant
from pretrain.picture_table import draw_table
from pretrain.step import Precision, autocast
from pretrain.tiles import restore_tiled

Mode = Literal["whole", "tiled", "banded"]

_SURE = 2 / 3
"""Part of the memory estimated from above that is sure to be needed (docs/large_images.md; by LMD-ViT, where it keeps
most windows)."""


@dataclass(frozen=True)
class RestoreSettings:
    """How a network is run over one picture."""

    mode: Mode | Literal["auto"] = "auto"
    """`whole`: at once. `banded`: in bands of rows, the same result in a fraction of the memory; DyNet alone can.
    `tiled`: in overlapping tiles, an approximation in memory that does not grow. `auto`: whole if memory allows, else
    banded where the network can, else tiled; of ESRT tiled from 60,000 pixels on."""
    tile: int | None = None
    """Side of a tile in pixels of the input; None: the network's own (see `tiles_for`)."""
    overlap: int | None = None
    """Pixels that neighbouring tiles share, at most half a tile; None: the network's own."""
    band_rows: int = DEFAULT_ROWS
    """Rows of a band, an even number (ours)."""
    precision: Precision = "fp32"
    """`bf16` halves the memory and is faster on a GPU; results differ by about a level of 255."""

    def __post_init__(self) -> None:
        if self.mode not in (known := (*get_args(Mode), "auto")):
            raise UsageError(f"mode: got {self.mode!r}, expected one of {', '.join(known)}")
        check_rows(self.band_rows)


class TooLargeError(Exception):
    """A picture needs more memory than there is. The text says how much, and what may help."""


class Restorer:
    """Restores pictures by one variant of a network: `restorer(picture) -> picture`.

    Args:
        model: a network of any family; moved to the device, set to evaluation.
        variant: of the network.
        settings: whole, tiled or banded.
        device: where it is computed.
        after_part: told, in all modes but `whole`, how many parts of a picture's work are done, and of how many.

    Raises:
        UsageError: the network cannot run the variant, or cannot be run in that mode or with those tiles.
    """

    def __init__(
        self,
        model: nn.Module,
        variant: AnyVariant,
        settings: RestoreSettings | None = None,
        device: torch.device | None = None,
        after_part: Callable[[int, int], None] | None = None,
    ) -> None:
        settings, self.variant, self.device = settings or RestoreSettings(), variant, device or torch.device("cpu")
        self._network = settings_of(model)
        check_runs(model, [variant])
        if settings.mode == "banded" and not isinstance(model, DyNet):
            title = family_of(self._network).title
            raise UsageError(f"mode banded: DyNet alone can be run in bands; {title} is restored whole or tiled")
        self._tiles = tiles_for(self._network, settings.tile, settings.overlap)
        self.settings = replace(settings, tile=self._tiles.side, overlap=self._tiles.overlap)
        self.scale = scale_of(self._network)
        self._model, self._after_part = for_inference(model.to(self.device).eval()), after_part

    def __call__(self, picture: Picture) -> Picture:
        """The restored picture, float32, `scale` times the picture's sides, not clipped to [0, 1].

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
            raise TooLargeError(f"out of memory in mode {mode}{self._advice(mode)}") from None

    def mode_for(self, height: int, width: int) -> Mode:
        """How a picture of that size will be restored.

        Raises:
            TooLargeError: it is sure not to fit into memory in that mode; of `auto`, in bands or tiles.
        """
        available = available_bytes(self.device)
        if self.settings.mode != "auto":
            self._check_fits(self.settings.mode, height, width, available)
            return self.settings.mode
        whole, in_parts = self._needed("whole", height, width), self._needed(self._in_parts, height, width)
        if whole <= available and height * width <= (family_of(self._network).largest_whole or math.inf):
            return "whole"
        if in_parts <= available:
            return self._in_parts
        parts = {"banded": "bands", "tiled": "tiles"}[self._in_parts]
        raise TooLargeError(
            f"{width}×{height} pixels need about {in_parts / 1e9:.1f} GB in {parts}, "
            f"and {available / 1e9:.1f} GB are free{self._advice(self._in_parts)}"
        )

    def _check_fits(self, mode: Mode, height: int, width: int, available: int) -> None:
        """The system ends a process that takes more memory than there is; it must not come to that."""
        least = self._needed(mode, height, width) * _SURE
        if least > available:
            raise TooLargeError(
                f"{width}×{height} pixels need {least / 1e9:.1f} GB or more in mode {mode}, and "
                f"{available / 1e9:.1f} GB are free{self._advice(mode)}"
            )

    @property
    def _in_parts(self) -> Literal["banded", "tiled"]:
        return "banded" if isinstance(self._network, DyNetSettings) else "tiled"

    def _needed(self, mode: Mode, height: int, width: int) -> int:
        precision = self.settings.precision
        if mode == "banded" and isinstance(self._network, DyNetSettings):
            return banded_peak_bytes(self._network, height, width, self.settings.band_rows, precision)
        if mode == "whole":
            return peak_bytes(self._network, height, width, precision)
        side = self._tiles.side
        # The result and its weights in float32, and the result in levels; the picture in levels and twice in float32.
        sums = (20 * self.scale**2 + 28) * height * width
        return peak_bytes(self._network, min(side, height), min(side, width), precision) + sums

    def _run(self, image: Tensor, mode: Mode) -> Tensor:
        if mode == "tiled":
            return restore_tiled(self._model, image, self.variant, self._tiles, self.scale, self._after_part)
        if mode == "banded" and isinstance(self._model, DyNet) and isinstance(self.variant, Variant):
            return restore_banded(self._model, image, self.variant, self.settings.band_rows, self._after_part)
        result: Tensor = self._model(image, **self.variant.arguments)
        return result

    def _advice(self, mode: Mode) -> str:
        if mode == "tiled":
            return ": choose smaller tiles"
        if mode == "whole" and self._in_parts == "banded":
            return ": choose mode banded, which gives the same result"
        return ": choose mode tiled, which approximates it"


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
            finite = [np.nan_to_num(picture, posinf=0, neginf=0) for picture in restored]
            rows.append([to_pixels(picture) for picture in (as_large(seen, clean), *finite, clean)])
    first = "input" if enlargement(*pairs[0]) == 1 else f"input, bicubic ×{enlargement(*pairs[0])}"
    return draw_table(rows, [first, *(variant.name for variant in variants), "clean"])


def _image(picture: Picture, device: torch.device) -> Tensor:
    """(H, W, 3) → (1, 3, H, W)."""
    return torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1)))[None].to(device)


def _picture(image: Tensor) -> Picture:
    """(1, 3, H, W) → (H, W, 3)."""
    result: Picture = image[0].float().permute(1, 2, 0).cpu().numpy()
    return result
