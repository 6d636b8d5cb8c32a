"""Networks in folders of the Hugging Face convention: `config.json`, `model.safetensors`, `README.md`.

The weights file says by itself what network it holds, so it may also stand alone: its metadata has `architecture`
(JSON of the settings of its family, DyNet's where none is named), `variants` (JSON: name → repeats; `{"whole": []}` of
a network that has none), `depth` (JSON: repeats, of a DyNet that shares no blocks) and whatever its maker knew besides.
Checkpoints of a training run are read as well, and those of the published codes.
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import safetensors
import torch
from torch import Tensor, nn

from million_ird import settings
from million_ird.errors import DatasetError, UsageError
from million_ird.store import Store, explained
from pretrain.models.blueprint import blueprint
from pretrain.models.card import model_card
from pretrain.models.dynet import DyNet, DyNetSettings
from pretrain.models.families import ModelSettings, build_network, check_colours, check_runs, settings_of
from pretrain.models.loading import check_finite, compare_shapes, load_weights, one_line
from pretrain.models.promptir import from_published, is_published
from pretrain.models.variants import LARGE, SHIPPED, AnyVariant, Variant, named, variant_of
from pretrain.weights import Header, read_header, read_safetensors, safetensors_bytes

Read = TypeVar("Read")

CONFIG, WEIGHTS, CARD = "config.json", "model.safetensors", "README.md"
ARCHITECTURE, VARIANTS, DEPTH = "architecture", "variants", "depth"
"""Keys of the weights' metadata that say what the network is."""
_PICKLES = (".ckpt", ".pth", ".pt")


@dataclass(frozen=True)
class Pretrained:
    """A network with weights, and what is known about it."""

    model: nn.Module
    """A network of any family, in evaluation mode, on the CPU."""
    variants: tuple[AnyVariant, ...]
    """Those it was trained for, the first one being the default."""
    metadata: Mapping[str, str] = field(default_factory=dict)
    """What else its maker wrote down: recipe, fingerprint and licences of the data, …"""

    def variant(self, name: str = "") -> AnyVariant:
        """The variant of that name, or the first. Raises UsageError where there is none, naming those there are."""
        return named(name, self.variants) if name else self.variants[0]


def save_pretrained(
    folder: str | Path,
    model: nn.Module,
    variants: Sequence[AnyVariant],
    metadata: Mapping[str, str] | None = None,
    name: str = "",
) -> None:
    """Writes a folder that `from_pretrained` reads back exactly, with a model card.

    Args:
        folder: made if need be; files of these names in it are replaced, each at once.
        model: the network, on any device.
        variants: those it was trained for, the first one being the default; at least one.
        metadata: text to keep with the weights; `license` and `licences` are used by the card (see `model_card`).
        name: what the card calls the model; else the folder's name.

    Raises:
        StoreError: the folder cannot be written.
        UsageError: no variant, one that the network cannot run, or a network for grey images.
    """
    everything = weights_metadata(model, variants, metadata or {})
    head, data = safetensors_bytes(model.state_dict(), everything)
    config = {
        "model_type": settings_of(model).family,
        **{key: json.loads(everything[key]) for key in _described(everything)},
    }
    card = model_card(name or Path(folder).absolute().name, model, variants, everything)
    store = Store(str(folder))
    store.write(WEIGHTS, head + bytes(data))
    store.write(CARD, card.encode())
    store.write(CONFIG, (json.dumps(config, indent=2) + "\n").encode())
    store.sweep()


def weights_metadata(model: nn.Module, variants: Sequence[AnyVariant], more: Mapping[str, str]) -> dict[str, str]:
    """What a weights file needs to be read back by `from_pretrained`, and `more`.

    Raises:
        UsageError: no variant, one that the network cannot run, or a network for grey images.
    """
    _check(model, variants)
    own = {
        "format": "pt",  # what readers of the Hugging Face convention look for
        ARCHITECTURE: json.dumps(settings.to_dict(settings_of(model))),
        VARIANTS: json.dumps({variant.name: list(variant.repeats) for variant in variants}),
    }
    depth = model.depth if isinstance(model, DyNet) else None
    return {**more, **own, **({DEPTH: json.dumps(list(depth.repeats))} if depth else {})}


def _check(model: nn.Module, variants: Sequence[AnyVariant]) -> None:
    """Whether a network takes RGB, and there are variants and it can run them; `UsageError` if not."""
    if not variants:
        raise UsageError("a network has at least one variant")
    check_colours(settings_of(model))
    check_runs(model, variants)


def from_pretrained(location: str | Path) -> Pretrained:
    """Reads a network: a folder of `save_pretrained`, a checkpoint or a run of `million-ird pretrain` (of a run the
    best checkpoint, or else the newest), a weights file alone, or a `.ckpt` of the published PromptIR or DyNet.

    Nothing in a file is executed.

    Raises:
        UsageError: there is nothing to read at `location`.
        DatasetError: what is there is damaged, or is no network of ours; one line says which file and what is wrong.
    """
    path = weights_file(Path(location).expanduser())
    if path.suffix in _PICKLES:
        return _published(_read_pickle(path), path, {})
    header = _reading(path, read_header)
    metadata = header.metadata
    if ARCHITECTURE not in metadata and is_published(header.shapes):
        return _published(_reading(path, read_safetensors)[0], path, metadata)
    _compare_config(path, metadata)
    build, variants = _describe(path, header)
    tensors, _ = _reading(path, read_safetensors)
    check_finite(tensors, str(path))
    model = build()
    load_weights(model, tensors, str(path))
    rest = {key: value for key, value in metadata.items() if key not in (*_described(metadata), "format")}
    return Pretrained(model.eval(), variants, rest)


def _reading(path: Path, read: Callable[[Path], Read]) -> Read:
    try:
        with explained("read", str(path)):
            return read(path)
    except (safetensors.SafetensorError, ValueError, TypeError, AttributeError) as error:  # the latter: odd dtypes
        raise DatasetError(f"{path} is damaged or no safetensors file: {one_line(str(error))}") from error
    except (RuntimeError, MemoryError) as error:  # PyTorch has no error of its own for a CPU that is out of memory
        raise DatasetError(f"there is no memory for {path}: {one_line(str(error))}") from error


def weights_file(location: Path) -> Path:
    """The weights file that a location means; see `from_pretrained`.

    Raises:
        UsageError: there is none.
    """
    if location.is_file():
        return location
    if (location / WEIGHTS).is_file():
        return location / WEIGHTS
    from pretrain.checkpoint import FOLDER, Checkpoints, CheckpointSettings

    if (location / FOLDER).is_dir():
        checkpoints = Checkpoints(location, CheckpointSettings())
        steps = checkpoints.steps()
        if steps:
            return (checkpoints.best() or checkpoints.path(steps[-1])) / WEIGHTS
        raise UsageError(f"the run in {location} has no checkpoint yet")
    if location.exists():
        raise UsageError(f"{location} has no {WEIGHTS}: it is no folder of a model, checkpoint or run")
    raise UsageError(f"there is no file or folder {location}")


def _described(metadata: Mapping[str, str]) -> list[str]:
    return [key for key in (ARCHITECTURE, VARIANTS, DEPTH) if key in metadata]


@dataclass(frozen=True)
class _Described:
    """What metadata say of a network, as settings of a class with one field, which a union needs."""

    model: ModelSettings


def _describe(path: Path, header: Header) -> tuple[Callable[[], nn.Module], tuple[AnyVariant, ...]]:
    """What makes the network that a file's metadata tell of, of the very shapes that the file has; and its variants.

    Nothing is built that is larger than the file: whatever a stranger wrote, its shapes are looked at first.
    """
    metadata = header.metadata
    try:
        shape = settings.from_dict(_Described, {"model": json.loads(metadata[ARCHITECTURE])}).model
        variants = tuple(variant_of(name, repeats) for name, repeats in json.loads(metadata[VARIANTS]).items())
        if DEPTH in metadata and isinstance(shape, DyNetSettings):
            build: Callable[[], nn.Module] = partial(DyNet, shape, Variant.of(DEPTH, json.loads(metadata[DEPTH])))
        else:
            build = partial(build_network, shape, variants)
        planned = blueprint(build, tensors=len(header.shapes))
        _check(planned, variants)
    except KeyError as error:
        raise DatasetError(f"{path} does not say what network it holds: its metadata have no {error}") from error
    except (UsageError, ValueError, TypeError, AttributeError, RuntimeError) as error:  # whatever a stranger wrote
        raise DatasetError(f"{path}: what it says of its network cannot be: {one_line(str(error))}") from error
    compare_shapes(planned, header.shapes, str(path))
    return build, variants


def _compare_config(path: Path, metadata: Mapping[str, str]) -> None:
    """A config.json that someone changed must not be passed over in silence: the weights decide."""
    file = path.with_name(CONFIG)
    if path.name != WEIGHTS or not file.is_file():
        return
    try:
        config: Any = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise DatasetError(f"{file} cannot be read: {error}") from error
    for key in _described(metadata):
        if not isinstance(config, dict) or config.get(key) != _parsed(metadata[key]):
            raise DatasetError(f"{file} and {path.name} disagree about {key!r}: one of them is of another network")


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):  # whoever reads what it describes will say so
        return None


def _read_pickle(path: Path) -> dict[str, Tensor]:
    """The state in a file of `torch.save`, of tensors and plain values only."""
    try:
        with explained("read", str(path)):
            read = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError) as error:
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise DatasetError(f"{path} is damaged or holds more than tensors: {first}") from error
    state = read.get("state_dict", read) if isinstance(read, dict) else {}
    if not isinstance(state, dict) or not is_published({k: v for k, v in state.items() if isinstance(v, Tensor)}):
        raise DatasetError(f"{path} holds no network of the published PromptIR or DyNet")
    tensors = {str(key): value for key, value in state.items() if isinstance(value, Tensor)}
    if sum(tensor.numel() * tensor.element_size() for tensor in tensors.values()) > path.stat().st_size:
        raise DatasetError(f"{path} is damaged: its tensors say they are larger than the file")
    return tensors


def _published(state: Mapping[str, Tensor], path: Path, metadata: Mapping[str, str]) -> Pretrained:
    check_finite(state, str(path))
    model = from_published(state, str(path))
    if model.depth is None:
        return Pretrained(model.eval(), SHIPPED, metadata)
    return Pretrained(
        model.eval(), (Variant(LARGE.name, model.depth.encoder, model.depth.latent, model.depth.decoder),), metadata
    )
