"""Colour spaces are told by content, and converted by the book."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageCms

from million_ird.pixels import Header
from million_ird.pixels.colour import (
    PRIMARIES,
    SRGB_GAMMA,
    ProfileError,
    matrix_profile,
    meaning_of_icc,
    named_meaning,
)
from million_ird.records import Rejection

Pixels = npt.NDArray[np.uint8]
Save = Callable[..., bytes]
Kept = Callable[..., tuple[Header, Pixels]]
Reason = Callable[..., str]

_XYZ_TO_SRGB = np.array(  # IEC 61966-2-1, from D65
    [[3.2406, -1.5372, -0.4986], [-0.9689, 1.8758, 0.0415], [0.0557, -0.2040, 1.0570]]
)


def _srgb_encoded(linear: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    linear = np.clip(linear, 0, 1)
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def _adobe_to_srgb(pixels: Pixels) -> npt.NDArray[np.float64]:
    """By Adobe RGB (1998), section 4.3.5.3: both whites are D65, so nothing is adapted."""
    to_xyz = np.array([[0.57667, 0.18556, 0.18823], [0.29734, 0.62736, 0.07529], [0.02703, 0.07069, 0.99134]])
    linear = (pixels / 255.0) ** (563 / 256)
    return 255 * _srgb_encoded(linear @ to_xyz.T @ _XYZ_TO_SRGB.T)


@pytest.fixture(scope="module")
def muted(photo: Pixels) -> Pixels:
    """The photograph with less colour: within sRGB after any conversion, so that nothing clips."""
    grey = photo.mean(axis=2, keepdims=True)
    return np.clip(grey + 0.4 * (photo - grey), 30, 225).astype(np.uint8)


@pytest.mark.parametrize("name", ["display_p3", "adobe_rgb", "prophoto", "rec2020", "srgb"])
def test_own_profiles_are_recognised_and_accepted_by_the_colour_engine(name: str) -> None:
    meaning = named_meaning(name)
    assert (meaning.colour_space, meaning.model) == (name, "RGB")
    ImageCms.ImageCmsProfile(io.BytesIO(meaning.icc))


def test_other_makers_srgb_is_recognised() -> None:
    """LittleCMS's own sRGB profile has a parametric curve and other rounding than ours."""
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert meaning_of_icc(icc).colour_space == "srgb"


def test_a_name_proves_nothing() -> None:
    icc = named_meaning("display_p3").icc.replace(b"made from numbers", b"sRGB IEC61966-2.1")
    assert meaning_of_icc(icc).colour_space == "display_p3"
    assert meaning_of_icc(matrix_profile(PRIMARIES["srgb"], 1.8)).colour_space == "other_rgb"
    assert meaning_of_icc(matrix_profile(PRIMARIES["srgb"], 2.2)).colour_space == "other_rgb"


def test_a_table_overrules_the_matrix() -> None:
    """A profile whose matrix says sRGB, but which has a lookup table that engines prefer."""
    icc = bytearray(named_meaning("srgb").icc)
    assert icc[132:136] == b"desc"
    icc[132:136] = b"A2B0"
    assert meaning_of_icc(bytes(icc)).colour_space == "other_rgb"


@pytest.mark.parametrize("cut", [0, 40, 131, 132, 200, -1])
def test_profiles_cut_short_are_errors(cut: int) -> None:
    with pytest.raises(ProfileError):
        meaning_of_icc(named_meaning("srgb").icc[:cut])


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_srgb_profile_changes_nothing(kind: str, save: Save, photo: Pixels, kept: Kept) -> None:
    header, pixels = kept(save(kind, photo, icc_profile=named_meaning("srgb").icc))
    assert (header.colour_space, header.needs_conversion) == ("srgb", False)
    assert np.array_equal(pixels, kept(save(kind, photo))[1])


def test_untagged_is_taken_as_it_is(save: Save, photo: Pixels, kept: Kept) -> None:
    header, pixels = kept(save("PNG", photo))
    assert (header.colour_space, header.icc, header.needs_conversion) == ("unknown", b"", False)
    assert np.array_equal(pixels, photo)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
def test_adobe_rgb_becomes_srgb(kind: str, save: Save, muted: Pixels, kept: Kept, reason: Reason) -> None:
    options = {"lossless": True} if kind == "WEBP" else {}
    data = save(kind, muted, icc_profile=named_meaning("adobe_rgb").icc, **options)
    header, pixels = kept(data)
    assert (header.colour_space, header.needs_conversion) == ("adobe_rgb", True)
    assert np.abs(pixels - _adobe_to_srgb(muted)).max() < 2
    header, as_stored = kept(data, colour="keep")
    assert (header.colour_space, header.needs_conversion) == ("adobe_rgb", False)
    assert np.array_equal(as_stored, muted)
    assert reason(data, colour="reject") == "colour_space"


def test_wide_gamut_jpeg_is_marked_as_converted(save: Save, photo: Pixels, kept: Kept) -> None:
    data = save("JPEG", photo, icc_profile=named_meaning("display_p3").icc)
    header, pixels = kept(data)
    assert (header.colour_space, header.needs_conversion) == ("display_p3", True)
    assert not np.array_equal(pixels, kept(data, colour="keep")[1])


def test_neutral_stays_neutral(save: Save, kept: Kept) -> None:
    """Relative colorimetric: white is white, grey is grey, black is black."""
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2).repeat(4, axis=0)
    for name in ("display_p3", "rec2020"):  # both with the sRGB curve
        _, pixels = kept(save("PNG", ramp, icc_profile=named_meaning(name).icc))
        assert np.abs(pixels.astype(int) - ramp).max() <= 1
    for name in ("adobe_rgb", "prophoto"):
        _, pixels = kept(save("PNG", ramp, icc_profile=named_meaning(name).icc))
        assert pixels[0, 0].tolist() == [0, 0, 0] and pixels[0, 255].tolist() == [255, 255, 255]
        assert np.ptp(pixels.astype(int), axis=2).max() <= 2


@pytest.mark.parametrize("damage", [b"no profile at all", b""])
def test_unreadable_profile(damage: bytes, save: Save, photo: Pixels, kept: Kept, reason: Reason) -> None:
    icc = named_meaning("display_p3").icc
    data = save("JPEG", photo, icc_profile=damage or icc[:-40])
    assert reason(data) == "colour_profile"
    header, _ = kept(data, colour="keep")
    assert header.colour_space == "unknown"


def test_profile_without_colorants(save: Save, photo: Pixels, reason: Reason) -> None:
    icc = named_meaning("display_p3").icc.replace(b"gXYZ", b"zzzz", 1)
    assert reason(save("PNG", photo, icc_profile=icc)) == "colour_profile"


def test_profile_that_only_the_engine_refuses(save: Save, photo: Pixels, reason: Reason) -> None:
    """A lookup table that is there by name only."""
    icc = bytearray(named_meaning("display_p3").icc)
    icc[132:136] = b"A2B0"
    for tag in (b"rXYZ", b"gXYZ", b"bXYZ", b"rTRC", b"gTRC", b"bTRC"):
        at = bytes(icc).index(tag, 128)
        icc[at : at + 4] = b"zzzz"
    assert reason(save("PNG", photo, icc_profile=bytes(icc))) == "colour_profile"


def _grey_profile(gamma: float) -> bytes:
    icc = bytearray(matrix_profile(PRIMARIES["srgb"], gamma))
    icc[16:20] = b"GRAY"
    at = bytes(icc).index(b"rTRC", 128)
    icc[at : at + 4] = b"kTRC"
    return bytes(icc)


def test_grey_profiles(save: Save, photo: Pixels, kept: Kept, reason: Reason) -> None:
    grey = photo[:, :, 1]
    header, pixels = kept(save("PNG", grey, icc_profile=_grey_profile(SRGB_GAMMA)))
    assert (header.colour_space, header.needs_conversion) == ("srgb", False)
    assert np.array_equal(pixels[:, :, 0], grey)
    header, pixels = kept(save("PNG", grey, icc_profile=_grey_profile(1.8)))
    assert (header.colour_space, header.needs_conversion) == ("grey_gamma", True)
    expected = 255 * _srgb_encoded((grey / 255.0) ** (round(1.8 * 256) / 256))
    assert np.abs(pixels[:, :, 0] - expected).max() < 1.5
    assert np.array_equal(pixels[:, :, 0], pixels[:, :, 1]) and np.array_equal(pixels[:, :, 0], pixels[:, :, 2])
    assert reason(save("PNG", photo, icc_profile=_grey_profile(1.8))) == "colour_profile"


def test_grey_picture_with_an_rgb_profile(save: Save, photo: Pixels, kept: Kept) -> None:
    """Usual, and right: a grey level means three equal numbers of that space."""
    grey = photo[:, :, 1]
    header, pixels = kept(save("JPEG", grey, icc_profile=named_meaning("srgb").icc))
    assert (header.colour_space, header.needs_conversion) == ("srgb", False)
    _, pixels = kept(save("PNG", grey, icc_profile=named_meaning("adobe_rgb").icc))
    expected = 255 * _srgb_encoded((grey / 255.0) ** (563 / 256))
    assert np.abs(pixels[:, :, 0] - expected).max() < 1.5
    assert np.array_equal(pixels[:, :, 0], pixels[:, :, 2])


def test_icc_in_parts_of_any_order(save: Save, photo: Pixels, kept: Kept, reason: Reason) -> None:
    icc, jpeg = named_meaning("display_p3").icc, save("JPEG", photo)
    thirds = [icc[:500], icc[500:1500], icc[1500:]]

    def part(number: int, count: int = 3) -> bytes:
        payload = b"ICC_PROFILE\0" + bytes([number, count]) + thirds[number - 1]
        return b"\xff\xe2" + struct.pack(">H", 2 + len(payload)) + payload

    header, _ = kept(jpeg[:2] + part(3) + part(1) + part(2) + jpeg[2:])
    assert (header.colour_space, header.icc) == ("display_p3", icc)
    assert reason(jpeg[:2] + part(1) + part(3) + jpeg[2:]) == "colour_profile"
    assert reason(jpeg[:2] + part(1) + part(1) + part(2) + part(3) + jpeg[2:]) == "colour_profile"


def _exif(colour_space: int, interop: bytes) -> bytes:
    """EXIF of one directory that points to the EXIF and interoperability directories."""
    first = struct.pack("<2sHIHHHIII", b"II", 42, 8, 1, 0x8769, 4, 1, 26, 0)
    exif = struct.pack("<HHHIHHHHIII", 2, 0xA001, 3, 1, colour_space, 0, 0xA005, 4, 1, 56, 0)
    return b"Exif\0\0" + first + exif + struct.pack("<HHHI4sI", 1, 1, 2, 4, interop, 0)


@pytest.mark.parametrize(
    ("colour_space", "interop", "expected"),
    [
        (1, b"R98\0", "srgb"),
        (65535, b"R03\0", "adobe_rgb"),
        (65535, b"R98\0", "unknown"),
        (2, b"\0\0\0\0", "adobe_rgb"),
        (0, b"\0\0\0\0", "unknown"),
    ],
)
def test_exif_names_the_colour_space(
    colour_space: int, interop: bytes, expected: str, save: Save, muted: Pixels, kept: Kept
) -> None:
    blob = _exif(colour_space, interop)
    header, pixels = kept(save("WEBP", muted, lossless=True, exif=blob))
    assert (header.colour_space, header.needs_conversion) == (expected, expected == "adobe_rgb")
    wanted = _adobe_to_srgb(muted) if expected == "adobe_rgb" else muted
    assert np.abs(pixels - wanted).max() < 2
    assert kept(save("JPEG", muted, exif=blob))[0].colour_space == expected
    icc = named_meaning("srgb").icc
    assert kept(save("JPEG", muted, exif=blob, icc_profile=icc))[0].colour_space == "srgb"  # a profile says more


def _png(save: Save, pixels: Pixels, *chunks: tuple[bytes, bytes]) -> bytes:
    png = save("PNG", pixels)
    extra = b"".join(
        struct.pack(">I", len(payload)) + name + payload + struct.pack(">I", zlib.crc32(name + payload))
        for name, payload in chunks
    )
    return png[:33] + extra + png[33:]


_SRGB_CHRM = struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)
_P3_CHRM = struct.pack(">8I", 31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000)


@pytest.mark.parametrize(
    ("chunks", "expected"),
    [
        ([(b"gAMA", struct.pack(">I", 45455))], "srgb"),
        ([(b"gAMA", struct.pack(">I", 45455)), (b"cHRM", _SRGB_CHRM)], "srgb"),
        ([(b"gAMA", struct.pack(">I", 45455)), (b"cHRM", _P3_CHRM)], "display_p3"),
        ([(b"gAMA", struct.pack(">I", 100000))], "other_rgb"),
        ([(b"gAMA", struct.pack(">I", 100000)), (b"sRGB", b"\0")], "srgb"),
        ([(b"gAMA", struct.pack(">I", 0))], "unknown"),
        ([(b"cHRM", _P3_CHRM)], "unknown"),
        ([(b"sRGB", b"\0"), (b"cICP", bytes([12, 13, 0, 1]))], "display_p3"),
        ([(b"cICP", bytes([1, 13, 0, 1]))], "srgb"),
        ([(b"cICP", bytes([9, 1, 0, 1]))], "rec2020"),
    ],
)
def test_png_chunks_by_precedence(
    chunks: list[tuple[bytes, bytes]], expected: str, save: Save, photo: Pixels, kept: Kept
) -> None:
    header, pixels = kept(_png(save, photo, *chunks))
    assert header.colour_space == expected
    assert header.needs_conversion == (expected not in ("srgb", "unknown"))
    assert np.array_equal(pixels, photo) != header.needs_conversion


def test_linear_png(save: Save, photo: Pixels, kept: Kept) -> None:
    _, pixels = kept(_png(save, photo, (b"gAMA", struct.pack(">I", 100000))))
    assert np.abs(pixels - 255 * _srgb_encoded(photo / 255.0)).max() < 1.5


def test_impossible_png_colours(save: Save, photo: Pixels, reason: Reason) -> None:
    one_point = struct.pack(">8I", *[31270, 32900] * 4)
    assert reason(_png(save, photo, (b"gAMA", struct.pack(">I", 45455)), (b"cHRM", one_point))) == "colour_profile"
    assert reason(_png(save, photo, (b"gAMA", struct.pack(">I", 45455)), (b"cHRM", bytes(32)))) == "colour_profile"
    assert reason(_png(save, photo, (b"cICP", bytes([77, 13, 0, 1])))) == "colour_profile"
    assert reason(_png(save, photo, (b"iCCP", b"name\0\0not deflated"))) == "colour_profile"


def test_profile_bomb(save: Save, photo: Pixels, reason: Reason) -> None:
    bomb = b"name\0\0" + zlib.compress(bytes(40_000_000))
    assert reason(_png(save, photo, (b"iCCP", bomb))) == "colour_profile"


# --- CMYK -------------------------------------------------------------------------------------------------------


def _cmyk_profile() -> bytes:
    """A printer profile (ICC version 2) with a 2-point table: each ink darkens by its share, colours are vague."""
    nodes = []
    for index in range(16):
        c, m, y, k = index >> 3 & 1, index >> 2 & 1, index >> 1 & 1, index & 1
        lightness = 255 * (1 - k) * (1 - 0.25 * c - 0.35 * m - 0.05 * y)
        nodes += [round(lightness), round(128 + (40 * m - 30 * c) * (1 - k)), round(128 + (50 * y - 40 * c) * (1 - k))]
    identity = bytes(range(256))
    matrix = struct.pack(">9i", 65536, 0, 0, 0, 65536, 0, 0, 0, 65536)
    table = b"mft1\0\0\0\0\x04\x03\x02\0" + matrix + identity * 4 + bytes(nodes) + identity * 3
    white = matrix_profile(PRIMARIES["srgb"], SRGB_GAMMA)[68:80]
    text = b"desc\0\0\0\0" + struct.pack(">I", 5) + b"inks\0" + bytes(78)
    payloads = {b"desc": text, b"cprt": b"text\0\0\0\0none\0", b"wtpt": b"XYZ \0\0\0\0" + white, b"A2B0": table}
    head, body, start = struct.pack(">I", len(payloads)), b"", 132 + 12 * len(payloads)
    for name, payload in payloads.items():
        head += struct.pack(">4sII", name, start + len(body), len(payload))
        body += payload + bytes(-len(payload) % 4)
    fixed = struct.pack(">I4sI4s4s4s12x4s", start + len(body), b"none", 0x02400000, b"prtr", b"CMYK", b"Lab ", b"acsp")
    return (fixed.ljust(68, b"\0") + white).ljust(128, b"\0") + head + body


def _through_profile(picture: Image.Image, icc: bytes) -> Pixels:
    source, target = ImageCms.ImageCmsProfile(io.BytesIO(icc)), ImageCms.createProfile("sRGB")
    flags = ImageCms.Flags.BLACKPOINTCOMPENSATION
    intent = ImageCms.Intent.RELATIVE_COLORIMETRIC
    return np.array(ImageCms.profileToProfile(picture, source, target, intent, "RGB", flags=flags))


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_cmyk_is_converted_through_its_profile(
    kind: str, save: Save, photo: Pixels, kept: Kept, reason: Reason
) -> None:
    """Photoshop's inverted JPEG and the plain TIFF alike: no ink is white, all black ink is black."""
    icc = _cmyk_profile()
    inks = np.zeros((*photo.shape[:2], 4), np.uint8)
    inks[:, :, :3] = (255 - photo) // 2
    inks[:8, :8] = 0
    inks[8:24, 8:24] = (0, 0, 0, 255)
    picture = Image.frombytes("CMYK", (90, 80), inks.tobytes())
    options = {"quality": 100, "subsampling": 0} if kind == "JPEG" else {}
    data = save(kind, picture, icc_profile=icc, **options)
    header, pixels = kept(data)
    assert (header.colour_space, header.needs_conversion, header.is_cmyk) == ("cmyk", True, True)
    stored = Image.open(io.BytesIO(data))
    assert np.abs(pixels.astype(int) - _through_profile(stored, icc)).max() <= 1
    assert pixels[3, 3].min() > 250 and pixels[16, 16].max() < 5
    assert kept(data, colour="keep")[0].needs_conversion  # RGB cannot keep four inks
    assert reason(data, colour="reject") == "cmyk"


def test_cmyk_jpeg_without_adobe_marker_is_ambiguous(save: Save, photo: Pixels, reason: Reason) -> None:
    data = save("JPEG", Image.fromarray(photo).convert("CMYK"), icc_profile=_cmyk_profile())
    at = data.index(b"\xff\xee")
    assert reason(data) == "kept"
    assert reason(data[:at] + data[at + 16 :]) == "cmyk"


def test_truncated_cmyk_jpeg(save: Save, photo: Pixels, reason: Reason) -> None:
    data = save("JPEG", Image.fromarray(photo).convert("CMYK"), icc_profile=_cmyk_profile())
    assert reason(data[:-30]) == "truncated"
    assert reason(data[:-30] + b"\xff\xd9") in ("truncated", "damaged")


def test_rgb_picture_with_a_cmyk_profile(save: Save, photo: Pixels, reason: Reason) -> None:
    assert reason(save("PNG", photo, icc_profile=_cmyk_profile())) == "colour_profile"


def test_cmyk_picture_with_an_rgb_profile(save: Save, photo: Pixels, reason: Reason) -> None:
    data = save("JPEG", Image.fromarray(photo).convert("CMYK"), icc_profile=named_meaning("srgb").icc)
    assert reason(data) == "cmyk"


def test_avif_code_points(save: Save, photo: Pixels, kept: Kept, judge: Callable[..., object]) -> None:
    data = save("AVIF", photo)
    at = data.index(b"nclx") + 4
    header, _ = kept(data[:at] + struct.pack(">HH", 12, 13) + data[at + 4 :])
    assert (header.colour_space, header.needs_conversion) == ("display_p3", True)
    outcome = judge(data[:at] + struct.pack(">HH", 9, 18) + data[at + 4 :])
    assert isinstance(outcome, Rejection) and outcome.reason == "hdr"


def test_conversion_of_a_tall_picture_meets_at_its_strips(save: Save, wheel_photo: Callable[[str], Pixels]) -> None:
    """Strips are converted one by one; the borders between them must not show."""
    from million_ird.pixels import convert

    photo, icc = wheel_photo("coffee"), named_meaning("display_p3").icc
    whole = convert.convert_to_srgb(photo, icc)
    rows = [convert.convert_to_srgb(photo[top : top + 7], icc) for top in range(0, len(photo), 7)]
    assert np.array_equal(whole, np.concatenate(rows))
