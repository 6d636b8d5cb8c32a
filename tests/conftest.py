"""What several tests share: photographs, test files, and the optional folder of real data."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from million_ird import Dataset, open_dataset

if TYPE_CHECKING:
    from xdist.scheduler import LoadScopeScheduling

# The same examples every time, so that a change is judged by itself; fuzz with --hypothesis-profile=default.
hypothesis.settings.register_profile("stable", derandomize=True, database=None)
hypothesis.settings.load_profile("stable")

Pixels = npt.NDArray[np.uint8]


@pytest.hookimpl(optionalhook=True)  # there is no such hook without pytest-xdist
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """Shares out whole files among the processes of `make test`, so that what a file's tests share is made once."""
    from tests.units import UnitScheduling

    return UnitScheduling(config, log)


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


@pytest.fixture(scope="session", autouse=True)
def ray_home() -> Iterator[Path]:
    """Where Ray keeps its sessions and its token while tests run, so that nothing of them stays behind.

    A folder with a short name: Ray's sockets lie below it, and the path of a socket may have 107 bytes at most.
    """
    home = Path(tempfile.mkdtemp(prefix="r", dir="/tmp"))
    (home / "token").write_text(secrets.token_hex(32))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_TMPDIR", str(home))
        patch.setenv("RAY_AUTH_MODE", "token")
        patch.setenv("RAY_AUTH_TOKEN_PATH", str(home / "token"))
        yield home
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session", autouse=True)
def stream_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Where streams keep indices while tests run, so that none stays behind in the user's own cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MILLION_IRD_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


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


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """The endpoint of an S3-compatible server that runs for this test session, in a process of its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            _await_port(port)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.kill()


@pytest.fixture
def s3_url(s3_server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty place on the S3-compatible server, as fsspec URL; the environment says where the server is."""
    import s3fs

    settings = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
    for name, value in {**settings, "AWS_ENDPOINT_URL": s3_server}.items():
        monkeypatch.setenv(name, value)
    s3fs.S3FileSystem.clear_instance_cache()
    bucket = f"test-{uuid.uuid4().hex[:12]}"
    s3fs.S3FileSystem().mkdir(bucket)
    return f"s3://{bucket}/set"


def _await_port(port: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.1)
    raise TimeoutError(f"nothing listens on port {port}")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dataset]:
    """A small dataset built over HTTP, to be looked at."""
    from tests.flow.web_world import web_world

    with web_world(tmp_path_factory.mktemp("world")) as world:
        yield world.build(world.root / "out")


@pytest.fixture
def dataset(built: Dataset, tmp_path: Path) -> Dataset:
    """A copy of it, to be changed."""
    shutil.copytree(built.url, tmp_path / "out")
    return open_dataset(str(tmp_path / "out"))
