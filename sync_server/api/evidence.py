"""``POST /v1/evidence``: a piece of a laptop's evidence, or the question how far it got."""

from fastapi import APIRouter, Request, Response

from shared.evidence import EVIDENCE_PATH
from shared.ports import RunBlocking
from sync_server.api.requests import body_of, message_of
from sync_server.telemetry.taking import Witness


def evidence_routes(witness: Witness, run_blocking: RunBlocking) -> APIRouter:
    """The route over `witness`; `run_blocking` carries every call of it."""
    router = APIRouter()

    @router.post(EVIDENCE_PATH)
    async def take(request: Request) -> Response:
        body = await body_of(request)
        message = message_of(request)
        place = await run_blocking(lambda: witness.take(message, body))
        return Response(place.to_bytes(), media_type="application/json")

    return router
