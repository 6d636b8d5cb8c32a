"""What decides about duplicates: the recipe's `[duplicates]`."""

from __future__ import annotations

from dataclasses import dataclass

from million_ird.errors import UsageError


@dataclass(frozen=True)
class DuplicateSettings:
    """Settings of the search for duplicates. Every default was measured; `docs/duplicates.md` has the tables."""

    enabled: bool = True
    """Whether duplicates are looked for at all."""

    max_distance: int = 64
    """Bits (of 256) between two hashes up to which a pair is verified on pixels. Border crops of 2 % on all sides
    reach 52 (99th percentile), unrelated photographs begin at 91."""

    bands: int = 40
    """Bands of the hash that are searched. More find more of the far pairs and take longer, in proportion."""

    band_bits: int = 20
    """Bits of a band, 8 to 30. Fewer find more and make buckets fuller."""

    bucket: int = 64
    """Neighbours that an image is compared with in one band. Bounds time where many hashes are alike."""

    min_agreement: float = 0.82
    """Least agreement, 0 to 1, of nearly every window of two aligned pictures (see `verify`)."""

    forgiven_share: float = 0.01
    """Share of windows that may disagree: a dust speck. With 0.15 captions and watermarks are forgiven too, and with
    them whatever else differs in a small place: a person who moved between two exposures from a tripod."""

    crops: bool = False
    """Whether crops that keep three quarters of a picture are looked for too (local features, see `crops`)."""

    crop_features: int = 64
    """Local features stored per image for the crop search."""

    crop_votes: int = 4
    """Features that two pictures must share, in one geometry, before they are compared on pixels."""

    crop_bucket: int = 32
    """Images with the same feature that one is compared with. Bounds time where a feature is common (text, grids)."""

    def __post_init__(self) -> None:
        if not 8 <= self.band_bits <= 30:
            raise UsageError(f"duplicates.band_bits = {self.band_bits}: choose 8 to 30")
        if not 0 <= self.max_distance <= 90:
            raise UsageError(
                f"duplicates.max_distance = {self.max_distance}: choose 0 to 90, unrelated ones begin at 91"
            )
        if not 0.0 < self.min_agreement <= 1.0:
            raise UsageError(f"duplicates.min_agreement = {self.min_agreement}: choose a number in (0, 1]")
        if not 0.0 <= self.forgiven_share <= 0.5:
            raise UsageError(f"duplicates.forgiven_share = {self.forgiven_share}: choose a number in 0 to 0.5")
        for name in ("bands", "bucket", "crop_features", "crop_votes", "crop_bucket"):
            if getattr(self, name) < 1:
                raise UsageError(f"duplicates.{name} = {getattr(self, name)}: choose 1 or more")
