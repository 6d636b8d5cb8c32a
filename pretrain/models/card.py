"""The model card: a README.md in the Hugging Face convention, beside the weights."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from torch import nn

from pretrain.models.carn import CARNSettings
from pretrain.models.counting import count_operations, parameters
from pretrain.models.dynet import DyNet
from pretrain.models.families import ModelSettings, family_of, scale_of, settings_of
from pretrain.models.ghost.network import GhostNetworkSettings
from pretrain.models.lmd_vit.settings import LMDViTSettings
from pretrain.models.variants import AnyVariant, Variant

SIDE = 224
"""Side of the image for which the card counts operations, the size of the papers' tables."""


def model_card(name: str, model: nn.Module, variants: Sequence[AnyVariant], metadata: Mapping[str, str]) -> str:
    """The card's text.

    Args:
        name: what the model is called.
        model: the network.
        variants: those it was trained for.
        metadata: `license` (the publisher's choice, an identifier of the Hugging Face Hub), `licences` (JSON: licence
            of the training data → patches) and `stream_fingerprint` are used where they are given.
    """
    scale = scale_of(settings_of(model))
    front = ["---", *_license(metadata), "library_name: million-ird", "pipeline_tag: image-to-image", "tags:"]
    front += ["- image-restoration", *(f"- {task}" for task in _tasks(model)), "---", ""]
    size = "images of any size" if scale == 1 else f"images of any size and gives them with {scale} times the sides"
    body = [
        f"# {_plain(name)}",
        "",
        f"An image restoration network of million-ird: {_kind(model)}, {parameters(model):,} parameters.",
        f"It takes RGB {size}, values 0 to 1; the result is not clamped.",
        "",
        *_costs(model, variants),
        "",
        "```python",
        "from pretrain.models.pretrained import from_pretrained",
        "",
        'pretrained = from_pretrained("path/to/this/folder")',
        f"restored = pretrained.model({_arguments(variants[0])})  # image: (B, 3, H, W), 0 to 1",
        "```",
        "",
        *_data(metadata),
    ]
    return "\n".join(front + body)


def _tasks(model: nn.Module) -> list[str]:
    """What the network is sure to be for; of others than DyNet, that keep the size, the recipe alone says it."""
    if scale_of(settings_of(model)) > 1:
        return ["super-resolution"]
    return ["denoising"] if isinstance(model, DyNet) else []


def _kind(model: nn.Module) -> str:
    if not isinstance(model, DyNet):
        return _title(settings_of(model))
    kind = "shared blocks (DyNet)" if model.settings.shared else "blocks of their own (PromptIR-shaped control)"
    return f"{kind}, width {model.settings.width}, prompts on the {model.settings.prompt_placement}"


def _title(shape: ModelSettings) -> str:
    if isinstance(shape, GhostNetworkSettings):
        return f"{family_of(shape).title} of {_title(shape.network)}"
    return "CARN-M" if isinstance(shape, CARNSettings) and shape.efficient else family_of(shape).title


def _costs(model: nn.Module, variants: Sequence[AnyVariant]) -> list[str]:
    """What a pass takes: a table of DyNet's variants, or a line."""
    if not isinstance(model, DyNet):
        shape = settings_of(model)
        giga = family_of(shape).macs(model, SIDE, SIDE).total / 1e9
        most = ", less where windows are left out" if isinstance(shape, LMDViTSettings) else ""
        return [f"An image of {SIDE} × {SIDE} pixels takes {giga:.2f} G multiply-accumulates{most}."]
    return [
        f"| variant | repeats | multiply-accumulates at {SIDE} × {SIDE} |",
        "| --- | --- | ---: |",
        *(_variant_row(model, variant) for variant in variants if isinstance(variant, Variant)),
        "",
        "The variants are the same weights: a variant says how often each block is applied.",
    ]


def _arguments(variant: AnyVariant) -> str:
    return f'image, pretrained.variant("{variant.name}")' if variant.arguments else "image"


def _license(metadata: Mapping[str, str]) -> list[str]:
    chosen = metadata.get("license", "")
    if chosen:
        return [f"license: {json.dumps(chosen)}"]
    return [
        "license: other",
        "license_name: not-yet-chosen  # by whoever publishes this: see the data's licenses below",
    ]


def _variant_row(model: DyNet, variant: Variant) -> str:
    giga = count_operations(model, variant, SIDE, SIDE).multiply_accumulates / 1e9
    return f"| {_plain(variant.name)} | {list(variant.repeats)} | {giga:.2f} G |"


def _data(metadata: Mapping[str, str]) -> list[str]:
    lines = []
    if metadata.get("stream_fingerprint"):
        lines += [f"Trained on data of fingerprint `{_plain(metadata['stream_fingerprint'])}`.", ""]
    licences = _counts(metadata.get("licences", ""))
    if licences:
        lines += ["| License of the training data, as its sources stated it | patches |", "| --- | ---: |"]
        ranked = sorted(licences.items(), key=lambda item: (-item[1], item[0]))
        lines += [f"| {_plain(name or 'not stated')[:200]} | {count:,} |" for name, count in ranked]
        lines.append("")
    return lines


def _counts(text: str) -> dict[str, int]:
    """Licences as they stand in the metadata; a file of strangers may hold anything there, and then has none."""
    try:
        read = json.loads(text or "{}")
    except json.JSONDecodeError:
        return {}
    return {str(key): value for key, value in read.items() if type(value) is int} if isinstance(read, dict) else {}


def _plain(text: str) -> str:
    """Text from outside that cannot break out of its line or cell."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;").replace("`", "'")
