"""Names of rows, and what the tables promise."""

from __future__ import annotations

import pytest

from million_ird.records import (
    IMAGE_COLUMNS,
    PATCH_COLUMNS,
    SOURCE_SCHEMA,
    image_key,
    image_schema,
    normalise_url,
    patch_key,
    patch_schema,
)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("HTTP://Example.COM/A.jpg", "http://example.com/A.jpg"),
        ("http://example.com", "http://example.com/"),
        ("http://example.com:80/a", "http://example.com/a"),
        ("https://example.com:443/a", "https://example.com/a"),
        ("https://example.com:80/a", "https://example.com:80/a"),
        ("http://example.com/a#part", "http://example.com/a"),
        ("  http://example.com/a \n", "http://example.com/a"),
        ("http://example.com/two words.jpg", "http://example.com/two%20words.jpg"),
        ("http://example.com/%7euser/%C3%A9", "http://example.com/%7euser/%C3%A9"),
        ("http://example.com/e\u0301", "http://example.com/%C3%A9"),
        ("http://example.com/\u00e9", "http://example.com/%C3%A9"),
        ("http://bücher.example/a", "http://xn--bcher-kva.example/a"),
        ("http://[::1]:8080/a", "http://[::1]:8080/a"),
        ("http://example.com/a?b=c d&e=\u00e9#f", "http://example.com/a?b=c%20d&e=%C3%A9"),
    ],
)
def test_one_spelling_of_a_url(written: str, meant: str) -> None:
    assert normalise_url(written) == meant
    assert normalise_url(meant) == meant, "it is a fixed point"


@pytest.mark.parametrize(
    "written",
    [
        *("", "no url", "ftp://example.com/a", "file:///etc/passwd", "http:///a", "//example.com/a", "javascript:1"),
        *("http://user:word@example.com/", "http://example.com:99999/", "http://[broken/", "http://" + "ü" * 80 + "/"),
    ],
)
def test_what_is_no_url_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        normalise_url(written)


def test_image_keys_are_given_once() -> None:
    """A change of the rule would orphan every dataset ever built."""
    assert image_key("http://example.com/a.jpg") == "4fd63207a70baba7076795ee"
    assert image_key("lake/zürich.jpg") == "0aaef58cb5dd3d3a43d953ae"
    assert len({image_key(str(n)) for n in range(1000)}) == 1000


def test_patch_keys_name_image_place_and_size() -> None:
    key = patch_key("0123456789abcdef01234567", 512, 1024, 256)
    assert key == "0123456789abcdef01234567-y01024-x00512-s0256"
    assert "." not in key


def test_screens_come_after_the_fixed_columns() -> None:
    assert image_schema(["a", "b"]).names == [*(field.name for field in IMAGE_COLUMNS), "a", "b"]
    assert patch_schema(["a"]).names == [*(field.name for field in PATCH_COLUMNS), "a"]
    assert str(image_schema(["a"]).field("a").type) == "double"
    assert image_schema([]).names[: len(SOURCE_SCHEMA.names)] == SOURCE_SCHEMA.names


def test_no_column_stands_twice() -> None:
    for schema in (image_schema([]), patch_schema([]), SOURCE_SCHEMA):
        assert len(set(schema.names)) == len(schema.names)
