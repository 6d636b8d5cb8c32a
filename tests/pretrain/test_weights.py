"""Equal content gives equal bytes, other readers can read them, and nested state comes back as it was."""

from __future__ import annotations

import subprocess
import sys
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import safetensors
import safetensors.numpy
import torch

from pretrain.weights import flatten, read_safetensors, safetensors_bytes, unflatten

_METADATA = {name: f'value of {name}, with ü and "quotes" and\nlines' for name in "qwertyuiop"}


def _tensors() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    return {
        "convolution.weight": torch.randn(4, 3, 3, 3, generator=generator).to(memory_format=torch.channels_last),
        "half": torch.randn(5, generator=generator).to(torch.bfloat16),
        "step": torch.tensor(7.0),
        "transposed": torch.arange(6.0).reshape(2, 3).T,
        "random": torch.arange(9, dtype=torch.uint8),
        "nothing": torch.zeros(0, 3),
    }


def _bytes() -> bytes:
    head, data = safetensors_bytes(_tensors(), _METADATA)
    return head + bytes(data)


def test_tensors_and_metadata_come_back(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(_bytes())
    tensors, metadata = read_safetensors(tmp_path / "file")
    assert metadata == _METADATA
    assert tensors.keys() == _tensors().keys()
    for name, tensor in _tensors().items():
        assert torch.equal(tensors[name], tensor) and tensors[name].dtype == tensor.dtype


def test_what_was_read_does_not_need_the_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(_bytes())
    tensors, _ = read_safetensors(tmp_path / "file")
    (tmp_path / "file").write_bytes(b"\xff" * len(_bytes()))
    assert torch.equal(tensors["random"], _tensors()["random"])


def test_other_readers_read_it() -> None:
    tensors = {name: tensor for name, tensor in _tensors().items() if name != "half"}  # numpy has no bfloat16
    head, data = safetensors_bytes(tensors, _METADATA)
    numbers = safetensors.numpy.load(head + bytes(data))
    assert np.array_equal(numbers["transposed"], _tensors()["transposed"].numpy())


def test_equal_content_is_equal_bytes_in_every_process() -> None:
    """The library itself orders metadata at random, anew in each process."""
    code = "from tests.pretrain.test_weights import _bytes; import sys; sys.stdout.buffer.write(_bytes())"
    root = Path(__file__).resolve().parents[2]
    for _ in range(2):
        assert subprocess.run([sys.executable, "-c", code], cwd=root, stdout=subprocess.PIPE).stdout == _bytes()


def test_the_data_stands_at_a_multiple_of_eight_bytes() -> None:
    for length in range(9):
        head, _ = safetensors_bytes({"a": torch.ones(1)}, {"k": "x" * length})
        assert len(head) % 8 == 0
        assert int.from_bytes(head[:8], "little") == len(head) - 8


def test_no_safetensors_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"\x05\0\0\0\0\0\0\0not json")
    with pytest.raises(safetensors.SafetensorError):
        read_safetensors(tmp_path / "file")


def test_nested_state_comes_back() -> None:
    state = {
        "state": {0: {"step": torch.tensor(3.0), "average": torch.ones(2)}, 1: {}},
        "groups": [{"betas": (0.9, 0.999), "lr": 1e-4 / 3, "foreach": None, "on": True, "params": [0, 1]}],
        "ordered": OrderedDict(a=1),
        "": ((), [], {}),
        "tensor": {"tensor": "000000", "tuple": 1, "items": 2},
    }
    tensors, tree = flatten(state)
    again = unflatten(tensors, tree)
    assert again["groups"] == state["groups"]
    assert again[""] == state[""] and again["tensor"] == state["tensor"]
    assert again["ordered"] == {"a": 1}
    assert again["state"][0]["step"] is state["state"][0]["step"]  # type: ignore[index]
    assert list(again["state"]) == [0, 1]


def test_what_cannot_be_kept_is_an_error() -> None:
    with pytest.raises(TypeError, match="cannot keep a set in a checkpoint"):
        flatten({"a": {1, 2}})


@pytest.mark.parametrize("kind", [torch.optim.Adam, torch.optim.AdamW, torch.optim.SGD])
def test_an_optimiser_goes_on_from_its_kept_state(kind: type[torch.optim.Optimizer], tmp_path: Path) -> None:
    def steps(model: torch.nn.Linear, optimiser: torch.optim.Optimizer, count: int) -> None:
        for _ in range(count):
            optimiser.zero_grad()
            model(torch.ones(2, 3)).square().sum().backward()
            optimiser.step()

    torch.manual_seed(0)
    model = torch.nn.Linear(3, 2)
    optimiser = kind(model.parameters(), lr=1e-2)  # type: ignore[call-arg]
    steps(model, optimiser, 2)
    resumed = torch.nn.Linear(3, 2)
    resumed.load_state_dict(model.state_dict())
    again = kind(resumed.parameters(), lr=1.0)  # type: ignore[call-arg]
    tensors, tree = flatten(optimiser.state_dict())
    (tmp_path / "file").write_bytes(b"".join(safetensors_bytes(tensors, {})))
    again.load_state_dict(unflatten(read_safetensors(tmp_path / "file")[0], tree))
    steps(model, optimiser, 3)
    steps(resumed, again, 3)
    assert torch.equal(model.weight, resumed.weight)
