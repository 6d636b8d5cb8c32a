"""What an unexpected error looks like from both sides."""

from __future__ import annotations

from pathlib import Path

import pytest

from annotation.store import MaskStore
from million_ird.errors import StoreError
from tests.annotation.app.live import serving


def test_an_unexpected_error_is_one_line_here_and_a_traceback_in_the_log(
    template: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(_store: MaskStore) -> None:
        raise RuntimeError("a secret of the inside")

    with serving(template) as live:
        monkeypatch.setattr(MaskStore, "counts", broken)
        answer = live.client.get("/api/project")
        assert answer.status_code == 500
        assert answer.json() == {"error": "the server met an error of its own; its log says which"}
        assert answer.headers["x-content-type-options"] == "nosniff"
    log = capsys.readouterr().err
    assert "Traceback" in log and "RuntimeError: a secret of the inside" in log


def test_a_store_that_cannot_be_written_asks_to_try_again(template: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """503, not 4xx: the page keeps the stroke."""

    def full(*_arguments: object) -> None:
        raise StoreError("the disk is full;\nnothing was stored")

    with serving(template) as live:
        monkeypatch.setattr(MaskStore, "add_comment", full)
        body = {"annotator": "ada", "text": "hm"}
        assert live.post("/api/items/1/comments", body, 503) == {"error": "the disk is full; nothing was stored"}
