"""The one command. It finds its verbs by name and imports a package only when its verb runs, so `--help` is instant."""

from __future__ import annotations

import difflib
import importlib
import os
import sys
from collections.abc import Mapping, Sequence

from million_ird import __version__
from million_ird.errors import MillionIrdError

_PURPOSE = "Build large, clean, high-resolution image sets for restoration research, and pre-train on them."

Verbs = Mapping[str, tuple[str, str]]
"""Verb → the function that runs it, as `module:function(arguments) -> exit code`, and one line of help."""

VERBS: Verbs = {
    "build": ("pipelines.cli:build", "build a dataset from a recipe; run again to resume"),
    "status": ("pipelines.cli:status", "what of a dataset is done, running or missing"),
    "report": ("pipelines.cli:report", "write the report of a dataset again"),
    "verify": ("pipelines.cli:verify", "check every checksum, count, key and patch"),
    "inspect": ("pipelines.cli:inspect", "a table of what is in it, and one sample"),
    "retry-failed": ("pipelines.cli:retry_failed", "fetch again what failed for a reason that may pass"),
    "recut": ("pipelines.cli:recut", "cut again with other settings from the images already fetched"),
    "takedown": ("pipelines.cli:takedown", "remove pictures and all their copies, for good"),
    "pretrain": ("pretrain.verbs.pretrain:main", "train a network's variants on the patches; run again to resume"),
    "finetune": ("pretrain.verbs.finetune:main", "train on to denoise, derain and dehaze"),
    "evaluate": ("pretrain.verbs.evaluate:main", "PSNR and SSIM of a checkpoint on test sets"),
    "restore": ("pretrain.verbs.restore:main", "restore a picture or a folder of pictures"),
    "export": ("pretrain.verbs.export:main", "one variant as a program for torch.export or as ONNX"),
    "models": ("pretrain.verbs.models:main", "networks, their variants, parameters and multiply-accumulates"),
    "sheet": ("pretrain.verbs.sheet:main", "a picture of clean, corrupted and masked crops"),
    "annotate": ("annotation.cli:main", "local-blur masks: propose, draw, check, agree, export"),
    "fit-niqe": ("million_ird.screens.fit_cli:main", "fit a NIQE model from a folder of clean photographs"),
    "hash-benchmarks": ("pipelines.cli:hash_benchmarks", "export the hashes of benchmark pictures, to ship instead"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one verb; returns the exit code: 0 done, 1 failed, 2 usage, 3 finished but some units were given up."""
    try:
        code = _run(list(sys.argv[1:] if argv is None else argv))
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        # The reader of our output has gone. The interpreter flushes once more as it ends, and must not complain either.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for stream in (sys.stdout, sys.stderr):
            os.dup2(nowhere, stream.fileno())
        return 1


def run_verb(program: str, verbs: Verbs, purpose: str, arguments: Sequence[str]) -> int:
    """Runs the verb that the arguments begin with, or prints the help; returns the exit code.

    Args:
        program: what stands before the verb on the command line.
        verbs: to choose from.
        purpose: what they are all for, in a sentence, for the help.
        arguments: the verb and its own arguments.
    """
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(_help(program, verbs, purpose))
        return 0 if arguments else 2
    verb, *rest = arguments
    if verb not in verbs:
        near = difflib.get_close_matches(verb, verbs, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else f"; `{program} --help` lists the verbs"
        print(f"{program}: there is no verb {verb!r}{hint}", file=sys.stderr)
        return 2
    try:
        module, _, function = verbs[verb][0].partition(":")
        code: int = getattr(importlib.import_module(module), function)(rest)
    except MillionIrdError as error:
        print(f"{program} {verb}: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print(f"\n{program} {verb}: interrupted; run the same command again to resume", file=sys.stderr)
        return 130
    return code


def _run(arguments: list[str]) -> int:
    if arguments and arguments[0] in ("-V", "--version"):
        print(f"million-ird {__version__}")
        return 0
    return run_verb("million-ird", VERBS, _PURPOSE, arguments)


def _help(program: str, verbs: Verbs, purpose: str) -> str:
    width = max(map(len, verbs))
    listed = "\n".join(f"  {verb:<{width}}  {text}" for verb, (_, text) in verbs.items())
    return (
        f"usage: {program} VERB … ({program} VERB --help for each)\n\n{purpose}\n\nverbs:\n{listed}\n\n"
        "exit codes: 0 done, 1 failed, 2 usage, 3 finished but some units were given up"
    )


if __name__ == "__main__":
    sys.exit(main())
