from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from million_ird.errors import UsageError
from million_ird.manifest import local, read_local
from million_ird.records import Rejection

Read = Callable[..., Any]
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


@pytest.fixture(autouse=True)
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test asks the Hub, and what `datasets` caches goes away with the test."""
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_OFFLINE", True)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    local._huggingface.cache_clear()


def png(level: int) -> bytes:
    out = io.BytesIO()
    Image.new("L", (4, 4), level).save(out, "PNG")
    return out.getvalue()


def test_a_dataset_of_urls_is_streamed(tmp_path: Path, read_whole: Read) -> None:
    (tmp_path / "data").mkdir()
    rows = [{"url": f"http://a.example/{i}.jpg", "license": "cc0", "title": str(i), "raw": b"x"} for i in range(5)]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "data" / "train.parquet")
    found = read_whole(tmp_path / "data", format="huggingface")
    assert found.column("url") == [row["url"] for row in rows] and found.column("license") == ["cc0"] * 5
    assert json.loads(found.rows[2]["provenance"]) == {"title": "2"}


@pytest.mark.parametrize("kind", ["parquet", "saved", "saved with splits", "images"])
def test_images_inside_a_dataset_are_read_row_by_row(tmp_path: Path, read_whole: Read, kind: str) -> None:
    import datasets

    folder = tmp_path / "data"
    folder.mkdir()
    images = [png(level) for level in (10, 20, 30)]
    if kind == "images":
        for i, image in enumerate(images):
            (folder / f"{i}.png").write_bytes(image)
    else:
        columns = {"image": [{"bytes": image, "path": None} for image in images], "license": ["cc0"] * 3}
        dataset = datasets.Dataset.from_dict(columns).cast_column("image", datasets.Image())
        if kind == "parquet":
            dataset.to_parquet(folder / "train.parquet")
        else:
            (dataset if kind == "saved" else datasets.DatasetDict({"train": dataset})).save_to_disk(folder)
    found = read_whole(folder, format="huggingface")
    assert found.column("url") == ["0", "1", "2"] and len(set(found.column("key"))) == 3
    assert found.rows[0]["source_root"].startswith("huggingface::path=")
    assert [read_local(row) for row in reversed(found.rows)] == images[::-1]
    if kind != "images":
        assert found.column("license") == ["cc0"] * 3


def test_a_path_that_leaves_the_dataset_is_not_followed(tmp_path: Path, read_whole: Read) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "secret").write_bytes(b"secret")
    (tmp_path / "data" / "inside").write_bytes(b"inside")
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    paths = [str(tmp_path / "secret"), str(tmp_path / "data" / ".." / "secret"), "http://169.254.169.254/"]
    cells = [{"bytes": None, "path": path} for path in [*paths, str(tmp_path / "data" / "inside")]]
    pq.write_table(pa.table({"image": pa.array(cells, kind)}), tmp_path / "data" / "train.parquet")
    *outside, inside = (read_local(row) for row in read_whole(tmp_path / "data", format="huggingface").rows)
    assert all(isinstance(answer, Rejection) and "outside the dataset" in answer.detail for answer in outside)
    assert inside == b"inside"


def test_what_cannot_be_opened_is_one_clear_error(tmp_path: Path, read_whole: Read) -> None:
    (tmp_path / "data").mkdir()
    with pytest.raises(UsageError, match=r"cannot open the dataset .*data"):
        read_whole(tmp_path / "data", format="huggingface")
    pq.write_table(pa.table({"url": ["http://a.example/"]}), tmp_path / "data" / "train.parquet")
    with pytest.raises(UsageError, match=r"cannot open the dataset"):
        read_whole(tmp_path / "data", format="huggingface", split="nowhere")
