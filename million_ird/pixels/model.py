"""What is known of a picture file before its pixels are decoded, and the policy that judges it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from million_ird.errors import UsageError
from million_ird.records import Rejection


@dataclass(frozen=True, slots=True)
class Header:
    """A picture file as its header describes it. Sizes are in pixels, in stored orientation."""

    format: str
    """As the bytes say: jpeg, png, webp, tiff, gif, bmp or avif. Anything else is rejected."""
    width: int
    height: int
    channels: int
    """Stored channels, alpha included: 1 grey or palette, 2 grey + alpha, 3, 4."""
    bit_depth: int
    """Bits per stored channel (of the palette index for a paletted picture)."""
    colour_model: str
    """How the channels are stored: grey, rgb, ycbcr, cmyk, ycck or palette."""
    frames: int = 1
    """Pictures of an animation or pages of a document. Pictures that follow the base picture of a JPEG do not count."""
    has_alpha: bool = False
    """The file can hold transparency; whether it does is known only after decoding."""
    orientation: int = 1
    """EXIF orientation 1..8: how to turn the stored pixels upright. Broken or absent EXIF counts as 1."""
    progressive: bool = False
    """A progressive JPEG, or an interlaced PNG or GIF."""
    subsampling: str = ""
    """JPEG only: 4:4:4, 4:2:2, 4:2:0, 4:4:0, 4:1:1, 4:0:0 (grey), or the sampling factors like 3x1,1x1,1x1."""
    quantisation: tuple[tuple[int, ...], ...] = ()
    """JPEG only: the quantisation table of each component, 64 numbers each in row-major (not zigzag) order."""
    colour_space: str = "unknown"
    """What the numbers mean: srgb, display_p3, adobe_rgb, prophoto, rec2020, other_rgb, grey_gamma, cmyk; `unknown`
    if the file does not say (it is then taken as sRGB, as browsers do)."""
    icc: bytes = b""
    """The ICC profile; where the file names its colour space otherwise (PNG gAMA, EXIF, AVIF nclx), an equal profile
    made from that; empty if neither."""
    needs_conversion: bool = False
    """`decode` will return other values than the file stores, because they had to become sRGB (or 8 bits wide). Such
    a picture cannot be cut in the coefficient domain."""
    has_gain_map: bool = False
    """The file carries an HDR gain map beside its ordinary (base) picture; the base picture is what is used."""
    extra_pictures: int = 0
    """Pictures that a JPEG lists behind its base picture (MPF: previews, stereo pairs, gain maps); not used."""

    @property
    def is_cmyk(self) -> bool:
        """Stored as CMYK or YCCK."""
        return self.colour_model in ("cmyk", "ycck")

    @property
    def is_paletted(self) -> bool:
        """Stored as indices into a colour table."""
        return self.colour_model == "palette"

    @property
    def pixels(self) -> int:
        """width × height."""
        return self.width * self.height


@dataclass(frozen=True)
class DecodeSettings:
    """Which files are decoded, and how: the recipe's section `[decode]`."""

    max_pixels: int = 160_000_000
    """Largest width × height, judged before decoding. The largest medium-format camera frame has 151 million
    pixels; a worker needs up to 9 bytes for each while a progressive 4:4:4 JPEG is decoded, so 1.5 GB."""
    max_nbytes: int = 268_435_456
    """Largest file in bytes, judged before anything else. 256 MiB holds any 8-bit camera frame but an uncompressed
    one of more than 89 million pixels."""
    max_frames: int = 1
    """Largest number of frames or pages. One, since frames of an animation are small, paletted or motion-compressed.
    With a larger number the first frame is used."""
    colour: Literal["convert", "reject", "keep"] = "convert"
    """What happens to a picture that says it is not sRGB. `convert`: its pixels are converted to sRGB (which rules
    out a coefficient cut). `reject`: rejected as `colour_space`. `keep`: the stored numbers are used as they are, and
    the row says what they mean; only for users who read the column colour_space."""
    high_bit_depth: Literal["reject", "round"] = "reject"
    """What happens to 10 to 16 bits per channel: rejected as `bit_depth`, or rounded to the nearest of 256 levels."""
    allow_paletted: bool = False
    """Decode paletted pictures. Off: at most 256 colours are no clean photograph (`paletted`)."""

    def __post_init__(self) -> None:
        for name in ("max_pixels", "max_nbytes", "max_frames"):
            if getattr(self, name) < 1:
                raise UsageError(f"decode.{name} must be at least 1, not {getattr(self, name)}")
        choices = {"colour": ("convert", "reject", "keep"), "high_bit_depth": ("reject", "round")}
        for name, allowed in choices.items():
            if getattr(self, name) not in allowed:
                raise UsageError(f"decode.{name} must be one of {', '.join(allowed)}, not {getattr(self, name)!r}")


MAX_PARTS = 100_000
"""No real file has more segments, chunks or boxes; following millions of tiny ones would only waste time."""


def rejected(reason: str, detail: str = "", measured: float | None = None) -> Rejection:
    """A rejection by the step `decode`."""
    return Rejection(step="decode", reason=reason, measured=measured, detail=detail)
