"""Weights of strangers: whatever their files say, they are refused in one line, before anything large is made."""

from __future__ import annotations

import json
import random
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from million_ird.errors import DatasetError
from pretrain.models.pretrained import CONFIG, WEIGHTS, from_pretrained, save_pretrained
from pretrain.restore import Restorer, TooLargeError, to_pixels
from pretrain.weights import read_safetensors, safetensors_bytes
from tests.pretrain.every_family import NETWORKS, network, variants_of

HUGE = 10**9
NUMBERS = (HUGE, 10**30, -1, 0, 1, 3, 64, 1.5, 1e308, float("inf"), float("nan"))
ODD = (*NUMBERS, "x", "grl", None, True, [], {}, [HUGE] * 9)
FILES = {"esrt": "esrt", "grl": "grl", "lmd-vit": "lmd-vit", "ghost": "ghost of rdn", "dynet": "dynet unshared"}


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("networks")
    for name, settings in NETWORKS.items():
        save_pretrained(root / name, network(settings), variants_of(settings), {"recipe": "seed = 1\n"})
    return root


def write(folder: Path, place: Path, **changes: Any) -> Path:
    """A copy of weights whose architecture has changed."""
    tensors, metadata = read_safetensors(folder / WEIGHTS)
    metadata["architecture"] = json.dumps({**json.loads(metadata["architecture"]), **changes})
    place.write_bytes(b"".join(safetensors_bytes(tensors, metadata)))
    return place


@pytest.mark.parametrize(
    ("name", "changes", "says"),
    [
        ("edsr", {"blocks": HUGE}, "blocks: got 1000000000, expected 1 to 1000"),
        ("edsr", {"blocks": 1000}, "its weights are more than 16 tensors"),
        ("edsr", {"width": HUGE}, "no tensors have such sizes"),
        ("edsr", {"scale": 0}, "scale: got 0"),
        ("edsr", {"residual_scale": float("inf")}, "residual_scale: got inf"),
        ("rdn", {"layers": HUGE}, "blocks: got 2000000000, expected 1 to 1000"),
        ("esrt", {"low_repeats": HUGE}, "low_repeats: got 1000000000"),
        ("esrt", {"segments": HUGE}, "segments: got 1000000000"),
        ("grl", {"window": HUGE}, "window: got 1000000000, expected 128 or less"),
        ("grl", {"stripe": [HUGE, HUGE]}, "stripe: got .* height times width of 32768 or less"),
        ("grl", {"depths": [HUGE]}, "depths: got 1000000000, expected 1 to 1000"),
        ("lmd-vit", {"window": HUGE}, "window: got 1000000000"),
        ("lmd-vit", {"depths": [HUGE] * 9}, "depths: got 9000000000"),
        ("dynet", {"refinement": HUGE}, "refinement: got 1000000000"),
        ("dynet", {"expansion": float("inf")}, "expansion: got inf"),
        ("dynet", {"prompt_crop": 8 * HUGE}, "no tensors have such sizes|is of another network"),
        ("ghost of edsr", {"ghost": {"reach": HUGE}}, "no tensors have such sizes|is of another network"),
    ],
)
def test_sizes_beyond_all_measure_are_refused_before_anything_is_built(
    name: str, changes: dict[str, Any], says: str, saved: Path, tmp_path: Path
) -> None:
    file = write(saved / name, tmp_path / "model.safetensors", **changes)
    tracemalloc.start()
    with pytest.raises(DatasetError, match=says) as raised:
        from_pretrained(file)
    assert tracemalloc.get_traced_memory()[1] < 50e6
    tracemalloc.stop()
    assert "\n" not in str(raised.value)


def test_a_tensor_larger_than_any_memory_is_not_read(saved: Path, tmp_path: Path) -> None:
    """A sparse file is as large as its header says, and takes no room."""
    _, metadata = read_safetensors(saved / "edsr" / WEIGHTS)
    nbytes = 1 << 42
    header = {"__metadata__": metadata, "x": {"dtype": "F32", "shape": [nbytes // 4], "data_offsets": [0, nbytes]}}
    text = json.dumps(header).encode()
    file = tmp_path / "huge.safetensors"
    with file.open("wb") as handle:
        handle.write(len(text).to_bytes(8, "little") + text)
        try:
            handle.truncate(8 + len(text) + nbytes)
        except OSError:
            pytest.skip("this file system has no files of 4 TB")
    with pytest.raises(DatasetError, match=r"its weights are more than 1 tensors|there is no memory"):
        from_pretrained(file)


@pytest.mark.parametrize("text", ["{", "[" * 100_000])
def test_metadata_that_are_no_json_are_told_beside_a_config_too(text: str, saved: Path, tmp_path: Path) -> None:
    tensors, metadata = read_safetensors(saved / "edsr" / WEIGHTS)
    (tmp_path / CONFIG).write_bytes((saved / "edsr" / CONFIG).read_bytes())
    (tmp_path / WEIGHTS).write_bytes(b"".join(safetensors_bytes(tensors, {**metadata, "variants": text})))
    with pytest.raises(DatasetError, match="disagree about 'variants'"):
        from_pretrained(tmp_path)
    (tmp_path / CONFIG).write_text(text)
    with pytest.raises(DatasetError, match=r"config.json cannot be read"):
        from_pretrained(tmp_path)


def test_a_name_that_breaks_out_of_its_line_is_defused(saved: Path, tmp_path: Path) -> None:
    tensors, metadata = read_safetensors(saved / "edsr" / WEIGHTS)
    tensors["a\n\x1b[31mb"] = torch.ones(1)
    (tmp_path / WEIGHTS).write_bytes(b"".join(safetensors_bytes(tensors, metadata)))
    with pytest.raises(DatasetError, match=r"beyond the network's weights, a\?\?\[31mb$"):
        from_pretrained(tmp_path)


def test_a_pickle_that_says_it_is_larger_than_its_file_is_refused(tmp_path: Path) -> None:
    state = {"patch_embed.proj.weight": torch.ones(1).expand(10**12)}
    torch.save({"state_dict": state}, tmp_path / "model.ckpt")
    with pytest.raises(DatasetError, match="larger than the file"):
        from_pretrained(tmp_path / "model.ckpt")


@pytest.mark.parametrize("family", FILES)
def test_whatever_is_changed_it_runs_or_one_line_says_why_not(family: str, saved: Path, tmp_path: Path) -> None:
    rng, picture = random.Random(family), np.random.default_rng(0).random((9, 12, 3), np.float32)
    whole = saved / FILES[family] / WEIGHTS
    for _ in range(60):
        (tmp_path / WEIGHTS).write_bytes(spoiled(whole, rng))
        try:
            read = from_pretrained(tmp_path / WEIGHTS)
            to_pixels(Restorer(read.model, read.variant())(picture))
        except (DatasetError, TooLargeError) as error:
            assert "\n" not in str(error) and len(str(error)) < 600


def spoiled(whole: Path, rng: random.Random) -> bytes:
    """The bytes of some weights of which something has been changed."""
    tensors, metadata = read_safetensors(whole)
    kind, name = rng.choice(["architecture", "architecture", "tensor", "bytes"]), rng.choice(sorted(tensors))
    if kind == "architecture":
        shape = json.loads(metadata["architecture"])
        table, key = rng.choice(list(places(shape)))
        table[key] = rng.choice(ODD)
        metadata["architecture"] = json.dumps(shape)
    if kind == "tensor":
        old = tensors.pop(name)
        if rng.random() < 0.8:
            other = (old[None], torch.ones(0), old.to(torch.int8), old.to(torch.float8_e4m3fn), old.double() * 1e30)
            tensors[name] = rng.choice(other)
    data = bytearray(b"".join(safetensors_bytes(tensors, metadata)))
    if kind == "bytes":
        for _ in range(rng.choice([1, 3, 10])):
            data[rng.randrange(min(len(data), 20_000))] = rng.randrange(256)
        del data[rng.randrange(2 * len(data)) :]
    return bytes(data)


def places(node: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str]]:
    """Every table of a table, and each of its keys."""
    for key, value in node.items():
        yield node, key
        if isinstance(value, dict):
            yield from places(value)
