"""Tensors in safetensors files, written so that equal content gives equal bytes; and nested state in the same format.

The library writes the metadata of a file in random order; here every header is sorted, so that two runs that computed
the same thing leave the same file. Nothing is pickled: reading a file of strangers runs no code of theirs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
from torch import Tensor

TREE = "tree"
"""Metadata key under which the shape of a nested state is kept, as JSON."""


def safetensors_bytes(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> tuple[bytes, memoryview]:
    """A safetensors file as its head (length, sorted header, padding) and its data, to be written one after the other.

    Args:
        tensors: name → tensor of any device and memory format; stored contiguous, in C order.
        metadata: text → text, as the format wants it.
    """
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    data = memoryview(safetensors.torch.save(plain, dict(metadata) or None))
    length = int.from_bytes(data[:8], "little")
    header = json.loads(bytes(data[8 : 8 + length]))
    text = json.dumps(header, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)  # the format aligns the data to 8 bytes
    return len(text).to_bytes(8, "little") + text, data[8 + length :]


@dataclass(frozen=True, slots=True)
class Header:
    """What a safetensors file says of itself; no tensor is read for it."""

    shapes: Mapping[str, tuple[int, ...]]
    """Of the tensors, by name."""
    metadata: Mapping[str, str]


def read_header(path: Path) -> Header:
    """The header of a file. `safetensors.SafetensorError` if it is no such file, or ends before its tensors do."""
    with safetensors.safe_open(path, framework="np") as file:  # "pt" would ask for memory for the whole file
        shapes = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
        return Header(shapes, dict(file.metadata() or {}))


def read_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """All tensors of a file, on the CPU, and its metadata. `safetensors.SafetensorError` if it is no such file."""
    with safetensors.safe_open(path, framework="pt") as file:
        # A clone, because what the library gives is a view of the file, which may be removed or replaced.
        return {name: file.get_tensor(name).clone() for name in file.keys()}, dict(file.metadata() or {})  # noqa: SIM118


def flatten(state: Any) -> tuple[dict[str, Tensor], str]:
    """Nested dictionaries, lists and tuples of tensors and scalars → the tensors by number, and the rest as JSON.

    What an optimiser's `state_dict()` gives. `unflatten` gives it back exactly: floats, integer keys and tuples too.
    """
    tensors: dict[str, Tensor] = {}

    def walk(node: Any) -> Any:
        if isinstance(node, Tensor):
            tensors[f"{len(tensors):06d}"] = node
            return {"tensor": f"{len(tensors) - 1:06d}"}
        if isinstance(node, Mapping):
            return {"items": [[walk(key), walk(value)] for key, value in node.items()]}
        if isinstance(node, tuple):
            return {"tuple": [walk(inner) for inner in node]}
        if isinstance(node, list):
            return [walk(inner) for inner in node]
        if node is None or isinstance(node, bool | int | float | str):
            return node
        raise TypeError(f"cannot keep a {type(node).__name__} in a checkpoint")

    tree = walk(state)
    return tensors, json.dumps(tree, separators=(",", ":"))


def unflatten(tensors: Mapping[str, Tensor], tree: str) -> Any:
    """The nested state again. `KeyError`, `TypeError` or `ValueError` if the two do not belong together."""

    def walk(node: Any) -> Any:
        if isinstance(node, list):
            return [walk(inner) for inner in node]
        if not isinstance(node, dict):
            return node
        if "tensor" in node:
            return tensors[node["tensor"]]
        if "tuple" in node:
            return tuple(walk(inner) for inner in node["tuple"])
        return {walk(key): walk(value) for key, value in node["items"]}

    return walk(json.loads(tree))
