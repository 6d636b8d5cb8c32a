"""A signal asks for an end in good order; the second one, or leaving the block, is what it always was."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from pretrain.ranks import Ranks
from pretrain.signals import StopRequest

_ALONE = Ranks()


def test_nobody_asked() -> None:
    with StopRequest() as stop:
        assert not stop.agreed(_ALONE)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 75), (signal.SIGINT, 130)])
def test_a_signal_asks(number: signal.Signals, code: int, capfd: pytest.CaptureFixture[str]) -> None:
    before = signal.getsignal(number)
    with StopRequest() as stop:
        os.kill(os.getpid(), number)
        assert stop.requested and stop.agreed(_ALONE)
        assert stop.exit_code == code
        assert signal.getsignal(number) == before, "the next one is not caught"
    assert capfd.readouterr().err == f"{number.name}: finishing this step and saving; once more ends it at once\n"


def test_the_block_leaves_signals_as_they_were() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    with StopRequest():
        assert signal.getsignal(signal.SIGTERM) != before[0]
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)] == before


def test_under_torchrun_a_repeated_signal_is_no_second_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "x")
    with StopRequest() as stop:
        for _ in range(3):
            os.kill(os.getpid(), signal.SIGTERM)
        assert stop.agreed(_ALONE) and stop.exit_code == 75


def test_a_second_signal_ends_the_process_at_once() -> None:
    code = (
        "import os, signal, time\n"
        "from pretrain.signals import StopRequest\n"
        "with StopRequest():\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "    print('still here', flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "    print('not here', flush=True)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=_ROOT)
    assert done.returncode == -signal.SIGTERM
    assert done.stdout == "still here\n"


def test_a_forked_child_is_not_asked() -> None:
    """Ctrl-C reaches the whole group; a data worker that were to stop would take the step with it."""
    code = (
        "import os, signal, time\n"
        "from pretrain.ranks import Ranks\n"
        "from pretrain.signals import StopRequest\n"
        "with StopRequest() as stop:\n"
        "    if not (child := os.fork()):\n"
        "        os.kill(os.getpid(), signal.SIGINT)\n"
        "        print('goes on', stop.requested, flush=True)\n"
        "        os.kill(os.getpid(), signal.SIGTERM)\n"
        "        print('not here', flush=True)\n"
        "        os._exit(3)\n"
        "    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=_ROOT)
    assert done.stdout == f"goes on False\n{-signal.SIGTERM}\n"
    assert done.stderr == ""


def test_a_file_asks(tmp_path: Path) -> None:
    file = tmp_path / "stop"
    with StopRequest(file) as stop:
        assert not stop.agreed(_ALONE)
        file.touch()
        assert not StopRequest().agreed(_ALONE)
        assert stop.agreed(_ALONE) and stop.exit_code == 75


def test_another_thread_may_use_it() -> None:
    """Where Ray runs a rank, Python allows no handlers."""
    answers = []

    def run() -> None:
        with StopRequest() as stop:
            answers.append(stop.agreed(_ALONE))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert answers == [False]


def test_all_ranks_agree_on_one_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Ranks, "gather", lambda self, numbers: [[0.0], list(numbers), [float(signal.SIGINT)]])
    stop = StopRequest()
    assert stop.agreed(Ranks(1, 3)) and stop.exit_code == 130


def test_a_signal_that_comes_while_the_ranks_are_asked_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """There a rank that waits for a slower one spends its time."""

    def gather(self: Ranks, numbers: list[float]) -> list[list[float]]:
        sent = list(numbers)
        os.kill(os.getpid(), signal.SIGTERM)
        return [[0.0], sent]

    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "x")  # the second one is no insisting
    monkeypatch.setattr(Ranks, "gather", gather)
    with StopRequest() as stop:
        assert not stop.agreed(Ranks(1, 2)), "the others were told nothing yet"
        assert stop.agreed(Ranks(1, 2)) and stop.exit_code == 75


_ROOT = Path(__file__).resolve().parents[2]
