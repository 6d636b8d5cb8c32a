"""Who gets in: names, origins, the token; and the headers that every answer carries."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from annotation.app.security import HEADERS, Access
from tests.annotation.app.live import Live, serving
from tests.annotation.app.raw import exchange, head

TOKEN = "0123456789abcdefghijklmn"
_STATE = "/api/layers/1/state"
_BODY = {"state": "needs_review", "reason": "", "version": 0, "annotator": "ada"}


@pytest.fixture(scope="module")
def served(template: Path) -> Iterator[Live]:
    with serving(template) as live:
        yield live


@pytest.fixture(scope="module")
def guarded(template: Path) -> Iterator[Live]:
    access = Access(token=TOKEN, names=frozenset({"studio.example"}), any_address=True, cookie="annotate_1")
    with serving(template, access) as live:
        yield live


@pytest.mark.parametrize("path", ["/", "/static/nothing.js", "/api/project", "/api/items/77", "/api/items/1/blurred"])
def test_every_answer_has_the_protective_headers(served: Live, path: str) -> None:
    headers = served.client.get(path).headers
    assert {name: headers[name] for name in HEADERS} == HEADERS
    assert "cache-control" in headers
    assert "server" not in headers


def test_the_policy_allows_no_inline_script_and_no_other_host() -> None:
    policy = dict(part.split(" ", 1) for part in HEADERS["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == "'none'" and policy["script-src"] == "'self'" == policy["style-src"]
    assert "unsafe" not in HEADERS["Content-Security-Policy"] and "http" not in HEADERS["Content-Security-Policy"]


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:80",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "192.0.2.7",
        "[2001:db8::1]",
        "studio.example",
        "localhost:80:80",
        "localhost@evil.example",
        "",
        "127.0.0.1, localhost",
        "localhost/",
        "0x7f000001",
    ],
)
def test_another_name_is_refused_on_loopback(served: Live, host: str) -> None:
    status, said = exchange(served.url, [head("GET", "/api/project", served.url, f"Host: {host}")])
    assert status in (400, 421)
    assert b"Two items" not in said


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:9", "127.0.0.1", "127.8.9.1:80", "[::1]:8765", "localhost."])
def test_every_loopback_name_is_ours(served: Live, host: str) -> None:
    """Whatever the port: a tunnel from another machine has one of its own."""
    assert exchange(served.url, [head("GET", "/api/project", served.url, f"Host: {host}")])[0] == 200


def test_two_hosts_are_none(served: Live) -> None:
    request = head("GET", "/api/project", served.url).replace(b"Host:", b"Host: localhost\r\nHost:", 1)
    assert exchange(served.url, [request])[0] == 400


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://127.0.0.1:1"}, 403),
        ({"Origin": "http://localhost"}, 403),
        ({"Origin": ""}, 403),
        ({"Origin": "file://"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
        ({"Content-Type": "multipart/form-data; boundary=application/json"}, 415),
        ({"Content-Type": ""}, 415),
    ],
)
def test_only_the_servers_own_page_changes_anything(served: Live, headers: dict[str, str], status: int) -> None:
    answer = served.client.post(_STATE, json=_BODY, headers=headers)
    assert answer.status_code == status and answer.json()["error"]
    assert served.json("/api/items/1")["layers"][0]["state"] == "todo"


def test_a_request_without_an_origin_changes_nothing(served: Live) -> None:
    with httpx.Client(trust_env=False) as bare:
        assert bare.post(served.url + _STATE, json=_BODY).status_code == 403


def test_a_method_that_no_route_has_is_no_way_around(served: Live) -> None:
    for method in ("PUT", "DELETE", "PATCH", "OPTIONS"):
        answer = served.client.request(method, _STATE, headers={"Origin": "http://evil.example"})
        assert answer.status_code == 415
        assert served.client.request(method, _STATE, json=_BODY).status_code == 405


def test_an_origin_behind_a_proxy_may_leave_the_port_out(guarded: Live) -> None:
    cookie = {"Cookie": f"annotate_1={TOKEN}"}
    for origin, host, status in (
        ("https://studio.example", "studio.example", 422),
        ("https://studio.example", "studio.example:443", 422),
        ("https://studio.example:8443", "studio.example:8443", 422),
        ("https://studio.example", "studio.example:8443", 403),
        ("http://other.example", "studio.example", 403),
    ):
        headers = {"Origin": origin, "Host": host, **cookie}
        assert guarded.client.post(_STATE, json={}, headers=headers).status_code == status, (origin, host)


def test_nothing_is_served_without_the_token(guarded: Live) -> None:
    for path in ("/", "/static/index.html", "/api/project", "/api/items/1/blurred", "/nothing"):
        answer = guarded.client.get(path)
        assert answer.status_code == 401 and "?token=" in answer.json()["error"]
    assert guarded.client.post(_STATE, json=_BODY).status_code == 401


@pytest.mark.parametrize(
    "query",
    [
        "?token=",
        "?token=x",
        f"?token={TOKEN[:-1]}",
        f"?token={TOKEN}x",
        f"?token={TOKEN}&token={TOKEN}",
        "?token=%ff%00",
        "?" + "a=b&" * 50,
        "?token=%E2%9C%93",
    ],
)
def test_a_wrong_token_opens_nothing(guarded: Live, query: str) -> None:
    answer = guarded.client.get("/" + query)
    assert answer.status_code == 401 and "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    "cookie", ["annotate_1=", "annotate_1=wrong", f"annotate_2={TOKEN}", "annotate_1", ";;==", "\xe9"]
)
def test_a_wrong_cookie_opens_nothing(guarded: Live, cookie: str) -> None:
    request = head("GET", "/api/project", guarded.url, f"Cookie: {cookie}")
    assert exchange(guarded.url, [request])[0] == 401


def test_the_token_becomes_a_cookie_that_no_script_reads(guarded: Live) -> None:
    answer = guarded.client.get(f"/?token={TOKEN}")
    assert answer.status_code == 200 and 'content="0; url=/"' in answer.text
    assert answer.headers["cache-control"] == "no-store"
    cookie = answer.headers["set-cookie"]
    for part in (f"annotate_1={TOKEN}", "HttpOnly", "SameSite=strict", "Path=/"):
        assert part in cookie
    assert "Secure" not in cookie
    assert (
        "Secure" in guarded.client.get(f"/?token={TOKEN}", headers={"X-Forwarded-Proto": "https"}).headers["set-cookie"]
    )
    with_it = guarded.client.get("/api/project", headers={"Cookie": f"other=1; annotate_1={TOKEN}"})
    assert with_it.json()["token_needed"] is True


@pytest.mark.parametrize("others", ['{"a": [1]}', "a b=c d", '"', "=;;=", "x=\xe9", "annotate_1=old"])
def test_cookies_of_other_programs_are_in_nobodys_way(guarded: Live, others: str) -> None:
    request = head("GET", "/api/project", guarded.url, f"Cookie: {others}; annotate_1={TOKEN}; more")
    assert exchange(guarded.url, [request])[0] == 200


def test_the_token_counts_only_in_the_pages_own_address(guarded: Live) -> None:
    for path in ("/api/project", "/static/index.html"):
        assert guarded.client.get(f"{path}?token={TOKEN}", headers={"Cookie": ""}).status_code == 401
