"""The HTTP surface: a few routes, one form of error.

Rules
1. Every handler is `async` and hands blocking work to the injected `run_blocking`: in a simulation nothing may reach
   a thread.
2. Bodies are read up to a limit and no further.
3. Every error is a problem document; what is nobody's business stays in the log, under the request's id.

Source: RFC 9457.
"""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.compression import ENCODING, WORTH_BYTES, pack
from shared.ports import RunBlocking
from shared.problems import MEDIA_TYPE, Code, Problem, Refused, fault, problem
from sync_server.api.blobs import blob_routes
from sync_server.api.evidence import evidence_routes
from sync_server.api.later import Later
from sync_server.api.metrics import metrics_routes
from sync_server.api.requests import body_of, message_of
from sync_server.api.updates import update_routes
from sync_server.cluster.api import ClusterApi
from sync_server.cluster.openapi import describe
from sync_server.cluster.parts import ClusterParts
from sync_server.service import Service

log = logging.getLogger("tailboard.server")
#: What ends by itself soon, and what somebody must look after first.
RETRY_AFTER_S = {Code.BUSY: 2, Code.STORE_FULL: 60, Code.SERVER_STOPPED: 60}


def build_app(
    service: Service,
    run_blocking: RunBlocking,
    lifespan: Any = None,
    cluster: ClusterParts | None = None,
    console: Callable[[], APIRouter] | None = None,
    metrics_token: Path | None = None,
) -> ASGIApp:
    """The application over `service`; `run_blocking` carries every call of it, `lifespan` is what runs beside it.

    `cluster` is the gateway to the models; `console` makes the pages of the back office when one is first asked for;
    `metrics_token` is the file by which metrics are read.
    """
    app = FastAPI(title="Tailboard sync server", docs_url=None, redoc_url=None, lifespan=lifespan)

    async def tidy() -> None:
        await run_blocking(service.tidy)

    @app.post("/v1/sync")
    async def sync(request: Request) -> Response:
        body = await body_of(request)
        message = message_of(request)
        answer = await run_blocking(lambda: service.sync(message, body, lambda raw: _json(raw, request)))
        answer.background = BackgroundTask(tidy)
        return answer

    @app.post("/v1/check")
    async def check(request: Request) -> Response:
        body = await body_of(request)
        message = message_of(request)
        return await run_blocking(lambda: _json(service.check(message, body), request))

    @app.post("/v1/enrol")
    async def enrol(request: Request) -> Response:
        body = await body_of(request)
        return await run_blocking(lambda: _json(service.enrol(body).to_bytes(), request))

    @app.get("/v1/health")
    async def health() -> dict[str, str]:
        return {"status": "up"}

    app.include_router(blob_routes(service.attachments, run_blocking))
    app.include_router(evidence_routes(service.witness, run_blocking))
    gateway = cluster.gateway if cluster else None
    app.include_router(metrics_routes(service, gateway, metrics_token, run_blocking))
    app.include_router(update_routes(service.updates, run_blocking))
    if console is not None:
        app.router.routes.append(Later(app, "/console", console, run_blocking))
    _say_problems(app, service.ports.new_id)
    if cluster is None:
        return app
    describe(app)
    return ClusterApi(app, cluster.gateway, cluster.reception, run_blocking)


def _json(body: bytes, request: Request) -> Response:
    """The answer, packed where that is worth it and the caller can unpack it."""
    if len(body) < WORTH_BYTES or ENCODING not in request.headers.get("accept-encoding", ""):
        return Response(body, media_type="application/json")
    return Response(pack(body), headers={"content-encoding": ENCODING}, media_type="application/json")


def _say_problems(app: FastAPI, new_id: Callable[[], str]) -> None:
    async def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, Refused), "registered for this type"
        if error.problem.code is Code.INTERNAL:
            log.error("fault", exc_info=error, extra={"path": request.url.path})
        return _document(error.problem)

    async def other(_request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException), "registered for this type"
        told = problem(Code.NOT_FOUND, str(error.detail))
        return _document(told.model_copy(update={"status": error.status_code, "title": str(error.detail)}))

    app.add_exception_handler(Refused, refused)
    app.add_exception_handler(HTTPException, other)

    app.add_middleware(_Faults, new_id=new_id)


class _Faults:
    """Whoever asks is told that a fault is ours, and no more. An answer that has begun breaks off."""

    # the framework's own middlewares for functions move every message through a task and a queue of their own
    def __init__(self, app: ASGIApp, new_id: Callable[[], str]) -> None:
        self._app, self._new_id = app, new_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = False

        async def sent(message: Message) -> None:
            nonlocal began
            began = True
            await send(message)

        try:
            await self._app(scope, receive, sent)
        except Exception:
            named = self._new_id()
            log.exception("fault", extra={"path": scope.get("path"), "request": named})
            if began or scope["type"] != "http":
                raise
            await _document(fault(named))(scope, receive, send)


def _document(document: Problem) -> Response:
    wait_s = RETRY_AFTER_S.get(document.code)
    headers = {"Retry-After": str(wait_s)} if wait_s else {}
    return Response(document.to_bytes(), document.status, headers, MEDIA_TYPE)
