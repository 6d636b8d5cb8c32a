"""The page: masthead, contents and sections, as one file that asks the network for nothing."""

from __future__ import annotations

from importlib.resources import files

from million_ird.report.collect import Collected
from million_ird.report.distributions import Distribution
from million_ird.report.funnel import Stage
from million_ird.report.inputs import ReportInputs
from million_ird.report.markup import Markup, join, tag
from million_ird.report.sections.contents import contents_section
from million_ird.report.sections.distributions import distributions_section
from million_ird.report.sections.duplicates import benchmarks_section, duplicates_section
from million_ird.report.sections.failures import failures_section
from million_ird.report.sections.funnel import funnel_section
from million_ird.report.sections.reading import reading_section, recipe_section
from million_ird.report.sections.section import Section
from million_ird.report.sections.sheets import gallery, sheets_section
from million_ird.report.sections.throughput import throughput_section
from million_ird.report.words import count, megapixels, size

_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
"""Content security policy: even a hole in the escaping could neither run a script nor load anything."""
_BAND = 24  # pictures under the title; two rows of them are shown


def page(
    inputs: ReportInputs,
    collected: Collected,
    stages: tuple[Stage, ...],
    images: tuple[Distribution, ...],
    patches: tuple[Distribution, ...],
) -> str:
    """The whole HTML document."""
    disagreeing = collected.images.screens.disagreeing + collected.patches.screens.disagreeing
    sections = (
        funnel_section(stages, inputs.meanings),
        failures_section(collected.images, inputs.log),
        distributions_section(images, patches, disagreeing),
        contents_section(collected),
        sheets_section(collected),
        duplicates_section(collected.duplicates, collected.images.stages["screened"], sum(collected.images.kinds[1:])),
        benchmarks_section(collected.duplicates),
        throughput_section(collected, inputs.log),
        reading_section(inputs),
        recipe_section(inputs.recipe),
    )
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("meta", name="description", content=inputs.description[:300]),
        tag("title", f"{inputs.name[:120]} · dataset report"),
        tag("style", _styles()),
    )
    main = tag("main", _masthead(inputs, collected), join(section.markup() for section in sections), id="top")
    body = tag("body", tag("a", "Skip to the report", href="#funnel", class_="skip"), _contents(sections), main)
    return "<!DOCTYPE html>\n" + tag("html", head, body, lang="en") + "\n"


def _styles() -> Markup:
    folder = files("million_ird.report")
    return Markup(
        "".join(folder.joinpath(name).read_text("utf-8") for name in ("palette.css", "chart.css", "style.css"))
    )


def _contents(sections: tuple[Section, ...]) -> Markup:
    links = (tag("li", tag("a", section.title, href=f"#{section.anchor}")) for section in sections)
    return tag("nav", tag("p", tag("a", "Report", href="#top")), tag("ul", links), aria_label="Contents")


def _masthead(inputs: ReportInputs, collected: Collected) -> Markup:
    images, patches = collected.images, collected.patches
    licenses = sum(1 for row in images.licenses.table().to_pylist() if row["unique"] and row["license"])
    figures = (
        (count(images.stages["unique"]), "images kept"),
        (count(patches.kept), "patches"),
        (megapixels(patches.sums["pixels"]), "of patches"),
        (size(patches.sums["size"]), "in shards"),
        (count(licenses), "license" if licenses == 1 else "licenses"),
    )
    facts = tag("dl", (tag("div", tag("dd", value), tag("dt", label)) for value, label in figures), class_="figures")
    band = patches.sheets.kept[:_BAND] or images.sheets.kept[:_BAND]
    made = (
        ("Recipe", tag("bdi", inputs.recipe_name[:80] or "–")),
        ("Fingerprint", tag("code", inputs.fingerprint[:80] or "–")),
        ("Format", tag("span", inputs.format_version)),
    )
    origin = tag("dl", (tag("div", tag("dt", label), tag("dd", value)) for label, value in made), class_="origin")
    title = [tag("p", "Dataset report", class_="overline"), tag("h1", tag("bdi", inputs.name))]
    lead = tag("p", inputs.description, class_="lead")
    return tag("header", title, lead, facts, tag("div", gallery(band, captions=False), class_="band"), origin)
