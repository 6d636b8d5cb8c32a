"""What went wrong, as one line of JSON with a status that the page acts upon."""

from __future__ import annotations

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from annotation.app.wire import layer_json
from annotation.pictures import PictureError
from annotation.store.errors import ConflictError, NotFoundError
from million_ird.errors import MillionIrdError, StoreError

_TRY_AGAIN = 503
"""Makes the page keep a stroke and send it again; a status of 4xx says that it will never be taken."""


class RequestError(MillionIrdError):
    """A request that cannot be answered as it stands; `status` is the HTTP status."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


def add_error_answers(app: FastAPI) -> None:
    """Every error becomes {"error": one line}; of an unexpected one, the traceback is in the server's log alone."""
    app.add_exception_handler(MillionIrdError, _known)
    app.add_exception_handler(RequestValidationError, _not_as_described)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unexpected)


def _answer(status: int, error: str, **more: object) -> Response:
    return JSONResponse({"error": " ".join(error.split()), **more}, status)


async def _known(_request: Request, error: Exception) -> Response:
    if isinstance(error, ConflictError):
        return _answer(409, str(error), layer=layer_json(error.layer), stored=error.stored)
    return _answer(_status(error), str(error))


def _status(error: Exception) -> int:
    if isinstance(error, RequestError):
        return error.status
    if isinstance(error, NotFoundError | PictureError):
        return 404
    return _TRY_AGAIN if isinstance(error, StoreError) else 422


async def _not_as_described(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    kind, *place = [str(part) for part in first["loc"]]
    return _answer(404 if kind == "path" else 422, f"{'.'.join(place) or kind}: {first['msg']}")


async def _http(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _answer(error.status_code, {404: "there is nothing at this address"}.get(error.status_code, error.detail))


async def _unexpected(_request: Request, _error: Exception) -> Response:
    return _answer(500, "the server met an error of its own; its log says which")
