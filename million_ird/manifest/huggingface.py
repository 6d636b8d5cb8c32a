"""A Hugging Face dataset: by name on the Hub, a folder that `load_dataset` understands, or one saved to disk.

A dataset of URLs is streamed. A dataset of images is downloaded to the `datasets` cache first, because its bytes must
be read again, unit by unit; to read image columns without that, give the Parquet files themselves (`hf://datasets/…`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from million_ird.errors import MissingExtraError, UsageError
from million_ird.manifest.blocks import BLOCK_ROWS, BadRow, Block, blocks_of
from million_ird.manifest.columns import find_columns
from million_ird.manifest.local import HUGGINGFACE, HuggingFacePlace, open_huggingface
from million_ird.manifest.settings import ManifestSettings


def read_huggingface(path: str, settings: ManifestSettings) -> Iterator[Block]:
    """Blocks of the dataset's rows, in its own order."""
    place = HuggingFacePlace(path, settings.configuration, settings.split, "")
    saved = Path(path, "state.json").exists() or Path(path, "dataset_dict.json").exists()
    dataset = _explained(path, lambda: open_huggingface(place, streaming=not saved))
    names = list(dataset.features) if dataset.features is not None else list(next(iter(dataset), {}))
    mapping = find_columns(names, settings)
    if "url" in mapping.names:
        wanted = [name for name in names if name not in mapping.drop and not _holds_bytes(dataset.features, name)]
        yield from blocks_of(_numbered(dataset.select_columns(wanted), path))
        return
    image = mapping.names["image"]
    stored = dataset if saved else _explained(path, lambda: open_huggingface(place, streaming=False))
    root = HUGGINGFACE + HuggingFacePlace(path, settings.configuration, settings.split, image).to_query()
    others = stored.remove_columns([name for name in names if name == image or _holds_bytes(stored.features, name)])
    for start in range(0, len(stored), BLOCK_ROWS):
        rows = range(start, min(start + BLOCK_ROWS, len(stored)))
        columns = others[rows.start : rows.stop] if others.column_names else {}
        urls = [str(row) for row in rows]
        origins = [f"{settings.key_prefix}{settings.label}/{settings.split}/{row}" for row in rows]
        yield Block(rows=rows, columns=columns, urls=urls, roots=[root] * len(rows), origins=origins)


def _holds_bytes(features: Mapping[str, Any] | None, name: str) -> bool:
    """Whether a column is of pictures, sounds or plain bytes, which are no provenance."""
    kind = features[name] if features is not None else None
    return type(kind).__name__ in ("Image", "Audio", "Video", "Pdf") or getattr(kind, "dtype", "") == "binary"


def _numbered(dataset: Any, path: str) -> Iterator[BadRow | tuple[int, Mapping[str, Any]]]:
    iterator = iter(dataset)
    for row in range(2**62):
        try:
            yield row, next(iterator)
        except StopIteration:
            return
        except (OSError, ValueError) as error:
            raise UsageError(f"manifest: cannot read row {row} of {path}: {str(error)[:300]}") from None


def _explained(path: str, action: Any) -> Any:
    try:
        return action()
    except ImportError as error:
        raise MissingExtraError(f"manifest: {path} needs a package: {error}") from None
    except (OSError, ValueError, RuntimeError) as error:
        raise UsageError(f"manifest: cannot open the dataset {path}: {' '.join(str(error).split())[:300]}") from None
