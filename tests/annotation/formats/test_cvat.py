"""CVAT's XML: files by hand, and files that only hurt."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from annotation.formats.model import FormatError, Found, Reading
from annotation.mask import MaskError
from tests.annotation.formats.world import only, read, refusal, ring, write

HEAD = "<?xml version='1.0' encoding='utf-8'?>"


def cvat_file(folder: Path, shapes: str, size: str = 'width="4" height="3"', head: str = HEAD) -> Path:
    path = folder / "annotations.xml"
    path.write_text(f'{head}<annotations><image id="0" name="p/a.jpg" {size}>{shapes}</image></annotations>')
    return path


def mask_of(rle: str, box: str = 'left="1" top="1" width="2" height="2"', label: str = "blur") -> str:
    return f'<mask label="{label}" rle="{rle}" {box} z_order="0"></mask>'


def test_runs_go_row_after_row_inside_the_box_and_begin_with_what_is_sharp(tmp_path: Path) -> None:
    found = only("cvat", cvat_file(tmp_path, mask_of("1, 2, 1")))
    assert found.names == ("p/a.jpg",)
    assert found.load((4, 3)).astype(int).tolist() == [[0, 0, 0, 0], [0, 0, 1, 0], [0, 1, 0, 0]]


def test_what_is_written_is_what_another_parser_reads(tmp_path: Path) -> None:
    write("cvat", {"ä <b>/c&d": ring()}, tmp_path)
    root = ElementTree.parse(tmp_path / "annotations.xml").getroot()
    (image,) = root.findall("image")
    (mask,) = image.findall("mask")
    assert image.get("name") == "ä <b>/c&d.jpg"
    assert [mask.get(name) for name in ("left", "top", "width", "height")] == ["8", "5", "22", "20"]
    assert sum(map(int, mask.get("rle", "").split(","))) == 22 * 20


def test_polygons_are_read_too(tmp_path: Path) -> None:
    shapes = '<polygon label="blur" points="0.00,0.00;2.00,0.00;2.00,1.00;0.00,1.00"></polygon>' + mask_of("0,4")
    mask = only("cvat", cvat_file(tmp_path, shapes)).load((4, 3))
    assert mask.astype(int).tolist() == [[1, 1, 0, 0], [0, 1, 1, 0], [0, 1, 1, 0]]


def test_one_of_several_labels_must_be_named(tmp_path: Path) -> None:
    path = cvat_file(tmp_path, mask_of("0,4") + mask_of("4", label="sky"))
    with pytest.raises(FormatError, match=r"several labels \(blur, sky\)"):
        read("cvat", path)
    assert only("cvat", path, Reading(label="blur")).load((4, 3)).sum() == 4


def test_an_image_without_a_shape_is_no_empty_mask(tmp_path: Path) -> None:
    assert "no mask or polygon" in refusal("cvat", cvat_file(tmp_path, ""))


@pytest.mark.parametrize(
    ("shape", "says"),
    [
        (mask_of("5"), "do not add up"),
        (mask_of("-1, 5"), "no whole number from 0 on: ' *-1'"),
        (mask_of("1e9"), "no whole number"),
        (mask_of("9" * 30), "no whole number"),
        (mask_of(""), "no whole number"),
        (mask_of("٣"), "no whole number"),
        (mask_of("4", 'left="3" top="1" width="2" height="2"'), "not inside of the image"),
        (mask_of("4", 'left="0" top="0" width="0" height="2"'), "not inside of the image"),
        (mask_of("4", 'left="-1" top="0" width="2" height="2"'), "its left is no whole number"),
        (mask_of("4", ""), "its left is no whole number"),
        ('<polygon label="blur" points="nan,0;1,1;2,2"/>', "no number"),
        ('<polygon label="blur" points="a,0;1,1;2,2"/>', "no numbers"),
        ('<polygon label="blur" points="1,1;2,2"/>', "at least three"),
        ('<polygon label="blur"/>', "no numbers"),
    ],
)
def test_shapes_that_are_none(shape: str, says: str, tmp_path: Path) -> None:
    found = only("cvat", cvat_file(tmp_path, shape))
    with pytest.raises(MaskError, match=says):
        found.load((4, 3))


def test_another_size_is_named_beside_that_of_the_image(tmp_path: Path) -> None:
    with pytest.raises(MaskError, match="the mask is 4x3, its image 40x30"):
        only("cvat", cvat_file(tmp_path, mask_of("0,4"))).load((40, 30))


@pytest.mark.parametrize("size", ['width="0" height="3"', 'width="99999999" height="99999999"', 'height="3"'])
def test_images_of_impossible_sizes(size: str, tmp_path: Path) -> None:
    assert refusal("cvat", cvat_file(tmp_path, mask_of("0,4"), size))


BOMB = "".join(f'<!ENTITY b{n} "{f"&b{n - 1};" * 10}">' for n in range(1, 10))


@pytest.mark.parametrize(
    "head",
    [
        HEAD + f'<!DOCTYPE a [<!ENTITY b0 "blur">{BOMB}]>',
        HEAD + '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
        HEAD + '<!DOCTYPE a SYSTEM "http://127.0.0.1:9/a.dtd">',
        HEAD + '<!DOCTYPE a [<!ENTITY % p SYSTEM "file:///etc/passwd"> %p;]>',
        HEAD + "<!DOCTYPE annotations>",
    ],
    ids=("expanding", "a file", "an address", "a parameter", "only a type"),
)
def test_nothing_is_declared_expanded_or_opened(head: str, tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="it declares a document type or entities"):
        read("cvat", cvat_file(tmp_path, mask_of("0,4"), head=head))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "no element found"),
        ("<annotations>", "no element found"),
        ("<annotations><image></annotations>", "mismatched tag"),
        ("<annotations>" + "<a>" * 100_000, "nested too deep"),
        ("<html></html>", "outermost element is not <annotations>"),
        ("<annotations>&x;</annotations>", "undefined entity"),
        ("<?xml version='1.0' encoding='nonsense'?><annotations/>", "unknown encoding"),
    ],
)
def test_files_that_are_none_of_cvat(content: str, says: str, tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    path.write_text(content)
    with pytest.raises(FormatError, match=says):
        read("cvat", path)


def test_other_elements_and_encodings_do_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    text = '<annotations><meta><image/></meta><track><mask rle="9"/></track>'
    text += f'<image id="0" name="ä.jpg" width="4" height="3">{mask_of("0, 4")}<tag label="day"/></image></annotations>'
    path.write_bytes(f"<?xml version='1.0' encoding='utf-16'?>{text}".encode("utf-16"))
    found = read("cvat", path)[-1]
    assert isinstance(found, Found)
    assert found.load((4, 3)).sum() == 4
