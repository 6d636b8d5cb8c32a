"""Where a run runs: in this process, in the processes that torchrun started, or on workers of a Ray cluster.

The run itself is the same everywhere: a function of its rank. On Ray a lost worker ends all of them, and the run is
started again from its newest checkpoint, which is why the run folder must be one that every node sees.
"""

from __future__ import annotations

import gc
import os
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, Literal

import torch
import torch.distributed as dist
import torch.distributed.nn  # imported later, its functions' defaults would hold the group

from million_ird.errors import MillionIrdError, UsageError
from pretrain.ranks import Ranks, ToldError
from pretrain.recipe import TrainingRecipe
from pretrain.run_folder import check_run
from pretrain.say import Say, to_stderr
from pretrain.signals import StopRequest

Device = Literal["auto", "cpu", "cuda"]

Job = Callable[[Ranks, StopRequest], int]
"""A run, on one of its ranks: the same call on all of them; returns the exit code."""

_TIMEOUT = timedelta(minutes=30)
"""How long a rank waits for the others: longer than a validation, or a first batch from a cold object store, takes."""

_STOP, _SCRATCH, _OUTPUT = ".stop", ".ray", "output"


def launch_run(
    train: Callable[[Path, bool, Ranks, StopRequest], int],
    recipe: TrainingRecipe,
    out: Path,
    resume: bool,
    device: Device,
    ray_workers: int,
    reading: int,
) -> int:
    """Runs `train(out, resume, ranks, stop)` here (as one of torchrun's processes, where it started this one) or, with
    `ray_workers`, on a Ray cluster; the exit code.

    Args:
        train: one rank of the run; for Ray it must be picklable.
        recipe: of the run; on Ray it is compared with the run folder's before anything is started.
        out: the run folder.
        resume: go on from its newest checkpoint.
        device: what to compute on; "auto" on Ray.
        ray_workers: ranks on Ray; 0: not on Ray.
        reading: processes or threads of a rank that read data, for which Ray reserves cores.

    Raises:
        UsageError: `ray_workers` is negative, or a device is named together with it; see `train`.
    """
    if ray_workers < 0:
        raise UsageError(f"--ray-workers: got {ray_workers}, expected 0 or more")
    if not ray_workers:
        return launch_here(partial(train, out, resume), device)
    if device != "auto":
        raise UsageError(f"--device {device}: with --ray-workers the cluster decides")
    check_run(out, recipe, resume)
    # Started again after a lost worker, the same job must go on.
    return launch_on_ray(partial(train, out.absolute(), True), out.absolute(), RaySettings(ray_workers, 1 + reading))


def launch_here(job: Job, device: Device = "auto") -> int:
    """Runs `job` in this process, as the rank that torchrun gave it where torchrun started it.

    What the first rank has said already is not said again by the others.

    Raises:
        UsageError: the environment names a rank but not the rest; there are more ranks than GPUs, or none is there.
        MillionIrdError: another rank was lost.
    """
    try:
        with torchrun_ranks(device) as ranks, StopRequest() as stop:
            return job(ranks, stop)
    except ToldError as error:
        return error.exit_code
    except RuntimeError as error:
        if not _is_lost_contact(error):
            raise
        raise MillionIrdError(
            f"another rank of this run was lost ({_first_line(error)}); what it said last stands elsewhere. "
            "Go on from the newest checkpoint with --resume"
        ) from error


@contextmanager
def torchrun_ranks(wanted: Device = "auto") -> Iterator[Ranks]:
    """This process among those of torchrun (`RANK`, `WORLD_SIZE`, `LOCAL_RANK` …), or the only one.

    Ranks compute on the GPU of their local number and exchange through NCCL, or on the CPU and through Gloo; "auto"
    takes GPUs where there are any. Afterwards no thread of the group is left: one that lets go of its last tensor while
    the interpreter ends would abort the process.
    """
    if not {"RANK", "WORLD_SIZE"} & os.environ.keys():
        yield Ranks(device=_device(0, wanted))
        return
    rank, count, local_rank = (_from_environment(name) for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"))
    device = _device(local_rank, wanted)
    if count == 1:
        yield Ranks(device=device)
        return
    on_gpu = device.type == "cuda"
    dist.init_process_group("nccl" if on_gpu else "gloo", timeout=_TIMEOUT, device_id=device if on_gpu else None)
    yield Ranks(rank, count, device)
    # Not where the block raised: the others may be waiting in an exchange, and only our end will wake them.
    gc.collect()  # a model that shares gradients is a cycle that holds the group
    dist.destroy_process_group()


def _is_lost_contact(error: RuntimeError) -> bool:
    """Whether an exchange failed because of the other side. Gloo has no exception of its own, only words."""
    words = ("Connection closed by peer", "Connection reset by peer", "Broken pipe", "Timed out waiting")
    return isinstance(error, dist.DistError) or ("gloo" in str(error) and any(word in str(error) for word in words))


def _from_environment(name: str) -> int:
    text = os.environ.get(name, "")
    if not text.isdigit():
        raise UsageError(
            f"{name} is {text or 'not set'}: either torchrun sets RANK, WORLD_SIZE and LOCAL_RANK, or nobody"
        )
    return int(text)


def _device(local_rank: int, wanted: Device) -> torch.device:
    if wanted == "cpu" or (wanted == "auto" and not torch.cuda.is_available()):
        return torch.device("cpu")
    if not torch.cuda.is_available():
        raise UsageError("--device cuda: PyTorch finds no GPU here")
    if local_rank >= torch.cuda.device_count():
        raise UsageError(
            f"local rank {local_rank} has no GPU: this machine has {torch.cuda.device_count()}; "
            "start at most that many processes a node (--nproc-per-node)"
        )
    device = torch.device("cuda", local_rank)
    torch.cuda.set_device(device)
    return device


@dataclass(frozen=True)
class RaySettings:
    """How a run is spread over a Ray cluster."""

    workers: int
    """Ranks; each takes one GPU where the cluster has any."""
    cpus: int = 1
    """Cores reserved for a rank and its data workers; fewer where the cluster has fewer."""
    failures: int = 3
    """How often the run is started again after a worker or node was lost."""

    def __post_init__(self) -> None:
        if self.workers < 1 or self.cpus < 1 or self.failures < 0:
            raise UsageError("a run on Ray needs at least one worker, one core for it, and no fewer than 0 failures")


def launch_on_ray(job: Job, folder: Path, settings: RaySettings, say: Say = to_stderr) -> int:
    """Runs `job` on `settings.workers` workers of the cluster of `RAY_ADDRESS`, or of a local one started for it.

    Args:
        job: must be picklable, resume by itself, and name files by paths that every node knows.
        folder: the run folder, on a file system that every node shares.
        settings: how many workers, and what each reserves.
        say: told in one line what happens.

    Raises:
        UsageError: the cluster is too small.
        MillionIrdError: what `job` raised, or that too many workers were lost.
    """
    with _cluster(), StopRequest() as stop:
        per_worker, use_gpu = _resources(settings)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / _STOP).unlink(missing_ok=True)
        try:
            for attempt in range(settings.failures + 1):
                outcome = _await(lambda: _fit(job, folder, settings.workers, per_worker, use_gpu), stop, folder)
                if not isinstance(outcome, BaseException):
                    return int(outcome)
                reason = _explain(outcome)
                if attempt < settings.failures and not stop.requested:
                    say(f"{reason}; going on from the newest checkpoint")
            raise MillionIrdError(f"{reason}: given up after {settings.failures} new starts; use --resume to go on")
        finally:
            (folder / _STOP).unlink(missing_ok=True)
            shutil.rmtree(folder / _SCRATCH, ignore_errors=True)


@contextmanager
def _cluster() -> Iterator[None]:
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # Ray asks for it in a warning
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_CHDIR_TO_TRIAL_DIR", "0")  # relative paths mean what they meant
    os.environ.setdefault("RAY_TRAIN_V2_ENABLED", "1")
    os.environ.setdefault("RAY_TRAIN_ENABLE_PRINT_PATCH", "0")
    import ray

    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "error"}
    address = os.environ.get("RAY_ADDRESS")
    try:
        if address:
            ray.init(**quiet)
        else:
            ray.init(address="local", include_dashboard=False, **quiet)
    except (ConnectionError, RuntimeError, TimeoutError) as error:
        raise MillionIrdError(f"no Ray at {address or 'a local cluster'}: {str(error).splitlines()[0]}") from error
    try:
        yield
    finally:
        ray.shutdown()


def _resources(settings: RaySettings) -> tuple[dict[str, float], bool]:
    """What each worker reserves. A request that the cluster can never meet would wait for ever."""
    import ray

    there: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    cpus, gpus = int(there.get("CPU", 0)), int(there.get("GPU", 0))
    if 0 < gpus < settings.workers:
        raise UsageError(f"--ray-workers {settings.workers}: the cluster has {gpus} GPUs, one is needed for each")
    if cpus < settings.workers:
        raise UsageError(f"--ray-workers {settings.workers}: the cluster has {cpus} cores, one is needed for each")
    reserved: dict[str, float] = {"CPU": min(settings.cpus, cpus // settings.workers)}
    return reserved | ({"GPU": 1} if gpus else {}), gpus > 0


def _fit(job: Job, folder: Path, workers: int, per_worker: dict[str, float], use_gpu: bool) -> int:
    import ray.train
    import ray.train.torch

    train: Any = ray.train  # its annotations are those of an older interface
    trainer: Any = ray.train.torch.TorchTrainer
    result = trainer(
        _ray_rank,
        train_loop_config={"job": job, "stop_file": folder / _STOP, "output": folder / _SCRATCH / _OUTPUT},
        torch_config=ray.train.torch.TorchConfig(timeout_s=int(_TIMEOUT.total_seconds())),
        scaling_config=train.ScalingConfig(num_workers=workers, use_gpu=use_gpu, resources_per_worker=per_worker),
        run_config=train.RunConfig(
            name="run",
            storage_path=str(folder.absolute() / _SCRATCH),
            failure_config=train.FailureConfig(max_failures=0, controller_failure_limit=0),  # `launch_on_ray` decides
        ),
    ).fit()
    return int(result.return_value)


def _ray_rank(config: dict[str, Any]) -> int:
    """What each worker runs; Ray has set up the process group. What the first rank says goes to the driver."""
    import ray.train
    import ray.train.torch

    context = ray.train.get_context()
    ranks = Ranks(context.get_world_rank(), context.get_world_size(), ray.train.torch.get_device())
    output = config["output"] if ranks.is_first else Path(os.devnull)
    with output.open("a", buffering=1) as said, redirect_stdout(said), redirect_stderr(said):
        return int(config["job"](ranks, StopRequest(config["stop_file"])))


def _await(fit: Callable[[], int], stop: StopRequest, folder: Path) -> int | BaseException:
    """Runs `fit` beside this thread, which passes on signals to the workers, and to the terminal what they say."""
    outcome: list[int | BaseException] = []

    def run() -> None:
        try:
            outcome.append(fit())
        except BaseException as error:  # noqa: BLE001 (given to the thread that waits)
            outcome.append(error)

    thread = threading.Thread(target=run, name="ray-train", daemon=True)
    (folder / _SCRATCH).mkdir(parents=True, exist_ok=True)
    with (folder / _SCRATCH / _OUTPUT).open("a+") as said:
        said.seek(0, os.SEEK_END)
        thread.start()
        while thread.is_alive():
            thread.join(0.2)
            sys.stderr.write(said.read())
            sys.stderr.flush()
            if stop.requested:
                (folder / _STOP).touch()
    return outcome[0]


def _explain(error: BaseException) -> str:
    """Why workers were lost, in one line. Raises what is no loss: an error of the job, which would only come again."""
    from ray.train import ControllerError, WorkerGroupError

    failures = list(error.worker_failures.values()) if isinstance(error, WorkerGroupError) else [error]
    # What the job raised comes as it is; the death of a worker, or of the cluster, as an exception of Ray's own.
    dead = [failure for failure in failures if type(failure).__module__.partition(".")[0] == "ray"]
    raised = [failure for failure in failures if failure not in dead]
    for failure in raised:
        if isinstance(failure, MillionIrdError) or not (dead or _is_consequence(failure)):
            raise failure from None
    if isinstance(error, ControllerError):
        return f"Ray could not start the workers ({_first_line(error.controller_failure)})"
    first = [*dead, *raised][0]
    return f"a worker was lost ({_first_line(getattr(first, 'health_check_failure', first))})"


def _is_consequence(error: BaseException) -> bool:
    """Whether a rank failed for what happened elsewhere, or to its GPU: a new start may do better."""
    return isinstance(error, RuntimeError) and (_is_lost_contact(error) or "CUDA error" in str(error))


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
