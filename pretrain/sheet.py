"""A picture to look at: clean, corrupted and masked crops side by side, as a training run would see them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from pretrain.corrupt import GAUSSIAN, JPEG, UNIFORM, CorruptSettings, Degraded, degrade
from pretrain.crop import Crop, random_crop
from pretrain.masking import MaskSettings
from pretrain.stream.samples import sample_rng
from pretrain.stream.stream import Stream

HEADINGS = ("clean: what the network shall give back", "corrupted", "corrupted and masked: what it sees")

_ZOOM = 2  # one pixel of a crop is 2×2 of the sheet
_GAP = 12
_TEXT = 15
_BACKGROUND, _INK = (246, 246, 244), (40, 40, 40)


@dataclass(frozen=True)
class SheetRow:
    """One sample and the key of its patch."""

    key: str
    clean: Crop
    made: Degraded

    @property
    def caption(self) -> str:
        """What was done to the sample, in numbers."""
        made = self.made
        words = {
            JPEG: f"JPEG (quality {made.levels.jpeg_quality})",
            GAUSSIAN: f"Gaussian (sigma {made.levels.gaussian_sigma:.1f})",
            UNIFORM: f"uniform (± {made.levels.uniform_amplitude:.1f})",
        }
        counts = [(int((made.kinds == kind).sum()), word) for kind, word in words.items()]
        counts = [(count, word) for count, word in counts if count]
        counts += [(int(made.masked.sum()), "masked"), (int((~made.degraded & ~made.masked).sum()), "clean")]
        said = ", ".join(f"{count} {word}" for count, word in counts)
        return f"of {made.masked.size} cells: {said} · {self.key}"


def sheet_rows(stream: Stream, count: int, corrupting: CorruptSettings, masking: MaskSettings) -> list[SheetRow]:
    """The first `count` samples of a stream, exactly as training would make them.

    Raises:
        DatasetError: one of these patches is damaged.
    """
    rows = []
    for position in range(count):
        place = stream.order.place(position)
        patch = stream.selection.patch(place.patch)
        rng = sample_rng(stream.seed, place.epoch, patch.key, place.crop)
        size = patch.width, patch.height, patch.orientation
        clean = random_crop(stream.read(patch), patch.encoding, *size, stream.settings.side(0), rng)
        rows.append(SheetRow(patch.key, clean, degrade(clean, rng, corrupting, masking)))
    return rows


def draw_sheet(rows: Sequence[SheetRow]) -> Crop:
    """One row of three pictures for each sample, with headings and captions: RGB, uint8, (H, W, 3)."""
    side = _ZOOM * len(rows[0].clean)
    line = _TEXT + _GAP
    width, height = 3 * side + 4 * _GAP, line + len(rows) * (side + line) + _GAP
    sheet = Image.new("RGB", (width, height), _BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(_TEXT)
    columns = [_GAP + column * (side + _GAP) for column in range(3)]
    for x, heading in zip(columns, HEADINGS, strict=True):
        draw.text((x, _GAP), _fitted(heading, font, side), _INK, font)
    for number, row in enumerate(rows):
        y = line + _GAP + number * (side + line)
        for x, crop in zip(columns, (row.clean, row.made.corrupted, row.made.input), strict=True):
            sheet.paste(Image.fromarray(crop).resize((side, side), Image.Resampling.NEAREST), (x, y))
        draw.text((_GAP, y + side + 3), _fitted(row.caption, font, width - 2 * _GAP), _INK, font)
    return np.asarray(sheet)


def _fitted(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: float) -> str:
    """The text, cut to what fits."""
    while text and font.getlength(text) > width:
        text = text[:-1]
    return text
