"""The layouts of published test sets, generated."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from million_ird.errors import UsageError
from pretrain.evaluate.folders import find_sets, set_of_pairs
from pretrain.evaluate.picture_set import PictureSet
from tests.pretrain.picture_files import write_pictures


def _only(folder: Path) -> PictureSet:
    (found,) = find_sets(folder)
    return found


@pytest.mark.parametrize(
    ("folder", "inner", "names", "set_name"),
    [
        ("CBSD68", "", ["101085.png", "102061.png"], "CBSD68"),
        ("bsd68", "", ["test001.jpg"], "bsd68"),
        ("CBSD68", "original_png", ["0000.png"], "CBSD68"),
        ("Kodak24", "", ["kodim01.png", "kodim02.png"], "Kodak24"),
        ("Set5", "HR", ["baby.png"], "Set5"),
        ("Set5", "GTmod12", ["baby.png"], "Set5"),
        ("Urban100", "", ["img_001.png"], "Urban100"),
        ("Urban100", "image_SRF_2", ["img_001_SRF_2_HR.png"], "Urban100"),
        ("Set14", "image_SRF_3", ["img_001_SRF_3_HR.png"], "Set14"),
        ("DIV2K_valid_HR", "", ["0801.png"], "DIV2K_valid_HR"),
    ],
)
def test_clean_sets(tmp_path: Path, folder: str, inner: str, names: list[str], set_name: str) -> None:
    write_pictures(tmp_path / folder / inner, *names)
    found = _only(tmp_path / folder)
    assert (found.name, found.task, found.left_out) == (set_name, "", ()) and found.is_clean
    assert [(item.name, item.degraded) for item in found.items] == [(name, None) for name in names]


def test_reduced_pictures_beside_the_full_ones_are_not_taken(tmp_path: Path) -> None:
    write_pictures(tmp_path / "Urban100" / "image_SRF_2", "img_001_SRF_2_HR.png", "img_001_SRF_2_LR.png", "cover.png")
    found = _only(tmp_path / "Urban100")
    assert [item.name for item in found.items] == ["img_001_SRF_2_HR.png"]
    assert [left.path.name for left in found.left_out] == ["cover.png"]


def test_ready_made_noise_beside_the_originals_is_not_taken(tmp_path: Path) -> None:
    write_pictures(tmp_path / "CBSD68" / "original_png", "0000.png")
    write_pictures(tmp_path / "CBSD68" / "noisy25", "0000.png")
    assert len(find_sets(tmp_path / "CBSD68")) == 1


def test_a_folder_named_by_its_inner_part_has_the_sets_name(tmp_path: Path) -> None:
    write_pictures(tmp_path / "Set5" / "HR", "baby.png")
    assert _only(tmp_path / "Set5" / "HR").name == "Set5"


@pytest.mark.parametrize(
    ("degraded", "clean", "names", "clean_names"),
    [
        ("rainy", "target", ["norain-001.png"], ["norain-001.png"]),
        ("rainy", "gt", ["rain-001.png"], ["norain-001.png"]),
        ("rainy", "", ["rain-001.png"], ["norain-001.png"]),
        ("rain/X2", "norain", ["norain-001x2.png"], ["norain-001.png"]),
        ("input", "target", ["1.png"], ["1.png"]),
    ],
)
def test_rain100l_in_its_known_forms(
    tmp_path: Path, degraded: str, clean: str, names: list[str], clean_names: list[str]
) -> None:
    write_pictures(tmp_path / "Rain100L" / degraded, *names)
    write_pictures(tmp_path / "Rain100L" / clean, *clean_names)
    found = _only(tmp_path / "Rain100L")
    assert (found.name, found.task, found.left_out) == ("Rain100L", "derain", ())
    assert [(item.name, item.clean.name) for item in found.items] == list(zip(names, clean_names, strict=True))
    assert found.items[0].degraded is not None
    assert found.items[0].degraded.parent.name == Path(degraded).name


def test_sots_outdoor_has_several_hazy_pictures_of_one_clean(tmp_path: Path) -> None:
    outdoor = tmp_path / "SOTS" / "outdoor"
    write_pictures(outdoor / "hazy", "0001_0.8_0.2.jpg", "0002_0.95_0.16.jpg", "0002_1_0.2.jpg")
    write_pictures(outdoor / "gt", "0001.png", "0002.png")
    found = _only(tmp_path / "SOTS")
    assert (found.name, found.task, found.published_size) == ("SOTS/outdoor", "dehaze", 500)
    assert [item.clean.name for item in found.items] == ["0001.png", "0002.png", "0002.png"]


def test_promptirs_test_folder_is_three_sets(tmp_path: Path) -> None:
    write_pictures(tmp_path / "denoise" / "bsd68", "a.png")
    write_pictures(tmp_path / "derain" / "Rain100L" / "input", "1.png")
    write_pictures(tmp_path / "derain" / "Rain100L" / "target", "1.png")
    write_pictures(tmp_path / "dehaze" / "input", "0001_0.8_0.2.jpg")
    write_pictures(tmp_path / "dehaze" / "target", "0001.png")
    found = {each.name: each.task for each in find_sets(tmp_path)}
    assert found == {"bsd68": "", "Rain100L": "derain", "dehaze": "dehaze"}


@pytest.mark.parametrize(
    ("name", "size"),
    [("CBSD68", 68), ("bsd68", 68), ("BSD-68", 68), ("Urban100", 100), ("Kodak24", 24), ("Set5", 5), ("mine", None)],
)
def test_published_sizes_are_known_by_name(tmp_path: Path, name: str, size: int | None) -> None:
    write_pictures(tmp_path / name, "a.png")
    assert _only(tmp_path / name).published_size == size


def test_unpaired_files_are_counted_and_named(tmp_path: Path) -> None:
    write_pictures(tmp_path / "Rain100L" / "rainy", "rain-001.png", "rain-002.png")
    write_pictures(tmp_path / "Rain100L" / "gt", "norain-001.png", "norain-003.png")
    found = _only(tmp_path / "Rain100L")
    assert len(found.items) == 1
    assert [left.path.name for left in found.left_out] == ["rain-002.png", "norain-003.png"]


def test_two_folders_of_any_names(tmp_path: Path) -> None:
    write_pictures(tmp_path / "mine" / "foggy_ones", "a.png", "b.png")
    write_pictures(tmp_path / "mine" / "bright_ones", "b.png")
    found = set_of_pairs(tmp_path / "mine" / "foggy_ones", tmp_path / "mine" / "bright_ones")
    assert (found.name, found.task) == ("mine", "restore")
    assert [item.name for item in found.items] == ["b.png"]


def test_what_cannot_be_a_test_set_says_so(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    write_pictures(tmp_path / "a", "1.png")
    write_pictures(tmp_path / "b", "2.png")
    with pytest.raises(UsageError, match="no test set of a known layout"):
        find_sets(tmp_path / "empty")
    with pytest.raises(UsageError, match="no folder"):
        find_sets(tmp_path / "absent")
    with pytest.raises(UsageError, match="holds no pictures"):
        set_of_pairs(tmp_path / "a", tmp_path / "empty")
    with pytest.raises(UsageError, match=r"no picture in .* has the name"):
        set_of_pairs(tmp_path / "a", tmp_path / "b")


def test_the_real_sets_are_recognised(shared_data: Path) -> None:
    found = {each.name: (each.task, len(each.items)) for each in find_sets(shared_data / "testsets")}
    assert found == {"Kodak24": ("", 24), "Set12": ("", 12), "Set5": ("", 5)}


@pytest.mark.parametrize("name", ["rainy", "hazy", "rain/X2"])
def test_degraded_pictures_are_never_taken_for_clean_ones(tmp_path: Path, name: str) -> None:
    write_pictures(tmp_path / "mine" / name, "1.png")
    with pytest.raises(UsageError, match="holds degraded pictures, and nothing beside it clean ones"):
        find_sets(tmp_path / "mine")
    if "/" not in name:
        with pytest.raises(UsageError, match="name the folder above"):
            find_sets(tmp_path / "mine" / name)


def test_clean_pictures_beside_the_folder_need_no_special_names(tmp_path: Path) -> None:
    write_pictures(tmp_path / "mine" / "rainy", "1.png", "2.png")
    write_pictures(tmp_path / "mine", "1.png")
    found = _only(tmp_path / "mine")
    assert (len(found.items), [left.path.name for left in found.left_out]) == (1, ["2.png"])


def test_names_that_are_no_text_can_be_printed_and_kept(tmp_path: Path) -> None:
    write_pictures(tmp_path / "set", "a.png")
    (tmp_path / "set" / "a.png").rename(os.fsdecode(os.fsencode(tmp_path / "set") + b"/\xff.png"))
    assert [item.name for item in _only(tmp_path / "set").items] == ["\\xff.png"]


@pytest.mark.parametrize("folder", ["mask", "masks", "Blur_Mask"])
def test_masks_beside_pairs_belong_to_them_by_name(tmp_path: Path, folder: str) -> None:
    for inner in ("blur", "sharp"):
        write_pictures(tmp_path / "local" / inner, "00.png", "01.png")
    write_pictures(tmp_path / "local" / folder, "00.bmp", "other.png")
    found = _only(tmp_path / "local")
    assert found.task == "deblur"
    assert [item.mask and item.mask.name for item in found.items] == ["00.bmp", None]


@pytest.mark.parametrize("begin", ["", "dataset", "dataset/test"])
def test_the_tree_of_reloblur_has_its_test_part_and_masks(tmp_path: Path, begin: str) -> None:
    tree = tmp_path / "ReLoBlur"
    for part, shots in (("train", ["s01/00"]), ("test", ["s02/03", "s10/00"])):
        for shot in shots:
            number = shot[-2:]
            write_pictures(tree / "dataset" / part / shot, f"{number}_blur.png", f"{number}_sharp.png")
            write_pictures(tree / "masks" / part / shot, f"{number}.png")
    write_pictures(tree / "dataset" / "test" / "s10" / "01", "01_blur.png")
    found = _only(tree / begin)
    assert (found.task, found.is_clean) == ("deblur", False)
    assert [item.name for item in found.items] == ["s02/03/03_blur.png", "s10/00/00_blur.png"]
    assert [item.clean.name for item in found.items] == ["03_sharp.png", "00_sharp.png"]
    assert [(left.path.name, left.reason) for left in found.left_out] == [
        ("01_blur.png", "no clean picture of that name")
    ]
    masks = [tree / "masks" / "test" / name for name in ("s02/03/03.png", "s10/00/00.png")]
    assert [item.mask for item in found.items] == masks


def test_pairs_in_one_folder_are_told_apart_by_their_endings(tmp_path: Path) -> None:
    write_pictures(tmp_path / "mine", "a_blur.png", "a_sharp.png", "b_blur.png", "c.png", "d_sharp.png")
    write_pictures(tmp_path / "mine" / "masks", "a.png")
    found = _only(tmp_path / "mine")
    assert [(item.name, item.clean.name, item.mask and item.mask.name) for item in found.items] == [
        ("a_blur.png", "a_sharp.png", "a.png")
    ]
    assert {left.path.name: left.reason for left in found.left_out} == {
        "b_blur.png": "no clean picture of that name",
        "c.png": "neither a _blur nor a _sharp picture, as the others are",
        "d_sharp.png": "no degraded picture of that name",
    }
