"""What is exported is run by what will run it, at sizes it was not traced with, and compared with the network."""

from __future__ import annotations

import importlib.util
import io
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.export import ExportedProgram

from million_ird.errors import MissingExtraError, UsageError
from pretrain import export as exporting
from pretrain.export import INPUT, OUTPUT, export, onnx_bytes, program_bytes, trace
from pretrain.models.dynet import DyNet, DyNetSettings
from pretrain.models.pretrained import save_pretrained
from pretrain.models.variants import LARGE, Variant
from pretrain.verbs.export import main

SHORT = Variant.of("short", (1, 1, 1, 1))
SIZES = [(1, 3, 64, 80), (2, 3, 9, 30), (1, 3, 17, 16)]


@pytest.fixture(scope="module")
def model() -> DyNet:
    torch.manual_seed(0)
    return DyNet(DyNetSettings(width=8, prompt_crop=16, refinement=0)).eval()


@pytest.fixture(scope="module")
def program(model: DyNet) -> ExportedProgram:
    return trace(model, SHORT)


@torch.no_grad()
def test_the_program_read_back_is_the_network_at_any_size(model: DyNet, program: ExportedProgram) -> None:
    read = torch.export.load(io.BytesIO(program_bytes(program))).module()
    for size in SIZES:
        image = torch.rand(size)
        torch.testing.assert_close(read(image), model(image, SHORT))
    with pytest.raises(RuntimeError):
        read(torch.rand(1, 3, 8, 30))


@pytest.mark.slow
@torch.no_grad()
def test_the_onnx_file_is_the_network_at_any_size(model: DyNet, program: ExportedProgram) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(onnx_bytes(program), options, providers=["CPUExecutionProvider"])
    assert [tensor.name for tensor in session.get_inputs()] == [INPUT]
    for size in SIZES:
        image = torch.rand(size)
        (restored,) = session.run([OUTPUT], {INPUT: image.numpy()})
        assert restored.dtype == np.float32
        torch.testing.assert_close(torch.from_numpy(restored), model(image, SHORT), rtol=1e-5, atol=1e-5)


def test_the_verb_writes_the_file_of_the_variant_named(
    model: DyNet,
    program: ExportedProgram,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    asked: list[Variant] = []

    def traced(network: DyNet, variant: Variant) -> ExportedProgram:
        asked.append(variant)
        return program

    monkeypatch.setattr(exporting, "trace", traced)  # the real one takes seconds, and is tested above
    save_pretrained(tmp_path / "net", model, [LARGE, SHORT])
    assert main([str(tmp_path / "net"), "--variant", "short", "--out", str(tmp_path / "out" / "net.pt2")]) == 0
    assert asked == [SHORT] and "short [1, 1, 1, 1]" in capsys.readouterr().out
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["net.pt2"]
    with pytest.raises(UsageError, match="no variant 'tiny'"):
        main([str(tmp_path / "net"), "--variant", "tiny", "--out", str(tmp_path / "net.pt2")])


def test_a_missing_package_is_named_before_any_work(
    model: DyNet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"onnx and onnxscript: pip install 'million-ird\[onnx\]'"):
        export(model, SHORT, tmp_path / "net.onnx", "onnx")


def test_a_variant_beyond_the_network_is_refused() -> None:
    shallow = DyNet(DyNetSettings(width=8, prompt_crop=8, shared=False), SHORT)
    with pytest.raises(UsageError, match="'large' runs"):
        trace(shallow, LARGE)
