"""What the numbers of a picture mean: read ICC profiles by content, and build them.

Formulas: sRGB curve, IEC 61966-2-1; profile layout and D50 connection space, ICC.1:2010; adaptation with the
linearised Bradford matrix, ICC.1:2010 annex E.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_WHITE_D65 = (0.3127, 0.3290)
_WHITE_D50 = np.array([0.9642, 1.0, 0.8249])  # the connection space's white, ICC.1:2010 section 7.2.16
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
_COLORANT_TOLERANCE = 0.004
"""How far colorants of one space differ between makers of profiles (rounding, other adaptation): seen 0.003."""
_CURVE_TOLERANCE = 1.5 / 255
"""An sRGB curve as a table of few points stays within this, in encoded units; a plain gamma of 2.2 misses by 7/255."""

_MAX_TAGS = 1000
"""Real profiles have some twenty entries."""

Tags = dict[str, memoryview]
"""The entries of a profile, as views: many may point at the same bytes."""

Primaries = tuple[tuple[float, float], tuple[float, float], tuple[float, float], tuple[float, float]]
"""CIE xy of red, green, blue and white."""

PRIMARIES: dict[str, Primaries] = {
    "srgb": ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060), _WHITE_D65),  # ITU-R BT.709
    "display_p3": ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), _WHITE_D65),  # SMPTE EG 432-1
    "adobe_rgb": ((0.640, 0.330), (0.210, 0.710), (0.150, 0.060), _WHITE_D65),  # Adobe RGB (1998)
    "rec2020": ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046), _WHITE_D65),  # ITU-R BT.2020
    "prophoto": ((0.7347, 0.2653), (0.1596, 0.8404), (0.0366, 0.0001), (0.3457, 0.3585)),  # ISO 22028-2
}
SRGB_GAMMA = 0.0
"""Stands for the sRGB curve where a gamma is asked for."""
ADOBE_RGB_GAMMA = 563 / 256


class ProfileError(ValueError):
    """An ICC profile that cannot be read or used."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a file says its numbers mean."""

    colour_space: str = "unknown"
    """See `Header.colour_space`; also `hdr`, which is always rejected."""
    icc: bytes = b""
    """The profile, or one made of what the file says otherwise."""
    model: str = ""
    """The profile's own device space: RGB, GRAY or CMYK; "" without a profile."""


UNTAGGED = Meaning()


def meaning_of_icc(icc: bytes) -> Meaning:
    """Classify a profile by its colorants and curves, never by its name.

    Raises:
        ProfileError: truncated, of a kind that pictures do not carry, or without what its kind needs.
    """
    if len(icc) < 132 or icc[36:40] != b"acsp":
        raise ProfileError("no ICC profile")
    size = int.from_bytes(icc[:4], "big")
    if not 132 <= size <= len(icc):
        raise ProfileError("the ICC profile is cut short")
    icc = icc[:size]
    if icc[12:16] in (b"link", b"abst", b"nmcl"):
        raise ProfileError(f"an ICC profile of class {icc[12:16].decode()}")
    with np.errstate(all="ignore"):  # hostile exponents overflow, and are then no sRGB curve
        return _classify(icc, icc[16:20].decode("latin-1").strip(), _tags(icc))


def _classify(icc: bytes, model: str, tags: Tags) -> Meaning:
    if _is_hdr(tags):
        return Meaning("hdr", icc, model)
    if model == "RGB":
        return Meaning(_rgb_space(tags), icc, model)
    if model == "GRAY":
        is_srgb = "kTRC" in tags and _is_srgb_curve(_curve(tags["kTRC"]))
        return Meaning("srgb" if is_srgb else "grey_gamma", icc, model)
    if model == "CMYK":
        return Meaning("cmyk", icc, model)
    raise ProfileError(f"an ICC profile for {model}")


def meaning_of_primaries(primaries: Primaries, gamma: float) -> Meaning:
    """The same for a space given by numbers; `gamma` > 0 is a plain power, `SRGB_GAMMA` the sRGB curve.

    Raises:
        ProfileError: primaries that span no colours.
    """
    return meaning_of_icc(matrix_profile(primaries, gamma))


def named_meaning(name: str) -> Meaning:
    """The meaning of one of `PRIMARIES` with its own curve."""
    gammas = {"adobe_rgb": ADOBE_RGB_GAMMA, "prophoto": 1.8}
    return meaning_of_primaries(PRIMARIES[name], gammas.get(name, SRGB_GAMMA))


def meaning_of_code_points(primaries: int, transfer: int) -> Meaning:
    """What the code points of ITU-T H.273 say; PQ (16) and HLG (18) mean `hdr`.

    The camera curves of video (1, 6, 14, 15) are taken as sRGB, since pictures that carry them were never encoded
    otherwise; unspecified (2) likewise.

    Raises:
        ProfileError: code points of no known space.
    """
    if transfer in (16, 18):
        return Meaning("hdr")
    name = {1: "srgb", 2: "srgb", 9: "rec2020", 12: "display_p3"}.get(primaries)
    gamma = {1: 0.0, 2: 0.0, 6: 0.0, 13: 0.0, 14: 0.0, 15: 0.0, 4: 2.2, 5: 2.8, 8: 1.0}.get(transfer)
    if name is None or gamma is None:
        raise ProfileError(f"colour code points {primaries}/{transfer}")
    if primaries == 2 and transfer == 2:
        return UNTAGGED
    return meaning_of_primaries(PRIMARIES[name], gamma)


@lru_cache(maxsize=32)
def matrix_profile(primaries: Primaries, gamma: float) -> bytes:
    """A display profile (ICC version 2.4, matrix and curves) for RGB primaries and one curve.

    Raises:
        ProfileError: primaries that span no colours.
    """
    columns = _colorants(primaries).T
    curve = _parametric_table() if gamma == SRGB_GAMMA else _gamma_curve(gamma)
    payloads = {"desc": _description(), "cprt": b"text\0\0\0\0none\0", "wtpt": _xyz(_WHITE_D50)}
    payloads |= {f"{c}XYZ": _xyz(column) for c, column in zip("rgb", columns, strict=True)}
    payloads |= {f"{c}TRC": curve for c in "rgb"}
    table, body = struct.pack(">I", len(payloads)), b""
    start = 128 + 4 + 12 * len(payloads)
    for tag, payload in payloads.items():
        table += struct.pack(">4sII", tag.encode(), start + len(body), len(payload))
        body += payload + bytes(-len(payload) % 4)
    size = start + len(body)
    head = struct.pack(">I4sI4s4s4s12x4s", size, b"none", 0x02400000, b"mntr", b"RGB ", b"XYZ ", b"acsp")
    head = head.ljust(68, b"\0") + _xyz(_WHITE_D50)[8:]
    return head.ljust(128, b"\0") + table + body


def _tags(icc: bytes) -> Tags:
    (count,) = struct.unpack_from(">I", icc, 128)
    if count > _MAX_TAGS:
        raise ProfileError(f"an ICC profile of {count} entries")
    if 132 + 12 * count > len(icc):
        raise ProfileError("the ICC profile's table is cut short")
    tags = {}
    for entry in range(132, 132 + 12 * count, 12):
        name, start, size = struct.unpack_from(">4sII", icc, entry)
        if start + size > len(icc):
            raise ProfileError("an entry of the ICC profile is cut short")
        tags[name.decode("latin-1")] = memoryview(icc)[start : start + size]
    return tags


def _is_hdr(tags: Tags) -> bool:
    """A cicp entry names PQ (16) or HLG (18) as its transfer, ICC.1:2022 section 9.2.17."""
    entry = tags.get("cicp", memoryview(b""))
    return len(entry) >= 12 and entry[9] in (16, 18)


def _rgb_space(tags: Tags) -> str:
    if any(name in tags for name in ("A2B0", "A2B1", "D2B0", "D2B1")):
        return "other_rgb"  # a table decides, whatever the matrix says
    try:
        colorants = np.array([_read_xyz(tags[f"{c}XYZ"]) for c in "rgb"])
        curves = [_curve(tags[f"{c}TRC"]) for c in "rgb"]
    except KeyError as missing:
        raise ProfileError(f"the ICC profile has no {missing}") from None
    for name, primaries in PRIMARIES.items():
        if np.abs(colorants - _colorants(primaries).T).max() <= _COLORANT_TOLERANCE:
            if name == "srgb" and not all(map(_is_srgb_curve, curves)):
                break
            return name
    return "other_rgb"


def _is_srgb_curve(linear: Floats) -> bool:
    """Whether 256 linear values are the sRGB curve, compared after encoding, where the eye's steps are even."""
    levels = np.arange(256) / 255
    return bool(np.abs(_encode_srgb(np.clip(linear, 0, 1)) - levels).max() <= _CURVE_TOLERANCE)


def _encode_srgb(linear: Floats) -> Floats:
    power = 1.055 * np.maximum(linear, 0.0031308) ** (1 / 2.4) - 0.055
    return np.asarray(np.where(linear <= 0.0031308, linear * 12.92, power))


def _decode_srgb(encoded: Floats) -> Floats:
    return np.asarray(np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4))


def _curve(entry: memoryview) -> Floats:
    """Linear values of the 256 levels by a curve entry (ICC.1:2010 sections 10.5 and 10.15)."""
    levels = np.arange(256) / 255
    kind = bytes(entry[:4])
    if kind == b"curv" and len(entry) >= 12:
        (count,) = struct.unpack_from(">I", entry, 8)
        if len(entry) < 12 + 2 * count:
            raise ProfileError("a curve of the ICC profile is cut short")
        table = np.frombuffer(entry, ">u2", count, 12).astype(np.float64)
        if count == 0:
            return levels
        if count == 1:
            return np.asarray(levels ** (table[0] / 256))
        return np.interp(levels, np.linspace(0, 1, count), table / 65535)
    if kind == b"para" and len(entry) >= 12:
        return _parametric_curve(entry, levels)
    raise ProfileError("a curve of the ICC profile is of no known kind")


def _parametric_curve(entry: memoryview, x: Floats) -> Floats:
    (kind,) = struct.unpack_from(">H", entry, 8)
    count = {0: 1, 1: 3, 2: 4, 3: 5, 4: 7}.get(kind)
    if count is None or len(entry) < 12 + 4 * count:
        raise ProfileError("a curve of the ICC profile is of no known kind")
    stored = [value / 65536 for value in struct.unpack_from(f">{count}i", entry, 12)]
    g, a, b, c, d, e, f = stored + [0.0] * (7 - count)
    if kind == 0:
        a = 1.0
    if kind in (1, 2):  # these switch where the power's base becomes negative, and are constant c below
        if a == 0:
            raise ProfileError("a curve of the ICC profile divides by zero")
        e, f, c, d = c, c, 0.0, -b / a
    power = np.maximum(a * x + b, 0.0) ** g + e
    return np.asarray(power if kind == 0 else np.where(x >= d, power, c * x + f))


def _colorants(primaries: Primaries) -> Floats:
    """3×3 matrix, columns red, green, blue in XYZ adapted to D50, that maps linear RGB (1, 1, 1) to white."""
    xyz = np.array([[x / y, 1.0, (1 - x - y) / y] if y else [np.nan] * 3 for x, y in primaries]).T
    white = xyz[:, 3]
    try:
        weights = np.linalg.solve(xyz[:, :3], white)
    except np.linalg.LinAlgError:
        raise ProfileError("primaries that span no colours") from None
    scale = np.diag((_BRADFORD @ _WHITE_D50) / (_BRADFORD @ white))
    adapted: Floats = np.linalg.inv(_BRADFORD) @ scale @ _BRADFORD @ (xyz[:, :3] * weights)
    if not np.isfinite(adapted).all() or np.abs(adapted).max() > 4:
        raise ProfileError("primaries that span no colours")
    return adapted


def _xyz(values: Floats) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(float(v) * 65536) for v in values))


def _read_xyz(entry: memoryview) -> list[float]:
    if len(entry) < 20:
        raise ProfileError("a colorant of the ICC profile is cut short")
    return [v / 65536 for v in struct.unpack_from(">3i", entry, 8)]


def _gamma_curve(gamma: float) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(">IHxx", 1, min(65535, max(1, round(gamma * 256))))


def _parametric_table() -> bytes:
    table = np.round(_decode_srgb(np.linspace(0, 1, 1024)) * 65535).astype(">u2")
    return b"curv\0\0\0\0" + struct.pack(">I", len(table)) + table.tobytes()


def _description() -> bytes:
    text = b"made from numbers\0"
    return b"desc\0\0\0\0" + struct.pack(">I", len(text)) + text + bytes(78)
