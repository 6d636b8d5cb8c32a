"""Files and folders in, PNG files out: names, colours, what is refused, what is done again and what not."""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from million_ird.errors import StoreError, UsageError
from million_ird.metrics import luma, psnr
from million_ird.progress import Progress
from million_ird.records import Rejection
from pretrain.degradations import Degraded, Downscale, Jpeg, LocalBlur
from pretrain.degradations.resize import downscale, enlarge
from pretrain.images import Pixels
from pretrain.kept_windows import draw_shares
from pretrain.levels import Picture
from pretrain.restore import TooLargeError
from pretrain.restore_files import Outcome, Wanted, plan_jobs, printable, read_upright, restore_files, summary
from pretrain.restore_trial import CorruptionTrial, DegradationTrial
from tests.pretrain.picture_files import picture, write_picture, write_pictures


def _inverted(seen: Picture) -> Picture:
    """A restorer whose work is easily told from its input."""
    return np.float32(1) - seen


def _restore(
    source: Path, out: Path, restore: Callable[[Picture], Picture] = _inverted, **more: object
) -> tuple[Outcome, list[str]]:
    """Plans and restores; the outcome, and the lines that were said."""
    log = io.StringIO()
    place, jobs = plan_jobs(source, str(out))
    wanted = Wanted(**more)  # type: ignore[arg-type]
    outcome = restore_files(jobs, place, restore, Progress("restore", len(jobs), stream=log), wanted)
    return outcome, log.getvalue().splitlines()


def _pixels(path: Path) -> Pixels:
    with Image.open(path) as opened:
        assert opened.format == "PNG" and opened.mode == "RGB"
        return np.array(opened)


def _tree(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_a_folder_comes_out_as_the_same_tree_of_png(tmp_path: Path) -> None:
    write_pictures(tmp_path / "in", "b.png", "sub/deep/a.bmp", "sub/c.webp")
    (tmp_path / "in" / "notes.txt").write_text("no picture")
    outcome, lines = _restore(tmp_path / "in", tmp_path / "out")
    assert _tree(tmp_path / "out") == ["b.png", "sub/c.png", "sub/deep/a.png"]
    np.testing.assert_array_equal(_pixels(tmp_path / "out/sub/deep/a.png"), 255 - picture("a"))
    assert outcome.restored == 3 and not outcome.refused and lines == []


def test_one_file_goes_into_a_folder_or_to_a_png(tmp_path: Path) -> None:
    source = write_picture(tmp_path / "photo.bmp", picture("photo"))
    _restore(source, tmp_path / "folder")
    _restore(source, tmp_path / "new" / "result.PNG", compare=True)
    assert _tree(tmp_path / "folder") == ["photo.png"]
    assert _tree(tmp_path / "new") == ["result.PNG", "result.compared.png"]
    np.testing.assert_array_equal(_pixels(tmp_path / "new/result.PNG"), 255 - picture("photo"))


def test_one_file_beside_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    source = write_picture(tmp_path / "photo.bmp", picture("photo"))
    _restore(source, Path("result.png"))
    assert _tree(tmp_path) == ["photo.bmp", "result.png"]


def test_names_that_differ_only_in_their_suffix_keep_it(tmp_path: Path) -> None:
    write_pictures(tmp_path / "in", "a.png", "A.bmp", "b.png", "sub/a.png")
    _restore(tmp_path / "in", tmp_path / "out")
    assert _tree(tmp_path / "out") == ["A.bmp.png", "a.png.png", "b.png", "sub/a.png"]


def test_bad_files_cost_a_line_each_and_nothing_else(tmp_path: Path, make_jpeg: Callable[..., bytes]) -> None:
    folder = tmp_path / "in"
    write_pictures(folder, "good.png")
    (folder / "cut.jpg").write_bytes(make_jpeg(picture("cut"))[:-40])
    (folder / "page.jpg").write_bytes(b"<html>not found</html>")
    (folder / "empty.png").write_bytes(b"")
    (folder / "gone.png").symlink_to(tmp_path / "nowhere")
    Image.new("L", (1, 1)).save(folder / "tiny.png")
    Image.fromarray(np.zeros((9, 9), np.uint16)).save(folder / "deep.png")
    outcome, lines = _restore(folder, tmp_path / "out")
    assert outcome.restored == 2 and _tree(tmp_path / "out") == ["good.png", "tiny.png"]
    assert outcome.refused == {"truncated": 1, "not_an_image": 1, "empty": 1, "unreadable_file": 1, "bit_depth": 1}
    assert len(lines) == 5 and all(line.startswith("refused ") for line in lines)
    assert lines[0].startswith(f"refused {folder / 'cut.jpg'}: truncated")
    text = summary(outcome, "out", "small")
    assert text.startswith("restored 2 into out (variant small); 5 refused: ") and "1 truncated" in text


def test_a_bomb_is_refused_by_its_header(tmp_path: Path) -> None:
    data = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(data, "PNG")
    (tmp_path / "bomb.png").write_bytes(data.getvalue())
    rejection = read_upright(tmp_path / "bomb.png")
    assert isinstance(rejection, Rejection) and rejection.reason == "too_many_pixels"


@pytest.mark.parametrize("orientation", range(1, 9))
def test_outputs_are_upright(orientation: int, tmp_path: Path, make_jpeg: Callable[..., bytes]) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = make_jpeg(picture("turned", 32, 48), exif=exif.tobytes())
    (tmp_path / "turned.jpg").write_bytes(data)
    _restore(tmp_path / "turned.jpg", tmp_path / "out", lambda seen: seen)
    from PIL import ImageOps

    with Image.open(io.BytesIO(data)) as stored:
        expected = np.array(ImageOps.exif_transpose(stored))
    got = _pixels(tmp_path / "out/turned.png")
    assert got.shape == ((32, 48, 3) if orientation < 5 else (48, 32, 3)) == expected.shape
    assert np.abs(got.astype(int) - expected).max() <= 3, "decoders may differ by a rounding of chroma"


def test_wide_gamut_becomes_srgb(tmp_path: Path) -> None:
    from million_ird.pixels.colour import named_meaning

    flat = np.full((16, 16, 3), (200, 60, 40), np.uint8)
    Image.fromarray(flat).save(tmp_path / "wide.png", icc_profile=named_meaning("display_p3").icc)
    pixels = read_upright(tmp_path / "wide.png")
    assert isinstance(pixels, np.ndarray)
    assert pixels[0, 0, 0] > 210, "the same red has larger numbers in the smaller gamut"


def test_what_is_there_is_left_alone_until_told(tmp_path: Path) -> None:
    write_pictures(tmp_path / "in", "a.png", "b.png")
    _restore(tmp_path / "in", tmp_path / "out")
    (tmp_path / "out/a.png").write_bytes(b"mine")
    (tmp_path / "out/b.png").unlink()
    outcome, _ = _restore(tmp_path / "in", tmp_path / "out")
    assert (outcome.restored, outcome.there_already) == (1, 1)
    assert (tmp_path / "out/a.png").read_bytes() == b"mine" and (tmp_path / "out/b.png").exists()
    assert "1 were there already (--overwrite" in summary(outcome, "out", "small")
    outcome, _ = _restore(tmp_path / "in", tmp_path / "out", overwrite=True)
    assert outcome.restored == 2
    np.testing.assert_array_equal(_pixels(tmp_path / "out/a.png"), 255 - picture("a"))


def test_a_comparison_that_is_missing_is_made(tmp_path: Path) -> None:
    write_pictures(tmp_path / "in", "a.png")
    _restore(tmp_path / "in", tmp_path / "out")
    outcome, _ = _restore(tmp_path / "in", tmp_path / "out", compare=True)
    assert outcome.restored == 1
    both = _pixels(tmp_path / "out/a.compared.png")
    assert both.shape == (48, 64 + 4 + 64, 3)
    np.testing.assert_array_equal(both[:, :64], picture("a"))
    np.testing.assert_array_equal(both[:, 68:], 255 - picture("a"))
    outcome, _ = _restore(tmp_path / "in", tmp_path / "out", compare=True)
    assert (outcome.restored, outcome.there_already) == (0, 1)


def test_a_full_disk_is_one_line_and_leaves_nothing_half(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_pictures(tmp_path / "in", "a.png", "b.png")
    writes: list[Path] = []
    write = Path.write_bytes

    def fills_up(self: Path, data: bytes) -> int:
        writes.append(self)
        if len(writes) == 2:
            write(self, data[:50])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(self, data)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", fills_up)
        with pytest.raises(StoreError, match="the disk is full") as caught:
            _restore(tmp_path / "in", tmp_path / "out")
    assert "\n" not in str(caught.value)
    assert _tree(tmp_path / "out") == ["a.png"], "and no part of b"
    outcome, _ = _restore(tmp_path / "in", tmp_path / "out")
    assert (outcome.restored, outcome.there_already) == (1, 1)


def test_a_picture_beyond_memory_is_refused_and_the_next_one_done(tmp_path: Path) -> None:
    write_picture(tmp_path / "in/a.png", picture("a", 90, 90))
    write_pictures(tmp_path / "in", "b.png")

    def limited(seen: Picture) -> Picture:
        if len(seen) > 50:
            raise TooLargeError("90×90 pixels need about 9 GB")
        return seen

    outcome, lines = _restore(tmp_path / "in", tmp_path / "out", limited)
    assert outcome.refused == {"too_large": 1} and outcome.restored == 1
    assert lines == [f"refused {tmp_path / 'in/a.png'}: too_large: 90×90 pixels need about 9 GB"]


_CORRUPTION = CorruptionTrial()


def test_clean_pictures_are_corrupted_as_in_training_and_judged(tmp_path: Path) -> None:
    write_picture(tmp_path / "in/a.png", picture("a", 150, 300))
    write_pictures(tmp_path / "in", "small.png")
    outcome, lines = _restore(tmp_path / "in", tmp_path / "out", lambda seen: seen, compare=True, trial=_CORRUPTION)
    assert outcome.refused == {"too_small": 1} and "64×48" in lines[0]
    three = _pixels(tmp_path / "out/a.compared.png")
    assert three.shape == (128, 3 * 256 + 2 * 4, 3)
    seen, restored, clean = (three[:, start : start + 256] for start in (0, 260, 520))
    np.testing.assert_array_equal(clean, picture("a", 150, 300)[:128, :256])
    np.testing.assert_array_equal(seen, restored)
    white = (seen.reshape(8, 16, 16, 16, 3) == 255).all(axis=(1, 3, 4))
    assert 38 <= white.sum() <= 40, "30 % of 2 × 64 cells are masked"
    ((before, after),) = outcome.gains
    assert before == after < 30
    assert f"PSNR before {before:.2f} dB, after {after:.2f} dB (RGB, mean of 1 pictures)" in summary(outcome, "o", "v")


def _doubled(seen: Picture) -> Picture:
    return seen.repeat(2, 0).repeat(2, 1)


def test_larger_results_stand_beside_the_bicubic_enlargement_and_are_judged_on_luma(tmp_path: Path) -> None:
    write_picture(tmp_path / "in/a.png", picture("a", 49, 64))
    write_picture(tmp_path / "in/b.png", picture("b", 4, 64))
    trial = DegradationTrial(Downscale(2), local=False)
    outcome, lines = _restore(tmp_path / "in", tmp_path / "out", _doubled, compare=True, trial=trial)
    assert lines == [f"refused {tmp_path / 'in/b.png'}: too_small: 64×4, 5 are needed along each side"]
    clean = picture("a", 49, 64)[:48]
    small = downscale(clean, 2)
    restored = small.repeat(2, 0).repeat(2, 1)
    np.testing.assert_array_equal(_pixels(tmp_path / "out/a.png"), restored)
    three = _pixels(tmp_path / "out/a.compared.png")
    expected = (enlarge(small, 2), restored, clean)
    for start, part in zip((0, 68, 136), expected, strict=True):
        np.testing.assert_array_equal(three[:, start : start + 64], part)
    scores = [psnr(luma(each, 255), luma(clean, 255), 255, border=2) for each in expected[:2]]
    assert outcome.gains == [tuple(scores)]
    assert "(luma, without 2 pixels of border, mean of 1 pictures)" in summary(outcome, "o", "v")


def test_an_enlargement_is_compared_without_a_clean_picture_too(tmp_path: Path) -> None:
    write_pictures(tmp_path / "in", "a.png")
    _restore(tmp_path / "in", tmp_path / "out", _doubled, compare=True)
    both = _pixels(tmp_path / "out/a.compared.png")
    np.testing.assert_array_equal(both[:, :128], enlarge(picture("a"), 2))
    assert both.shape == (96, 128 + 4 + 128, 3)


def test_local_blur_is_judged_where_it_is(tmp_path: Path) -> None:
    write_picture(tmp_path / "in/a.png", picture("a", 96, 96))
    write_picture(tmp_path / "in/b.png", picture("b", 20, 96))
    outcome, lines = _restore(tmp_path / "in", tmp_path / "out", trial=DegradationTrial(LocalBlur(), local=True))
    assert outcome.refused == {"too_small": 1} and "b.png: too_small" in lines[0]
    ((before, after),) = outcome.gains
    assert after < before < 40 and outcome.metric == "the blurred pixels alone"


def test_where_nothing_was_blurred_there_is_nothing_to_judge() -> None:
    clean = picture("a")
    made = Degraded(clean, clean, np.zeros(clean.shape[:2], np.bool_))
    assert DegradationTrial(LocalBlur(), local=True).score(clean, made) is None
    assert DegradationTrial(Jpeg(10), local=False).metric == "RGB"


def test_windows_are_drawn_on_the_input_and_a_missing_picture_of_them_is_made(tmp_path: Path) -> None:
    write_pictures(tmp_path / "in", "a.png")
    shares = np.zeros((48, 64, 3), np.float32)
    shares[:, 32:] = 1
    _restore(tmp_path / "in", tmp_path / "out")
    outcome, _ = _restore(tmp_path / "in", tmp_path / "out", windows=lambda seen: shares)
    assert outcome.restored == 1
    drawn = _pixels(tmp_path / "out/a.windows.png")
    np.testing.assert_array_equal(drawn, draw_shares(picture("a"), shares[..., 0]))
    np.testing.assert_array_equal(drawn[:, 33:], picture("a")[:, 33:])
    assert (drawn[:, 32] == (255, 214, 0)).all(), "a line around what is kept"
    outcome, _ = _restore(tmp_path / "in", tmp_path / "out", windows=lambda seen: shares)
    assert (outcome.restored, outcome.there_already) == (0, 1)


def test_corruption_is_the_same_every_time_and_another_for_another_name() -> None:
    clean = picture("a", 128, 256)
    first, again, other = (_CORRUPTION.degrade(clean, name).input for name in ("a", "a", "b"))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    assert (first[:, :128] != first[:, 128:]).any(axis=2).mean() > 0.5


def test_what_cannot_be_planned_is_said(tmp_path: Path) -> None:
    source = write_picture(tmp_path / "in/a.png", picture("a"))
    (tmp_path / "none").mkdir()
    cases = [
        (tmp_path / "missing", "out", "there is no file or folder"),
        (tmp_path / "none", "out", "no file that could be a picture"),
        (tmp_path / "in", str(tmp_path / "in"), "taken for pictures to restore"),
        (tmp_path / "in", str(tmp_path / "in/results"), "taken for pictures to restore"),
        (source, str(source), "replace the picture itself"),
    ]
    for given, out, message in cases:
        with pytest.raises(UsageError, match=message):
            plan_jobs(given, out)


def test_a_file_may_not_replace_itself_through_its_folder(tmp_path: Path) -> None:
    source = write_picture(tmp_path / "a.png", picture("a"))
    with pytest.raises(UsageError, match="replace the picture itself"):
        plan_jobs(source, str(tmp_path))


def test_names_of_any_bytes_can_be_said() -> None:
    assert printable(Path(os.fsdecode(b"in/caf\xe9.png"))) == "in/caf\ufffd.png"


def test_a_pipe_and_a_device_are_refused_and_never_opened(tmp_path: Path) -> None:
    write_pictures(tmp_path / "in", "a.png")
    os.mkfifo(tmp_path / "in/pipe.png")
    (tmp_path / "in/endless.jpg").symlink_to("/dev/zero")
    outcome, lines = _restore(tmp_path / "in", tmp_path / "out")
    assert outcome.restored == 1 and outcome.refused == {"unreadable_file": 2}
    assert all("no plain file" in line for line in lines)


def test_a_file_larger_than_any_photograph_is_not_read(tmp_path: Path) -> None:
    write_pictures(tmp_path / "in", "a.png")
    with (tmp_path / "in/hole.png").open("wb") as file:
        file.truncate(1 << 40)
    outcome, _ = _restore(tmp_path / "in", tmp_path / "out")
    assert outcome.restored == 1 and outcome.refused == {"too_many_bytes": 1}


def test_a_name_too_long_for_its_result_costs_a_line(tmp_path: Path) -> None:
    write_pictures(tmp_path / "in", "b.png", f"{'x' * 251}.png")
    outcome, lines = _restore(tmp_path / "in", tmp_path / "out", compare=True)
    assert outcome.restored == 1 and outcome.refused == {"name": 1}
    assert lines[0].endswith("name: File name too long")
    assert not (tmp_path / "out/.part").exists()


def test_results_in_place_of_pictures_are_refused_though_the_place_lies_above(tmp_path: Path) -> None:
    write_pictures(tmp_path / "in", "a.png", "in/a.png")
    with pytest.raises(UsageError, match="some results would lie in"):
        plan_jobs(tmp_path / "in", str(tmp_path))
    with pytest.raises(UsageError, match="--out: name a folder"):
        plan_jobs(tmp_path / "in", "")


def test_a_place_that_cannot_be_written_is_told_before_anything_is_computed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_pictures(tmp_path / "in", "a.png")

    def refuses(self: Path, *arguments: object, **more: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(Path, "mkdir", refuses)
    computed: list[Picture] = []
    with pytest.raises(StoreError, match="the file system is read-only: choose another --out"):
        _restore(tmp_path / "in", tmp_path / "out", lambda seen: computed.append(seen) or seen)  # type: ignore[func-returns-value]
    assert not computed
