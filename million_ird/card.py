"""The dataset card: a README.md whose front matter makes `datasets.load_dataset` work unaided."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence


def dataset_card(
    name: str,
    encodings: Sequence[str],
    patches: Mapping[str, int],
    size: int,
    licenses: Mapping[str, int],
    sources: Mapping[str, int],
    fingerprint: str,
) -> str:
    """The card's text.

    Args:
        name: what the dataset is called.
        encodings: encodings that have at least one tar; each becomes a configuration.
        patches: kept patches per encoding.
        size: side of a patch in pixels.
        licenses: kept patches per license as the manifest stated it ("" = not stated).
        sources: kept patches per manifest.
        fingerprint: of the recipe.
    """
    front = ["---", f"pretty_name: {json.dumps(name)}", "task_categories:", "- image-to-image"]
    if encodings:
        front.append("configs:")
    for encoding in encodings:
        front += [
            f"- config_name: {encoding}",
            "  data_files:",
            "  - split: train",
            f"    path: patches/{encoding}/*.tar",
        ]
        front += ["  default: true"] if encoding == encodings[0] else []
    total = sum(patches.values())
    body = [
        "---",
        "",
        f"# {' '.join(name.split()).replace('<', '&lt;')}",
        "",
        f"{total:,} patches of {size} × {size} pixels, cut by million-ird (recipe fingerprint `{fingerprint}`).",
        "Patches of JPEG photographs hold exactly the original quantised coefficients; all others are lossless WebP.",
        "Pixels are in stored orientation: turn them by the `orientation` field (EXIF 1 to 8).",
        "",
        *_table("Configuration", patches),
        *_table("License (as stated by the source)", licenses),
        *_table("Source", sources),
        "The report is in `report/index.html`; the format is described in the project's `docs/format.md`.",
        "To have a picture taken out, name its URL to whoever published this copy: `million-ird takedown` removes it",
        "and every copy of it, and keeps it out of later builds.",
        "",
    ]
    return "\n".join(front + body)


def _table(title: str, counts: Mapping[str, int]) -> list[str]:
    """A Markdown table of counts, most first; text from outside cannot break out of its cell."""
    rows = [f"| {title} | patches |", "| --- | ---: |"]
    for value, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        text = " ".join((value or "not stated").split()).replace("|", "\\|").replace("<", "&lt;")
        rows.append(f"| {text[:200]} | {count:,} |")
    return [*rows, ""]
