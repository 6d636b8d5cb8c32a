"""Pictures to look at: rows of them with headings above and captions below, or a row alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from pretrain.images import Pixels

SMALL = 128
"""Pictures of at most so many pixels a side are shown twice as large: their pixels should be seen."""

_GAP, _NARROW_GAP = 12, 4
"""Pixels between the pictures of a table, and of a row alone."""
_TEXT = 15
_BACKGROUND, _INK = (246, 246, 244), (40, 40, 40)


def draw_table(rows: Sequence[Sequence[Pixels]], headings: Sequence[str], captions: Sequence[str] = ()) -> Pixels:
    """One picture, (H, W, 3), of rows of pictures.

    Args:
        rows: of pictures, all of one size, as many in each row as there are headings.
        headings: of the columns; cut to what fits.
        captions: of the rows, one for each or none at all.
    """
    height, width = (side * _zoom(rows[0][0]) for side in rows[0][0].shape[:2])
    line, below = _TEXT + _GAP, (_TEXT if captions else 0) + _GAP
    size = len(headings) * (width + _GAP) + _GAP, line + _GAP + len(rows) * (height + below)
    table = Image.new("RGB", size, _BACKGROUND)
    draw = ImageDraw.Draw(table)
    font = ImageFont.load_default(_TEXT)
    columns = [_GAP + column * (width + _GAP) for column in range(len(headings))]
    for x, heading in zip(columns, headings, strict=True):
        draw.text((x, _GAP), _fitted(heading, font, width), _INK, font)
    for number, row in enumerate(rows):
        y = line + _GAP + number * (height + below)
        for x, picture in zip(columns, row, strict=True):
            table.paste(Image.fromarray(picture).resize((width, height), Image.Resampling.NEAREST), (x, y))
        if captions:
            draw.text((_GAP, y + height + 3), _fitted(captions[number], font, size[0] - 2 * _GAP), _INK, font)
    return np.asarray(table)


def side_by_side(pictures: Sequence[Pixels]) -> Pixels:
    """Pictures of one size in a row, (H, W, 3), with white between them."""
    gap = np.full((len(pictures[0]), _NARROW_GAP, 3), 255, np.uint8)
    return np.hstack([part for picture in pictures for part in (gap, picture)][1:])


def _zoom(picture: Pixels) -> int:
    return 2 if max(picture.shape[:2]) <= SMALL else 1


def _fitted(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: float) -> str:
    """The text, cut to what fits."""
    while text and font.getlength(text) > width:
        text = text[:-1]
    return text
