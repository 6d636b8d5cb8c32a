"""Do the windows that a trained LMD-ViT keeps follow the blur?

    python benchmarks/lmd_vit_windows.py RUN [TESTSET …] [--drawings 8]

RUN is a fine-tuning on synthetic local blur. Every photograph that it held out is blurred several times, in a square of
the size that the run was judged by; test sets are pairs with masks of any layout that `million-ird evaluate` knows.

A network may keep the right number of windows where blur usually is, and know nothing of where it is in this picture.
So recall (of the windows with a blurred pixel, how many are kept) and precision (of those kept, how many have one) are
shown against the picture's own mask and against that of the next one, and beside the share of windows kept of the
blurred and of the sharp frame of the same scene.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from million_ird.errors import UsageError
from million_ird.metrics import weighted_psnr
from million_ird.patches import Box
from pretrain.degradations.degradation import Degraded
from pretrain.evaluate.folders import find_sets
from pretrain.evaluate.items import read_item
from pretrain.evaluate.protocols import FIXED
from pretrain.finetune.folders import TaskData
from pretrain.finetune.recipe import FinetuneRecipe
from pretrain.finetune.run import open_tasks
from pretrain.finetune.samples import degraded_crop
from pretrain.kept_windows import WindowCounts, count_windows
from pretrain.levels import Picture, to_unit
from pretrain.models.lmd_vit.network import LMDViT
from pretrain.models.lmd_vit.settings import LEVELS
from pretrain.models.pretrained import from_pretrained
from pretrain.pairs import LeftOut
from pretrain.recipe import recipe_from_toml
from pretrain.stream.samples import sample_rng

Found = tuple[Picture, tuple[Tensor, ...]]
"""What the network made of a picture, and its decisions."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("testsets", nargs="*", type=Path)
    parser.add_argument("--drawings", type=int, default=8, help="blurs of each photograph that was held out")
    options = parser.parse_args()
    torch.set_num_threads(1)
    model = from_pretrained(str(options.run)).model
    if not isinstance(model, LMDViT):
        raise UsageError(f"{options.run} is no LMD-ViT")
    report("held out", model.eval(), list(held_out(options.run, options.drawings)))
    for folder in options.testsets:
        report(folder.name, model, list(pairs_with_masks(folder)))


def held_out(run: Path, drawings: int) -> Iterator[Degraded]:
    """Squares around the centre of the photographs that a run held out, as often blurred anew; none without blur."""
    recipe = recipe_from_toml(FinetuneRecipe, (run / "recipe.toml").read_text(encoding="utf-8"))
    for task in open_tasks(recipe, print).values():
        if task.settings.local_blur is not None:
            yield from _drawn(task, recipe.validation.side or recipe.crop, drawings)


def _drawn(task: TaskData, side: int, drawings: int) -> Iterator[Degraded]:
    (degradation,) = task.degradations.values()
    for drawing in range(drawings):
        for example in task.held_out:
            x, y = (example.clean.width - side) // 2, (example.clean.height - side) // 2
            rng = sample_rng(1, drawing, example.key, 0)
            made = degraded_crop(example, None, degradation, Box(x, y, side, side), rng)
            if made.mask is not None and made.mask.any():
                yield made


def pairs_with_masks(folder: Path) -> Iterator[Degraded]:
    """The pairs of a test set that have masks."""
    noise = FIXED.make_noise()
    for each in find_sets(folder):
        for item in each.items:
            read = None if item.mask is None else read_item(item, None, FIXED, noise)
            if read is not None and not isinstance(read, LeftOut):
                yield read[0]


@torch.no_grad()
def predicted(model: LMDViT, picture: Picture) -> Found:
    found = model.predict(torch.from_numpy(picture.transpose(2, 0, 1).copy())[None])
    return np.clip(found.restored_B3HW[0].permute(1, 2, 0).numpy(), 0, 1), found.decisions


def report(name: str, model: LMDViT, scenes: Sequence[Degraded]) -> None:
    blurred = [predicted(model, to_unit(each.input)) for each in scenes]
    sharp = [predicted(model, to_unit(each.target)) for each in scenes]
    masks = [_mask(each) for each in scenes]
    print(f"\n{name}: {len(scenes)} pictures, {np.mean([mask.mean() for mask in masks]):.1%} of the pixels blurred")
    print("| windows, pixels | kept of blurred | kept of sharp | recall | precision | recall, other mask | precision |")
    print("| ---: |" + " ---: |" * 6)
    for level in (None, *range(max(LEVELS) + 1)):
        side = "all" if level is None else str(model.settings.window << level)
        own, on_sharp, other = (
            _counts(model, [decisions for _, decisions in found], against, level)
            for found, against in ((blurred, masks), (sharp, masks), (blurred, [*masks[1:], masks[0]]))
        )
        shares = (own.kept / own.windows, on_sharp.kept / on_sharp.windows)
        values = (*shares, own.recall, own.precision, other.recall, other.precision)
        print(f"| {side} | " + " | ".join(f"{value:.1%}" for value in values) + " |")
    _say_decibels(scenes, [restored for restored, _ in blurred], masks)


def _mask(scene: Degraded) -> NDArray[np.bool_]:
    assert scene.mask is not None
    return scene.mask


def _counts(
    model: LMDViT, decisions: Sequence[tuple[Tensor, ...]], masks: Sequence[NDArray[np.bool_]], level: int | None
) -> WindowCounts:
    total = WindowCounts()
    for decided, mask in zip(decisions, masks, strict=True):
        total += count_windows(decided, mask, model.settings, level)
    return total


def _say_decibels(scenes: Sequence[Degraded], restored: Sequence[Picture], masks: Sequence[NDArray[np.bool_]]) -> None:
    """PSNR of the blurred pixels in the mean over pictures, of the sharp ones over all of them together."""
    clean = [to_unit(each.target) for each in scenes]
    within, outside = [], []
    for pictures in ([to_unit(each.input) for each in scenes], restored):
        triples = list(zip(pictures, clean, masks, strict=True))
        within.append(np.array([weighted_psnr(picture, wanted, mask, 1.0) for picture, wanted, mask in triples]))
        errors = np.concatenate([np.square(picture - wanted)[~mask] for picture, wanted, mask in triples])
        outside.append(-10 * np.log10(errors.mean()))
    better = int((within[1] > within[0]).sum())
    print(f"blurred pixels {within[0].mean():.2f} → {within[1].mean():.2f} dB, better in {better} of {len(scenes)}")
    print(f"sharp pixels, all together {outside[0]:.2f} → {outside[1]:.2f} dB")


if __name__ == "__main__":
    main()
