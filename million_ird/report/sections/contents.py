"""Licenses, sources, formats and encodings."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pyarrow as pa

from million_ird.report.collect import Collected
from million_ird.report.markup import Markup, join, tag
from million_ird.report.sections.section import Section, paragraph
from million_ird.report.tables import Column, name, table
from million_ird.report.tally import Tally
from million_ird.report.words import count, megapixels, plain, plural, share, size

_SHOWN = 40


def contents_section(collected: Collected) -> Section:
    """What the dataset is made of."""
    images, patches = collected.images, collected.patches
    lead = paragraph(
        "Licenses are stated as the manifests gave them. Each image’s row carries its own license, author and URL; an "
        "empty license means that its manifest named none, not that there is none."
    )
    parts = [
        lead,
        _licenses(collected),
        _sources(collected),
        tag(
            "div",
            _marginal(images.formats, "format", "Formats", "Format"),
            _marginal(images.formats, "colour_space", "Colour spaces", "Colour space"),
            _marginal(images.formats, "depth", "Channels and depth", "Pixels"),
            _marginal(images.formats, "sampling", "JPEG sampling and scan", "Sampling"),
            class_="columns",
        ),
        _encodings(patches.encodings),
    ]
    return Section("contents", "What is in it", join(parts))


def _number(row: Mapping[str, object], column: str) -> int:
    return int(str(row[column]))


def _licenses(collected: Collected) -> Markup:
    merged = Tally(("license",), ("planned", "fetched", "unique", "patches"))
    for part in (collected.images.licenses, collected.patches.licenses):
        merged.add(_with_zeros(part.table(), merged))
    kept = merged.total("unique")

    def line(first: str, sums: Mapping[str, object]) -> tuple[str, ...]:
        planned, fetched, unique, patches = (_number(sums, column) for column in merged.sums)
        return (first, count(planned), count(fetched), count(unique), share(unique, kept), count(patches))

    titles = ("Planned", "Fetched", "Kept", "Share of kept", "Patches")
    return _table("Licenses", "License", titles, merged, "unique", line)


def _sources(collected: Collected) -> Markup:
    merged = Tally(("source",), ("rows", "planned", "fetched", "screened", "unique", "pixels", "patches"))
    for part in (collected.images.sources, collected.sources.reasons, collected.patches.sources):
        merged.add(_with_zeros(part.table(), merged))

    def line(first: str, sums: Mapping[str, object]) -> tuple[str, ...]:
        refused, planned, *later, pixels, patches = (_number(sums, column) for column in merged.sums)
        return (first, count(refused + planned), *map(count, (planned, *later)), megapixels(pixels), count(patches))

    titles = ("Rows", "Planned", "Fetched", "Pass screens", "Kept", "Kept area", "Patches")
    return _table("Sources", "Source", titles, merged, "planned", line)


def _with_zeros(part: pa.Table, tally: Tally) -> pa.Table:
    """The columns of `tally`, zero where `part` has no such sum."""
    zeros = np.zeros(part.num_rows, np.int64)
    columns = {name: part[name] for name in tally.names}
    columns |= {name: part[name] if name in part.column_names else zeros for name in tally.sums}
    return pa.table(columns)


def _table(
    caption: str,
    first: str,
    titles: tuple[str, ...],
    tally: Tally,
    by: str,
    line: Callable[[str, Mapping[str, object]], tuple[str, ...]],
) -> Markup:
    top = tally.top(_SHOWN, by)
    lines = [line(name(str(row[tally.names[0]]) or "(none stated)"), row) for row in top.rows]
    if top.others:
        lines.append(line(_others(top.others), top.others_sums))
    return table(caption, (Column(first), *(Column(title, True) for title in titles)), lines)


def _marginal(formats: Tally, column: str, caption: str, first: str) -> Markup:
    coarse = Tally((column,), ("fetched", "unique"))
    coarse.add(formats.table())
    top = coarse.top(12, "fetched")
    lines = [
        (
            name(plain(str(r[column])) if r[column] else "not stated", 36),
            count(_number(r, "fetched")),
            count(_number(r, "unique")),
        )
        for r in top.rows
    ]
    if top.others:
        lines.append((_others(top.others), count(top.others_sums["fetched"]), count(top.others_sums["unique"])))
    return tag("div", table(caption, (Column(first), Column("Fetched", True), Column("Kept", True)), lines))


def _encodings(encodings: Tally) -> Markup:
    top = encodings.top(12, "candidates")
    lines = []
    for r in top.rows:
        kept = _number(r, "patches")
        each = size(round(_number(r, "size") / kept)) if kept else "–"
        lines.append(
            (
                name(str(r["encoding"])),
                _EXACT.get(str(r["lossless"]), str(r["lossless"])[:40]),
                count(_number(r, "candidates")),
                count(kept),
                size(_number(r, "size")),
                each,
            )
        )
    heads = (
        Column("Encoding"),
        Column("Equal to the source in", own=True),
        *(Column(t, True) for t in ("Candidates", "Kept", "Bytes", "Mean size")),
    )
    return table("Encodings of the patches", heads, lines)


_EXACT = {"coefficients": "its DCT coefficients", "pixels": "its pixels"}


def _others(number: int) -> Markup:
    return tag("i", plural(number, "other"))
