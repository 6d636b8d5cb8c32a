"""Every file of the folder of odd cases has its expected outcome (skipped where the folder is absent)."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from million_ird.pixels import Header, sniff
from million_ird.records import Rejection

_REJECTED = {  # reason: files; every other file of the folder is kept
    "alpha": (
        "sharp_fixtures/5_webp_a.webp",
        "sharp_fixtures/alpha-layer-1-fill.png",
        "sharp_fixtures/alpha-premultiply-1024x768-paper.png",
        "sharp_fixtures/alpha-premultiply-2048x1536-paper.png",
        "sharp_fixtures/bgbn4a08.png",
        "sharp_fixtures/blackbug.png",
        "sharp_fixtures/grey-8bit-alpha.png",
        "sharp_fixtures/image-in-alpha.png",
        "sharp_fixtures/input.above.composite.premultiplied.png",
        "sharp_fixtures/test-pattern.png",
        "sharp_fixtures/trim-mc.png",
        "sharp_fixtures/with-alpha.png",
    ),
    "animated": (
        "imagededup_tests/formats_images/giphy.gif",
        "pillow/blend_op_over.png",
        "pillow/blend_op_over_near_transparent.png",
        "pillow/blend_op_source_near_transparent.png",
        "pillow/blend_op_source_solid.png",
        "pillow/blend_op_source_transparent.png",
        "pillow/chunk_multi_actl.png",
        "pillow/chunk_no_fctl.png",
        "pillow/chunk_no_fdat.png",
        "pillow/chunk_repeat_fctl.png",
        "pillow/decompression_bomb_extents.gif",
        "pillow/delay.png",
        "pillow/delay_round.png",
        "pillow/delay_short_max.png",
        "pillow/delay_zero_denom.png",
        "pillow/delay_zero_numer.png",
        "pillow/different_durations.png",
        "pillow/dispose_op_background.png",
        "pillow/dispose_op_background_before_region.png",
        "pillow/dispose_op_background_final.png",
        "pillow/dispose_op_background_p_mode.png",
        "pillow/dispose_op_background_region.png",
        "pillow/dispose_op_none.png",
        "pillow/dispose_op_none_region.png",
        "pillow/iss634.gif",
        "pillow/iss634.webp",
        "sharp_fixtures/animated-loop-3.gif",
        "sharp_fixtures/animated-loop-3.webp",
        "sharp_fixtures/big-height.webp",
        "sharp_fixtures/rotating-squares.gif",
        "sharp_fixtures/rotating-squares.webp",
        "thumbor_sdist/animated.gif",
    ),
    "bit_depth": (
        "libjpeg-turbo_testimages/monkey12.jpg",
        "libjpeg-turbo_testimages/monkey16.png",
        "pillow/16bit.cropped.tif",
        "pillow/hopper_gray_4bpp.tif",
        "sharp_fixtures/16-bit-grey-alpha.png",
        "sharp_fixtures/50020484-00001.png",
        "sharp_fixtures/Flag_of_the_Netherlands-16bit.png",
        "sharp_fixtures/G31D.TIF",
        "sharp_fixtures/bggn4a16.png",
        "sharp_fixtures/tbgn2c16.png",
        "sharp_fixtures/tifftag-photoshop.tiff",
    ),
    "cmyk": (
        "pillow/pil_sample_cmyk.jpg",
        "sharp_fixtures/Channel_digital_image_CMYK_color_no_profile.jpg",
        "thumbor_sdist/Giunchedi%2C_Filippo_January_2015_01-cmyk-orientation-exif.jpg",
        "thumbor_sdist/Giunchedi%2C_Filippo_January_2015_01-cmyk.jpg",
        "thumbor_sdist/cmyk.jpg",
    ),
    "colour_model": ("sharp_fixtures/cielab-dagams.tiff",),
    "colour_profile": ("pillow/icc_profile_none.png",),
    "damaged": ("pillow/truncated_app14.jpg",),
    "format_jp2": (
        "sharp_fixtures/relax.jp2",
        "sharp_fixtures/relax_tileparts.jp2",
    ),
    "format_svg": (
        "sharp_fixtures/check.svg",
        "sharp_fixtures/circle.svg",
        "sharp_fixtures/struct-image-04-t.svg",
    ),
    "jpeg_arithmetic": ("libjpeg-turbo_testimages/testimgari.jpg",),
    "jpeg_lossless": ("sharp_fixtures/testimgl.jpg",),
    "multi_page": ("sharp_fixtures/G31D_MULTI.TIF",),
    "not_an_image": (
        "imagededup_tests/mixed_images/ukbench09268_corrupt.jpg",
        "imagededup_tests/mixed_nested_images/ukbench09268_corrupt.jpg",
        "libjpeg-turbo_testimages/monkey16.pgm",
        "libjpeg-turbo_testimages/testorig.ppm",
        "thumbor_sdist/image_invalid.jpg",
    ),
    "paletted": (
        "sharp_fixtures/Crash_test.gif",
        "sharp_fixtures/Flag_of_the_Netherlands-alpha.png",
        "sharp_fixtures/Flag_of_the_Netherlands.png",
        "sharp_fixtures/d.png",
        "sharp_fixtures/full-transparent.png",
        "sharp_fixtures/grey-plus-alpha.gif",
        "sharp_fixtures/swiss.png",
        "thumbor_sdist/animated-one-frame.gif",
    ),
    "tiff_layout": ("sharp_fixtures/fogra-0-100-100-0.tif",),
    "too_many_pixels": (
        "sharp_fixtures/65536-uint32-limit.png",
        "sharp_fixtures/giant-image.jpg",
        "thumbor_sdist/16384x16384.png",
    ),
    "truncated": (
        "pillow/decompression_bomb.gif",
        "pillow/truncated_end_chunk.png",
        "pillow/truncated_image.png",
        "pillow/truncated_jpeg.jpg",
        "pillow/ultrahdr.jpg",
        "sharp_fixtures/corrupt-header.jpg",
        "sharp_fixtures/truncated.jpg",
        "sharp_fixtures/truncated.png",
        "thumbor_sdist/BlueSquare_truncated.jpg",
    ),
}
_CONVERTED = {  # colour space: kept files that had to be converted to sRGB
    "cmyk": (
        "sharp_fixtures/Channel_digital_image_CMYK_color.jpg",
        "thumbor_sdist/cmyk-icc.jpg",
    ),
    "display_p3": ("sharp_fixtures/p3.png",),
    "grey_gamma": (
        "sharp_fixtures/concert.jpg",
        "thumbor_sdist/grayscale-icc.jpg",
    ),
    "other_rgb": (
        "pillow/icc_profile_big.jpg",
        "pillow/truncated_exif_dpi.jpg",
        "sharp_fixtures/Landscape_2.jpg",
        "sharp_fixtures/Landscape_3.jpg",
        "sharp_fixtures/Landscape_4.jpg",
        "sharp_fixtures/Landscape_5.jpg",
        "sharp_fixtures/Landscape_6.jpg",
        "sharp_fixtures/Landscape_7.jpg",
        "sharp_fixtures/Landscape_8.jpg",
        "sharp_fixtures/Portrait_2.jpg",
        "sharp_fixtures/Portrait_3.jpg",
        "sharp_fixtures/Portrait_4.jpg",
        "sharp_fixtures/Portrait_5.jpg",
        "sharp_fixtures/Portrait_6.jpg",
        "sharp_fixtures/Portrait_7.jpg",
        "sharp_fixtures/Portrait_8.jpg",
    ),
    "prophoto": ("sharp_fixtures/prophoto.png",),
}


@pytest.fixture(scope="module")
def folder(shared_data: Path) -> Path:
    return shared_data / "oddcases"


def _expected_reason(name: str) -> str:
    return next((reason for reason, names in _REJECTED.items() if name in names), "kept")


def _expected_conversion(name: str) -> str:
    return next((space for space, names in _CONVERTED.items() if name in names), "")


def test_every_odd_case(folder: Path, judge: Callable[..., Any]) -> None:
    seen, wrong = set(), []
    for path in sorted(folder.rglob("*")):
        if path.is_dir():
            continue
        name = path.relative_to(folder).as_posix()
        seen.add(name)
        outcome = judge(path.read_bytes())
        found = outcome.reason if isinstance(outcome, Rejection) else "kept"
        if found != _expected_reason(name):
            wrong.append(f"{name}: {found}, not {_expected_reason(name)}")
        if not isinstance(outcome, Rejection):
            header: Header = outcome[0]
            conversion = header.colour_space if header.needs_conversion else ""
            if conversion != _expected_conversion(name):
                wrong.append(f"{name}: converted from {conversion or 'nothing'}")
    assert not wrong
    listed = {name for group in (_REJECTED, _CONVERTED) for names in group.values() for name in names}
    assert listed <= seen


def test_kept_pixels_equal_what_pillow_shows(folder: Path, judge: Callable[..., Any]) -> None:
    """An independent decoder, on every kept file that is not CMYK; profiles are left alone by both."""
    compared = 0
    for path in sorted(folder.rglob("*")):
        outcome = judge(path.read_bytes(), colour="keep") if path.is_file() else None
        if outcome is None or isinstance(outcome, Rejection) or outcome[0].is_cmyk:
            continue
        with Image.open(path) as picture:
            assert np.array_equal(outcome[1], np.array(picture.convert("RGB"))), path.name
            assert picture.getexif().get(274, 1) == outcome[0].orientation, path.name
        compared += 1
    assert compared > 100


@pytest.mark.parametrize("name", ["sharp_fixtures/Channel_digital_image_CMYK_color.jpg", "thumbor_sdist/cmyk-icc.jpg"])
def test_cmyk_equals_the_colour_engine(name: str, folder: Path, kept: Callable[..., Any]) -> None:
    data = (folder / name).read_bytes()
    header, pixels = kept(data)
    source = ImageCms.ImageCmsProfile(io.BytesIO(header.icc))
    intent, flags = ImageCms.Intent.RELATIVE_COLORIMETRIC, ImageCms.Flags.BLACKPOINTCOMPENSATION
    with Image.open(io.BytesIO(data)) as picture:
        target = ImageCms.createProfile("sRGB")
        expected = ImageCms.profileToProfile(picture, source, target, intent, "RGB", flags=flags)
    assert np.abs(pixels.astype(int) - np.array(expected)).max() <= 1


def test_names_do_not_matter(folder: Path, kept: Callable[..., Any]) -> None:
    """A JPEG called .bmp and .png is the JPEG that it is."""
    pixels = []
    for name in ("ukbench09380.jpeg", "ukbench09380.bmp", "ukbench09380.png"):
        data = (folder / "imagededup_tests" / "formats_images" / name).read_bytes()
        assert sniff(data) == "jpeg"
        pixels.append(kept(data)[1])
    assert np.array_equal(pixels[0], pixels[1]) and np.array_equal(pixels[0], pixels[2])


def test_gain_maps(folder: Path, shared_data: Path, kept: Callable[..., Any]) -> None:
    for path in (folder / "sharp_fixtures" / "gain-map.jpg", *(shared_data / "photos" / "ultra_hdr_samples").glob("*")):
        header, _ = kept(path.read_bytes())
        assert header.has_gain_map and header.extra_pictures >= 1


def test_all_photographs_are_kept(shared_data: Path, judge: Callable[..., Any]) -> None:
    """No rule is so strict that it costs a real photograph."""
    paths = [path for path in sorted((shared_data / "photos").rglob("*")) if path.suffix in (".jpg", ".png")]
    assert len(paths) > 100
    lost = [path.name for path in paths if isinstance(judge(path.read_bytes()), Rejection)]
    assert not lost
