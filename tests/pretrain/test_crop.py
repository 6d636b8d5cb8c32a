"""Random crops: right pixels, all places and turns equally likely, one decode for several, damage told apart."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageOps

from million_ird import Dataset
from million_ird.errors import UsageError
from million_ird.fingerprint import TRANSFORMS, transformed
from million_ird.jpeg import region
from million_ird.jpeg.region import WholeDecoder
from million_ird.pixels import decode_patch, encode_png, encode_webp_lossless
from pretrain.crop import TURNS, DamagedPatchError, random_crop, random_crops, turned, upright

Pixels = npt.NDArray[np.uint8]


@pytest.fixture(scope="module")
def patch(wheel_photo: Callable[[str], Pixels]) -> Pixels:
    """Part of a photograph, no square."""
    return np.ascontiguousarray(wheel_photo("china")[100:292, 40:264])  # 192 high, 224 wide


def _rng(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def _squares(pixels: Pixels) -> list[Pixels]:
    """The eight orientations of a square, by numpy."""
    return [np.rot90(p, k) for p in (pixels, pixels[:, ::-1]) for k in range(4)]


def _find(square: Pixels, whole: Pixels) -> list[tuple[int, int]]:
    """Every x, y at which a square lies in a picture."""
    side = len(square)
    corners = (whole[: len(whole) - side + 1, : whole.shape[1] - side + 1] == square[0, 0]).all(axis=2)
    return [(x, y) for y, x in np.argwhere(corners) if (whole[y : y + side, x : x + side] == square).all()]


def test_the_eight_turns_are_those_of_a_square(patch: Pixels) -> None:
    square = patch[:64, :64]
    got = {turned(square, turn).tobytes() for turn in range(TURNS)}
    assert got == {np.ascontiguousarray(one).tobytes() for one in _squares(square)}
    assert len(got) == TURNS
    np.testing.assert_array_equal(turned(square, 0), square)


@pytest.mark.parametrize("turn", range(TURNS))
def test_a_turn_is_the_transform_of_that_number(turn: int, patch: Pixels) -> None:
    part = patch[10:90, 5:60]  # no square, and a view
    np.testing.assert_array_equal(turned(part, turn), transformed(part, TRANSFORMS[turn]))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_upright_is_what_pillow_makes_of_exif(orientation: int, patch: Pixels) -> None:
    picture = Image.fromarray(patch)
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = io.BytesIO()
    picture.save(stored, "PNG", exif=exif)
    with Image.open(stored) as opened:
        expected = np.asarray(ImageOps.exif_transpose(opened))
    np.testing.assert_array_equal(upright(patch, orientation), expected)


def test_an_unknown_orientation_counts_as_upright(patch: Pixels) -> None:
    for orientation in (0, 9, -1):
        np.testing.assert_array_equal(upright(patch, orientation), patch)


def test_turn_0_is_upright_whatever_the_orientation(patch: Pixels) -> None:
    class Fixed:
        """The corner, and no turn."""

        def integers(self, _high: int, endpoint: bool = False) -> int:
            return 0

    data = encode_webp_lossless(patch)
    for orientation in range(1, 9):
        crop = random_crop(data, "webp", 224, 192, orientation, 64, Fixed())  # type: ignore[arg-type]
        np.testing.assert_array_equal(crop, upright(patch[:64, :64], orientation))


def _encode(patch: Pixels, encoding: str, make_jpeg: Callable[..., bytes]) -> bytes:
    if encoding in ("jpg", "jpeg"):
        return make_jpeg(patch, quality=95)
    return encode_webp_lossless(patch) if encoding == "webp" else encode_png(patch)


@pytest.mark.parametrize("encoding", ["jpg", "jpeg", "webp", "png"])
def test_a_crop_is_a_turned_square_of_the_patch(encoding: str, patch: Pixels, make_jpeg: Callable[..., bytes]) -> None:
    data = _encode(patch, encoding, make_jpeg)
    whole = decode_patch(data) if encoding != "png" else patch
    for seed in range(12):
        crop = random_crop(data, encoding, 224, 192, 1 + seed % 8, 128, _rng(seed))
        assert crop.shape == (128, 128, 3) and crop.dtype == np.uint8 and crop.flags.c_contiguous
        places = [place for one in _squares(crop) for place in _find(one, whole)]
        assert len(places) == 1


def test_places_and_turns_are_equally_likely() -> None:
    y, x = np.mgrid[:20, :18]
    whole = np.stack([x, y, 0 * x], axis=2).astype(np.uint8)
    data = encode_webp_lossless(whole)
    places: Counter[tuple[int, int]] = Counter()
    turns: Counter[int] = Counter()
    rng = _rng(0)
    for _ in range(2400):
        crop = random_crop(data, "webp", 18, 20, 6, 16, rng)
        ((turn, place),) = [(turn, place) for turn, one in enumerate(_squares(crop)) for place in _find(one, whole)]
        places[place] += 1
        turns[turn] += 1
    assert len(places) == 3 * 5 and len(turns) == 8
    for counts, expected in ((places, 160), (turns, 300)):
        assert all(abs(count - expected) < 5 * np.sqrt(expected) for count in counts.values())


def test_the_same_generator_gives_the_same_crop(patch: Pixels, make_jpeg: Callable[..., bytes]) -> None:
    data = make_jpeg(patch)
    first, second = (random_crop(data, "jpg", 224, 192, 1, 64, _rng(7)) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, random_crop(data, "jpg", 224, 192, 1, 64, _rng(8)))


@pytest.mark.parametrize("encoding", ["jpg", "webp"])
def test_crops_that_share_a_decode_are_those_that_do_not(
    encoding: str, patch: Pixels, make_jpeg: Callable[..., bytes]
) -> None:
    data = _encode(patch, encoding, make_jpeg)
    together = random_crops(data, encoding, 224, 192, 6, 64, [_rng(seed) for seed in range(5)])
    for seed, crop in enumerate(together):
        np.testing.assert_array_equal(crop, random_crop(data, encoding, 224, 192, 6, 64, _rng(seed)))
        crop[:] = 0  # they share no memory


def test_every_decoder_gives_the_same_crops(
    patch: Pixels, make_jpeg: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    data = make_jpeg(patch, subsampling="4:2:0")
    quick = [random_crop(data, "jpg", 224, 192, 1, 64, _rng(seed)) for seed in range(20)]
    monkeypatch.setattr(region, "find_region_decoder", WholeDecoder)
    for seed, crop in enumerate(quick):
        np.testing.assert_array_equal(crop, random_crop(data, "jpg", 224, 192, 1, 64, _rng(seed)))


@pytest.mark.parametrize("encoding", ["jpg", "webp", "png"])
def test_damage_and_wrong_sizes_are_damaged_patches(
    encoding: str, patch: Pixels, make_jpeg: Callable[..., bytes]
) -> None:
    data = _encode(patch, encoding, make_jpeg)
    for broken in (b"", b"no picture", data[: len(data) // 3]):
        with pytest.raises(DamagedPatchError, match=r"\w"):
            random_crop(broken, encoding, 224, 192, 1, 192, _rng(0))
    with pytest.raises(DamagedPatchError, match=r"size|224x192"):
        random_crop(data, encoding, 256, 192, 1, 64, _rng(0))


def test_a_patch_smaller_than_the_crop_is_the_users_mistake(patch: Pixels) -> None:
    with pytest.raises(UsageError, match="224x192 pixels is smaller than the crop of 200"):
        random_crop(encode_webp_lossless(patch), "webp", 224, 192, 1, 200, _rng(0))


def test_every_patch_of_a_built_dataset_gives_crops(built: Dataset) -> None:
    orientations = {row["key"]: row["orientation"] for batch in built.image_rows() for row in batch.to_pylist()}
    encodings = set()
    for row, data in built:
        orientation = orientations[row["image_key"]]
        crop = random_crop(data, row["encoding"], row["width"], row["height"], orientation, 48, _rng(1))
        assert any(_find(one, decode_patch(data)) for one in _squares(crop))
        encodings.add(row["encoding"])
    assert encodings == {"jpg", "webp"}
