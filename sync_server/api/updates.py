"""``/v1/updates/…``: the files of the update repository, whole or in ranges.

Source: RFC 9110 sections 13 (validators) and 14 (ranges), ADR 0024.
"""

from fastapi import APIRouter, Request, Response

from shared.blobs import ANY_BYTES
from shared.ports import RunBlocking
from shared.updates import UPDATES_PATH
from sync_server.api.requests import message_of
from sync_server.updates.reading import Updates


def update_routes(updates: Updates, run_blocking: RunBlocking) -> APIRouter:
    """The route over `updates`; `run_blocking` carries every call of it."""
    router = APIRouter()

    @router.get(UPDATES_PATH + "{name:path}")
    async def read(request: Request, name: str) -> Response:
        message, asked = message_of(request), request.headers.get("range")
        part = await run_blocking(lambda: updates.read(message, name, asked))
        headers = {"Accept-Ranges": "bytes", "ETag": part.etag, "X-Content-Type-Options": "nosniff"}
        headers["Cache-Control"] = "private, no-cache"
        if part.etag in request.headers.get("if-none-match", "").split(", "):
            return Response(status_code=304, headers=headers)
        if part.partial:
            last = part.first + len(part.content) - 1
            headers["Content-Range"] = f"bytes {part.first}-{last}/{part.size}"
        return Response(part.content, 206 if part.partial else 200, headers, ANY_BYTES)

    return router
