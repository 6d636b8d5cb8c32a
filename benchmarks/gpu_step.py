"""How long does a training step take on one GPU, where does the time go, and are the numbers right?

    python benchmarks/gpu_step.py                                      one GPU, under 10 minutes
    python benchmarks/gpu_step.py --device cpu --width 8 --size 32     the same code on a CPU; nothing of it counts

Needs torch ≥ 2.11, numpy and what a bare CUDA image has. Generated patches; Adam; L1; large and small variant apart.
The plain reference (plain_dynet.py) runs eager in fp32 and bf16 at batch 16; ours at batches 32 and 16, compiled and
eager, with and without the Triton kernels. The checks come first: kernels against the plain form, the compiled bf16
loss and gradient against plain fp32, and that validating at another size makes training compile nothing anew.

Prints a table beside the aims of the project (≥ 3× plain fp32 a sample; mean of large and small ≤ 86 ms at batch 32:
the paper's 1,000,000 steps within 24 hours) and the share of time per operation, and writes all of it as JSON. What no
longer fits into --seconds is left out, and named.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import json
import platform
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import torch
from plain_dynet import PlainDyNet
from step_traffic import counted, fused
from torch import Tensor, nn

from pretrain.compile import CompileSettings, compile_model, eager
from pretrain.models.dynet import DyNet, DyNetSettings
from pretrain.models.gated_depthwise import choose_kernel
from pretrain.models.variants import LARGE, SMALL, Variant

AIM_MS, AIM_RATIO = 86.0, 3.0
"""Mean step of large and small at batch 32; how many times faster a sample than the plain reference in fp32."""
VARIANTS = (LARGE, SMALL)
Forward = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Arm:
    """One way to take the step."""

    name: str
    plain: bool
    batch: int
    bf16: bool
    compiled: bool = False
    kernel: bool = False
    region: str = "blocks"


@dataclass
class Row:
    """What was measured of one arm and variant."""

    arm: str
    variant: str
    batch: int
    milliseconds: float = float("nan")
    peak_gib: float = float("nan")
    gigabytes: float = float("nan")
    """Bytes of the traffic model: counted for an eager plain step, the fused model for ours."""
    terabytes_per_second: float = float("nan")
    compile_seconds: float = float("nan")
    """First step less a later one."""
    shares: dict[str, float] = field(default_factory=dict)
    """Share of the device's time per kind of operation."""
    top: list[tuple[str, float]] = field(default_factory=list)
    """The kernels that take most, and their shares."""
    failure: str = ""


class Bench:
    """The machine, the budget, the patches."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self.device = torch.device(arguments.device)
        self.arguments = arguments
        self.deadline = time.monotonic() + arguments.seconds
        self.cuda = self.device.type == "cuda"
        if not self.cuda:
            torch.set_num_threads(1)  # small tensors: threads would only wait for each other
        if self.cuda and not torch.cuda.is_available():
            sys.exit("gpu_step: there is no CUDA device here; --device cpu --width 8 --size 32 tries the code itself")

    def patches(self, batch: int, size: int | None = None) -> Tensor:
        """Smooth pictures with some noise, 0 to 1: never zeros, which some kernels finish sooner."""
        side = size or self.arguments.size
        generator = torch.Generator().manual_seed(side)
        coarse = torch.rand(batch, 3, 8, 8, generator=generator)
        smooth = nn.functional.interpolate(coarse, (side, side), mode="bicubic")
        return (smooth + 0.1 * torch.randn(smooth.shape, generator=generator)).clamp(0, 1).to(self.device)

    def autocast(self, bf16: bool) -> torch.autocast:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=bf16)

    def wait(self) -> None:
        if self.cuda:
            torch.cuda.synchronize()

    def ours(self) -> DyNet:
        torch.manual_seed(0)
        return DyNet(DyNetSettings(width=self.arguments.width)).to(self.device)

    def plain(self) -> PlainDyNet:
        """The reference with the weights of `ours`."""
        model = self.ours()
        prompts = [model.settings.prompt_channels(name) for name in ("level_2", "level_3", "latent")]
        plain = PlainDyNet(self.arguments.width, prompts, model.settings.prompt_crop).to(self.device)
        plain.load_state_dict(model.state_dict())
        return plain

    def compiling(self, arm: Arm) -> CompileSettings:
        return CompileSettings(
            enabled="on" if arm.compiled else "off",
            region=arm.region,  # type: ignore[arg-type]
            backend=self.arguments.backend or ("inductor" if self.cuda else "aot_eager"),
            kernel="auto" if arm.kernel else "plain",
        )


def measure(bench: Bench, arm: Arm) -> Iterator[Row]:
    """The rows of an arm, one per variant."""
    if arm.plain:
        plain = bench.plain()
        yield from (_row(bench, arm, plain, v, lambda x, v=v: plain(x, v.repeats)) for v in VARIANTS)
        return
    model = compile_model(bench.ours(), bench.compiling(arm), bench.device)
    yield from (_row(bench, arm, model, v, lambda x, v=v: model(x, variant=v)) for v in VARIANTS)


def _row(bench: Bench, arm: Arm, model: nn.Module, variant: Variant, forward: Forward) -> Row:
    row = Row(arm.name, variant.name, arm.batch)
    if time.monotonic() > bench.deadline:
        row.failure = "left out: no time left"
        return row
    try:
        _measure_into(row, bench, arm, model, forward)
    except torch.OutOfMemoryError:
        row.failure = "out of memory"
    model.zero_grad(set_to_none=True)
    row.gigabytes = _gigabytes(bench, arm, variant)
    row.terabytes_per_second = row.gigabytes / row.milliseconds
    if bench.cuda:
        torch.cuda.empty_cache()
    return row


def _measure_into(row: Row, bench: Bench, arm: Arm, model: nn.Module, forward: Forward) -> None:
    inputs, targets = bench.patches(arm.batch), bench.patches(arm.batch).flip(3)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-4, fused=bench.cuda)

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        with bench.autocast(arm.bf16):
            output = forward(inputs)
        (output.float() - targets).abs().mean().backward()
        optimizer.step()

    first, *_ = [_seconds(bench, step) for _ in range(bench.arguments.warmup)]
    if bench.cuda:
        torch.cuda.reset_peak_memory_stats()
    times = [_seconds(bench, step) for _ in range(bench.arguments.steps)]
    row.milliseconds = 1e3 * statistics.median(times)
    row.compile_seconds = max(first - row.milliseconds / 1e3, 0.0)
    if bench.cuda:
        row.peak_gib = torch.cuda.max_memory_allocated() / 2**30
    row.shares, row.top = _profile(bench, step)


def _seconds(bench: Bench, step: Callable[[], None]) -> float:
    """Of one step, from an idle device to an idle device."""
    bench.wait()
    began = time.perf_counter()
    step()
    bench.wait()
    return time.perf_counter() - began


def _gigabytes(bench: Bench, arm: Arm, variant: Variant) -> float:
    arguments = bench.arguments
    if not arm.plain:
        return fused(variant.repeats, arguments.width, arguments.size, arm.batch, 2 if arm.bf16 else 4) / 1e9
    # Counted for one sample: a step's traffic is in proportion but for the weights.
    one = counted(lambda: _plain_on_cpu(arguments.width, variant), (1, 3, arguments.size, arguments.size), arm.bf16)
    return one * arm.batch / 1e9


def _plain_on_cpu(width: int, variant: Variant) -> Forward:
    prompts = [DyNetSettings(width=width).prompt_channels(name) for name in ("level_2", "level_3", "latent")]
    plain = PlainDyNet(width, prompts)
    return lambda images: plain(images, variant.repeats)


KINDS = (  # the first whose words occur in a kernel's name, in lower case
    ("our kernels", ("gated_forward", "gated_backward", "spread_backward", "thirds_forward", "thirds_backward")),
    ("compiled", ("triton_",)),
    ("matrix products", ("gemm", "nvjet", "cutlass", "xmma", "cublas", "::bmm", "::mm", "splitk")),
    ("convolutions", ("conv", "cudnn", "nchwtonhwc", "nhwctonchw", "winograd", "implicit")),
    ("optimiser", ("adam", "multi_tensor")),
    ("copies", ("memcpy", "memset", "copy")),
    ("elementwise and sums", ("elementwise", "reduce", "norm", "softmax", "aten::")),
)


def _profile(bench: Bench, step: Callable[[], None]) -> tuple[dict[str, float], list[tuple[str, float]]]:
    """Shares of one step's device time by kind of operation, and the eight longest kernels."""
    activity = torch.profiler.ProfilerActivity
    with torch.profiler.profile(activities=[activity.CUDA if bench.cuda else activity.CPU]) as profile:
        step()
        bench.wait()
    times: dict[str, float] = defaultdict(float)
    for event in profile.key_averages():
        times[event.key] += event.self_device_time_total if bench.cuda else event.self_cpu_time_total
    total = sum(times.values()) or 1.0
    shares: dict[str, float] = defaultdict(float)
    for name, spent in times.items():
        kind = next((kind for kind, words in KINDS if any(word in name.lower() for word in words)), "other")
        shares[kind] += spent / total
    longest = sorted(times, key=lambda name: -times[name])[:8]
    return dict(sorted(shares.items(), key=lambda item: -item[1])), [(name, times[name] / total) for name in longest]


def check_kernels(bench: Bench) -> dict[str, object]:
    """The kernels against the plain form on this device."""
    if not bench.cuda or importlib.util.find_spec("triton") is None:
        return {"ok": None, "why": "kernels run on CUDA with Triton only"}
    import kernel_numerics

    rows = list(kernel_numerics.measure("cuda", len(kernel_numerics.SHAPES)))
    for row in rows:
        print("  " + kernel_numerics.line(row), flush=True)
    return {"ok": all(row.ok and row.repeatable for row in rows), "rows": [asdict(row) for row in rows]}


def check_model(bench: Bench, arm: Arm) -> dict[str, object]:
    """Loss and gradient of the compiled bf16 model against plain fp32; graphs before and after a validation."""
    plain, model = bench.plain(), compile_model(bench.ours(), bench.compiling(arm), bench.device)
    inputs, targets = bench.patches(arm.batch), bench.patches(arm.batch).flip(3)
    found: dict[str, object] = {}

    def losses(variant: Variant, bf16: bool) -> tuple[float, float, float]:
        """Ours, plain's in fp32, and the cosine between their gradients."""
        results = []
        for network, forward in (
            (model, lambda x: model(x, variant=variant)),
            (plain, lambda x: plain(x, variant.repeats)),
        ):
            network.zero_grad(set_to_none=True)
            with bench.autocast(bf16 and network is model):
                output = forward(inputs)
            loss = (output.float() - targets).abs().mean()
            loss.backward()
            gradient = torch.cat(
                [w.grad.flatten() for _, w in sorted(network.named_parameters()) if w.grad is not None]
            )
            results.append((float(loss.detach()), gradient))
        (mine, g), (theirs, h) = results
        return mine, theirs, float(torch.cosine_similarity(g.double(), h.double(), dim=0))

    for variant in VARIANTS:
        found[variant.name] = dict(zip(("loss", "plain fp32 loss", "cosine"), losses(variant, True), strict=True))
    counters = torch._dynamo.utils.counters["stats"]
    before = counters["unique_graphs"]
    with eager(), torch.no_grad(), bench.autocast(True):
        model.eval()(bench.patches(2, bench.arguments.size + 24), variant=LARGE)
    model.train()
    for variant in VARIANTS:
        losses(variant, True)
    found["graphs"], found["compiled anew"] = before, counters["unique_graphs"] - before
    found["ok"] = found["compiled anew"] == 0 and all(
        abs(found[v.name]["loss"] / found[v.name]["plain fp32 loss"] - 1) < 0.01 and found[v.name]["cosine"] > 0.98  # type: ignore[index]
        for v in VARIANTS
    )
    return found


def arms(batch: int, plain_batch: int, whole: bool) -> list[Arm]:
    """What is compared, the most important first; `whole`: and the network compiled as one graph."""
    return [
        Arm("ours compiled bf16, kernels", False, batch, True, compiled=True, kernel=True),
        Arm("plain eager fp32", True, plain_batch, False),
        Arm("plain eager bf16", True, plain_batch, True),
        Arm("ours compiled bf16, kernels", False, plain_batch, True, compiled=True, kernel=True),
        Arm("ours eager bf16, kernels", False, batch, True, kernel=True),
        Arm("ours compiled bf16, plain form", False, batch, True, compiled=True),
        *[Arm("ours compiled whole bf16, kernels", False, batch, True, compiled=True, kernel=True, region="model")][
            :whole
        ],
    ]


def report(row: Row) -> str:
    """One line of the table."""
    head = f"{row.arm:35} {row.variant:6} {row.batch:3}"
    if row.failure:
        return f"{head}  {row.failure}"
    ms = f"{row.milliseconds:9.1f} ms  {row.milliseconds / row.batch:7.2f} ms/sample"
    return (
        f"{head} {ms}  {row.peak_gib:6.1f} GiB  {row.gigabytes:7.1f} GB  {row.terabytes_per_second:5.2f} TB/s"
        f"  first step +{row.compile_seconds:.0f} s"
    )


def summary(rows: list[Row], batch: int) -> dict[str, float]:
    """Means over large and small, and the ratios that the aims speak of; NaN where a row is missing."""

    def per_sample(arm: str, at: int) -> float:
        times = [row.milliseconds / row.batch for row in rows if row.arm == arm and row.batch == at]
        return statistics.mean(times) if len(times) == len(VARIANTS) else float("nan")

    ours = per_sample("ours compiled bf16, kernels", batch)
    plain_batch = next((row.batch for row in rows if row.arm == "plain eager fp32"), batch)
    same = per_sample("ours compiled bf16, kernels", plain_batch)
    fp32, bf16 = (per_sample(f"plain eager {precision}", plain_batch) for precision in ("fp32", "bf16"))
    return {
        "mean_step_ms": ours * batch,
        "times_plain_fp32": fp32 / ours,
        "times_plain_bf16": bf16 / ours,
        "times_plain_fp32_equal_batch": fp32 / same,
        "times_plain_bf16_equal_batch": bf16 / same,
        "hours_of_a_million_steps": ours * batch / 3.6,
    }


def main() -> int:
    """Runs everything; 1 where a check failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--width", type=int, default=48, help="channels at level 1")
    parser.add_argument("--size", type=int, default=128, help="side of a crop, a multiple of 8")
    parser.add_argument("--batch", type=int, default=0, help="of ours (32; on a CPU 2)")
    parser.add_argument("--plain-batch", type=int, default=0, help="of the plain reference (16; on a CPU 1)")
    parser.add_argument("--steps", type=int, default=0, help="timed steps (20; on a CPU 1)")
    parser.add_argument("--warmup", type=int, default=0, help="steps before (5; on a CPU 1)")
    parser.add_argument("--seconds", type=float, default=480, help="no further arm begins after this")
    parser.add_argument("--backend", default="", help="of torch.compile (inductor; on a CPU aot_eager)")
    parser.add_argument("--whole", action="store_true", help="also compiled as one graph, which takes minutes more")
    parser.add_argument("--only", type=int, default=99, help="the first arms only")
    parser.add_argument("--out", type=Path, default=Path("gpu_step.json"))
    arguments = parser.parse_args()
    on_cpu = torch.device(arguments.device).type == "cpu"
    for name, value, value_on_cpu in (("batch", 32, 2), ("plain_batch", 16, 1), ("steps", 20, 1), ("warmup", 5, 1)):
        setattr(arguments, name, getattr(arguments, name) or (value_on_cpu if on_cpu else value))
    bench = Bench(arguments)
    device = torch.cuda.get_device_name() if bench.cuda else f"{platform.machine()} CPU: NOTHING OF THIS COUNTS"
    print(f"{device}; torch {torch.__version__}; {arguments.size}² crops, width {arguments.width}", flush=True)

    todo = arms(arguments.batch, arguments.plain_batch, arguments.whole)[: arguments.only]
    # At the plain reference's batch: twice that does not fit into 80 GB in fp32.
    checks = {
        "kernels": check_kernels(bench),
        "model": check_model(bench, replace(todo[0], batch=arguments.plain_batch)),
    }
    print(f"checks: kernels {checks['kernels']['ok']}, model {checks['model']}", flush=True)
    rows = []
    for arm in todo:
        torch._dynamo.reset()
        for row in measure(bench, arm):
            rows.append(row)
            print(report(row), flush=True)
    choose_kernel("auto")
    _print_shares(rows)
    means = summary(rows, arguments.batch)
    print(f"mean step {means['mean_step_ms']:.1f} ms (aim ≤ {AIM_MS:.0f}), ", end="")
    print(f"{means['times_plain_fp32']:.2f}× plain fp32 a sample (aim ≥ {AIM_RATIO:.0f}),", end=" ")
    print(f"{means['times_plain_bf16']:.2f}× plain bf16; 1,000,000 steps in {means['hours_of_a_million_steps']:.1f} h")
    if on_cpu:
        print("On a CPU nothing of this counts: it shows that the benchmark runs.")
    result = {"device": device, "torch": torch.__version__, "settings": vars(arguments) | {"out": str(arguments.out)}}
    result |= {"counts": not on_cpu, "checks": checks, "rows": [asdict(row) for row in rows], "summary": means}
    arguments.out.write_text(json.dumps(_without_nan(result), indent=1, allow_nan=False) + "\n")
    print(f"written: {arguments.out}")
    return 0 if checks["model"]["ok"] and checks["kernels"]["ok"] is not False else 1


def _without_nan(value: object) -> object:
    """What was not measured is null in JSON, which has no NaN."""
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and value != value else value


def _print_shares(rows: list[Row]) -> None:
    for row in rows:
        if row.shares:
            print(f"{row.arm}, {row.variant}, batch {row.batch}: " + _percents(row.shares.items()))
            print("    " + _percents((name[:60], share) for name, share in row.top))


def _percents(pairs: object) -> str:
    return ", ".join(f"{name} {share:.0%}" for name, share in pairs)  # type: ignore[attr-defined]


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(main())
