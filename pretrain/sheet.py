"""A picture to look at: clean, corrupted and masked crops side by side, as a training run would see them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pretrain.corrupt import GAUSSIAN, JPEG, UNIFORM, CorruptSettings, Degraded, degrade
from pretrain.crop import Crop, random_crop
from pretrain.masking import MaskSettings
from pretrain.picture_table import draw_table
from pretrain.stream.samples import sample_rng
from pretrain.stream.stream import Stream

HEADINGS = ("clean: what the network shall give back", "corrupted", "corrupted and masked: what it sees")


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
    pictures = [(row.clean, row.made.corrupted, row.made.input) for row in rows]
    return draw_table(pictures, HEADINGS, [row.caption for row in rows])
