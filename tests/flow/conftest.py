"""The small world and a quiet build of it, one of each per test module."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests.flow.world import World, digest


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="module")
def undisturbed(world: World) -> Mapping[str, str]:
    """What a serial build that nobody disturbed leaves."""
    code, printed = world.build(str(world.root / "undisturbed"))
    assert code == 0, printed
    return digest(str(world.root / "undisturbed"))
