"""What several tests share: photographs, test files, and the optional folder of real data."""

from __future__ import annotations

import importlib.util
import io
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

Pixels = npt.NDArray[np.uint8]

_ROOT = Path(__file__).resolve().parents[1]
_WHEEL_PHOTOS = {  # name: package, path inside its wheel (nothing here is ever downloaded)
    "china": ("sklearn", "datasets/images/china.jpg"),  # 640x427 JPEG
    "flower": ("sklearn", "datasets/images/flower.jpg"),  # 640x427 JPEG
    "hubble": ("skimage", "data/hubble_deep_field.jpg"),  # 1000x872 JPEG
    "retina": ("skimage", "data/retina.jpg"),  # 1411x1411 JPEG
    "rocket": ("skimage", "data/rocket.jpg"),  # 640x427 JPEG
    "astronaut": ("skimage", "data/astronaut.png"),  # 512x512 PNG
    "chelsea": ("skimage", "data/chelsea.png"),  # 451x300 PNG
    "coffee": ("skimage", "data/coffee.png"),  # 600x400 PNG
    "motorcycle": ("skimage", "data/motorcycle_left.png"),  # 741x500 PNG
    "camera": ("skimage", "data/camera.png"),  # 512x512 grey PNG
    "brick": ("skimage", "data/brick.png"),  # 512x512 grey PNG
}


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real test data; the test is skipped where it is absent."""
    folder = Path(os.environ.get("MILLION_IRD_TEST_DATA", _ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real test data: neither $MILLION_IRD_TEST_DATA nor {folder} is a folder")
    return folder


@pytest.fixture(scope="session")
def wheel_photo_file() -> Callable[[str], bytes]:
    """The bytes of a photograph inside the scikit-image or scikit-learn wheel, by a name of `_WHEEL_PHOTOS`."""

    def read(name: str) -> bytes:
        package, path = _WHEEL_PHOTOS[name]
        spec = importlib.util.find_spec(package)
        assert spec is not None and spec.origin is not None, f"{package} is not installed"
        return (Path(spec.origin).parent / path).read_bytes()

    return read


@pytest.fixture(scope="session")
def wheel_photo(wheel_photo_file: Callable[[str], bytes]) -> Callable[[str], Pixels]:
    """The pixels of such a photograph: RGB, uint8, (H, W, 3), a fresh array each time."""

    def read(name: str) -> Pixels:
        with Image.open(io.BytesIO(wheel_photo_file(name))) as picture:
            return np.array(picture.convert("RGB"))

    return read


@pytest.fixture(scope="session")
def make_jpeg() -> Callable[..., bytes]:
    """Encode (H, W, 3) RGB or (H, W) grey uint8 as JPEG; further arguments go to Pillow's JPEG writer."""

    def encode(
        pixels: Pixels, quality: int = 90, subsampling: str = "4:2:0", progressive: bool = False, **options: object
    ) -> bytes:
        out = io.BytesIO()
        picture = Image.fromarray(pixels)
        picture.save(out, "JPEG", quality=quality, subsampling=subsampling, progressive=progressive, **options)
        return out.getvalue()

    return encode
