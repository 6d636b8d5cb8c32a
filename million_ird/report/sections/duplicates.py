"""Duplicates and benchmark pictures that were found, side by side."""

from __future__ import annotations

from million_ird.report.collect.duplicates import KINDS, DuplicateCounts, Pair
from million_ird.report.markup import Markup, join, tag
from million_ird.report.sections.section import Section, empty, paragraph
from million_ird.report.tables import Column, name, table
from million_ird.report.thumbnails import image
from million_ird.report.words import count, measure, plain, share

_WORDS = {
    "bytes": "The same bytes",
    "pixels": "The same pixels in other bytes",
    "near": "Near duplicates",
    "crop": "Crops of another image",
}


def duplicates_section(duplicates: DuplicateCounts, kept: int, dropped: int) -> Section:
    """What was found to be in the dataset already: `dropped` of the `kept` images that passed the screens."""
    rows = [r for r in duplicates.found.table().to_pylist() if r["kind"] != KINDS[0]]
    total = sum(r["images"] for r in rows)
    if not total:
        return Section("duplicates", "Duplicates", empty(f"No duplicate was found among {count(kept)} images."))
    body = [
        paragraph(
            f"{count(dropped)} of the {count(kept)} images that the screens kept ({share(dropped, kept)}) repeat one "
            "that stays. Of each pair, the left picture was dropped and the right one is kept; the least alike pairs "
            "come first, for there a mistake would show."
        ),
        _table(rows),
        *(_pairs(_WORDS[kind], duplicates.pairs[kind].items) for kind in KINDS[1:]),
    ]
    return Section("duplicates", "Duplicates", join(body))


def benchmarks_section(duplicates: DuplicateCounts) -> Section:
    """Pictures of test sets that were found and taken out."""
    top = duplicates.benchmarks.top(40, "images")
    found = duplicates.benchmarks.total("images")
    title = "Benchmark pictures"
    if not found:
        return Section("benchmarks", title, empty("No image was found to show a benchmark picture."))
    rows = [(name(str(r["set"])), count(int(str(r["images"])))) for r in top.rows]
    body = [
        paragraph(
            f"{count(found)} matches with pictures of test sets were found and their images taken out, so that a model "
            "trained on this set can be tested on those. Left, what was found in the sources; right, the benchmark’s."
        ),
        table("Matches by benchmark", (Column("Benchmark"), Column("Matches", True)), rows),
        _pairs("Found", duplicates.pairs[KINDS[0]].items),
    ]
    return Section("benchmarks", title, join(body))


def _table(rows: list[dict[str, object]]) -> Markup:
    ordered = sorted(rows, key=lambda r: (-int(str(r["images"])), str(r["kind"]), str(r["transform"])))[:40]
    lines = [
        (
            name(_WORDS.get(str(r["kind"]), str(r["kind"]))),
            name(plain(str(r["transform"])) if r["transform"] else "–"),
            count(int(str(r["images"]))),
        )
        for r in ordered
    ]
    return table("Matches by kind", (Column("Kind"), Column("Transform"), Column("Matches", True)), lines)


def _pairs(title: str, pairs: list[Pair]) -> Markup:
    cells = [cell for cell in map(_pair, pairs) if cell is not None]
    if not cells:
        return join([])
    return join([tag("h3", title), tag("ul", cells, class_="pairs")])


def _pair(pair: Pair) -> Markup | None:
    left, right = image(pair.thumbnail, f"Dropped: {pair.key}"), image(pair.keeper_thumbnail, f"Kept: {pair.keeper}")
    if left is None or right is None:
        return None
    moved = pair.transform not in ("", "identity")
    facts = [tag("bdi", plain(pair.transform), class_="what")] if moved else []
    if pair.distance is not None:
        facts.append(tag("span", f"{measure(pair.distance)} bits apart"))
    if pair.agreement is not None:
        facts.append(tag("span", f"agreement {pair.agreement:.3f}"))
    if pair.kind == KINDS[0]:
        facts.insert(0, tag("b", name(pair.keeper, 40)))
    return tag("li", tag("figure", tag("div", left, right, class_="two"), tag("figcaption", join(facts, " "))))
