"""Storage and throughput."""

from __future__ import annotations

from million_ird.report.collect import Collected
from million_ird.report.inputs import LogSummary, StepLog
from million_ird.report.markup import Markup, join
from million_ird.report.sections.section import Section, empty, paragraph
from million_ird.report.tables import Column, table
from million_ird.report.words import count, plural, rate, seconds, size, title


def throughput_section(collected: Collected, log: LogSummary | None) -> Section:
    """What the dataset takes on disk, and how long each step took."""
    parts = [_storage(collected)]
    if log is None or not log.steps:
        parts.append(empty("Times per step: not recorded."))
    else:
        parts.append(
            paragraph(
                "Times come from the build’s log and are the only part of this page that a second build "
                "of the same data would write differently."
            )
        )
        columns = ("Time", "CPU", "Items", "Items/s", "Read", "Written")
        rows = [_step(step) for step in log.steps]
        parts.append(table("Time per step", (Column("Step"), *(Column(t, True) for t in columns)), rows))
    return Section("throughput", "Storage and time", join(parts))


def _storage(collected: Collected) -> Markup:
    images, patches = collected.images, collected.patches
    shards = patches.shards.table().num_rows
    rows = [
        ("Originals fetched", count(images.stages["fetched"]), size(images.sums["fetched_nbytes"])),
        ("Originals stored with the dataset", "–", size(images.sums["stored_nbytes"])),
        ("Originals of the images kept", count(images.stages["unique"]), size(images.sums["nbytes"])),
        (f"Patches kept, in {plural(shards, 'shard')}", count(patches.kept), size(patches.sums["size"])),
    ]
    return table("Storage", (Column("What"), Column("Count", True), Column("Bytes", True)), rows)


def _step(step: StepLog) -> tuple[str, ...]:
    speed = rate(step.items / step.seconds) if step.items and step.seconds > 0 else _NOTHING
    return (
        title(step.step),
        seconds(step.seconds) if step.seconds > 0 else _NOTHING,
        seconds(step.cpu_seconds) if step.cpu_seconds > 0 else _NOTHING,
        count(step.items) if step.items else _NOTHING,
        speed,
        size(step.bytes_read) if step.bytes_read else _NOTHING,
        size(step.bytes_written) if step.bytes_written else _NOTHING,
    )


_NOTHING = "not recorded"
