"""How blurred the photograph looks."""

from __future__ import annotations

from million_ird.screens.photo import Photo, spread_windows
from million_ird.screens.screen import Screen

_SIDE, _PER_AXIS = 256, 3


def perceptual_blur(photo: Photo) -> float | None:
    """The mean over sampled windows of `skimage.measure.blur_effect` (11-pixel re-blur), 0 sharp to 1 blurred.

    Crété-Roffet et al., "The blur effect: perception and estimation with a new no-reference perceptual blur metric"
    (2007): blurring a sharp picture again changes the differences of neighbours much, blurring a blurred one little.
    None for pictures under 32 pixels.
    """
    from skimage.measure import blur_effect  # late: scikit-image takes its time to load

    # A window of one single grey has no differences to compare (0/0), and blur is no word for it.
    windows = spread_windows(photo.luma, _SIDE, _PER_AXIS)
    blurs = [float(blur_effect(w)) for w in windows if min(w.shape) >= 32 and w.min() < w.max()]  # type: ignore[no-untyped-call]
    return sum(blurs) / len(blurs) if blurs else None


SCREEN = Screen(
    name="perceptual_blur",
    unit="0 sharp - 1 blurred",
    digits=4,
    measured_on="luma, whole up to 0.6 megapixels, else 9 windows of 256 × 256",
    source="Crété-Roffet et al. 2007; skimage.measure.blur_effect",
    cost="costly",
    measure=perceptual_blur,
)
