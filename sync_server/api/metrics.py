"""``GET /metrics``: what is measured, for whoever shows the token (`sync_server.telemetry.token`)."""

from pathlib import Path

from fastapi import APIRouter, Request, Response

from shared.ports import RunBlocking
from sync_server.cluster.gateway import Gateway
from sync_server.service import Service
from sync_server.telemetry.page import MEDIA_TYPE, page
from sync_server.telemetry.readings import read_process, read_store
from sync_server.telemetry.token import check_token


def metrics_routes(
    service: Service, gateway: Gateway | None, token: Path | None, run_blocking: RunBlocking
) -> APIRouter:
    """The route; `token` is the file that the right to read is shown by, and without it nobody reads."""
    router = APIRouter()

    @router.get("/metrics")
    async def read(request: Request) -> Response:
        shown, of_process = request.headers.get("authorization"), read_process(gateway)

        def work() -> bytes:
            check_token(token, shown)
            return page(read_store(service) | of_process)

        return Response(await run_blocking(work), media_type=MEDIA_TYPE)

    return router
