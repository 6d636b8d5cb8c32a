"""What could not be fetched, by host and by error."""

from __future__ import annotations

from million_ird.report.collect.images import ImageCounts
from million_ird.report.inputs import LogSummary
from million_ird.report.markup import Markup, join, tag
from million_ird.report.sections.section import Section, empty, paragraph
from million_ird.report.tables import Column, name, table
from million_ird.report.tally import Tally
from million_ird.report.words import count, plain, plural, share

_SHOWN = 15


def failures_section(images: ImageCounts, log: LogSummary | None) -> Section:
    """Errors, hosts, and how many failures a later try may cure."""
    planned = images.stages["planned"]
    failed, passing = images.failures.total("images"), images.failures.total("transient")
    if not failed:
        body = [empty("Nothing failed to be fetched." if planned else "No image was planned.")]
    else:
        lead = paragraph(
            f"{count(failed)} of {count(planned)} images ({share(failed, planned)}) could not be fetched. ",
            *_cure(failed, passing),
        )
        body = [lead, tag("div", _errors(images.failures), _hosts(images.failures), class_="columns")]
    if log is not None and log.host_errors:
        body.append(_attempts(log))
    return Section("failures", "What could not be fetched", join(body))


def _cure(failed: int, passing: int) -> list[str]:
    """What a later try may do about it."""
    if not passing:
        return ["All of these failures are permanent."]
    retry = tag("code", "million-ird retry-failed")
    rest = f" The other {count(failed - passing)} are permanent." if passing < failed else ""
    return [f"{count(passing)} of the failures may pass: ", retry, f" tries them again.{rest}"]


def _regroup(tally: Tally, names: tuple[str, ...]) -> Tally:
    coarse = Tally(names, ("images", "transient"))
    coarse.add(tally.table())
    return coarse


def _kind(images: int, transient: int) -> str:
    return "transient" if transient == images else "permanent" if not transient else "both"


def _errors(failures: Tally) -> Markup:
    top = _regroup(failures, ("reason",)).top(_SHOWN, "images")
    total = failures.total("images")
    rows = [
        (
            name(plain(str(r["reason"])), 48),
            _kind(int(str(r["images"])), int(str(r["transient"]))),
            count(int(str(r["images"]))),
            share(int(str(r["images"])), total),
        )
        for r in top.rows
    ]
    if top.others:
        left = top.others_sums["images"]
        rows.append(
            (_others(top.others, "error"), _kind(left, top.others_sums["transient"]), count(left), share(left, total))
        )
    columns = (Column("Error"), Column("Kind", own=True), Column("Images", True), Column("Share", True))
    return tag("div", table("Failures by error", columns, rows))


def _hosts(failures: Tally) -> Markup:
    top = _regroup(failures, ("host",)).top(_SHOWN, "images")
    rows = [
        (name(str(r["host"]) or "(local files)", 40), count(int(str(r["images"]))), count(int(str(r["transient"]))))
        for r in top.rows
    ]
    if top.others:
        left = top.others_sums
        rows.append((_others(top.others, "host"), count(left["images"]), count(left["transient"])))
    columns = (Column("Host"), Column("Failed", True), Column("Transient", True))
    return tag("div", table("Failures by host", columns, rows))


def _attempts(log: LogSummary) -> Markup:
    worst = sorted(log.host_errors, key=lambda e: (-e.attempts, e.host, e.error))
    rows: list[tuple[str, str, str]] = [
        (name(e.host, 40), name(plain(e.error), 48), count(e.attempts)) for e in worst[:_SHOWN]
    ]
    if worst[_SHOWN:]:
        rest = worst[_SHOWN:]
        rows.append((_others(len(rest), "pair"), "", count(sum(e.attempts for e in rest))))
    columns = (Column("Host"), Column("Error"), Column("Attempts", True))
    inner = table("Failed attempts, also those that a later one made good (from the log)", columns, rows)
    return tag("details", tag("summary", "Failed attempts by host"), inner)


def _others(number: int, what: str) -> Markup:
    return tag("i", plural(number, f"other {what}"))
