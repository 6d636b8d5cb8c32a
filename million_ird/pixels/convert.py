"""Convert pixels through their ICC profile to sRGB."""

from __future__ import annotations

import io
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from million_ird.pixels.colour import ProfileError

if TYPE_CHECKING:
    from PIL import Image, ImageCms

_STRIP_PIXELS = 4_000_000
"""Pixels converted at a time, so that the copies beside a large picture stay small."""


def convert_to_srgb(pixels: npt.NDArray[np.uint8], icc: bytes) -> npt.NDArray[np.uint8]:
    """Convert (H, W, 3) RGB, or (H, W, 4) CMYK with 255 = full ink, through its profile to sRGB.

    Relative colorimetric with black-point compensation, so white stays white and shadows keep their detail.

    Returns:
        A new array (H, W, 3) uint8.

    Raises:
        ProfileError: the colour engine refuses the profile.
    """
    from PIL import Image, ImageCms

    mode = "CMYK" if pixels.shape[2] == 4 else "RGB"
    transform = _transform(icc, mode)
    out = np.empty((*pixels.shape[:2], 3), np.uint8)
    rows = max(1, _STRIP_PIXELS // pixels.shape[1])
    for top in range(0, pixels.shape[0], rows):
        strip = Image.fromarray(pixels[top : top + rows]) if mode == "RGB" else _cmyk_image(pixels[top : top + rows])
        try:
            out[top : top + rows] = np.asarray(transform.apply(strip))
        except (ImageCms.PyCMSError, OSError, ValueError) as error:
            raise ProfileError(f"the ICC profile cannot be applied: {error}") from None
    return out


def convert_grey_to_srgb(grey: npt.NDArray[np.uint8], icc: bytes) -> npt.NDArray[np.uint8]:
    """Convert grey levels (any shape) through a grey or RGB profile; neutral stays exactly neutral."""
    from PIL import Image

    ramp = np.arange(256, dtype=np.uint8)[None, :]
    if icc[16:20] == b"GRAY":
        converted = np.asarray(_transform(icc, "L").apply(Image.fromarray(ramp)))
    else:
        converted = convert_to_srgb(np.repeat(ramp[:, :, None], 3, axis=2), icc)
    levels = converted[0, :, 1]
    return levels[grey]


@lru_cache(maxsize=16)
def _transform(icc: bytes, mode: str) -> ImageCms.ImageCmsTransform:
    from PIL import ImageCms

    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(icc))
        return ImageCms.ImageCmsTransform(
            source,
            ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")),
            mode,
            "RGB",
            intent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION | ImageCms.Flags.NOCACHE,  # no cache: threads may share it
        )
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError) as error:
        raise ProfileError(f"the ICC profile cannot be used: {error}") from None


def _cmyk_image(pixels: npt.NDArray[np.uint8]) -> Image.Image:
    from PIL import Image

    return Image.frombytes("CMYK", (pixels.shape[1], pixels.shape[0]), np.ascontiguousarray(pixels))
