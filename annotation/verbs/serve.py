"""`million-ird annotate serve PROJECT`: the page on which people draw."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path


def main(argv: Sequence[str]) -> int:
    """Serves the page until it is told to stop; 0 then."""
    arguments = _parser().parse_args(argv)
    from annotation.serving import ServeSettings, given_token, require_extra

    require_extra()
    settings = ServeSettings(arguments.host, arguments.port, tuple(arguments.name), given_token(arguments.token_file))
    from annotation.project import open_project
    from annotation.serving import serve

    with open_project(arguments.project) as project:
        return serve(project, settings, _say, _open if arguments.open else _leave)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="million-ird annotate serve",
        allow_abbrev=False,  # `--token SECRET` would be taken as the name of a file, and printed
        description="Serve a project's page. docs/annotation_server.md says how to let others in.",
        epilog="exit codes: 0 stopped by Ctrl-C or SIGTERM; 1 the project cannot be opened; 2 it cannot listen there",
    )
    parser.add_argument("project", type=Path, help="the folder that `annotate create` made")
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        help="address to listen on (default: this machine alone); any other needs a token, which is made and printed",
    )
    parser.add_argument("--port", type=int, default=8765, help="default 8765; 0 takes any free one and says which")
    parser.add_argument(
        "--name", action="append", default=[], metavar="HOST", help="another name it is reached by, behind a proxy say"
    )
    parser.add_argument(
        "--token-file",
        type=Path,
        metavar="FILE",
        help="holds the token; else $MILLION_IRD_ANNOTATE_TOKEN, else one is made where one is needed",
    )
    parser.add_argument("--open", action="store_true", help="open the page in this machine's browser")
    return parser


def _say(line: str) -> None:
    print(line, flush=True)


def _open(address: str) -> None:
    import threading
    import webbrowser

    threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()


def _leave(_address: str) -> None:
    """The person opens it."""
