"""Fits the classifiers of proposals on blur made from sharp photographs, and says how far they can be trusted.

Twice on one half of the photographs, to judge on the other half; then on all. The judged half gives the overlap that
is to be expected and the line that makes a confidence of what the classifier believes. Writes
`annotation/propose/pair_weights.py` or `single_weights.py`; the pictures that proposals are scored on
(`benchmarks/proposals.py`) are not looked at.

    python benchmarks/proposal_fit.py pair FOLDER …      # folders of sharp photographs, JPEG
    python benchmarks/proposal_fit.py single FOLDER …
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import machine
import numpy as np
import numpy.typing as npt
import torch
from proposal_tuning import Triple, photographs, tuning_pairs, tuning_singles

from annotation.propose.classifier import Classifier
from annotation.propose.evidence import NAMES as PAIR_NAMES
from annotation.propose.evidence import pair_evidence, smooth
from annotation.propose.pair import clean_pair_mask
from annotation.propose.proposal import expected_overlap
from annotation.propose.settings import PairSettings, SingleSettings
from annotation.propose.sharpness import NAMES as SINGLE_NAMES
from annotation.propose.sharpness import single_evidence
from annotation.propose.single import clean_single_mask
from annotation.registration import apply, register

Plane = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

HIDDEN = 16
EPOCHS = 10
SAMPLES = 1500
"""Pixels of each picture that are learnt from evenly; as many again from the mask, and half as many from beside it."""
STRIDE = 2
"""Every second row and column is judged: enough, and a quarter of the memory."""


@dataclass(frozen=True)
class Example:
    """A tuning picture: which half its photograph is in, its evidence, (H, W, N) float16, and its mask."""

    half: int
    evidence: npt.NDArray[np.float16]
    mask: Mask


def main() -> None:
    """Fit one of the two and write its weights."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("which", choices=("pair", "single"))
    parser.add_argument("folders", type=Path, nargs="+", metavar="FOLDER")
    parser.add_argument("--rounds", type=int, default=2, help="pictures made of each photograph (default 2)")
    parser.add_argument("--processes", type=int, default=2, help="that make pictures (default 2); changes what is made")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    started = time.monotonic()
    files = [file for folder in options.folders for file in photographs(folder)]
    examples = _examples(options.which, files, options.rounds, options.seed, options.processes)
    print(f"{len(examples)} tuning pictures in {time.monotonic() - started:.0f} s; {machine.describe()}", flush=True)
    names = PAIR_NAMES if options.which == "pair" else SINGLE_NAMES
    clean: Callable[[Plane], Mask]
    if options.which == "pair":
        clean = partial(clean_pair_mask, settings=PairSettings())
    else:
        clean = partial(clean_single_mask, settings=SingleSettings())
    calibration = _judge(examples, names, clean)
    fitted = _fit(examples, names, options.seed)
    _write(options.which, fitted, calibration)


def _examples(which: str, files: list[Path], rounds: int, seed: int, processes: int) -> list[Example]:
    """Half of the photographs is made and kept apart from the other, so that nothing of one is seen in the other."""
    parts = [(half, files[half::2][part::processes]) for half in (0, 1) for part in range(processes)]
    with ProcessPoolExecutor(processes) as pool:
        made = [
            pool.submit(_part, which, half, chosen, rounds, 1000 * seed + number)
            for number, (half, chosen) in enumerate(parts)
        ]
        return [example for part in made for example in part.result()]


def _part(which: str, half: int, files: list[Path], rounds: int, seed: int) -> list[Example]:
    cv2.setNumThreads(1)
    make = tuning_pairs if which == "pair" else tuning_singles
    measure = _pair_example if which == "pair" else _single_example
    return [Example(half, *measure(triple)) for triple in make(files, rounds, seed)]


def _pair_example(triple: Triple) -> tuple[npt.NDArray[np.float16], Mask]:
    found = register(triple.blurred, triple.sharp)
    sharp = found.exposure.apply(apply(found, triple.sharp))
    evidence = pair_evidence(triple.blurred.astype(np.float32), sharp)
    return evidence[::STRIDE, ::STRIDE].astype(np.float16), triple.mask[::STRIDE, ::STRIDE]


def _single_example(triple: Triple) -> tuple[npt.NDArray[np.float16], Mask]:
    evidence = single_evidence(triple.blurred)
    return evidence[::STRIDE, ::STRIDE].astype(np.float16), triple.mask[::STRIDE, ::STRIDE]


def _fit(examples: list[Example], names: tuple[str, ...], seed: int) -> Classifier:
    """Logistic loss, AdamW, cosine decay; the same every time on one machine."""
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    rng = np.random.default_rng(seed)
    samples = [_sample(example, rng) for example in examples]
    x, y = (np.concatenate(parts) for parts in zip(*samples, strict=True))
    mean, deviation = x.mean(0), x.std(0) + 1e-3
    inputs, targets = torch.from_numpy((x - mean) / deviation), torch.from_numpy(y.astype(np.float32))
    network = torch.nn.Sequential(torch.nn.Linear(len(names), HIDDEN), torch.nn.ReLU(), torch.nn.Linear(HIDDEN, 1))
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3, weight_decay=1e-4)
    batches = len(inputs) // 1024
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS * batches)
    for _ in range(EPOCHS):
        order = torch.randperm(len(inputs))
        for chosen in order[: batches * 1024].reshape(batches, 1024):
            loss = torch.nn.functional.binary_cross_entropy_with_logits(network(inputs[chosen])[:, 0], targets[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    hidden, hidden_bias, output, output_bias = (p.detach().numpy().astype(float) for p in network.parameters())
    return Classifier(
        names,
        _rounded(mean),
        _rounded(deviation),
        tuple(_rounded(row) for row in hidden.T),
        _rounded(hidden_bias),
        _rounded(output[0]),
        _rounded(output_bias)[0],
    )


def _sample(example: Example, rng: np.random.Generator) -> tuple[Plane, Mask]:
    """Pixels to learn from, more of them where it is decided."""
    rows = example.evidence.reshape(-1, example.evidence.shape[-1])
    mask = example.mask.ravel()
    wide = cv2.dilate(example.mask.astype(np.uint8), np.ones((41, 41), np.uint8)).ravel() > 0
    groups = (
        (np.arange(len(mask)), SAMPLES),
        (np.flatnonzero(mask), SAMPLES),
        (np.flatnonzero(wide & ~mask), SAMPLES // 2),
    )
    chosen = np.concatenate([rng.choice(group, min(count, len(group)), replace=False) for group, count in groups])
    return rows[chosen].astype(np.float32), mask[chosen]


def _rounded(values: npt.NDArray[np.floating]) -> tuple[float, ...]:
    return tuple(float(f"{value:.5g}") for value in values)


def _judge(examples: list[Example], names: tuple[str, ...], clean: Callable[[Plane], Mask]) -> tuple[float, float]:
    """Prints what is reached on photographs that were not learnt from; returns offset and slope of the confidence."""
    believed, reached, rough = (np.array(values) for values in zip(*_cross(examples, names, clean), strict=True))
    print(f"mean IoU {reached.mean():.3f} cleaned, {rough.mean():.3f} at one threshold")
    print("5, 10, 25, 50, 75 % of the pictures are below", np.percentile(reached, (5, 10, 25, 50, 75)).round(2))
    slope, offset = np.polyfit(believed, reached, 1)
    confident = np.clip(offset + slope * believed, 0, 1)
    correlation = np.corrcoef(confident, reached)[0, 1]
    print(f"confidence = {offset:.3f} + {slope:.3f} · expected overlap; correlation with the IoU {correlation:.2f}, ")
    print(f"mean error {np.abs(confident - reached).mean():.3f}")
    for low, high in ((0, 0.5), (0.5, 0.7), (0.7, 0.8), (0.8, 0.9), (0.9, 1.01)):
        inside = (confident >= low) & (confident < high)
        if inside.any():
            mean = reached[inside].mean()
            print(f"  confidence {low:.1f} to {min(high, 1):.1f}: {inside.sum():3} pictures, IoU {mean:.2f}")
    return round(float(offset), 4), round(float(slope), 4)


def _cross(
    examples: list[Example], names: tuple[str, ...], clean: Callable[[Plane], Mask]
) -> Iterator[tuple[float, float, float]]:
    """For each picture, with a classifier fitted on the other half: overlap believed, reached, and without cleaning."""
    for half in (0, 1):
        classifier = _fit([example for example in examples if example.half != half], names, 0)
        for example in examples:
            if example.half == half:
                probability = smooth(classifier.probability(example.evidence.astype(np.float32)), 2.0 / STRIDE)
                mask = clean(probability)
                believed = expected_overlap(probability, mask)
                yield believed, _overlap(mask, example.mask), _overlap(probability > 0.7, example.mask)


def _overlap(mask: Mask, truth: Mask) -> float:
    return float((mask & truth).sum() / max((mask | truth).sum(), 1))


def _write(which: str, fitted: Classifier, calibration: tuple[float, float]) -> None:
    path = Path(__file__).resolve().parents[1] / "annotation" / "propose" / f"{which}_weights.py"
    text = f'''"""Weights that `benchmarks/proposal_fit.py {which}` wrote; not to be edited by hand."""

from __future__ import annotations

from annotation.propose.classifier import Classifier

CALIBRATION = {calibration!r}
"""Offset and slope that make a confidence of the expected overlap."""

CLASSIFIER = Classifier(
    names={fitted.names!r},
    mean={fitted.mean!r},
    deviation={fitted.deviation!r},
    hidden={fitted.hidden!r},
    hidden_bias={fitted.hidden_bias!r},
    output={fitted.output!r},
    output_bias={fitted.output_bias!r},
)
'''
    path.write_text(text, encoding="utf-8")
    print(f"wrote {path}; run ruff format on it")


if __name__ == "__main__":
    main()
