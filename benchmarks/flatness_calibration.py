"""Where must the limit of flatness lie, how often is it right, and what moves it?

`docs/flatness_labels.csv` lists 512² patches of photographs, each with the share of its area that looks flat to a
person (0, 0.25, 0.5, 0.75 or 1: sky, blurred background, blank paper, smooth things, night; grain counts as nothing)
and what it shows. The share was judged by eye on sheets without any measured number on them. A patch is to be rejected
if more than half of it is flat; patches labelled one half are left out of the accuracy.

    python benchmarks/flatness_calibration.py FOLDER              # tables, from the photographs under FOLDER
    python benchmarks/flatness_calibration.py FOLDER --sheet S.png  # and the labelled patches with their numbers
    python benchmarks/flatness_calibration.py --figure F.jpg      # flat cells drawn on photographs of the wheels
"""

from __future__ import annotations

import argparse
import csv
import importlib.util
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import cv2
import machine
import numpy as np
import numpy.typing as npt
import simplejpeg

from million_ird.flatness import block_variance_from_pixels, flat_fraction
from million_ird.patches import PatchSettings

LABELS = Path(__file__).resolve().parents[1] / "docs" / "flatness_labels.csv"
SIZE = 512
LIMIT = PatchSettings().flat_variance

Luma = npt.NDArray[np.uint8]
Measure = Callable[[Luma], float]
"""Share of a patch's area that is flat, 0..1."""


@dataclass(frozen=True)
class Example:
    """A labelled patch."""

    file: str
    content: str
    flat_share: float
    bgr: npt.NDArray[np.uint8]

    @property
    def luma(self) -> Luma:
        return np.asarray(cv2.cvtColor(self.bgr, cv2.COLOR_BGR2GRAY), np.uint8)


def main() -> None:
    """Print the tables, draw what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", help="where the files named in the labels are")
    parser.add_argument("--sheet", type=Path, help="write a contact sheet of the labelled patches")
    parser.add_argument("--figure", type=Path, help="write the figure of docs/flatness.md")
    options = parser.parse_args()
    if options.figure:
        _draw_figure(options.figure)
    if options.folder:
        examples = list(_examples(options.folder))
        print(f"{len(examples)} labelled patches; {machine.describe()}\n")
        _print_definitions(examples)
        _print_by_content(examples)
        _print_shifts(examples)
        if options.sheet:
            _draw_sheet(examples, options.sheet)


def _examples(folder: Path) -> Iterable[Example]:
    with LABELS.open(newline="") as file:
        for row in csv.DictReader(file):
            flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
            image = cv2.imread(str(folder / row["file"]), flags)
            if image is None:
                raise SystemExit(f"{folder / row['file']} is missing")
            x, y = int(row["x"]), int(row["y"])
            patch = np.asarray(image[y : y + SIZE, x : x + SIZE], np.uint8)
            yield Example(row["file"], row["content"], float(row["flat_share"]), patch)


def coarse(limit: float) -> Measure:
    """The definition in use."""
    return lambda luma: flat_fraction(block_variance_from_pixels(luma), limit)


def whole(limit: float) -> Measure:
    """The variance of all 64 pixels of a cell."""

    def share(luma: Luma) -> float:
        cells = luma.reshape(SIZE // 8, 8, SIZE // 8, 8).astype(np.float64)
        return float((cells.var(axis=(1, 3)) < limit).mean())

    return share


def sobel(side: int, limit: float) -> Measure:
    """LSDIR's definition at side = 240: variance of the Sobel gradient's magnitude in large cells."""

    def share(luma: Luma) -> float:
        across, down = cv2.Sobel(luma, cv2.CV_64F, 1, 0), cv2.Sobel(luma, cv2.CV_64F, 0, 1)
        magnitude = np.hypot(across, down)
        starts = range(0, SIZE - side + 1, side)
        cells = [magnitude[y : y + side, x : x + side].var() < limit for y in starts for x in starts]
        return float(np.mean(cells))

    return share


def accuracy(
    examples: list[Example], shares: npt.NDArray[np.float64], at_least: bool = False
) -> tuple[float, int, int]:
    """Share of right decisions, wrongly rejected patches, wrongly kept ones; labels of one half left out."""
    labels = np.array([example.flat_share for example in examples])
    rejected = shares >= 0.5 if at_least else shares > 0.5
    clear = labels != 0.5
    flat = labels > 0.5
    wrong, missed = int((rejected & ~flat & clear).sum()), int((~rejected & flat & clear).sum())
    return 1 - (wrong + missed) / int(clear.sum()), wrong, missed


def _shares(
    examples: list[Example], measure: Measure, change: Callable[[Luma], Luma] = lambda luma: luma
) -> npt.NDArray[np.float64]:
    return np.array([measure(change(example.luma)) for example in examples])


def _print_definitions(examples: list[Example]) -> None:
    print(f"{'definition of a flat cell':44}{'right':>8}{'lost':>6}{'missed':>8}{'error of share':>16}")
    rows: list[tuple[str, Measure]] = [
        (f"coarse variance of 8×8 < {limit}", coarse(limit)) for limit in (6, 8, 10, 12, 15, 18, 25)
    ]
    rows += [(f"whole variance of 8×8 < {limit}", whole(limit)) for limit in (8, 10, 12, 15, 20, 30)]
    rows += [(f"variance of Sobel magnitude, 240² < {limit}", sobel(240, limit)) for limit in (150, 600)]
    rows += [(f"variance of Sobel magnitude, 32² < {limit}", sobel(32, limit)) for limit in (150, 300)]
    labels = np.array([example.flat_share for example in examples])
    for name, measure in rows:
        shares = _shares(examples, measure)
        right, wrong, missed = accuracy(examples, shares, at_least="240" in name)
        print(f"{name:44}{right:>8.1%}{wrong:>6}{missed:>8}{np.abs(shares - labels).mean():>16.3f}")
    chosen = _leave_one_image_out(examples)
    print(f"{'coarse, limit chosen without the image itself':44}{chosen:>10.1%}\n")


def _leave_one_image_out(examples: list[Example]) -> float:
    """Accuracy on each image's patches with the limit that is best on all other images."""
    limits = (6, 8, 9, 10, 11, 12, 13, 14, 15, 16, 18, 20, 25)
    shares = {limit: _shares(examples, coarse(limit)) for limit in limits}
    files = np.array([example.file for example in examples])
    clear = np.array([example.flat_share != 0.5 for example in examples])
    right = 0.0
    for file in np.unique(files):
        others, own = np.flatnonzero(files != file), np.flatnonzero((files == file) & clear)
        if own.size:
            best = max(limits, key=lambda limit: accuracy([examples[i] for i in others], shares[limit][others])[0])
            right += accuracy([examples[i] for i in own], shares[best][own])[0] * own.size
    return right / int(clear.sum())


def _print_by_content(examples: list[Example]) -> None:
    print(f"{'content':12}{'patches':>8}{'labelled share':>16}{'measured share':>16}{'wrong':>7}")
    shares = dict(zip(map(id, examples), _shares(examples, coarse(LIMIT)), strict=True))
    for content in sorted({example.content for example in examples}):
        own = [example for example in examples if example.content == content]
        clear = [example for example in own if example.flat_share != 0.5]
        wrong = sum((shares[id(example)] > 0.5) != (example.flat_share > 0.5) for example in clear)
        label = np.mean([example.flat_share for example in own])
        measured = np.mean([shares[id(example)] for example in own])
        print(f"{content:12}{len(own):>8}{label:>16.2f}{measured:>16.2f}{wrong:>7}")
    print()


def _print_shifts(examples: list[Example]) -> None:
    rng = np.random.default_rng(0)
    changes: dict[str, Callable[[Luma], Luma]] = {
        f"JPEG again, quality {quality}": lambda luma, quality=quality: _through_jpeg(luma, quality)  # type: ignore[misc]
        for quality in (95, 75, 50, 30)
    }
    changes |= {
        f"noise added, σ = {sigma}": lambda luma, sigma=sigma: _with_noise(luma, sigma, rng)  # type: ignore[misc]
        for sigma in (1, 2, 3, 4, 6)
    }
    print(f"{'':26}{'coarse < 12':>30}{'whole < 12':>30}")
    print(f"{'change of the picture':26}{'right':>10}{'share':>10}{'flips':>10}{'right':>10}{'share':>10}{'flips':>10}")
    before = [_shares(examples, measure) for measure in (coarse(LIMIT), whole(LIMIT))]
    for name, change in changes.items():
        line = ""
        for measure, old in zip((coarse(LIMIT), whole(LIMIT)), before, strict=True):
            new = _shares(examples, measure, change)
            flips = int(((new > 0.5) != (old > 0.5)).sum())
            line += f"{accuracy(examples, new)[0]:>10.1%}{(new - old).mean():>+10.3f}{flips:>10}"
        print(f"{name:26}{line}")


def _through_jpeg(luma: Luma, quality: int) -> Luma:
    data = simplejpeg.encode_jpeg(np.ascontiguousarray(luma)[..., None], quality, "GRAY")
    return np.asarray(simplejpeg.decode_jpeg(data, "GRAY")[..., 0], np.uint8)


def _with_noise(luma: Luma, sigma: float, rng: np.random.Generator) -> Luma:
    return np.clip(np.rint(luma + rng.normal(0, sigma, luma.shape)), 0, 255).astype(np.uint8)


def _draw_sheet(examples: list[Example], path: Path) -> None:
    tiles = []
    for example in sorted(examples, key=lambda example: coarse(LIMIT)(example.luma)):
        share = coarse(LIMIT)(example.luma)
        right = example.flat_share == 0.5 or (share > 0.5) == (example.flat_share > 0.5)
        tiles.append(_tile(example.bgr, example.luma, f"{share:.2f} label {example.flat_share:.2f}", 256, right))
    _write_rows(tiles, 10, path)


_FIGURE = (  # package, file, x, y: 256² windows
    ("sklearn", "datasets/images/china.jpg", 384, 0),
    ("sklearn", "datasets/images/china.jpg", 160, 171),
    ("sklearn", "datasets/images/flower.jpg", 0, 0),
    ("sklearn", "datasets/images/flower.jpg", 256, 100),
    ("skimage", "data/camera.png", 0, 0),
    ("skimage", "data/camera.png", 128, 200),
    ("skimage", "data/grass.png", 0, 0),
    ("skimage", "data/astronaut.png", 160, 0),
    ("skimage", "data/motorcycle_left.png", 200, 200),
    ("skimage", "data/coffee.png", 20, 130),
)


def _draw_figure(path: Path) -> None:
    tiles = []
    for package, file, x, y in _FIGURE:
        spec = importlib.util.find_spec(package)
        assert spec is not None and spec.origin is not None, package
        image = cv2.imread(str(Path(spec.origin).parent / file), cv2.IMREAD_COLOR)
        assert image is not None, file
        bgr = np.asarray(image[y : y + 256, x : x + 256], np.uint8)
        luma = np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY), np.uint8)
        share = coarse(LIMIT)(luma)
        tiles.append(_tile(bgr, luma, f"{share:.2f} " + ("flat" if share > 0.5 else "kept"), 256, True))
    _write_rows(tiles, 5, path)


def _tile(bgr: npt.NDArray[np.uint8], luma: Luma, text: str, side: int, right: bool) -> npt.NDArray[np.uint8]:
    """The patch with its flat cells tinted magenta and a line of text."""
    flat = block_variance_from_pixels(luma) < LIMIT
    mask = np.kron(flat, np.ones((8, 8), np.bool_))
    tinted = bgr.astype(np.float32)
    tinted[mask] = 0.55 * tinted[mask] + 0.45 * np.array((255, 0, 255), np.float32)
    tile = cv2.resize(tinted.astype(np.uint8), (side, side), interpolation=cv2.INTER_AREA)
    for colour, shift in (((0, 0, 0), 1), ((255, 255, 255) if right else (0, 200, 255), 0)):
        cv2.putText(tile, text, (8 + shift, side - 10 + shift), cv2.FONT_HERSHEY_SIMPLEX, 0.6, colour, 1, cv2.LINE_AA)
    return np.asarray(cv2.copyMakeBorder(tile, 2, 2, 2, 2, cv2.BORDER_CONSTANT, value=(255, 255, 255)), np.uint8)


def _write_rows(tiles: list[npt.NDArray[np.uint8]], columns: int, path: Path) -> None:
    tiles += [np.full_like(tiles[0], 255)] * (-len(tiles) % columns)
    rows = [np.hstack(tiles[i : i + columns]) for i in range(0, len(tiles), columns)]
    quality = [cv2.IMWRITE_JPEG_QUALITY, 85] if path.suffix == ".jpg" else []
    cv2.imwrite(str(path), np.vstack(rows), quality)


if __name__ == "__main__":
    main()
