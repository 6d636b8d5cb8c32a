"""Whole pre-training runs, started quickly: one process has imported everything and forks for each run.

`python -m tests.flow.training` is that process. It reads a JSON request from each line of its standard input: `start`
answers with the process id of a run that a fresh fork does, `wait` with its exit code once it has ended. A fork is a
process of its own: it has its own memory, signals and death.
"""

from __future__ import annotations

import importlib
import itertools
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_VERBS = ("pretrain.train", "pretrain.verbs.pretrain", "pretrain.finetune.run", "pretrain.verbs.finetune")
_ROOT = Path(__file__).resolve().parents[2]

STEPS = 8
RECIPE = f"""
name = "tiny"
steps = {STEPS}
batch = 2
[model]
width = 8
prompt_crop = 32
refinement = 1
[variants]
large = [1, 1, 1, 2]
small = [1, 1, 1, 1]
[stream]
crop = 32
lanes = 8
workers = 0
[stream.holdout]
fraction = 0.1
[validation]
every = 4
crops = 2
patches = 1
batch = 2
pictures = 1
[checkpoint]
every = 2
keep = 3
[log]
every = 2
"""
"""Four checkpoints, two validations, four lines of the log, in a second or two."""


@dataclass
class Run:
    """A run that was started."""

    trainer: Trainer
    pid: int
    output: Path

    def wait(self) -> int:
        """Its exit code, negative for a signal, once it has ended."""
        return int(self.trainer.ask({"wait": self.pid}))

    def signal(self, number: int) -> None:
        os.kill(self.pid, number)

    @property
    def printed(self) -> str:
        return self.output.read_text()


@dataclass
class Trainer:
    """Starts runs on one dataset."""

    process: subprocess.Popen[str]
    recipe: Path
    command: tuple[str, ...]
    """The verb and what it is always given."""
    started: int = 0

    def ask(self, request: Mapping[str, Any]) -> Any:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def arguments(self, out: Path, *more: str) -> list[str]:
        """The command without its name; `more` are options, or settings as `section.key=value`."""
        arguments = [*self.command, "--out", str(out)]
        for word in more:
            arguments += ["--set", word] if "=" in word and not word.startswith("--") else [word]
        return arguments

    def start(self, out: Path, *more: str, die_at: int = 0, environment: Mapping[str, str] | None = None) -> Run:
        """A run; with `die_at`, one that is killed as it touches a file below `checkpoints` for the so many-th time."""
        self.started += 1
        output = self.recipe.with_name(f"output-{self.started}.txt")
        request = {"start": self.arguments(out, *more), "output": str(output), "die_at": die_at}
        return Run(self, int(self.ask({**request, "environment": dict(environment or {})})), output)

    def start_ranks(self, count: int, out: Path, *more: str) -> list[Run]:
        """One run in so many processes, with the environment that torchrun gives them."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        shared = {"WORLD_SIZE": str(count), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
        ranks = [{**shared, "RANK": str(rank), "LOCAL_RANK": str(rank)} for rank in range(count)]
        return [self.start(out, *more, environment=environment) for environment in ranks]

    def run(self, out: Path, *more: str) -> tuple[int, str]:
        """The same, awaited: exit code, and what it printed."""
        run = self.start(out, *more)
        code = run.wait()
        return code, run.printed


@contextmanager
def trainer(folder: Path, *more: str, verb: str = "pretrain", recipe: str = RECIPE) -> Iterator[Trainer]:
    """A `Trainer` whose recipe and outputs lie in `folder`; every run of it has ended when the block is left. `more` is
    given to every run."""
    file = folder / "tiny.toml"
    file.write_text(recipe)
    command = [sys.executable, "-m", "tests.flow.training"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "XDG_CACHE_HOME": str(folder / "cache")}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=_ROOT, env=environment
    ) as process:
        yield Trainer(process, file, (verb, str(file), *more))


def traces(out: Path) -> dict[str, Any]:
    """What a finished run left, without times and sizes: losses and scores, last weights and optimiser, pictures.

    Files are compared whole, but for the number of data workers, which stands in the recipe inside the weights file.
    """
    timed = {"seconds", "samples_per_second", "data_wait", "memory_bytes"}
    lines = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    last = sorted((out / "checkpoints").glob("step-*"))[-1]
    folders = (last.glob("*.safetensors"), (out / "samples").iterdir(), (out / "model").iterdir())
    files = [*itertools.chain(*folders), *out.glob("holdout.json")]
    return {
        "log": [{name: value for name, value in line.items() if name not in timed} for line in lines],
        "last": last.name,
        "best": (out / "checkpoints/best.json").read_text(),
        **{
            f"{path.parent.name}/{path.name}": re.sub(rb"workers = \d", b"workers = 0", path.read_bytes())
            for path in files
        },
    }


def copy_run(source: Path, target: Path) -> Path:
    """A copy of a run folder, to be damaged."""
    return Path(shutil.copytree(source, target))


def _serve() -> None:
    for module in ("torch._dynamo", "cv2", "PIL.Image", "fsspec", *_VERBS):
        importlib.import_module(module)  # what a run imports, the first of them by its optimiser
    for line in sys.stdin:
        request = json.loads(line)
        if "wait" in request:
            answer = os.waitstatus_to_exitcode(os.waitpid(request["wait"], 0)[1])
        elif not (answer := os.fork()):
            _child(**request)
        print(json.dumps(answer), flush=True)


def _child(start: list[str], output: str, die_at: int, environment: Mapping[str, str]) -> None:
    code = 1
    try:
        os.setsid()
        os.environ.update(environment)
        with open(output, "wb") as file:  # noqa: PTH123
            for stream in (1, 2):
                os.dup2(file.fileno(), stream)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        if die_at:
            _die_at(die_at)
        from million_ird.cli import main

        code = main(start)
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:  # noqa: BLE001 (nothing may get back into the loop of the parent)
        traceback.print_exc()
    finally:
        os._exit(code)


def _die_at(count: int) -> None:
    """Kills this process as it opens, makes, renames or removes something below a folder `checkpoints`."""
    left = count

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal left
        if event in ("open", "os.mkdir", "os.rename", "os.remove", "os.rmdir") and "/checkpoints/" in str(arguments[0]):
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


if __name__ == "__main__":
    _serve()
