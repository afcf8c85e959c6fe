"""Pages that nobody opens are not there; the first who asks for one finds them all."""

import asyncio

import httpx
from fastapi import APIRouter, FastAPI

from sync_server.api.later import Later
from tests.served import in_place


def pages(made: list[str]) -> APIRouter:
    made.append("made")
    router = APIRouter()

    @router.get("/pages/one")
    async def one() -> str:
        return "one"

    return router


async def test_the_routes_are_made_once_when_the_first_is_asked_for() -> None:
    app, made = FastAPI(), list[str]()
    app.router.routes.append(Later(app, "/pages", lambda: pages(made), in_place))

    @app.get("/other")
    async def other() -> str:
        return "other"

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://here") as client:
        assert ((await client.get("/other")).json(), made) == ("other", [])
        answers = await asyncio.gather(*(client.get("/pages/one") for _ in range(5)))
        assert [each.json() for each in answers] == ["one"] * 5
        assert (await client.get("/pages/two")).status_code == 404
    assert made == ["made"]
