"""What is answered when the server itself fails: a problem document, or nothing more once an answer has begun."""

import logging
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI
from fastapi.responses import StreamingResponse

from sync_server.api.app import _say_problems


@pytest.fixture
def app() -> FastAPI:
    app = FastAPI()
    _say_problems(app, lambda: "an-id")

    @app.get("/at-once")
    async def at_once() -> None:
        raise RuntimeError("a secret")

    @app.get("/begun")
    async def begun() -> StreamingResponse:
        async def pieces() -> AsyncIterator[bytes]:
            yield b"the first half"
            raise RuntimeError("a secret")

        return StreamingResponse(pieces())

    return app


async def got(app: FastAPI, path: str) -> httpx.Response:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://server") as http:
        return await http.get(path)


async def test_a_fault_is_a_problem_document_and_its_words_stay_in_the_log(
    app: FastAPI, caplog: pytest.LogCaptureFixture
) -> None:
    response = await got(app, "/at-once")
    assert (response.status_code, response.json()["code"]) == (500, "internal")
    assert "secret" not in response.text
    assert "under the request id an-id" in response.text
    assert [(each.levelno, each.path) for each in caplog.records] == [(logging.ERROR, "/at-once")]  # type: ignore[attr-defined]


async def test_an_answer_that_had_begun_breaks_off(app: FastAPI, caplog: pytest.LogCaptureFixture) -> None:
    """Whoever reads it must not take what is there for the whole, nor get a second answer behind it."""
    with pytest.raises(RuntimeError):
        await got(app, "/begun")
    assert [each.levelno for each in caplog.records] == [logging.ERROR]
