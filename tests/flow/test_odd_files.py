"""A folder of odd files, generated ones and real ones: a row each, no noise, and patches that are truly the picture's.

What a patch must be is computed by readers of its own: Pillow for pixels, the original libjpeg 6b for coefficients.
"""

from __future__ import annotations

import io
import re
import struct
import subprocess
import sys
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from million_ird.dataset import Dataset, open_dataset
from million_ird.screens import DEFAULT_INTERVALS
from tests.flow.web_world import problems, rows
from tests.flow.world import jpeg, picture
from tests.million_ird.jpeg.sources import coefficients, quantisation

SIZE = 64
RECIPE = """
[manifest]
path = "{manifest}"
[plan]
unit_rows = 100
[decode]
high_bit_depth = "round"
[duplicates]
enabled = false
[screens]
measure = ["short_side"]
[screens.keep]
{open}
[patches]
size = {size}
max_flat_fraction = 1.0
max_per_image = 12
[images]
keep_images = "all"
[execution]
executor = "serial"
"""
OUR_LINES = re.compile(
    r"^(planning|rows|hosts|units|images|patches|disk|time|assumed|hint|fetch|verify|picture|cut|report)\b"
    r"|^[\d,]+ images, [\d,]+ patches|^  +images\.keep_images"
)
"""What a build prints of its own accord."""


def _saved(kind: str, rgb: npt.NDArray[np.uint8], mode: str = "RGB", **options: Any) -> bytes:
    out = io.BytesIO()
    Image.fromarray(rgb).convert(mode).save(out, kind, **options)
    return out.getvalue()


def _damaged(data: bytes, place: float = 0.6) -> bytes:
    """The file with a few bytes in its middle turned over."""
    at = int(len(data) * place)
    return data[:at] + bytes(255 - byte for byte in data[at : at + 8]) + data[at + 8 :]


def _png_that_claims(width: int, height: int) -> bytes:
    chunk = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))


def _wide(rgb: npt.NDArray[np.uint8], kind: str, *options: int) -> bytes:
    """16 bits a channel."""
    return bytes(cv2.imencode(kind, rgb.astype(np.uint16) * 257, options)[1])


def _see_through(rgb: npt.NDArray[np.uint8], alpha: int) -> bytes:
    picture = Image.fromarray(rgb)
    picture.putalpha(alpha)
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


def odd_files() -> dict[str, tuple[bytes, str]]:
    """File name → bytes and the reason it is rejected for, "" if it is kept."""
    a, b = picture(1, 200, 152), picture(2, 200, 152)
    exif = Image.Exif()
    exif[274] = 6
    frames = [Image.fromarray(picture(n, 96, 96)) for n in range(3)]
    lzw, deflate = _saved("TIFF", a, compression="tiff_lzw"), _saved("TIFF", a, compression="tiff_adobe_deflate")
    return {
        "plain.jpg": (jpeg(a), ""),
        "progressive.jpg": (_saved("JPEG", picture(3, 200, 152), progressive=True), ""),
        "4-4-4.jpg": (_saved("JPEG", picture(4, 200, 152), subsampling=0), ""),
        "4-1-1.jpg": (_saved("JPEG", picture(5, 200, 152), subsampling="4:1:1"), ""),
        "grey.jpg": (_saved("JPEG", picture(6, 200, 152), "L"), ""),
        "turned.jpg": (_saved("JPEG", picture(7, 200, 152), exif=exif), ""),
        "cmyk.jpg": (_saved("JPEG", a, "CMYK"), "cmyk"),
        "short.jpg": (jpeg(b)[:4000], "truncated"),
        "no end mark.jpg": (jpeg(b)[:-2], "truncated"),
        "really a png.jpg": (_saved("PNG", picture(8, 200, 152)), ""),
        "interlaced.png": (_saved("PNG", picture(9, 200, 152)), ""),
        "wide.png": (_wide(picture(10, 200, 152), ".png"), ""),
        "paletted.png": (_saved("PNG", a, "P"), "paletted"),
        "see-through.png": (_see_through(a, 128), "alpha"),
        "opaque.png": (_see_through(picture(11, 200, 152), 255), ""),
        "bomb.png": (_png_that_claims(60_000, 60_000), "too_many_pixels"),
        "damaged.png": (_damaged(_saved("PNG", a)), "damaged"),
        "grey.png": (_saved("PNG", picture(12, 200, 152), "L"), ""),
        "raw.tif": (_saved("TIFF", picture(13, 200, 152)), ""),
        "lzw.tif": (lzw, ""),
        "damaged lzw.tif": (_damaged(lzw), "damaged"),
        "damaged deflate.tif": (_damaged(deflate), "damaged"),
        "damaged wide.tif": (_damaged(_wide(a, ".tiff", cv2.IMWRITE_TIFF_COMPRESSION, 8), 0.3), "damaged"),
        "pages.tif": (_saved("TIFF", a, save_all=True, append_images=frames), "multi_page"),
        "lossless.webp": (_saved("WEBP", picture(14, 200, 152), lossless=True), ""),
        "lossy.webp": (_saved("WEBP", picture(15, 200, 152)), ""),
        "short.webp": (_saved("WEBP", picture(16, 200, 152), lossless=True)[:9000], "truncated"),
        "plain.bmp": (_saved("BMP", picture(17, 200, 152)), ""),
        "moving.gif": (_saved("GIF", a, save_all=True, append_images=frames), "animated"),
        "tiny.png": (_saved("PNG", a[:1, :1]), ""),
        "empty.jpg": (b"", "empty"),
        "page.jpg": (b"<!doctype html><title>no picture</title>", "not_an_image"),
        "drawing.jpg": (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "format_svg"),
        "zeros.jpg": (bytes(5000), "not_an_image"),
    }


@dataclass
class Built:
    """A finished build of a folder: exit code, what it printed, the dataset, the folder, its files."""

    code: int
    printed: str
    dataset: Dataset
    folder: Path

    def source(self, row: dict[str, Any]) -> bytes:
        return (self.folder / row["url"]).read_bytes()


def _build(folder: Path, root: Path) -> Built:
    opened = "\n".join(f"{name} = [-inf, inf]" for name in DEFAULT_INTERVALS)
    (root / "recipe.toml").write_text(RECIPE.format(manifest=folder, open=opened, size=SIZE))
    command = [sys.executable, "-m", "million_ird.cli", "build", str(root / "recipe.toml"), "--out", str(root / "out")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return Built(done.returncode, done.stdout + done.stderr, open_dataset(str(root / "out")), folder)


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Built:
    root = tmp_path_factory.mktemp("generated")
    for name, (data, _) in odd_files().items():
        (root / "files").mkdir(exist_ok=True)
        (root / "files" / name).write_bytes(data)
    return _build(root / "files", root)


@pytest.fixture(scope="module")
def real(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Built:
    return _build(shared_data / "oddcases", tmp_path_factory.mktemp("real"))


@pytest.fixture(params=["generated", "real"])
def built(request: pytest.FixtureRequest) -> Built:
    result: Built = request.getfixturevalue(request.param)
    return result


def test_the_build_ends_well_and_says_nothing_but_its_own(built: Built) -> None:
    assert built.code == 0, built.printed
    assert [line for line in built.printed.splitlines() if line and not OUR_LINES.match(line)] == []
    assert problems(built.dataset.url) == []


def test_every_file_has_one_row(built: Built) -> None:
    files = sorted(str(path.relative_to(built.folder)) for path in built.folder.rglob("*") if path.is_file())
    named = [str(row["url"]) for row in rows(built.dataset).values()]
    named += [row["url"] for batch in built.dataset.rejected_sources() for row in batch.to_pylist()]
    assert sorted(named) == files


def test_each_generated_file_meets_its_own_fate(generated: Built) -> None:
    found = {str(row["url"]): str(row["reason"]) for row in rows(generated.dataset).values()}
    expected = {name: reason for name, (_, reason) in odd_files().items()}
    assert found == expected
    cut = {row["url"] for batch in generated.dataset.patch_rows() for row in batch.to_pylist() if row["kept"]}
    assert cut == {name for name, reason in expected.items() if not reason} - {"tiny.png"}


def _kept(built: Built, encoding: str) -> Iterator[tuple[dict[str, Any], dict[str, Any], bytes]]:
    """(image row, patch row, patch bytes) of every kept patch of an encoding."""
    images = rows(built.dataset)
    for row, data in built.dataset:
        if row["encoding"] == encoding:
            yield images[row["image_key"]], row, data


def test_patches_cut_from_pixels_are_the_pixels_of_the_picture(built: Built) -> None:
    compared = set()
    for image, row, data in _kept(built, "webp"):
        if image["bit_depth"] != 8 or image["colour_space"] not in ("srgb", "unknown") or image["format"] == "jpeg":
            continue  # rounded or converted: proven where that is done
        with Image.open(io.BytesIO(built.source(image))) as whole:
            expected = np.asarray(whole.convert("RGB"))[row["y"] : row["y"] + SIZE, row["x"] : row["x"] + SIZE]
        with Image.open(io.BytesIO(data)) as patch:
            assert (np.asarray(patch) == expected).all(), (image["url"], row["key"])
        compared.add(image["format"])
    assert compared >= {"png", "tiff", "webp"}


def test_patches_of_jpegs_hold_the_coefficients_of_the_picture(built: Built) -> None:
    compared = set()
    for image, row, data in _kept(built, "jpg"):
        source = built.source(image)
        assert quantisation(data) == quantisation(source), image["url"]
        for whole, patch in zip(coefficients(source), coefficients(data), strict=True):
            down, across = patch.shape[:2]
            top, left = row["y"] * down // SIZE, row["x"] * across // SIZE
            assert (whole[top : top + down, left : left + across] == patch).all(), (image["url"], row["key"])
        compared.add((image["subsampling"], image["progressive"]))
    assert len(compared) >= 4


def test_the_comparison_can_fail(generated: Built) -> None:
    """The patch beside another one does not hold its coefficients."""
    image, _, data = next(entry for entry in _kept(generated, "jpg") if entry[1]["x"] == entry[1]["y"] == 0)
    planes = coefficients(generated.source(image))
    assert (planes[0][:8, 8:16] != coefficients(data)[0]).any()
