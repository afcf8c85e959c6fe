"""``/v1/blobs/{sha256}``: the bytes of files, up in pieces and down in ranges.

Rules
1. ``HEAD`` says how far a file has got; ``PATCH ?offset=N`` adds a piece at byte N; ``GET`` hands bytes out, a range
   of them if asked.
2. The offset stands in the query because the signature covers the query. A changed Range header can only bring other
   bytes of the same file; the device verifies the whole.
3. An answer to HEAD has no body, so its problem is the code in a header.

Source: draft-ietf-httpbis-resumable-upload, RFC 9110 section 14, ADR 0014.
"""

import re

from fastapi import APIRouter, Request, Response

from shared.blobs import ANY_BYTES, BLOBS_PATH, PROBLEM_HEADER
from shared.ports import RunBlocking
from shared.problems import Code, Refused
from sync_server.api.requests import body_of, message_of
from sync_server.attachments import Attachments, Piece

_SHA256 = re.compile(r"[0-9a-f]{64}")
_OFFSET = re.compile(r"[0-9]{1,15}")


def blob_routes(attachments: Attachments, run_blocking: RunBlocking) -> APIRouter:
    """The three routes over `attachments`; `run_blocking` carries every call of it."""
    router = APIRouter()
    path = BLOBS_PATH + "{sha256}"

    @router.head(path)
    async def progress(request: Request, sha256: str) -> Response:
        message = message_of(request)
        try:
            told = await run_blocking(lambda: attachments.progress(message, _checked(sha256)))
        except Refused as refused:
            return Response(status_code=refused.problem.status, headers={PROBLEM_HEADER: refused.problem.code})
        return Response(headers={**told.to_headers(), "Cache-Control": "no-store"})

    @router.patch(path)
    async def append(request: Request, sha256: str) -> Response:
        piece, message = await body_of(request), message_of(request)
        offset = _offset(request.query_params.get("offset", ""))
        told = await run_blocking(lambda: attachments.append(message, piece, _checked(sha256), offset))
        return Response(status_code=204, headers=told.to_headers())

    @router.get(path)
    async def read(request: Request, sha256: str) -> Response:
        message, asked = message_of(request), request.headers.get("range")
        return _bytes(await run_blocking(lambda: attachments.read(message, _checked(sha256), asked)), sha256)

    return router


def _checked(sha256: str) -> str:
    if not _SHA256.fullmatch(sha256):
        raise Refused(Code.NOT_FOUND, "a file is named by 64 lower-case hexadecimal digits")
    return sha256


def _offset(text: str) -> int:
    if not _OFFSET.fullmatch(text):
        raise Refused(Code.MALFORMED, "offset: the byte at which the piece begins, in digits")
    return int(text)


def _bytes(piece: Piece, sha256: str) -> Response:
    headers = {"Accept-Ranges": "bytes", "ETag": f'"{sha256}"', "X-Content-Type-Options": "nosniff"}
    if piece.partial:
        headers["Content-Range"] = f"bytes {piece.first}-{piece.first + len(piece.content) - 1}/{piece.size}"
    return Response(piece.content, 206 if piece.partial else 200, headers, ANY_BYTES)
