"""Draws what a fine-tuning did, for docs/models.md: the curve of its validation, and pictures of before and after.

    python docs/training_pictures.py list RUN
    python docs/training_pictures.py curve RUN … --out docs/models/NAME_curve.png
    python docs/training_pictures.py compare RUN … --crop TASK:NUMBER:X,Y … --side 160 --out docs/models/NAME.jpg

Everything is read from the run folder: its log, its recipe, its best weights; the pictures are those that the run held
out, or with --photographs FOLDER the whole pictures of a folder. `list` names them with their scores before and after.
`curve` draws the mean over tasks, of several runs a line each, above what the inputs themselves score. `compare` shows
the square at X, Y of each picture named: the input (enlarged by bicubic interpolation where the network enlarges), what
each run's network makes of it, the clean picture; of LMD-ViT also which windows it kept. Every file stays below 120 KB.
"""

from __future__ import annotations

import argparse
import io
import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from pretrain.degradations.resize import as_large
from pretrain.finetune.folders import TaskData
from pretrain.finetune.judge import input_scores, judged_tasks
from pretrain.finetune.recipe import FinetuneRecipe
from pretrain.finetune.run import open_tasks
from pretrain.images import Pixels
from pretrain.kept_shares import KeptShares
from pretrain.kept_windows import draw_shares
from pretrain.levels import Picture, to_pixels, to_unit
from pretrain.logs import read_log
from pretrain.models.lmd_vit.network import LMDViT
from pretrain.models.pretrained import Pretrained, from_pretrained
from pretrain.picture_table import draw_table
from pretrain.recipe import recipe_from_toml
from pretrain.restore import Restorer
from pretrain.validate import Task

SHARE = 120_000
"""Bytes that a picture may have."""
SIZE = (620, 320)
INK, GRID, PAPER = (40, 40, 40), (222, 222, 220), (255, 255, 255)
COLOURS = ((31, 98, 180), (196, 78, 42), (46, 134, 84), (126, 78, 160))


@dataclass(frozen=True)
class Run:
    """A run folder."""

    folder: Path
    photographs: Path | None = None
    """Clean pictures in place of those that the run held out."""

    @cached_property
    def recipe(self) -> FinetuneRecipe:
        recipe = recipe_from_toml(FinetuneRecipe, (self.folder / "recipe.toml").read_text(encoding="utf-8"))
        return recipe if self.photographs is None else with_photographs(recipe, self.photographs)

    @cached_property
    def data(self) -> dict[str, TaskData]:
        tasks = open_tasks(self.recipe, lambda _line: None)
        if self.photographs is None:
            return tasks
        return {name: replace(task, held_out=list(task.training)) for name, task in tasks.items()}

    @cached_property
    def tasks(self) -> dict[str, Task]:
        """What the run was judged by."""
        return {task.name: task for task in judged_tasks(self.data, self.recipe.validation.side)}

    @cached_property
    def network(self) -> Pretrained:
        return from_pretrained(self.folder)

    def keys(self, task: str) -> list[str]:
        """Names of the pictures of a judged task, whose name may end in its strength."""
        owner = task if task in self.data else task.rpartition("_")[0]
        return [example.clean.key for example in self.data[owner].held_out]

    def restored(self, seen: Picture) -> Picture:
        restorer = Restorer(self.network.model, self.network.variants[0])
        return np.clip(restorer(seen.astype(np.float32)), 0, 1)

    def kept_windows(self, seen: Picture) -> Picture | None:
        """The input with what LMD-ViT left alone dark and grey; None of another network."""
        if not isinstance(self.network.model, LMDViT):
            return None
        shares = Restorer(KeptShares(self.network.model), self.network.variants[0])(seen.astype(np.float32))
        return to_unit(draw_shares(to_pixels(seen), shares[..., 0]))

    def baseline(self) -> float:
        scores = input_scores(list(self.tasks.values()))
        return sum(scores.values()) / len(scores)

    @property
    def input_name(self) -> str:
        """What the input is called as it is shown."""
        return "input, bicubic" if self.recipe.scale > 1 else "input"

    def curve(self) -> list[tuple[int, float]]:
        """(step, mean score in dB) of each validation."""
        lines = read_log(self.folder, "validation")
        return [(line["step"], line.get("ema", line)["mean"]) for line in lines]


def with_photographs(recipe: FinetuneRecipe, folder: Path) -> FinetuneRecipe:
    """The recipe with the pictures of a folder, whole, for every task that degrades clean ones itself."""
    tasks = {
        name: replace(task, clean=(str(folder),), dataset=())
        for name, task in recipe.tasks.items()
        if task.kind.learns_from == "photographs"
    }
    return replace(recipe, tasks=tasks, validation=replace(recipe.validation, images=0, side=0))


def list_pictures(run: Run) -> None:
    for name, task in run.tasks.items():
        for number, key in enumerate(run.keys(name)):
            seen, clean = task.pair(number)
            before, after = (task.score(number, each, clean) for each in (as_large(seen, clean), run.restored(seen)))
            size = f"{clean.shape[1]}×{clean.shape[0]}"
            print(f"{name}:{number} {size} {before:6.2f} → {after:6.2f} dB ({after - before:+.2f}) {key}")


def compare(runs: Sequence[Run], crops: Sequence[str], side: int) -> Pixels:
    """A table of squares, each row with what PSNR says of the whole picture."""
    run, rows, captions = runs[0], [], []
    for crop in crops:
        name, number, at = crop.rsplit(":", 2)
        left, top = map(int, at.split(","))
        task, index = run.tasks[name], int(number)
        seen, clean = task.pair(index)
        pictures = [as_large(seen, clean), *(each.restored(seen) for each in runs), clean]
        scores = [f"{task.score(index, picture, clean):.2f}" for picture in pictures[:-1]]
        pictures += [kept for each in runs if (kept := each.kept_windows(seen)) is not None]
        rows.append([to_pixels(picture)[top : top + side, left : left + side] for picture in pictures])
        captions.append(f"{name}: {(' to ' if len(runs) == 1 else ', ').join(scores)} dB")
    results = ["restored"] if len(runs) == 1 else [each.folder.name for each in runs]
    more = ["windows kept"] * (len(rows[0]) - len(results) - 2)
    return draw_table(rows, [run.input_name, *results, "clean", *more], captions)


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Round numbers between two others."""
    rough = (high - low) / count
    unit = 10 ** math.floor(math.log10(rough))
    step = next(unit * factor for factor in (1, 2, 5, 10) if unit * factor >= rough)
    return [step * number for number in range(math.ceil(low / step), math.floor(high / step) + 1)]


def draw_curves(curves: dict[str, list[tuple[int, float]]], baseline: float, name: str) -> Image.Image:
    """Scores over steps, and the baseline of that name as a broken line."""
    points = [point for curve in curves.values() for point in curve]
    last = max(step for step, _ in points)
    scores = [score for _, score in points] + [baseline]
    margin = 0.08 * (max(scores) - min(scores)) or 0.1
    low, high = min(scores) - margin, max(scores) + margin
    picture = Image.new("RGB", SIZE, PAPER)
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(13)
    left, top, right, bottom = 58, 30, SIZE[0] - 16, SIZE[1] - 40

    def x_of(step: float) -> float:
        return left + (right - left) * step / last

    def y_of(score: float) -> float:
        return bottom - (bottom - top) * (score - low) / (high - low)

    for score in ticks(low, high):
        draw.line((left, y_of(score), right, y_of(score)), GRID)
        draw.text((left - 8, y_of(score)), f"{score:.4g}", INK, font, anchor="rm")
    for step in ticks(0, last):
        draw.line((x_of(step), bottom, x_of(step), bottom + 4), INK)
        draw.text((x_of(step), bottom + 8), f"{step:,.0f}", INK, font, anchor="mt")
    draw.line((left, top, left, bottom, right, bottom), INK)
    draw.text(((left + right) / 2, SIZE[1] - 4), "steps", INK, font, anchor="mb")
    draw.text((8, 8), "dB on what was held out", INK, font)
    for x in range(left, right, 10):
        draw.line((x, y_of(baseline), x + 5, y_of(baseline)), INK)
    draw.text((right, y_of(baseline) - 4), f"{name}: {baseline:.2f}", INK, font, anchor="rb")
    draw_lines(draw, font, curves, x_of, y_of)
    return picture


def draw_lines(
    draw: ImageDraw.ImageDraw,
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
    curves: dict[str, list[tuple[int, float]]],
    x_of: Callable[[float], float],
    y_of: Callable[[float], float],
) -> None:
    for number, (name, curve) in enumerate(curves.items()):
        colour = COLOURS[number % len(COLOURS)]
        places = [(x_of(step), y_of(score)) for step, score in curve]
        draw.line(places, colour, 2)
        for x, y in places:
            draw.ellipse((x - 3, y - 3, x + 3, y + 3), colour)
        best = max(score for _, score in curve)
        draw.text((240 + 190 * (number % 2), 8 + 16 * (number // 2)), f"{name}: best {best:.2f}", colour, font)


def save(picture: Image.Image, out: Path) -> None:
    """Writes a PNG, or a JPEG of the best quality that stays below the limit."""
    out.parent.mkdir(parents=True, exist_ok=True)
    if out.suffix == ".png":
        picture.save(out, optimize=True)
    else:
        for quality in range(95, 60, -1):
            written = io.BytesIO()
            picture.save(written, "JPEG", quality=quality, subsampling=0, optimize=True)
            if written.tell() <= SHARE:
                break
        out.write_bytes(written.getvalue())
    size = out.stat().st_size
    print(f"{out}: {picture.width}×{picture.height}, {size / 1000:.0f} KB")
    if size > SHARE:
        raise SystemExit(f"{out} has {size:,} bytes, more than {SHARE:,}: show less")


def main() -> None:
    parser = argparse.ArgumentParser(description="Pictures of what a fine-tuning did.")
    parser.add_argument("what", choices=("list", "curve", "compare"))
    parser.add_argument("run", type=Path, nargs="+", help="run folders; list takes one")
    parser.add_argument("--crop", nargs="+", default=[], metavar="TASK:NUMBER:X,Y", help="rows of compare")
    parser.add_argument("--side", type=int, default=160, help="of the squares of compare, in pixels")
    parser.add_argument("--photographs", type=Path, metavar="FOLDER", help="clean pictures for list and compare")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    runs = [Run(folder, arguments.photographs) for folder in arguments.run]
    if arguments.what == "list":
        list_pictures(runs[0])
        return
    if arguments.out is None or (arguments.what == "compare" and not arguments.crop):
        parser.error("curve and compare need --out, compare also --crop")
    if arguments.what == "curve":
        curves = {run.folder.name: run.curve() for run in runs}
        save(draw_curves(curves, runs[0].baseline(), runs[0].input_name), arguments.out)
    else:
        save(Image.fromarray(compare(runs, arguments.crop, arguments.side)), arguments.out)


if __name__ == "__main__":
    main()
