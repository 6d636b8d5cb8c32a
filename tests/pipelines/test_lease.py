"""One writer at a time, and a dead one does not block the next."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from million_ird.errors import LeaseError
from million_ird.store import Store
from pipelines.lease import Lease

_QUICK = 1.5  # seconds


def _quiet(text: str) -> None:
    assert text


def test_the_lease_leaves_nothing_behind(tmp_path: Path) -> None:
    with Lease(Store(str(tmp_path)), _QUICK, _quiet) as lease:
        lease.check()
        assert (tmp_path / "lease").is_dir()
    assert not (tmp_path / "lease").exists()


def test_a_second_writer_is_told_who_the_first_is(tmp_path: Path) -> None:
    named = pytest.raises(LeaseError, match=r"another build is writing to .* \(process \d+ on ")
    with Lease(Store(str(tmp_path)), _QUICK, _quiet), named:
        Lease(Store(str(tmp_path)), _QUICK, _quiet).__enter__()


def test_a_second_writer_on_an_object_store_is_told_too(s3_url: str) -> None:
    with Lease(Store(s3_url), _QUICK, _quiet), pytest.raises(LeaseError, match="another build is writing"):
        Lease(Store(s3_url), _QUICK, _quiet).__enter__()


@pytest.mark.parametrize("place", ["local", "s3"])
def test_a_killed_writer_blocks_no_longer_than_its_lease(
    place: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = str(tmp_path) if place == "local" else request.getfixturevalue("s3_url")
    code = (
        "import os, signal; from million_ird.store import Store; from pipelines.lease import Lease\n"
        f"Lease(Store({url!r}), 1.5, print).__enter__(); os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", code], check=False)
    with Lease(Store(url), _QUICK, _quiet) as lease:
        time.sleep(0.5)
        lease.check()
        assert len(Store(url).list("lease")) == 1


def test_a_writer_that_slept_through_a_takeover_stops(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    with Lease(store, _QUICK, _quiet) as lease:
        store.create("lease/000000002.json", b"{}")  # what another build does after silence
        time.sleep(1.0)
        with pytest.raises(LeaseError, match="took over"):
            lease.check()
    assert store.list("lease") == ["lease/000000001.json", "lease/000000002.json"]
