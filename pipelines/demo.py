"""`make demo`: a real dataset from real photographs, over real HTTP, in a few minutes.

The photographs are those inside the scikit-image and scikit-learn wheels, served by a local HTTP server together with
what every list of URLs holds: a dead link, a page named `.jpg`, a broken download, the same picture again in another
guise. With `--photos FOLDER` the dataset is built from that folder instead, with patches of 512².
"""

from __future__ import annotations

import argparse
import csv
import io
import shutil
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from pathlib import Path
from urllib.parse import quote, unquote

from PIL import Image, ImageOps

from million_ird.errors import MillionIrdError, UsageError
from million_ird.layout import DATASET, REPORT
from pipelines.cli import build

_SUFFIXES = (".jpg", ".png")


def main(argv: Sequence[str] | None = None) -> int:
    """Builds the demo's dataset and says where its report is; returns the exit code."""
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("demo-output"))
    parser.add_argument("--photos", type=Path, help="a folder of your own photographs")
    arguments = parser.parse_args(argv)
    try:
        code = _own_photos(arguments.photos, arguments.out) if arguments.photos else _wheel_photos(arguments.out)
    except MillionIrdError as error:
        print(f"demo: {error}", file=sys.stderr)
        return error.exit_code
    if code == 0:
        print(f"\nThe report: {(arguments.out / REPORT / 'index.html').resolve().as_uri()}")
    return code


def _own_photos(folder: Path, out: Path) -> int:
    if not folder.expanduser().is_dir():
        raise UsageError(f"{folder} is no folder")
    path = str(folder.expanduser().absolute())
    settings = ["--set", "patches.size=512", "--set", "shards.target_mb=64"]
    return build(["quickstart", "--out", str(out), "--manifest", path, *settings])


def _wheel_photos(out: Path) -> int:
    _clear(out)
    with tempfile.TemporaryDirectory() as folder, serve(demo_pictures()) as url:
        manifest = Path(folder) / "demo.csv"
        manifest.write_text(demo_manifest(url))
        return build(["quickstart", "--out", str(out), "--manifest", str(manifest)])


def _clear(out: Path) -> None:
    """Removes an earlier demo: its URLs carry the port of a server that is gone, so it cannot be resumed."""
    if not out.exists():
        return
    if any(out.iterdir()) and not (out / DATASET).exists():
        raise UsageError(f"{out} holds something that is no dataset; name another folder: make demo OUT=…")
    shutil.rmtree(out)


def demo_pictures() -> dict[str, bytes]:
    """File name → bytes of everything the demo's server offers."""
    pictures = {
        item.name: item.read_bytes()
        for package in ("skimage.data", "sklearn.datasets.images")
        for item in sorted(files(package).iterdir(), key=lambda item: item.name)
        if item.name.endswith(_SUFFIXES)
    }
    flower = Image.open(io.BytesIO(pictures["flower.jpg"]))
    return pictures | {
        "flower mirrored.jpg": _jpeg(ImageOps.mirror(flower), 80),
        "flower smaller.jpg": _jpeg(flower.resize((576, 384), Image.Resampling.LANCZOS), 90),
        "china again.jpg": pictures["china.jpg"],
        "broken.jpg": pictures["rocket.jpg"][:60_000],
        "page.jpg": b"<!doctype html><title>Sorry</title><p>This picture has moved.",
    }


def _jpeg(picture: Image.Image, quality: int) -> bytes:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=quality)
    return file.getvalue()


def demo_manifest(url: str) -> str:
    """The list of URLs as CSV: every picture, one of them twice, one that is gone, one row that is no URL."""
    sheet = io.StringIO()
    writer = csv.writer(sheet)
    writer.writerow(["url", "license"])
    for name in [*demo_pictures(), "coffee.png", "gone.jpg"]:
        writer.writerow([f"{url}/{quote(name)}", "see the README.txt of its package"])
    writer.writerow(["no url at all", ""])
    return sheet.getvalue()


@contextmanager
def serve(pictures: Mapping[str, bytes]) -> Iterator[str]:
    """A local HTTP server for these files while the block runs; yields its URL."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = pictures.get(unquote(self.path).removeprefix("/"))
            self.send_response(404 if body is None else 200)
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing: the build has its own log."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


if __name__ == "__main__":
    sys.exit(main())
