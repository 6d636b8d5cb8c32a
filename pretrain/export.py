"""One variant of a network as a file that runs without this package: a `torch.export` program, or ONNX.

Repeats are fixed in the graph; batch, height and width stay free. Padding to multiples of 8 and cropping are in the
graph, so any image of at least `SMALLEST` pixels a side goes in as it is.
"""

from __future__ import annotations

import copy
import importlib.util
import io
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, cast

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from million_ird.errors import MissingExtraError, UsageError
from million_ird.store import Store
from pretrain.models.dynet import MULTIPLE, DyNet
from pretrain.models.variants import AnyVariant, Variant

Form = Literal["program", "onnx"]
SMALLEST = MULTIPLE + 1
"""Pixels a side that an exported network needs: with a side of 1 at the latent level, shapes would not be free."""
INPUT, OUTPUT = "image", "restored"
"""Names of the ONNX graph's tensors: both (batch, 3, height, width), float32, RGB 0 to 1, the output not clamped."""
_EXAMPLE = (2, 3, 41, 53)
"""A shape whose sizes differ and are not 1, so that tracing takes none of them for a constant."""


class FixedVariant(nn.Module):
    """A network with one variant built in, in a form whose sizes stay free when it is traced."""

    def __init__(self, model: DyNet, variant: Variant) -> None:
        super().__init__()
        model.check_variant(variant)
        self.model, self.variant = model, variant

    def forward(self, image: Tensor) -> Tensor:
        """What `model(image, variant)` gives for (B, 3, H, W) with sides of at least `SMALLEST`."""
        height, width = image.shape[2:]
        padded = image.index_select(2, _rows(height)).index_select(3, _rows(width))
        restored = self.model.restore_padded(padded, self.variant)
        return restored.index_select(2, torch.arange(height)).index_select(3, torch.arange(width))


def _rows(length: int) -> Tensor:
    """The indices by which `reflect_to_multiple` pads a length of at least `SMALLEST`.

    The padded length is hidden from the tracer, as a number read from a tensor: it would else compare it with the
    length given wherever a shape matters, and settle for one outcome.
    """
    groups = cast(int, torch.scalar_tensor((length + MULTIPLE - 1) // MULTIPLE, dtype=torch.int64).item())
    least = f"an exported network needs images of at least {SMALLEST} pixels a side"
    torch._check(groups >= 2, lambda: least)  # type: ignore[no-untyped-call]
    position = torch.arange(groups * MULTIPLE)
    return torch.minimum(position, 2 * (length - 1) - position)


def export(model: nn.Module, variant: AnyVariant, path: Path, form: Form) -> None:
    """Writes one variant of a network to a file.

    Args:
        model: the network, which is left alone; its weights are written in float32.
        variant: the one to build in.
        path: the file; replaced at once if there is one.
        form: "program" for `torch.export.load(path).module()(image)`, or "onnx".

    Raises:
        UsageError: the network is no DyNet, or cannot run the variant.
        MissingExtraError: ONNX is asked for and its packages are absent.
        StoreError: the file cannot be written.
    """
    if not isinstance(model, DyNet) or not isinstance(variant, Variant):
        raise UsageError("only networks of the family dynet can be exported; load others by from_pretrained")
    if form == "onnx":
        _require_onnx()
    program = trace(model, variant)
    data = program_bytes(program) if form == "program" else onnx_bytes(program)
    store = Store(str(path.absolute().parent))
    store.write(path.name, data)
    store.sweep()


def trace(model: DyNet, variant: Variant) -> ExportedProgram:
    """The program of one variant, with free batch, height and width. Takes from 10 seconds to minutes."""
    fixed = FixedVariant(copy.deepcopy(model).cpu().float(), variant).eval()
    free = {0: Dim.DYNAMIC, 2: Dim.DYNAMIC, 3: Dim.DYNAMIC}
    return torch.export.export(fixed, (torch.zeros(_EXAMPLE),), dynamic_shapes=(free,), strict=False)


def program_bytes(program: ExportedProgram) -> bytes:
    """The file that `torch.export.load` reads."""
    file = io.BytesIO()
    with _quiet():
        torch.export.save(program, file)
    return file.getvalue()


def onnx_bytes(program: ExportedProgram) -> bytes:
    """The program as an ONNX file of one piece.

    Raises:
        MissingExtraError: the packages onnx and onnxscript are absent.
    """
    _require_onnx()
    with _quiet():
        converted = torch.onnx.export(
            program, dynamo=True, input_names=[INPUT], output_names=[OUTPUT], external_data=False, verbose=False
        )
    if converted is None:
        raise RuntimeError("torch.onnx.export gave no program")  # it does so only when it writes a file itself
    return bytes(converted.model_proto.SerializeToString())


def _require_onnx() -> None:
    missing = [name for name in ("onnx", "onnxscript") if importlib.util.find_spec(name) is None]
    if missing:
        raise MissingExtraError(f"ONNX needs {' and '.join(missing)}: pip install 'million-ird[onnx]'")


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what PyTorch says to its own developers while it converts: deprecated names, absent torchvision."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        warnings.simplefilter("ignore", DeprecationWarning)
        logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            logger.setLevel(level)
