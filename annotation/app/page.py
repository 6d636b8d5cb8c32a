"""The page and its files, from a fixed table of names: what a request asks for is looked up, never made into a path."""

from __future__ import annotations

import hashlib
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from annotation.app.caching import not_modified, tagged
from annotation.app.errors import RequestError

FOLDER = Path(__file__).resolve().parents[1] / "static"
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".txt": "text/plain; charset=utf-8",
}


class Page:
    """The files that the installed package holds, by the name under which the browser asks for them."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._files = {
            path.relative_to(folder).as_posix(): path
            for path in sorted(folder.rglob("*"))
            if path.suffix in _TYPES and path.is_file()
        }

    @property
    def names(self) -> tuple[str, ...]:
        """What can be asked for."""
        return tuple(self._files)

    def first(self, request: Request) -> Response:
        """The page itself. Its header names all modules, so that a browser asks for them at once and not one after the
        other, as each is read and found to need the next.

        Raises:
            RequestError: the package was installed without its page.
        """
        answer = self.answer("index.html", request)
        modules = (name for name in self._files if name.endswith(".js"))
        answer.headers["Link"] = ", ".join(f"</static/{name}>; rel=modulepreload" for name in modules)
        return answer

    def answer(self, name: str, request: Request) -> Response:
        """The file, or 304 where the browser has it already.

        Raises:
            RequestError: there is no such file (404).
        """
        path = self._files.get(name)
        if path is None:
            raise RequestError(404, "the page has no such file")
        data = path.read_bytes()
        digest = hashlib.sha256(data).hexdigest()
        return not_modified(request, digest) or tagged(data, _TYPES[path.suffix], digest)
