"""Makes the pictures of docs/annotation/: the real page in a headless Chromium, showing a street that is made up here.

    python docs/annotation_screenshots.py

Nothing of them is a photograph. Every picture stays below 150 KB.
"""

from __future__ import annotations

import io
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from million_ird.cli import main as million_ird
from tests.annotation.browser.chromium import ARGUMENTS, find_chromium, why_not
from tests.annotation.browser.driver import AnnotationPage, prepare
from tests.annotation.browser.server import AnnotationServer

if TYPE_CHECKING:
    from playwright.sync_api import Browser

OUT = Path(__file__).parent / "annotation"
SIZE = (1080, 720)
TRAVEL = 84
"""Pixels that the car goes during the exposure."""
SHARE = 150_000
"""Bytes that a picture may have."""


def street(seed: int) -> Image.Image:
    """Houses with windows under an even sky, a pavement and a road."""
    random = np.random.default_rng(seed)
    picture = Image.new("RGB", SIZE, (158, 182, 206))
    draw = ImageDraw.Draw(picture)
    left = -30
    while left < SIZE[0]:
        width, top = int(random.integers(130, 230)), int(random.integers(90, 230))
        wall = tuple(int(v) for v in random.integers(105, 190, 3))
        draw.rectangle((left, top, left + width, 470), wall)
        dark, light = (tuple(int(v * f) for v in wall) for f in (0.45, 1.25))
        for x in range(left + 18, left + width - 30, 42):
            for y in range(top + 22, 420, 56):
                draw.rectangle((x, y, x + 22, y + 34), dark, light)
        left += width
    draw.rectangle((0, 470, SIZE[0], 520), (150, 146, 140))
    draw.rectangle((0, 520, SIZE[0], SIZE[1]), (74, 76, 82))
    for x in range(-40, SIZE[0], 150):
        draw.polygon([(x, 640), (x + 80, 640), (x + 70, 652), (x - 10, 652)], (214, 212, 200))
    return picture


def car(at: int, colour: tuple[int, int, int]) -> Image.Image:
    """A car on nothing, RGBA, its left end in column `at`."""
    picture = Image.new("RGBA", SIZE)
    draw = ImageDraw.Draw(picture)
    y = 486
    draw.polygon([(at + 70, y), (at + 112, y - 50), (at + 226, y - 50), (at + 276, y)], (*colour, 255))
    draw.polygon([(at + 86, y - 2), (at + 118, y - 42), (at + 162, y - 42), (at + 162, y - 2)], (190, 214, 226, 255))
    draw.polygon([(at + 172, y - 2), (at + 172, y - 42), (at + 220, y - 42), (at + 258, y - 2)], (190, 214, 226, 255))
    draw.rounded_rectangle((at, y - 2, at + 340, y + 62), 22, (*colour, 255))
    draw.rectangle((at + 10, y + 28, at + 330, y + 34), (235, 235, 230, 255))
    for wheel in (at + 78, at + 262):
        draw.ellipse((wheel - 34, y + 26, wheel + 34, y + 94), (28, 28, 30, 255))
        draw.ellipse((wheel - 15, y + 45, wheel + 15, y + 75), (190, 190, 192, 255))
    return picture


def write_scene(folder: Path, name: str, seed: int, colour: tuple[int, int, int], start: int) -> None:
    """A pair: the car moved during the exposure of the blurred frame, and stood in the middle for the sharp one."""
    background = street(seed)
    total = np.zeros((SIZE[1], SIZE[0], 3))
    for shift in range(0, TRAVEL, 3):
        frame = background.copy()
        thing = car(start + shift, colour)
        frame.paste(thing, mask=thing)
        total += np.asarray(frame, dtype=float)
    blurred = Image.fromarray(np.rint(total / len(range(0, TRAVEL, 3))).astype(np.uint8))
    thing = car(start + TRAVEL // 2, colour)
    background.paste(thing, mask=thing)
    folder.mkdir(parents=True, exist_ok=True)
    blurred.save(folder / f"{name}_blur.png")
    background.save(folder / f"{name}_sharp.png")


def trail(start: int) -> list[tuple[float, float]]:
    """The outline of everything the car passed over, as somebody would click it."""
    end = start + TRAVEL
    top = [(start + 2, 490), (start + 64, 484), (start + 112, 435), (end + 226, 435), (end + 272, 482)]
    right = [(end + 334, 490), (end + 340, 542), (end + 300, 552), (end + 282, 576), (end + 244, 578)]
    left = [(start + 262, 580), (start + 100, 580), (start + 60, 578), (start + 42, 552), (start + 4, 544)]
    return [(float(x), float(y)) for x, y in top + right + left]


def palette(picture: Image.Image) -> Image.Image:
    """The 160 commonest colours as they are, since those of the page are few, and 96 between all the others."""
    counted = sorted(picture.getcolors(picture.width * picture.height) or [], reverse=True)
    common = [colour for _, colour in counted[:160]]
    between = picture.quantize(96, Image.Quantize.MEDIANCUT).getpalette() or []
    made = Image.new("P", (1, 1))
    made.putpalette([value for colour in common for value in colour] + between[: 3 * 96])
    return made


def shoot(page: AnnotationPage, name: str) -> None:
    """Writes what the page shows to docs/annotation/, in 256 colours."""
    page.frames()
    picture = Image.open(io.BytesIO(page.page.screenshot())).convert("RGB")
    file = OUT / f"{name}.png"
    picture.quantize(palette=palette(picture), dither=Image.Dither.NONE).save(file, optimize=True)
    size = file.stat().st_size
    print(f"{file.name}: {picture.width}×{picture.height}, {size / 1000:.0f} KB")
    if size > SHARE:
        raise SystemExit(f"{file} has {size:,} bytes, more than {SHARE:,}")


def take(browser: Browser, url: str) -> None:
    """All pictures, one after the other."""
    context = browser.new_context(viewport={"width": 1360, "height": 760}, color_scheme="light")
    prepare(context, "Ada Lovelace")
    page = AnnotationPage(context.new_page(), url)
    page.open(1)
    page.press("p")
    for corner in trail(300):
        page.click(*corner)
    page.press("Enter", "b", "t", "\\")
    page.saved()
    page.page.mouse.move(*page.at(380, 610))
    page.page.locator("#queue .state-in_progress .count", has_text="1").wait_for()
    shoot(page, "page")

    page.press("3", "Shift+P", "\\")
    page.page.locator("#panel .figure", has_text="shift").wait_for()
    shoot(page, "pair")

    page.press("1", "w")
    page.page.get_by_label("32 px").check()
    page.settled(lambda: page.ink("guide") > 0)
    shoot(page, "windows")
    page.page.get_by_label("none").check()

    page.open(2)
    page.press("t", "Shift+A")
    page.page.get_by_text("Proposed by the machine, confidence").wait_for(timeout=60_000)
    page.settled(lambda: page.ink("mask") > 0)
    page.press("\\")
    shoot(page, "proposal")

    page.open(1)
    page.brush(40)
    context.set_offline(True)
    page.drag([(640, 560), (760, 575)])
    page.offline()
    shoot(page, "offline")
    context.set_offline(False)
    page.saved()
    page.press("z")
    page.saved()
    page.press("?")
    page.page.get_by_role("dialog").wait_for()
    shoot(page, "keys")
    context.close()

    small = browser.new_context(viewport={"width": 390, "height": 780}, has_touch=True, color_scheme="dark")
    prepare(small, "Ada Lovelace")
    page = AnnotationPage(small.new_page(), url)
    page.open(1)
    shoot(page, "telephone")
    small.close()


def main() -> None:
    reason = why_not()
    if reason:
        raise SystemExit(reason)
    from playwright.sync_api import sync_playwright

    OUT.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for n, (colour, start) in enumerate([((178, 44, 38), 300), ((38, 92, 160), 420), ((52, 120, 74), 210)]):
            write_scene(folder / "frames" / "s01", f"{n:02d}", n, colour, start)
        for n in range(3, 14):
            write_scene(folder / "frames" / f"s{2 + n // 6:02d}", f"{n:02d}", n, (120, 100, 90), 150 + 40 * n)
        million_ird(["annotate", "create", str(folder / "evening-street"), "--from", str(folder / "frames")])
        server = AnnotationServer(folder / "evening-street")
        server.start()
        try:
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=find_chromium(), args=list(ARGUMENTS))
                take(browser, server.url)
                browser.close()
        finally:
            server.stop()


if __name__ == "__main__":
    main()
