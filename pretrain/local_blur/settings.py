"""How pairs and their blur masks become a sequence of crops."""

from __future__ import annotations

from dataclasses import dataclass

from million_ird.errors import UsageError
from million_ird.order import MAX_WINDOW


@dataclass(frozen=True)
class LocalBlurSettings:
    """Which crops, in which order."""

    crop: int = 256
    """Side of the crops in pixels. LBAG's code takes 256; LMD-ViT's is set up for 512."""
    crops_per_pair: int = 1
    """Crops of a pair in each epoch."""
    blur_aware: float = 0.5
    """Share of the crops that are centred on a blurred pixel, 0 to 1; the others lie anywhere. 0.5 is LBAG's."""
    speck: int = 64
    """Blurred areas of fewer pixels (connected by edges) attract no crop, so that a single wrong pixel of a mask does
    not: LBAG's own test for that lets masks of 0.03 % pass. 64 is a window of LMD-ViT, 8 x 8 (ours)."""
    lanes: int = 16
    """Contiguous ranges of an epoch that run side by side, as `StreamSettings.lanes`. The number of ranks must divide
    it. Fewer than there, since pairs are few and each lane may keep a shard open (ours)."""
    window: int = 4096
    """Pairs of a block inside which a lane's order is shuffled, as `StreamSettings.window`; all 2,010 of ReLoBlur."""

    def __post_init__(self) -> None:
        for name, least in {"crop": 8, "crops_per_pair": 1, "speck": 1, "lanes": 1, "window": 1}.items():
            if getattr(self, name) < least:
                raise UsageError(f"local_blur.{name} must be at least {least}, not {getattr(self, name)}")
        if self.window > MAX_WINDOW:
            raise UsageError(f"local_blur.window must be at most {MAX_WINDOW}, not {self.window}")
        if not 0 <= self.blur_aware <= 1:
            raise UsageError(f"local_blur.blur_aware must be 0 to 1, not {self.blur_aware}")
