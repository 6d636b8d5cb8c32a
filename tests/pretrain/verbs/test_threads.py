from __future__ import annotations

import os

import pytest

from pretrain.verbs.threads import sleep_when_idle


def test_idle_threads_sleep_unless_the_environment_says_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    sleep_when_idle()
    assert os.environ["OMP_WAIT_POLICY"] == "ACTIVE"
    monkeypatch.delenv("OMP_WAIT_POLICY")
    sleep_when_idle()
    assert os.environ["OMP_WAIT_POLICY"] == "PASSIVE"
