"""Contact sheets: what was kept, and what was rejected, nearest the threshold first."""

from __future__ import annotations

from urllib.parse import urlsplit

from million_ird.report.collect import Collected
from million_ird.report.collect.sheets import Sheet
from million_ird.report.markup import Markup, join, number, tag
from million_ird.report.nearest import Picture
from million_ird.report.sections.section import Section, empty, paragraph
from million_ird.report.tally import Tally
from million_ird.report.thumbnails import image, jpeg_size
from million_ird.report.words import count, measure, title


def sheets_section(collected: Collected) -> Section:
    """Kept and rejected images and patches."""
    lead = paragraph(
        "A fair sample of what was kept, then, for every reason, what was rejected, the closest calls first, beside "
        "what the same threshold only just let through. Pictures lie as they are stored: a rotation that a file asks "
        "for is recorded, not applied."
    )
    body = [lead]
    for things, table in (("Images", collected.images), ("Patches", collected.patches)):
        sheets, numbers = table.sheets, _numbers(table.reasons)
        body.append(tag("h3", f"{things} kept"))
        body.append(gallery(sheets.kept) or empty("No picture to show."))
        rejected = [_sheet(sheet, numbers.get(sheet.reason, 0)) for sheet in sheets.rejected()]
        body.append(tag("h3", f"{things} rejected"))
        body.append(join(rejected) if rejected else empty("No picture to show."))
    return Section("sheets", "Contact sheets", join(body))


def gallery(pictures: list[Picture], captions: bool = True) -> Markup | None:
    """Pictures in justified rows, each with its own proportions."""
    cells = [_cell(picture, captions) for picture in pictures]
    shown = [cell for cell in cells if cell is not None]
    if not shown:
        return None
    return tag("ul", shown, tag("li", class_="rest", aria_hidden="true"), class_="gallery")


def _numbers(reasons: Tally) -> dict[str, int]:
    """Reason → how many were rejected for it, at whatever step."""
    numbers: dict[str, int] = {}
    for row in reasons.table().to_pylist():
        numbers[row["reason"]] = numbers.get(row["reason"], 0) + row[reasons.sums[0]]
    return numbers


def _sheet(sheet: Sheet, rejected: int) -> Markup:
    heading, limit = title(sheet.reason), ""
    if sheet.screen is not None and sheet.threshold is not None:
        side = "below" if sheet.reason == sheet.screen.low_reason else "above"
        heading = title(sheet.screen.name)
        limit = f"{side} {measure(sheet.threshold)}, "
    parts = [
        tag("h4", tag("bdi", heading[:80]), tag("small", f"{limit}{count(rejected)} rejected")),
        gallery(sheet.rejected) or empty("No picture to show."),
    ]
    kept = gallery(sheet.just_kept)
    if kept is not None:
        parts.append(tag("div", tag("h5", "Only just kept"), kept, class_="just"))
    return tag("div", parts, class_="sheet")


def _cell(picture: Picture, captions: bool) -> Markup | None:
    size = jpeg_size(picture.thumbnail)
    shown = image(picture.thumbnail, _alternative(picture))
    if size is None or shown is None:
        return None
    aspect = min(max(size[0] / size[1], 0.45), 2.4)
    caption = tag("figcaption", _caption(picture)) if captions else None
    style = f"--aspect:{number(aspect)}"
    return tag("li", tag("figure", shown, caption), style=style)


def _alternative(picture: Picture) -> str:
    text = f"Thumbnail of {picture.key}, {picture.width} × {picture.height} pixels"
    return text if picture.measured is None else f"{text}, measured {measure(picture.measured)}"


def _caption(picture: Picture) -> Markup:
    parts = []
    if picture.measured is not None:
        parts.append(tag("b", measure(picture.measured)))
    parts.append(tag("span", f"{count(picture.width)}×{count(picture.height)}"))
    if picture.license:
        parts.append(tag("bdi", picture.license[:40]))
    parts.append(_origin(picture.url))
    return join(parts, " ")


def _origin(url: str) -> Markup:
    """A link if it is one that a browser may follow, otherwise the name alone."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return tag("bdi", url[:60])
    if parts.scheme in ("http", "https") and parts.netloc:
        return tag("a", tag("bdi", parts.netloc[:60]), href=url, rel="noopener noreferrer nofollow")
    return tag("bdi", url.rsplit("/", 1)[-1][:60])
