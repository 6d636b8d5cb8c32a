"""The report's files: the same bytes for the same rows, whatever the batching; anything from nothing to hostile."""

from __future__ import annotations

import hashlib
import json
import re
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser
from pathlib import Path

import pytest

from million_ird.errors import StoreError
from million_ird.report import HostErrors, LogSummary, StepLog, write_report

HOSTILE = (
    '<script>alert(1)</script>', '"><img src=x onerror=alert(1)>', "javascript:alert(1)", "' onmouseover='alert(1)",
    "</title></style><script src=//evil.example/x.js>", "https://evil.example/\u202egpj.exe", "\x00\x1b[31mred", "]]>",
)  # fmt: skip


class Page(HTMLParser):
    """Tags with their attributes, and the text outside of style."""

    def __init__(self, path: Path) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self._style = False
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._style = tag == "style"

    def handle_endtag(self, tag: str) -> None:
        self._style = False

    def handle_data(self, data: str) -> None:
        if not self._style:
            self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))


def digests(folder: Path) -> dict[str, str]:
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_the_summary_and_the_files(dataset, tmp_path: Path) -> None:
    summary = write_report(dataset(), tmp_path)
    assert (summary.manifest_rows, summary.images, summary.patches, summary.patch_bytes) == (50, 28, 42, 42 * 90_000)
    assert set(summary.files) == set(digests(tmp_path))
    assert {"index.html", "stats.json", "plots/image_sharpness.svg", "plots/patch_flat_fraction.svg"} <= set(
        summary.files
    )
    for plot in (tmp_path / "plots").iterdir():
        ElementTree.fromstring(plot.read_text("utf-8"))
        assert "var(" not in plot.read_text("utf-8"), "a drawing program may know no CSS variables"


def test_batches_change_no_byte(dataset, tmp_path: Path) -> None:
    for batch in (1, 7, 1000):
        write_report(dataset(batch=batch), tmp_path / str(batch))
    assert digests(tmp_path / "1") == digests(tmp_path / "7") == digests(tmp_path / "1000")


def test_only_the_page_knows_of_times(dataset, tmp_path: Path) -> None:
    log = LogSummary((StepLog("fetch", 61.0, 100.0, 47, 10**9),), (HostErrors("h0.example", "timeout", 9),))
    write_report(dataset(), tmp_path / "without")
    write_report(dataset(log=log), tmp_path / "with")
    one, other = digests(tmp_path / "without"), digests(tmp_path / "with")
    assert {name for name in one if one[name] != other[name]} == {"index.html"}
    assert "not recorded" in Page(tmp_path / "without/index.html").text
    assert "1 min 01 s" in Page(tmp_path / "with/index.html").text


def test_stats_hold_the_numbers(dataset, tmp_path: Path) -> None:
    write_report(dataset(), tmp_path)
    stats = json.loads((tmp_path / "stats.json").read_text("utf-8"))
    assert stats["images"] == 28 and stats["patches"] == 42 and stats["patch_pixels"] == 42 * 512 * 512
    assert stats["images_with_a_kept_patch"] == 28 and stats["shards"] == 1
    assert stats["duplicates"]["dropped"]["near"] == 1 and stats["duplicates"]["dropped"]["benchmark"] == 1
    sharp = stats["distributions"]["images"][0]
    assert sharp["below"] == 6 and sharp["rejected_by_this_alone"] == 6 and sharp["measured"] == 40
    hosts = {(row["host"], row["reason"]): row["transient"] for row in stats["failures"]["rows"]}
    assert hosts[("h0.example", "connect_timeout")] == 1 and hosts[("h0.example", "http_not_found")] == 0


def test_pictures_nearest_the_threshold_come_first(dataset, tmp_path: Path) -> None:
    write_report(dataset(), tmp_path)
    text = Page(tmp_path / "index.html").text
    sheet = text[text.index("Sharpness below 100, 6 rejected") :]
    rejected, kept = sheet.split("Only just kept", 1)
    assert re.findall(r"(\d+) 1,600×1,200", rejected) == ["99", "98", "97", "96", "95", "94"]
    assert re.findall(r"(\d+) 1,600×1,200", kept)[:4] == [
        "121",
        "123",
        "124",
        "125",
    ]  # 120 and 122 are no longer unique


def test_nothing_at_all_gives_a_page(made, tmp_path: Path) -> None:
    summary = write_report(made(), tmp_path)
    assert (summary.images, summary.patches) == (0, 0)
    assert "No image was planned." in Page(tmp_path / "index.html").text


@pytest.mark.parametrize("kind", ["kept", "fetch", "decode", "screen"])
def test_one_image_gives_a_page(made, rows, tmp_path: Path, kind: str) -> None:
    image = (
        rows.image(0) if kind == "kept" else rows.rejected(0, kind, "sharpness_low" if kind == "screen" else "broken")
    )
    summary = write_report(made([image]), tmp_path)
    assert summary.images == (kind == "kept")


def test_only_refused_rows_give_a_page(made, tmp_path: Path) -> None:
    refused = [{"source": "a", "row": 0, "url": "", "license": "", "reason": "no_url", "detail": ""}]
    assert write_report(made(refused=refused), tmp_path).manifest_rows == 1


def test_hostile_text_stays_text(made, rows, tmp_path: Path) -> None:
    changes = [{"license": t, "url": t, "host": t, "source": t, "colour_space": t, "format": t} for t in HOSTILE]
    kept = [rows.image(n, thumbnail=rows.photograph(n), **c) for n, c in enumerate(changes)]
    bad = [rows.rejected(50 + n, "decode", t, detail=t, thumbnail=rows.photograph(n)) for n, t in enumerate(HOSTILE)]
    lost = [rows.rejected(90 + n, "fetch", t, host=t) for n, t in enumerate(HOSTILE)]
    fake = [rows.image(200, thumbnail=b"<svg onload=alert(1)>"), rows.image(201, thumbnail=b"\xff\xd8\xff")]
    recipe = {t: {t: t} for t in HOSTILE}
    inputs = made(
        [*kept, *bad, *lost, *fake], [rows.patch(kept[0], 0, license=HOSTILE[0])], recipe=recipe, name=HOSTILE[4],
        recipe_name=HOSTILE[1], fingerprint=HOSTILE[0], meanings={t: t for t in HOSTILE}, description=HOSTILE[1],
    )  # fmt: skip
    write_report(inputs, tmp_path)
    page = Page(tmp_path / "index.html")
    assert not {tag for tag, _ in page.tags} & {"script", "iframe", "object", "embed", "link", "base", "form"}
    for tag, attributes in page.tags:
        assert not [name for name in attributes if name.startswith("on")], (tag, attributes)
        assert (attributes.get("href") or "#").startswith(("#", "http://", "https://"))
        assert (attributes.get("src") or "data:image/jpeg;base64,").startswith("data:image/jpeg;base64,")
    assert len([1 for tag, _ in page.tags if tag == "title"]) >= 1
    assert "alert(1)" in page.text and "\u202e" not in page.text and "\x00" not in page.text


def test_ten_thousand_reasons_and_hosts_are_summed(made, rows, tmp_path: Path) -> None:
    lost = [rows.rejected(n, "fetch", f"reason_{n}", host=f"{n}.例え.example") for n in range(10_000)]
    odd = [rows.rejected(20_000 + n, "decode", f"odd_{n}", thumbnail=rows.photograph(1)) for n in range(60)]
    write_report(made([*lost, *odd]), tmp_path)
    text = Page(tmp_path / "index.html").text
    assert "9,985 other hosts" in text and "9,995 more reasons" in text
    assert (tmp_path / "index.html").stat().st_size < 1_500_000


def test_long_names_are_shortened(made, rows, tmp_path: Path) -> None:
    write_report(made([rows.image(0, license="x" * 3000, url="https://a.example/" + "y" * 3000)]), tmp_path)
    assert "x" * 80 not in Page(tmp_path / "index.html").text


def test_rows_judged_by_other_thresholds_are_told(made, rows, tmp_path: Path) -> None:
    write_report(made([rows.image(0, sharpness=5.0)]), tmp_path)
    assert "1 kept row lies outside the thresholds" in Page(tmp_path / "index.html").text


def test_a_place_that_cannot_be_written_is_one_clear_error(dataset, tmp_path: Path) -> None:
    (tmp_path / "report").write_text("in the way")
    with pytest.raises(StoreError, match="cannot write"):
        write_report(dataset(), tmp_path / "report")
