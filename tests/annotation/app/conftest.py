"""A project to serve, and its server."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from annotation.project import create_project
from annotation.sources import open_source
from tests.annotation.app.live import Live, scene, serving, write_pair

ALONE = 1
PAIR = 2
SIZES = {ALONE: (203, 101), PAIR: (320, 200)}


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a project: item 1 a photograph alone, turned by EXIF; item 2 a pair. Not to be drawn on."""
    root = tmp_path_factory.mktemp("template")
    pictures = root / "pictures"
    pictures.mkdir()
    turned = Image.fromarray(scene(101, 203, 5))
    exif = Image.Exif()
    exif[0x0112] = 6
    turned.save(pictures / "alone.jpg", exif=exif)
    write_pair(pictures, "pair", 320, 200)
    create_project(root / "project", open_source(str(pictures)), name="Two items").close()
    return root / "project"


@pytest.fixture
def project(template: Path, tmp_path: Path) -> Path:
    """A copy of it, to be drawn on."""
    return Path(shutil.copytree(template, tmp_path / "project"))


@pytest.fixture
def live(project: Path) -> Iterator[Live]:
    with serving(project) as running:
        yield running
