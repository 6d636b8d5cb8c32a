"""The page's files: those of the table, and nothing else of this machine, however it is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from annotation.app.page import FOLDER, Page
from tests.annotation.app.live import Live, serving
from tests.annotation.app.raw import exchange, head


@pytest.fixture(scope="module")
def served(template: Path) -> Iterator[Live]:
    with serving(template) as live:
        yield live


def test_every_file_of_the_page_is_served_with_its_type(served: Live) -> None:
    types = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
    files = [path for path in FOLDER.rglob("*") if path.suffix in types]
    assert files
    for path in files:
        answer = served.client.get(f"/static/{path.relative_to(FOLDER).as_posix()}")
        assert answer.status_code == 200 and answer.content == path.read_bytes()
        assert answer.headers["content-type"].partition(";")[0] == types[path.suffix]
    index = served.client.get("/")
    assert index.content == (FOLDER / "index.html").read_bytes()


def test_the_page_names_all_its_modules_beforehand(served: Live) -> None:
    named = served.client.get("/").headers["link"].split(", ")
    modules = {path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*.js")}
    assert set(named) == {f"</static/{name}>; rel=modulepreload" for name in modules}


def test_a_file_that_the_browser_has_is_not_sent_again(served: Live) -> None:
    tag = served.client.get("/").headers["etag"]
    assert served.client.get("/", headers={"If-None-Match": tag}).status_code == 304
    assert served.client.get("/", headers={"If-None-Match": '"other"'}).status_code == 200


def test_a_page_without_files_says_so(tmp_path: Path) -> None:
    (tmp_path / "secret.key").write_text("no type, not in the table")
    page = Page(tmp_path)
    assert page.names == ()


@pytest.mark.parametrize("prefix", ["/static/", "/static", "/", "/api/items/", "/api/layers/1/", "//", "/static//"])
@pytest.mark.parametrize(
    "path",
    [
        "../app/page.py",
        "..%2fapp%2fpage.py",
        "%2e%2e/app/page.py",
        "....//app/page.py",
        "../../../../../../etc/passwd",
        "%2fetc%2fpasswd",
        "/etc/passwd",
        "..\\app\\page.py",
        "engine/../../app/page.py",
        "index.html%00.js",
        ".",
        "..",
        "%c0%ae%c0%ae/app/page.py",
        "%ff",
        "engine/",
        "index.html/",
        "file:///etc/passwd",
        "INDEX.HTML",
    ],
)
def test_no_address_leaves_the_table(served: Live, prefix: str, path: str) -> None:
    status, said = exchange(served.url, [head("GET", prefix + path, served.url)])
    assert status in (400, 404), said
    assert b"root:" not in said and b"import" not in said


def test_an_address_with_another_host_in_it_is_no_way_around(served: Live) -> None:
    status, said = exchange(served.url, [head("GET", "http://evil.example/api/project", served.url)])
    assert status in (400, 404, 421) and b"Two items" not in said
