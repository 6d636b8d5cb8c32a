"""Do the Triton kernels give the numbers of the plain form? Errors against float64, beside those of the plain form.

    python benchmarks/kernel_numerics.py                 on the GPU
    TRITON_INTERPRET=1 python benchmarks/kernel_numerics.py --device cpu --cases 2    on a CPU, slowly

Needs torch, triton and numpy. For every operator, precision and shape it prints ‖out - exact‖ / ‖exact‖ of the result
and of both gradients, for kernel and plain form, whether a second run gives the same bits, and "ok" where the kernel's
error is within the limit of the precision. Exit code 1 where one is not.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass

import torch
from torch import Tensor

from pretrain.models.gated_depthwise import plain_depthwise_thirds, plain_gated_depthwise
from pretrain.models.kernels import operators

LIMITS = {torch.float32: 2e-6, torch.float16: 2e-3, torch.bfloat16: 1.5e-2}
"""Largest relative error that passes: some roundings of each precision."""
SHAPES = ((2, 2, 9, 5), (1, 1, 2, 140), (33, 1, 8, 8), (3, 1, 1, 1), (2, 5, 64, 64), (1, 127, 128, 128))
"""(images, channels of a half or third, height, width): odd sizes, more than one tile, more images than one tile."""
FORMS = {
    "gated_depthwise": (operators.gated_depthwise, plain_gated_depthwise, 2),
    "depthwise_thirds": (operators.depthwise_thirds, plain_depthwise_thirds, 3),
}


@dataclass(frozen=True)
class Errors:
    """Relative errors of one operator at one shape and precision."""

    operator: str
    precision: str
    shape: tuple[int, int, int, int]
    kernel: tuple[float, float, float]
    """Of the result, the gradient of the pictures and that of the weights."""
    plain: tuple[float, float, float]
    repeatable: bool
    """Whether a second run on the GPU gave the same bits."""
    ok: bool


def measure(device: str, cases: int) -> Iterator[Errors]:
    """The errors of every operator and precision at the first `cases` shapes, on random numbers."""
    for name in FORMS:
        for dtype in LIMITS:
            for shape in SHAPES[:cases]:
                yield _errors(name, dtype, shape, device)


def _errors(name: str, dtype: torch.dtype, shape: tuple[int, int, int, int], device: str) -> Errors:
    kernel, plain, parts = FORMS[name]
    generator = torch.Generator().manual_seed(sum(shape))
    images, channels, height, width = shape

    def random(*sizes: int) -> Tensor:
        return torch.randn(sizes, generator=generator, dtype=torch.float64).to(dtype).to(device)

    x, weight = random(images, parts * channels, height, width), random(parts * channels, 1, 3, 3)
    gradients = [random(images, channels, height, width) for _ in range(1 if parts == 2 else 3)]
    exact = _run(plain, x.double(), weight.double(), [gradient.double() for gradient in gradients])
    ours = _run(kernel, x, weight.float(), gradients)
    again = _run(kernel, x, weight.float(), gradients) if x.is_cuda else ours  # the interpreter has no threads
    theirs = _run(plain, x, weight, gradients)
    kernel_errors = _distances(ours, exact)
    return Errors(
        name,
        str(dtype).removeprefix("torch."),
        shape,
        kernel_errors,
        _distances(theirs, exact),
        all(torch.equal(first, second) for first, second in zip(ours, again, strict=True)),
        all(error <= LIMITS[dtype] for error in kernel_errors),  # a NaN does not pass
    )


def _run(
    form: Callable[[Tensor, Tensor], Tensor | tuple[Tensor, ...]],
    x: Tensor,
    weight: Tensor,
    gradients: Sequence[Tensor],
) -> tuple[Tensor, Tensor, Tensor]:
    """The result, in one tensor, and the gradients of x and weight."""
    x, weight = x.clone().requires_grad_(), weight.clone().requires_grad_()
    result = form(x, weight)
    results = result if isinstance(result, tuple) else (result,)
    x_gradient, weight_gradient = torch.autograd.grad(results, (x, weight), gradients)
    return torch.cat([part.detach() for part in results], dim=1), x_gradient, weight_gradient


def _distances(values: Sequence[Tensor], exact: Sequence[Tensor]) -> tuple[float, float, float]:
    first, second, third = (
        float((value.double() - wanted).norm() / wanted.norm()) for value, wanted in zip(values, exact, strict=True)
    )
    return first, second, third


def main() -> int:
    """Prints the table, or one JSON line per row; 1 where an error is too large or a run not repeatable."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--cases", type=int, default=len(SHAPES), help="how many of the shapes")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    good = True
    for errors in measure(arguments.device, arguments.cases):
        good = good and errors.ok and errors.repeatable
        print(json.dumps(asdict(errors)) if arguments.json else line(errors), flush=True)
    return 0 if good else 1


def line(errors: Errors) -> str:
    """One row of the table."""
    kernel, plain = (" ".join(f"{error:.1e}" for error in row) for row in (errors.kernel, errors.plain))
    verdict = ("ok" if errors.ok else "WRONG") + ("" if errors.repeatable else ", NOT REPEATABLE")
    name = f"{errors.operator:17} {errors.precision:9} {errors.shape!s:20}"
    return f"{name} kernel {kernel}  plain {plain}  {verdict}"


if __name__ == "__main__":
    sys.exit(main())
