"""The whole application: routes, answers to errors, and the guard in front."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import Depends, FastAPI
from starlette.types import ASGIApp

from annotation.app.errors import add_error_answers
from annotation.app.parameters import meant_for
from annotation.app.routes import assist, layers, pictures, project
from annotation.app.security import Access, Guard
from annotation.app.served import Served
from annotation.project import Project


def create_app(opened: Project, access: Access | None = None) -> ASGIApp:
    """The application that serves a project, for any ASGI server.

    Args:
        opened: the project; whoever opened it closes it, once the server has ended.
        access: who may talk to it; by default whatever reaches it on this machine under a loopback name.
    """
    access = access or Access()
    served = Served(opened, token_needed=bool(access.token))

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        served.close()

    app = FastAPI(
        lifespan=lifespan,
        dependencies=[Depends(meant_for(served.id))],
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
    )
    for part in (project, layers, pictures, assist):
        app.include_router(part.router(served))
    add_error_answers(app)
    return Guard(app, access)
