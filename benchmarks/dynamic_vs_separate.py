"""Does dynamic pre-training pay, and which part of it? The controls that the paper lacks, at any scale.

Trains small networks on a dataset of `million-ird build`, several seeds an arm, and compares them in pairs:

    joint against separate     one network for both variants, against one for each: with equal updates of each variant
                               (which are equal total updates, too), with as many steps each as the joint run has in
                               all, and with half of its seconds each
    large alone                trained as large only, then run at small depth: as it is, and after a short tune
    depths never trained       the same networks at depths between the two and beyond large
    pre-training               corrupt + mask, mask only, corrupt only, each then fine-tuned to denoise; against
                               denoising from the start with as many updates in all
    shared against unshared    blocks of their own for every repeat
    gradients                  the cosine between the variants' gradients on one batch, per block, during the joint run

All arms of a seed see the same crops in the same order, and all but the unshared begin with the same weights. Every
arm is judged on the same held-out patches of images that no arm has trained on: the pre-training task (cells corrupted
and masked) and denoising at σ = 25, PSNR in dB.

A difference is a mean over seeds and images. Its standard error is the root of var(seed means) / seeds + var(image
means) / images (two crossed random effects; the interaction is counted twice, which errs on the careful side). Below
two standard errors it is "not resolved". With three seeds even two standard errors are no proof.

    million-ird build quickstart --out photos-256 --manifest ~/Pictures
    python benchmarks/dynamic_vs_separate.py photos-256 --work controls                # stops and resumes at any moment
    python benchmarks/dynamic_vs_separate.py photos-256 --work full --updates 100000 --width 48 --crop 128 --batch 32 \
        --large 4 6 6 8 --small 2 3 3 4 --lr 1e-4 --device cuda
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import multiprocessing
import os
import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from dataclasses import asdict, dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any

import machine
import numpy as np
import torch
from torch import Tensor

from million_ird.metrics import psnr
from million_ird.pixels import decode_patch
from pretrain.corrupt import CorruptSettings, degrade
from pretrain.draw import DrawSettings, draw_variants
from pretrain.guard import Guard, GuardSettings
from pretrain.masking import MaskSettings
from pretrain.models.dynet import DyNet, DyNetSettings
from pretrain.models.variants import Variant, deepest
from pretrain.optimizer import OptimizerSettings, make_optimizer
from pretrain.step import StepSettings, to_float, training_step
from pretrain.stream.settings import HoldoutSettings, StreamSettings
from pretrain.stream.stream import Stream, open_stream

SAVE_EVERY_S = 60.0
"""Seconds of work that a kill may cost an arm."""
_PROBES = 4
"""How often in a joint run the variants' gradients are compared."""


_NOISE_25 = CorruptSettings(jpeg_share=0, uniform_share=0, gaussian_sigma=(25.0, 25.0))
OBJECTIVES = {
    "both": partial(degrade, corrupting=CorruptSettings(), masking=MaskSettings()),
    "mask": partial(degrade, corrupting=CorruptSettings(), masking=MaskSettings(degraded=0.0)),
    "corrupt": partial(degrade, corrupting=CorruptSettings(), masking=MaskSettings(masked=0.0)),
    "denoise": partial(degrade, corrupting=_NOISE_25, masking=MaskSettings(degraded=1.0, masked=0.0)),
}
"""What a network learns to undo."""
TASKS = ("both", "denoise")
"""Objectives that every arm is judged on."""


@dataclass(frozen=True)
class Scale:
    """Everything that decides the numbers; a work folder holds one scale."""

    dataset: str
    updates: int
    seeds: int
    width: int
    crop: int
    batch: int
    large: tuple[int, ...]
    small: tuple[int, ...]
    lr: float
    images: int
    device: str

    @property
    def variants(self) -> tuple[Variant, Variant]:
        return Variant.of("large", self.large), Variant.of("small", self.small)

    @property
    def judged(self) -> tuple[Variant, ...]:
        """The trained variants, and depths that nobody trains: halfway between, and half as deep again as large."""
        large, small = self.variants
        between = [(a + b) // 2 for a, b in zip(large.repeats, small.repeats, strict=True)]
        return (
            large,
            small,
            Variant.of("between", between),
            Variant.of("deeper", [math.ceil(1.5 * a) for a in self.large]),
        )

    @property
    def stream(self) -> StreamSettings:
        holdout = HoldoutSettings(fraction=0.2, min_images=2, max_images=self.images)
        return StreamSettings(crop=self.crop, lanes=math.lcm(8, self.batch), workers=0, holdout=holdout)


@dataclass(frozen=True)
class Arm:
    """One training: so many steps on an objective, of these variants, from scratch or from where another arm ended."""

    name: str
    objective: str
    trains: tuple[str, ...]
    steps: int
    start: str = ""
    shared: bool = True


def arms(scale: Scale, seconds: Mapping[str, float]) -> list[Arm]:
    """All arms of a seed; `seconds` is what a step of each variant takes, for the arms of equal seconds."""
    both, n = ("large", "small"), scale.updates
    half = n * (seconds["large"] + seconds["small"]) / 2
    result = [Arm("joint", "both", both, 2 * n)]
    for name in both:
        result += [
            Arm(f"{name} alone", "both", (name,), n),
            Arm(f"{name} alone, twice the steps", "both", (name,), 2 * n),
            Arm(f"{name} alone, half the seconds", "both", (name,), round(half / seconds[name])),
        ]
    tune = max(1, n // 10)
    return [
        *result,
        Arm("large alone, tuned small", "both", ("small",), tune, "large alone, twice the steps"),
        Arm("unshared", "both", both, 2 * n, shared=False),
        Arm("mask", "mask", both, 2 * n),
        Arm("corrupt", "corrupt", both, 2 * n),
        Arm("denoise from scratch", "denoise", both, 3 * n),
        *(Arm(f"{start}, then denoise", "denoise", both, n, start) for start in ("joint", "mask", "corrupt")),
    ]


@dataclass(frozen=True)
class Comparison:
    """Arm `a` at variant `va` less arm `b` at `vb`, on a task."""

    question: str
    a: str
    va: str
    b: str
    vb: str
    task: str = "both"


def comparisons() -> Iterator[Comparison]:
    """Every question of the header, one line of the table each."""
    for name in ("large", "small"):
        yield Comparison("joint − separate, equal updates of each variant", "joint", name, f"{name} alone", name)
        doubled, halved = f"{name} alone, twice the steps", f"{name} alone, half the seconds"
        yield Comparison("joint − separate, each with all the steps of joint", "joint", name, doubled, name)
        yield Comparison("joint − separate, each with half the seconds of joint", "joint", name, halved, name)
    large = "large alone, twice the steps"
    yield Comparison("joint at small − large alone run at small depth", "joint", "small", large, "small")
    yield Comparison(
        "joint at small − the same after a short tune", "joint", "small", "large alone, tuned small", "small"
    )
    yield Comparison("small alone − large alone run at small depth", "small alone", "small", large, "small")
    for name in ("between", "deeper"):
        yield Comparison(f"depth {name}, never trained: joint − large alone", "joint", name, large, name)
        yield Comparison(f"joint: depth {name}, never trained − large", "joint", name, "joint", "large")
    for name in ("large", "small"):
        scratch = "denoise from scratch"
        yield Comparison(
            "corrupt + mask, then denoise − denoise", "joint, then denoise", name, scratch, name, "denoise"
        )
        yield Comparison("mask only, then denoise − denoise", "mask, then denoise", name, scratch, name, "denoise")
        yield Comparison(
            "corrupt only, then denoise − denoise", "corrupt, then denoise", name, scratch, name, "denoise"
        )
        yield Comparison("shared − unshared", "joint", name, "unshared", name)


@dataclass
class ArmState:
    """Where an arm stands."""

    step: int = 0
    updates: dict[str, int] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    losses: list[float] = field(default_factory=list)
    cosines: dict[int, dict[str, float]] = field(default_factory=dict)


def train_arm(scale: Scale, work: Path, arm: Arm, seed: int) -> str:
    """Trains an arm to its end, going on from where a killed run saved it, and judges it; returns its name."""
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(scale.device == "cpu")
    folder = work / f"seed-{seed}"
    model = make_model(scale, arm.shared, seed)
    optimizer = make_optimizer(model, OptimizerSettings(lr=scale.lr))
    state, place = ArmState(), folder / f"{arm.name}.part"
    if place.exists():
        saved = torch.load(place, weights_only=True)
        model.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
        state = ArmState(**saved["progress"])
    elif arm.start:
        model.load_state_dict(torch.load(folder / f"{arm.start}.pt", weights_only=True))
    trained = [variant for variant in scale.variants if variant.name in arm.trains]
    guard, saved_at = Guard(GuardSettings(spike=0)), time.monotonic()
    stream = open_arm(scale, arm.objective, seed)
    with stream.loader(scale.batch, start_step=state.step) as batches:
        while state.step < arm.steps:
            batch = next(batches)
            (variant,) = draw_variants(seed, state.step, DrawSettings(), trained)
            if arm.name == "joint" and state.step % max(1, arm.steps // _PROBES) == 0:
                state.cosines[state.step] = gradient_cosines(model, batch, trained)
            began = time.process_time()
            result = training_step(model, batch, [variant], optimizer, guard, StepSettings())
            note(state, variant.name, result.loss, time.process_time() - began)
            if time.monotonic() - saved_at > SAVE_EVERY_S:
                write(
                    place,
                    {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "progress": asdict(state)},
                )
                saved_at = time.monotonic()
    results = {"arm": asdict(arm), "seed": seed, "progress": asdict(state), "psnr": judge(scale, stream, model)}
    write(folder / f"{arm.name}.pt", model.state_dict())
    (folder / f"{arm.name}.json.part").write_text(json.dumps(results))
    (folder / f"{arm.name}.json.part").replace(folder / f"{arm.name}.json")
    place.unlink(missing_ok=True)
    return arm.name


def make_model(scale: Scale, shared: bool, seed: int) -> DyNet:
    """The network of a seed; those that share blocks begin with the same weights."""
    torch.manual_seed(seed)
    model = DyNet(DyNetSettings(width=scale.width, shared=shared), depth=None if shared else deepest(scale.variants))
    return model.to(scale.device)


def note(state: ArmState, variant: str, loss: float, seconds: float) -> None:
    """Counts one update."""
    state.step += 1
    state.updates[variant] = state.updates.get(variant, 0) + 1
    state.seconds[variant] = state.seconds.get(variant, 0.0) + seconds
    state.losses.append(loss)


def write(path: Path, content: Any) -> None:
    """A file that is there whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}")
    torch.save(content, part)
    part.replace(path)


def gradient_cosines(model: DyNet, batch: Any, variants: Sequence[Variant]) -> dict[str, float]:
    """Cosine between the two variants' gradients of the L1 loss on one batch, for every block."""
    first, second = (gradients(model, batch, variant) for variant in variants)
    return {block: float(torch.nn.functional.cosine_similarity(first[block], second[block], dim=0)) for block in first}


def gradients(model: DyNet, batch: Any, variant: Variant) -> dict[str, Tensor]:
    """Block → its whole gradient as one vector."""
    device = next(model.parameters()).device
    output = model(to_float(batch.inputs.to(device)), variant=variant)
    loss = torch.nn.functional.l1_loss(output, to_float(batch.targets.to(device)))
    names = [name for name, _ in model.named_parameters()]
    parts: dict[str, list[Tensor]] = {}
    for name, gradient in zip(names, torch.autograd.grad(loss, list(model.parameters())), strict=True):
        parts.setdefault(block_of(name), []).append(gradient.flatten())
    return {block: torch.cat(tensors) for block, tensors in parts.items()}


def block_of(parameter: str) -> str:
    """`encoder.0.blocks.0.norm.weight` → `encoder 1`; the parts of the network that the table of cosines names."""
    part, *rest = parameter.split(".")
    if part in ("encoder", "decoder", "down", "up"):
        return f"{part} {int(rest[0]) + 1}"
    return f"{part} {rest[0]}" if part in ("prompts", "reduce") else part


def judge(scale: Scale, stream: Stream, model: DyNet) -> dict[str, dict[str, list[float]]]:
    """PSNR in dB of every held-out patch, by task and variant."""
    model.eval()
    result: dict[str, dict[str, list[float]]] = {task: {"input": []} for task in TASKS}
    for task, given, wanted in held_out(scale, stream):
        result[task]["input"].append(psnr(given, wanted, data_range=255))
        seen = to_float(torch.from_numpy(given).permute(2, 0, 1)[None].to(scale.device))
        for variant in scale.judged if model.settings.shared else scale.variants:
            with torch.no_grad():
                output = model(seen, variant=variant)[0].clamp(0, 1).permute(1, 2, 0).cpu().numpy()
            result[task].setdefault(variant.name, []).append(
                psnr(output * 255.0, wanted.astype(np.float32), data_range=255)
            )
    return result


def held_out(scale: Scale, stream: Stream) -> Iterator[tuple[str, Any, Any]]:
    """(task, what the network sees, what it should say), both uint8 (side, side, 3): the middle of the first patch of
    every held-out image, degraded by a random generator that its key alone decides."""
    firsts = {patch.image_key: patch for patch in reversed(stream.held_out)}
    for key, patch in sorted(firsts.items()):
        pixels = decode_patch(stream.read(patch))
        side = min(2 * scale.crop, *pixels.shape[:2]) // 16 * 16
        top, left = (pixels.shape[0] - side) // 2, (pixels.shape[1] - side) // 2
        clean = np.ascontiguousarray(pixels[top : top + side, left : left + side])
        for task in TASKS:
            words = np.frombuffer(hashlib.blake2b(f"{task} {key}".encode(), digest_size=16).digest(), np.uint64)
            yield task, OBJECTIVES[task](clean, np.random.Generator(np.random.Philox(key=words))).input, clean


def open_arm(scale: Scale, objective: str, seed: int) -> Stream:
    """The samples of an arm. Every seed holds out the same images, so that seeds can be compared on them."""
    make, locations = OBJECTIVES[objective], (scale.dataset,)
    holdout = open_stream(locations, scale.stream, seed=0, make=make).holdout
    return open_stream(locations, scale.stream, seed=seed, make=make, holdout=holdout)


def seconds_per_step(scale: Scale, work: Path) -> dict[str, float]:
    """CPU seconds of a step of each variant, the median of some, measured once for a work folder."""
    place = work / "seconds.json"
    if not place.exists():
        torch.set_num_threads(1)
        model, stream = make_model(scale, True, 0), open_arm(scale, "both", 0)
        optimizer, guard = make_optimizer(model, OptimizerSettings(lr=scale.lr)), Guard(GuardSettings(spike=0))
        took: dict[str, list[float]] = {variant.name: [] for variant in scale.variants}
        with stream.loader(scale.batch, start_step=0) as batches:
            for _ in range(12):
                for variant in scale.variants:
                    batch, began = next(batches), time.process_time()
                    training_step(model, batch, [variant], optimizer, guard, StepSettings())
                    took[variant.name].append(time.process_time() - began)
        place.write_text(json.dumps({name: statistics.median(values[2:]) for name, values in took.items()}))
    result: dict[str, float] = json.loads(place.read_text())
    return result


def run_all(scale: Scale, work: Path, processes: int) -> None:
    """Trains every arm of every seed that has no result yet, each after the arm it starts from."""
    todo = [(seed, arm) for seed in range(scale.seeds) for arm in arms(scale, seconds_per_step(scale, work))]
    todo.sort(key=lambda pair: bool(pair[1].start))
    done = {(seed, arm.name) for seed, arm in todo if (work / f"seed-{seed}" / f"{arm.name}.json").exists()}
    todo = [(seed, arm) for seed, arm in todo if (seed, arm.name) not in done]
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        running: dict[Any, int] = {}
        while todo or running:
            ready = [pair for pair in todo if not pair[1].start or (pair[0], pair[1].start) in done]
            for seed, arm in ready[: processes - len(running)]:
                todo.remove((seed, arm))
                running[pool.submit(train_arm, scale, work, arm, seed)] = seed
            finished, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in finished:
                seed = running.pop(future)
                done.add((seed, future.result()))
                print(
                    f"seed {seed}: {future.result()}   {len(done)} arms done, {len(todo) + len(running)} to go",
                    flush=True,
                )


def difference(a: np.ndarray[Any, Any], b: np.ndarray[Any, Any]) -> tuple[float, float]:
    """Mean of a − b and its standard error; both (seeds, images)."""
    d = a - b
    seeds, images = d.shape
    return float(d.mean()), math.sqrt(d.mean(1).var(ddof=1) / seeds + d.mean(0).var(ddof=1) / images)


def table(scale: Scale, work: Path) -> str:
    """Everything that came out, as text."""

    @cache
    def result(arm: str, seed: int) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((work / f"seed-{seed}" / f"{arm}.json").read_text())
        return found

    def values(arm: str, variant: str, task: str) -> np.ndarray[Any, Any]:
        return np.array([result(arm, seed)["psnr"][task][variant] for seed in range(scale.seeds)])

    names = [arm.name for arm in arms(scale, seconds_per_step(scale, work))]
    lines = [f"{'arm':34}{'steps':>7}" + "".join(f"{task + ' ' + v.name:>16}" for task in TASKS for v in scale.judged)]
    lines.append(
        f"{'(input)':41}" + "".join(f"{values(names[0], 'input', t).mean():16.2f}" for t in TASKS for _ in scale.judged)
    )
    for name in names:
        psnrs = result(name, 0)["psnr"]
        cells = (
            f"{values(name, v.name, t).mean():16.2f}" if v.name in psnrs[t] else f"{'':16}"
            for t in TASKS
            for v in scale.judged
        )
        lines.append(f"{name:34}{result(name, 0)['arm']['steps']:7}{''.join(cells)}")
    lines += ["", f"{'difference in dB':56}{'at':>8}{'task':>9}{'mean':>8}{'± s.e.':>8}"]
    for c in comparisons():
        mean, error = difference(values(c.a, c.va, c.task), values(c.b, c.vb, c.task))
        verdict = "not resolved" if abs(mean) < 2 * error else ("better" if mean > 0 else "worse")
        lines.append(f"{c.question:56}{c.va:>8}{c.task:>9}{mean:8.2f}{error:8.2f}  {verdict}")
    lines += ["", "cosine between the variants' gradients in the joint run, mean over seeds, by step"]
    probes = sorted(result("joint", 0)["progress"]["cosines"], key=int)
    lines.append(f"{'block':20}" + "".join(f"{step:>8}" for step in probes))
    for block in result("joint", 0)["progress"]["cosines"][probes[0]]:
        rows = [
            [result("joint", seed)["progress"]["cosines"][step][block] for seed in range(scale.seeds)]
            for step in probes
        ]
        lines.append(f"{block:20}" + "".join(f"{statistics.mean(row):8.2f}" for row in rows))
    seconds = seconds_per_step(scale, work)
    lines += ["", "seconds a step: " + ", ".join(f"{name} {value:.3f}" for name, value in seconds.items())]
    return "\n".join(lines)


def main() -> None:
    """Trains what is missing, then prints and keeps the tables."""
    options = parse()
    scale, work = to_scale(options), options.work
    work.mkdir(parents=True, exist_ok=True)
    kept = work / "scale.json"
    if not kept.exists():
        kept.write_text(json.dumps(asdict(scale), indent=1))
    if json.loads(kept.read_text()) != json.loads(json.dumps(asdict(scale))):
        raise SystemExit(f"{work} holds runs of another scale, see {kept}; name another folder with --work")
    run_all(scale, work, options.processes)
    report = f"{machine.describe()}\n{json.dumps(asdict(scale))}\n\n{table(scale, work)}"
    (work / "results.txt").write_text(report + "\n")
    print(f"\n{report}")


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", help="a dataset of `million-ird build`")
    parser.add_argument("--work", type=Path, default=Path("dynamic_vs_separate"), help="folder of this scale's runs")
    parser.add_argument("--updates", type=int, default=1000, help="updates of each variant in the joint run, about")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--width", type=int, default=8)
    parser.add_argument("--crop", type=int, default=48, help="pixels, a multiple of 16")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--large", type=int, nargs=4, default=[2, 3, 3, 4])
    parser.add_argument("--small", type=int, nargs=4, default=[1, 1, 1, 2])
    parser.add_argument("--lr", type=float, default=1e-3, help="the paper's 1e-4 is for a million steps")
    parser.add_argument("--images", type=int, default=24, help="images held out at most")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="arms trained at a time")
    return parser.parse_args()


def to_scale(options: argparse.Namespace) -> Scale:
    """What decides the numbers."""
    return Scale(
        dataset=str(Path(options.dataset).resolve()) if "://" not in options.dataset else options.dataset,
        updates=options.updates,
        seeds=options.seeds,
        width=options.width,
        crop=options.crop,
        batch=options.batch,
        large=tuple(options.large),
        small=tuple(options.small),
        lr=options.lr,
        images=options.images,
        device=options.device,
    )


if __name__ == "__main__":
    main()
