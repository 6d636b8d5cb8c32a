"""The README's lines, snippets and recipe do what the README says, on photographs and on real servers."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from million_ird import open_dataset
from pipelines.demo import serve as serve_pictures
from tests.flow.tour import README, Tour, begin, readme_line
from tests.flow.world import digest
from tests.pipelines.hostile_server import Request, serve
from tests.policy.documents import blocks

BUILD = readme_line("million-ird build quickstart --out my-set", "~/Pictures")


@pytest.fixture(scope="module")
def tour(tmp_path_factory: pytest.TempPathFactory, wheel_photo_file: Callable[[str], bytes]) -> Tour:
    """A reader who has built `my-set`. Tests that change it take a copy."""
    tour = begin(tmp_path_factory.mktemp("tour"), wheel_photo_file)
    done = tour.run(BUILD)
    assert done.returncode == 0, done.stderr
    assert "report: " in done.stdout
    return tour


def test_the_plan_says_what_would_be_done_and_writes_nothing(
    tmp_path: Path, wheel_photo_file: Callable[[str], bytes]
) -> None:
    tour = begin(tmp_path, wheel_photo_file)
    done = tour.run(readme_line("million-ird build quickstart", "--plan"))
    assert done.returncode == 0
    assert all(f"\n{word} " in done.stdout for word in ("rows", "units", "disk", "time", "assumed"))
    assert not (tmp_path / "my-set").exists()


def test_both_encodings_and_a_report_came_out(tour: Tour) -> None:
    dataset = open_dataset(str(tour.root / "my-set"))
    assert dataset.info["state"] == "complete"
    assert {shard.encoding for shard in dataset.shards()} == {"jpg", "webp"}
    page = (tour.root / "my-set" / "report" / "index.html").read_text()
    assert not any(outside in page for outside in ('src="http', "<link", "@import"))  # one file, nothing fetched


def test_the_same_command_again_does_nothing_and_then_adds_new_pictures(
    tour: Tour, tmp_path: Path, wheel_photo_file: Callable[[str], bytes]
) -> None:
    mine = tour.copy(tmp_path)
    before = digest(str(mine.root / "my-set"))
    assert mine.run(BUILD).returncode == 0
    assert digest(str(mine.root / "my-set")) == before
    (mine.home / "Pictures" / "rocket.jpg").write_bytes(wheel_photo_file("rocket"))
    assert mine.run(BUILD).returncode == 0
    dataset = open_dataset(str(mine.root / "my-set"))
    assert dataset.generations() == [0, 1]
    urls = [url for batch in dataset.image_rows(["url"]) for url in batch["url"].to_pylist()]
    assert sorted(urls) == sorted({*urls, "rocket.jpg"})


def test_status(tour: Tour) -> None:
    done = tour.run(readme_line("million-ird status"))
    assert (done.returncode, done.stdout.splitlines()[0]) == (0, "state: complete")


def test_inspect_writes_its_sample(tour: Tour, tmp_path: Path) -> None:
    mine = tour.copy(tmp_path)
    done = mine.run(readme_line("million-ird inspect"))
    assert done.returncode == 0
    assert "flat_fraction" in done.stdout
    with Image.open(mine.root / "patch.png") as patch:
        assert patch.size == (256, 256)


def test_verify_finds_a_flipped_byte_and_names_its_member(tour: Tour, tmp_path: Path) -> None:
    mine = tour.copy(tmp_path)
    done = mine.run(readme_line("million-ird verify"))
    assert done.returncode == 0, done.stdout
    assert "all well" in done.stdout
    row, _ = next(iter(open_dataset(str(mine.root / "my-set"))))
    with (mine.root / "my-set" / row["tar"]).open("r+b") as tar:
        tar.seek(row["offset"] + row["size"] // 2)
        byte = tar.read(1)[0]
        tar.seek(-1, 1)
        tar.write(bytes([byte ^ 1]))
    done = mine.run(readme_line("million-ird verify"))
    assert done.returncode == 1
    assert row["member"] in done.stdout


def test_recut_makes_smaller_patches_without_a_source(tour: Tour, tmp_path: Path) -> None:
    mine = tour.copy(tmp_path)
    for path in (mine.home / "Pictures").rglob("*.*"):
        path.unlink()
    done = mine.run(readme_line("million-ird recut"))
    assert done.returncode == 0, done.stderr
    old, new = open_dataset(str(mine.root / "my-set")), open_dataset(str(mine.root / "my-set-128"))
    assert {row["width"] for row, _ in new} == {128}
    assert len(list(new)) > len(list(old))


def test_takedown_is_for_good(tour: Tour, tmp_path: Path) -> None:
    mine = tour.copy(tmp_path)
    line = readme_line("million-ird takedown")
    dry = mine.run(f"{line} --dry-run")
    assert (dry.returncode, "nothing was changed" in dry.stdout) == (0, True)
    done = mine.run(line)
    assert done.returncode == 0, done.stderr
    assert mine.run(BUILD).returncode == 0
    dataset = open_dataset(str(mine.root / "my-set"))
    rows = [row for batch in dataset.image_rows() for row in batch.to_pylist()]
    assert "taken_down" in {row["reason"] for row in rows}
    assert "holiday/beach.jpg" not in {row["url"] for row in rows} | {row["url"] for row, _ in dataset}
    assert mine.run("million-ird verify my-set").returncode == 0
    assert mine.run("million-ird takedown my-set --url no/such.jpg").returncode == 1


def test_retry_failed_asks_again_for_what_may_pass_only(
    tmp_path: Path, wheel_photo_file: Callable[[str], bytes]
) -> None:
    asked: list[str] = []

    def answer(request: Request) -> None:
        asked.append(request.path)
        if request.path == "/busy.jpg" and asked.count("/busy.jpg") > 1:
            request.reply(wheel_photo_file("flower"))
        else:
            request.reply(status=503 if request.path == "/busy.jpg" else 404)

    tour = Tour(tmp_path)
    with serve(answer) as server:
        (tmp_path / "list.txt").write_text(f"{server.url}/busy.jpg\n{server.url}/gone.jpg\n")
        assert (
            tour.run("million-ird build quickstart --out my-set --manifest list.txt", "fetch.retries=0").returncode == 0
        )
        done = tour.run(readme_line("million-ird retry-failed"))
    assert done.returncode == 0, done.stderr
    assert "1 image tried again: 1 came" in done.stdout
    assert (asked.count("/busy.jpg"), asked.count("/gone.jpg")) == (2, 1)


def _recipe(tour: Tour, urls: list[str], photograph: Callable[[str], bytes]) -> None:
    """The README's recipe with its list and its benchmark pictures beside it."""
    (text,) = blocks(README, "toml")
    (tour.root / "my-ird.toml").write_text(text)
    (tour.root / "lists").mkdir()
    sizes = {"WIDTH": [640] * len(urls), "HEIGHT": [427] * len(urls)}
    pq.write_table(pa.table({"URL": urls, "TEXT": ["a caption"] * len(urls), **sizes}), tour.root / "lists/0.parquet")
    for folder, name in (("BSD68", "brick"), ("Urban100", "china")):
        path = tour.root / "benchmarks" / folder / f"{name}.png"
        path.parent.mkdir(parents=True)
        path.write_bytes(photograph(name))


def test_the_recipe_and_its_lines_on_an_object_store(
    tmp_path: Path, s3_url: str, wheel_photo_file: Callable[[str], bytes]
) -> None:
    tour = Tour(tmp_path)
    pictures = {f"{name}.jpg": wheel_photo_file(name) for name in ("china", "hubble", "rocket")}
    with serve_pictures(pictures) as url:
        _recipe(tour, [f"{url}/{name}" for name in pictures], wheel_photo_file)
        planned = tour.run(readme_line("million-ird build my-ird.toml", "--plan"))
        assert planned.returncode == 0, planned.stderr
        assert "0.3 megapixels on average by the 3 rows that state their size" in planned.stdout
        line = readme_line("million-ird build my-ird.toml", "s3://bucket/my-ird").replace("s3://bucket/my-ird", s3_url)
        small = ("fetch.allow_private_networks=true", "screens.keep.short_side=[256, inf]", "patches.size=256")
        done = tour.run(line, *small, "screens.keep.niqe=[-inf, inf]")
    assert done.returncode == 0, done.stderr
    dataset = open_dataset(s3_url)
    rows = {row["url"].rpartition("/")[2]: row for batch in dataset.image_rows() for row in batch.to_pylist()}
    assert json.loads(rows["hubble.jpg"]["provenance"]) == {"TEXT": "a caption"}
    (held,) = dataset.duplicates().to_pylist()  # the guard against benchmark pictures found one
    assert (held["key"], held["kind"], held["benchmark"]) == (
        rows["china.jpg"]["key"],
        "benchmark",
        "Urban100/china.png",
    )
    assert {row["url"].rpartition("/")[2] for row, _ in dataset} <= {"hubble.jpg", "rocket.jpg"}


@pytest.mark.parametrize("number", range(len(blocks(README, "python"))))
def test_the_python_snippets(tour: Tour, number: int) -> None:
    done = tour.python(blocks(README, "python")[number])
    assert done.returncode == 0, done.stderr


def test_load_dataset_types_every_field(tour: Tour) -> None:
    done = tour.python(
        "from datasets import load_dataset\n"
        "for name in ('jpg', 'webp'):\n"
        "    data = load_dataset('my-set', name, split='train')\n"
        "    print(len(data), *sorted({str(f.dtype) for f in data.features['json'].values()}))\n"
    )
    assert done.returncode == 0, done.stderr
    dataset = open_dataset(str(tour.root / "my-set"))
    counts = [shard.patches for shard in dataset.shards()]
    assert done.stdout.splitlines() == [f"{count} float64 int64 string" for count in counts]


def test_a_wrong_line_is_usage(tour: Tour) -> None:
    done = tour.run("million-ird build quickstart --out other --manifest ~/Pictures", "patches.sise=256")
    assert done.returncode == 2
    assert "did you mean" in done.stderr
