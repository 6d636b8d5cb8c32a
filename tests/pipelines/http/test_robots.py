"""What a site's owner says, read from texts."""

import pytest

from pipelines.http.hosts import RobotsFile
from pipelines.http.reasons import FetchError, Reason
from pipelines.http.robots import check_x_robots_tag, read_rules
from pipelines.http.settings import HttpSettings

ROBOTS = """\
User-agent: *
Disallow: /private/
Allow: /private/open/
Disallow: /*.gif$
Crawl-delay: 2.5

User-agent: Million-IRD
Disallow: /ours/
"""


def forbids(text, path, agent="other-bot/1.0"):
    rules = read_rules(RobotsFile("found", text), HttpSettings(user_agent=agent))
    try:
        rules.check(f"https://host{path}")
    except FetchError as error:
        assert error.reason is Reason.ROBOTS
        return True
    return False


def test_the_longest_rule_wins_and_wildcards_count():
    assert forbids(ROBOTS, "/private/a.jpg")
    assert not forbids(ROBOTS, "/private/open/a.jpg")
    assert forbids(ROBOTS, "/x/a.gif")
    assert not forbids(ROBOTS, "/x/a.gif?full")
    assert not forbids(ROBOTS, "/ours/a.jpg")


def test_rules_for_our_name_replace_those_for_all():
    assert forbids(ROBOTS, "/ours/a.jpg", "million-ird/0.1 (x)")
    assert not forbids(ROBOTS, "/private/a.jpg", "million-ird/0.1 (x)")


def test_crawl_delay_is_read_and_nonsense_is_none():
    assert read_rules(RobotsFile("found", ROBOTS), HttpSettings(user_agent="x")).crawl_delay_s == 2.5
    nonsense = RobotsFile("found", "User-agent: *\nCrawl-delay: soon\n\0\xff<html>")
    assert read_rules(nonsense, HttpSettings()).crawl_delay_s == 0


def test_an_absent_file_allows_everything():
    rules = read_rules(RobotsFile("absent"), HttpSettings())
    rules.check("https://host/private/")  # FetchError where it is forbidden
    assert rules.crawl_delay_s == 0


def test_an_unreachable_file_forbids_or_allows_as_the_recipe_says():
    file = RobotsFile("unreachable", reason="http_server_error", detail="500")
    with pytest.raises(FetchError) as caught:
        read_rules(file, HttpSettings())
    assert caught.value.reason is Reason.ROBOTS_UNREACHABLE
    assert caught.value.final
    read_rules(file, HttpSettings(robots_unreachable="allow")).check("https://host/")


def test_a_host_that_does_not_exist_is_called_so_not_unreachable_robots():
    with pytest.raises(FetchError) as caught:
        read_rules(RobotsFile("unreachable", reason="dns_not_found"), HttpSettings())
    assert caught.value.reason is Reason.DNS_NOT_FOUND


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        (["noai"], Reason.NOAI),
        (["NoImageAI"], Reason.NOAI),
        (["noindex, noai"], Reason.NOAI),
        (["nofollow", "noimageai"], Reason.NOAI),
        (["million-ird: noai"], Reason.NOAI),
        (["*: noai"], Reason.NOAI),
        (["otherbot: noai"], None),
        (["otherbot: nofollow, noai"], None),
        (["otherbot: noindex, million-ird: noai"], Reason.NOAI),
        (["unavailable_after: 25 Jun 2030 15:00:00 PST, noai"], Reason.NOAI),
        (["max-image-preview: large"], None),
        (["noindex"], None),
        (["none"], None),
        (["", ",,", ":"], None),
        ([], None),
    ],
)
def test_x_robots_tag(headers, reason):
    if reason is None:
        check_x_robots_tag(headers, HttpSettings())
    else:
        with pytest.raises(FetchError) as caught:
            check_x_robots_tag(headers, HttpSettings())
        assert caught.value.reason is reason


def test_x_robots_tag_settings():
    check_x_robots_tag(["noai, noimageai"], HttpSettings(honour_noai=False))
    for tag in ("noindex", "noimageindex", "none"):
        with pytest.raises(FetchError) as caught:
            check_x_robots_tag([tag], HttpSettings(honour_noindex=True))
        assert caught.value.reason is Reason.NOINDEX
