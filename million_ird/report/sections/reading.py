"""How to read and cite the dataset, and the recipe that made it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from million_ird.report.inputs import ReportInputs
from million_ird.report.markup import Markup, join, tag
from million_ird.report.sections.section import Section, empty, paragraph
from million_ird.report.tables import name


def reading_section(inputs: ReportInputs) -> Section:
    """Code to read it, and what to write in a paper."""
    code = 'from million_ird import open_dataset\ndataset = open_dataset("URL of the folder that holds this report")\n'
    cite = (
        f"{inputs.name}, built with million-ird, recipe {inputs.recipe_name}, "
        f"fingerprint {inputs.fingerprint}, format {inputs.format_version}."
    )
    parts = [
        paragraph(
            "The shards are plain WebDataset tars and the rows plain Parquet: ",
            tag("code", "webdataset"),
            " and ",
            tag("code", "datasets.load_dataset"),
            " read them unaided. From Python:",
        ),
        tag("pre", tag("code", code), tabindex="0"),
        paragraph(
            "To cite the data, name the recipe’s fingerprint: the same bytes and the same fingerprint give the "
            "same shards, byte for byte. The photographs remain their authors’; each row names author, license "
            "and URL."
        ),
        tag("blockquote", tag("bdi", cite)),
        paragraph(
            "Bars, curves and quantiles are read from bins at most 1/128 of a value wide; counts at the "
            "thresholds are exact. The numbers of this page stand in ",
            tag("code", "stats.json"),
            ", its charts as SVG files in ",
            tag("code", "plots/"),
            ".",
        ),
    ]
    return Section("reading", "How to read and cite it", join(parts))


def recipe_section(recipe: Mapping[str, object]) -> Section:
    """Every setting of the resolved recipe."""
    groups: dict[str, list[tuple[str, str]]] = {}
    for path, value in _flatten(recipe, ()):
        groups.setdefault(".".join(path[:-1]), []).append((path[-1], value))
    cards = [_group(title, pairs) for title, pairs in groups.items()]
    body = tag("div", cards, class_="recipe") if cards else empty("The recipe was not recorded.")
    return Section("recipe", "The recipe", body)


def _group(title: str, pairs: list[tuple[str, str]]) -> Markup:
    lines = [join([tag("dt", name(key, 60)), tag("dd", name(value, 160))]) for key, value in pairs]
    return tag("div", tag("h3", tag("bdi", f"[{title}]" if title else "recipe")), tag("dl", lines), class_="group")


def _flatten(value: object, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from _flatten(inner, (*path, str(key)))
    elif isinstance(value, list | tuple) and value and all(isinstance(inner, Mapping) for inner in value):
        for place, inner in enumerate(value):
            yield from _flatten(inner, (*path[:-1], f"{path[-1]} {place + 1}" if path else str(place + 1)))
    elif path:
        yield path, _literal(value)


def _literal(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "none"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list | tuple):
        return ", ".join(map(_literal, value)) or "none"
    return str(value)
