"""What a recipe says about one manifest: its section `[manifest]` (or several `[[manifest]]`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["auto", "csv", "tsv", "parquet", "jsonl", "json", "text", "folder", "webdataset", "huggingface"]
Layout = Literal["auto", "laion", "pd12m", "megalith"]


@dataclass(frozen=True)
class ColumnSettings:
    """Which column of the manifest holds what. Empty: the layout's own names are looked for.

    A table without header has its columns named "0", "1", …; a name that is given here must exist.
    """

    url: str | int = ""
    """Where the image is: an http or https URL."""
    image: str | int = ""
    """Parquet and Hugging Face only: the column that holds the image's bytes, instead of a URL."""
    width: str | int = ""
    """Width in pixels as the manifest claims it; used for estimates only, never trusted."""
    height: str | int = ""
    """Height in pixels as the manifest claims it; used for estimates only, never trusted."""
    sha256: str | int = ""
    """SHA-256 of the image file. Anything but 64 hex digits is kept as provenance instead."""
    license: str | int = ""
    """License of the image, as the manifest words it."""
    author: str | int = ""
    """Author, photographer or owner."""
    source: str | int = ""
    """Collection that a row came from; rows without one carry the manifest's name."""
    drop: tuple[str | int, ...] = ()
    """Columns that are left out, embeddings for example. Every other column is kept as provenance, in one JSON object
    per row; columns of bytes are not."""


@dataclass(frozen=True)
class ManifestSettings:
    """One list of image sources."""

    path: str = ""
    """File, folder, glob (`*`, `?`, `[…]`), numbered range (`{000..127}`) or any fsspec URL of these (s3://, hf://,
    https://…); for `huggingface` a dataset's name or folder. Relative to the recipe's folder; on the command line and
    for the recipes that come with the package, to the current one. `.gz`, `.bz2` and `.zst` are unpacked on the fly."""
    name: str = ""
    """The word that rows carry in their column `source`; names must differ. Empty: the last part of the path."""
    format: Kind = "auto"
    """How the file is read. `auto` goes by the name: `.csv`, `.tsv`, `.parquet`, `.jsonl`/`.ndjson`, `.json` (an array
    of objects), `.txt` (one URL per line), `.tar` (WebDataset), and a folder is a folder of images."""
    layout: Layout = "auto"
    """Ready column names: `laion` (URL, WIDTH, HEIGHT, LICENSE), `pd12m` (url, width, height, hash, license, source),
    `megalith` (url_highres, …). `auto` tries the usual spellings of each."""
    header: bool | Literal["auto"] = "auto"
    """CSV and TSV: whether the first line names the columns. `auto`: it does unless one of its cells is a URL."""
    delimiter: str = "auto"
    """CSV: the character between cells. `auto`: tab, comma, semicolon or bar, whichever cuts the first lines evenly."""
    columns: ColumnSettings = ColumnSettings()
    """Which column holds what, where the layout does not say."""
    license: str = ""
    """License of rows that name none (a folder of one's own photographs, say)."""
    author: str = ""
    """Author of rows that name none."""
    key_prefix: str = ""
    """Put before relative paths when image keys are computed. Needed where two folders hold the same relative path."""
    split: str = "train"
    """Hugging Face only: the split to read."""
    configuration: str = ""
    """Hugging Face only: the configuration ("subset") to read; empty for the default one."""

    def __post_init__(self) -> None:
        if self.delimiter != "auto" and len(self.delimiter) != 1:
            raise ValueError(f"delimiter must be one character or 'auto', got {self.delimiter!r}")
        if "\n" in self.name:
            raise ValueError("name must be one line")

    @property
    def label(self) -> str:
        """The manifest's name, or else the last literal part of its path (`photos` of `photos/**/*.jpg`)."""
        spelled_out = [part for part in self.path.split("/") if part and not any(c in part for c in "*?[{")]
        return self.name or (spelled_out[-1] if spelled_out else "manifest")
