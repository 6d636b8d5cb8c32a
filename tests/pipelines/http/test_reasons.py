"""The closed set of reasons, the settings' limits, and the two headers that are read by hand."""

import pytest

from million_ird.errors import UsageError
from pipelines.http.client import request_url
from pipelines.http.failures import retry_after_s
from pipelines.http.reasons import MEANING, RETRIED, TRANSIENT, UNHEALTHY, FetchError, Reason, reason_of_status
from pipelines.http.settings import HttpSettings


def test_every_reason_has_a_meaning_of_one_line():
    assert set(MEANING) == set(Reason)
    assert all(text and "\n" not in text for text in MEANING.values())


def test_what_is_tried_again_at_once_is_also_worth_another_day():
    assert RETRIED < TRANSIENT
    assert Reason.TOO_SLOW in TRANSIENT - RETRIED
    assert Reason.HTTP_NOT_FOUND not in TRANSIENT
    assert Reason.HTTP_BUSY not in UNHEALTHY


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (404, "http_not_found"),
        (410, "http_not_found"),
        (403, "http_denied"),
        (451, "http_denied"),
        (400, "http_client_error"),
        (418, "http_client_error"),
        (408, "http_busy"),
        (429, "http_busy"),
        (503, "http_busy"),
        (500, "http_server_error"),
        (599, "http_server_error"),
        (204, "http_unexpected"),
        (206, "http_unexpected"),
        (304, "http_unexpected"),
        (999, "http_unexpected"),
    ],
)
def test_statuses(status, reason):
    assert reason_of_status(status) == reason


def test_a_rejection_is_one_printable_line():
    rejection = FetchError(Reason.BAD_HTTP, "a\nb\x1b[31m" + "x" * 1000, measured=3).rejection()
    assert (rejection.step, rejection.reason, rejection.measured) == ("fetch", "bad_http", 3)
    assert rejection.detail.isprintable()
    assert len(rejection.detail) == 300


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120),
        (" 0 ", 0),
        ("Wed, 21 Oct 2015 07:28:30 GMT", 30),
        ("Wed, 21 Oct 2015 07:27:00 GMT", 0),
        ("Wed, 21 Oct 2015 07:28:30 -0000", 30),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("²", None),
        ("9" * 5000, 999999999),
        ("Wed, 99 Oct 2015 07:28:30 GMT", None),
    ],
)
def test_retry_after(header, seconds):
    assert retry_after_s(header, now=1445412480.0) == seconds  # 2015-10-21 07:28:00


@pytest.mark.parametrize(
    ("text", "wire"),
    [
        ("HTTP://Host.ORG", "http://host.org/"),
        ("https://h:443/a b?q=x y#part", "https://h/a%20b?q=x%20y"),
        ("http://h/a/../../b/./c/..", "http://h/b/"),
        ("http://h/a/%2e%2E/.%2e/b%2e", "http://h/b%2e"),
        ('http://h/"quo\'ted"', "http://h/%22quo'ted%22"),
        ("http://h/ä/日本.jpg", "http://h/%C3%A4/%E6%97%A5%E6%9C%AC.jpg"),
        ("http://bücher.example/", "http://xn--bcher-kva.example/"),
        ("http://h//double//x", "http://h//double//x"),
        ("http://h/../..//evil", "http://h//evil"),
        ("http://１２７.０.０.１/", "http://127.0.0.1/"),
        ("http://h/" + "a" * 3000, "http://h/" + "a" * 3000),
    ],
)
def test_urls_as_they_go_over_the_wire(text, wire):
    assert str(request_url(text)) == wire


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("file:///etc/passwd", "forbidden_scheme"),
        ("ftp://h/a", "forbidden_scheme"),
        ("javascript:alert(1)", "forbidden_scheme"),
        ("", "invalid_url"),
        ("no url", "invalid_url"),
        ("http://", "invalid_url"),
        ("http:///path", "invalid_url"),
        ("http://user:secret@h/", "invalid_url"),
        ("http://public.example\\@127.0.0.1/", "invalid_url"),
        ("http://ho st/", "invalid_url"),
        ("http://h:99999/", "invalid_url"),
        ("http://h:x/", "invalid_url"),
        ("http://[::1/", "invalid_url"),
        ("http://127%2e0%2e0%2e1/", "invalid_url"),
        ("http://h\0st/", "invalid_url"),
        ("http://[fe80::1%25eth0]/", "invalid_url"),
    ],
)
def test_urls_that_cannot_be_asked_for(text, reason):
    with pytest.raises(FetchError) as caught:
        request_url(text)
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    "wrong",
    [
        {"connections": 0},
        {"retries": -1},
        {"lease_s": 0},
        {"backoff_s": -0.5},
        {"robots": "maybe"},
        {"robots_unreachable": "ask"},
        {"user_agent": ""},
        {"user_agent": "bot\r\nX-Evil: 1"},
    ],
)
def test_settings_out_of_range_name_the_key(wrong):
    with pytest.raises(UsageError, match=f"fetch.{next(iter(wrong))}"):
        HttpSettings(**wrong)


def test_the_product_is_the_name_before_the_version():
    assert HttpSettings().product == "million-ird"
