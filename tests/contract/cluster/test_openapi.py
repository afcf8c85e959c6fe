"""What the application tells of the gateway's paths is what the gateway does."""

import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from shared.problems import MEDIA_TYPE, TABLE, Code
from shared.routing import DataClass
from simulators.engine import Mood
from sync_server.cluster import api
from sync_server.cluster.openapi import CODES
from sync_server.cluster.task import TAKEN
from sync_server.office import Office
from tests.contract.cluster.stage import Stage, staged, upstream
from tests.served import TENANT, Laptop

PATHS = {("POST", "/v1/assist"), ("GET", "/v1/capabilities"), ("POST", "/v1/chat/completions"), ("GET", "/v1/models")}


@pytest.fixture
async def stage(office: Office) -> AsyncIterator[Stage]:
    async with staged(office, upstream("one")) as made:
        yield made


async def document(stage: Stage) -> dict[str, Any]:
    told: dict[str, Any] = (await stage.http.get("/openapi.json")).json()
    return told


def refs(value: Any) -> Iterator[str]:
    """Every reference in a document."""
    if isinstance(value, dict):
        yield from (str(each) for name, each in value.items() if name == "$ref")
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from refs(each)


async def test_every_path_of_the_gateway_is_told_with_what_it_takes_and_gives(stage: Stage) -> None:
    told = await document(stage)
    listed = {(method.upper(), path) for path, ways in told["paths"].items() for method in ways}
    assert listed >= PATHS | {("POST", "/v1/sync")}
    assert set(api.ClusterApi(None, None, None, None)._ways) == PATHS == set(CODES)  # type: ignore[arg-type]
    for ref in refs(told):
        name = ref.removeprefix("#/components/schemas/")
        assert name in told["components"]["schemas"], ref
    for method, path in PATHS:
        way = told["paths"][path][method.lower()]
        assert way["security"], path
        assert ("requestBody" in way) == (method == "POST")
    assert told["components"]["schemas"]["ChatCompletionRequest"]["properties"].keys() == TAKEN
    assert "prompt" in told["components"]["schemas"]["AssistRequest"]["required"]


def fits(told: dict[str, Any], path: str, method: str, response: httpx.Response) -> None:
    """The response is one of those that are told, with the members that are told."""
    said = told["paths"][path][method]["responses"][str(response.status_code)]
    kind = response.headers["content-type"].partition(";")[0]
    assert kind in said["content"], kind
    schema = said["content"][kind]["schema"]
    if "$ref" not in schema:
        return
    named = told["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    parts = [named, *(told["components"]["schemas"][ref.rpartition("/")[2]] for ref in refs(named.get("allOf", [])))]
    body = response.json()
    assert {name for part in parts for name in part.get("required", ())} <= body.keys() | OPTIONAL
    open_ended = any(part.get("additionalProperties") is True for part in parts)
    assert open_ended or body.keys() <= {name for part in parts for name in part["properties"]}
    for name in said.get("headers", {}):
        assert name in response.headers or name == "retry-after"


#: Pydantic calls members required that are always written; a problem leaves out what it does not tell.
OPTIONAL = {"time", "not_taken", "retry_after_s"}


async def test_what_devices_get_is_what_is_told(stage: Stage, laptop: Laptop) -> None:
    told = await document(stage)
    raw = stage.question("Which filter?")
    answers = [
        await stage.ask(laptop),
        await stage.ask(laptop, stream=True),
        await stage.ask(laptop, "PHONE 555"),
        await stage.ask(laptop, "SECRET"),
        await stage.ask(laptop, tier="moon"),
        await stage.ask(laptop, consents=[{"payload": ""}]),
        await stage.ask(laptop, "long " * 40_000),
        await stage.http.post("/v1/assist", content=raw),
    ]
    for mood in (Mood.HTML, Mood.GONE, Mood.GONE, Mood.GONE, Mood.GONE):
        stage.engines["one"].mood = mood
        answers.append(await stage.ask(laptop))
    assert {each.status_code for each in answers} == {200, 401, 403, 413, 422, 502, 503}
    for response in answers:
        fits(told, "/v1/assist", "post", response)
    fits(told, "/v1/capabilities", "get", await stage.signed(laptop, "GET", "/v1/capabilities"))
    fits(told, "/v1/capabilities", "get", await stage.http.get("/v1/capabilities"))


async def test_what_programs_get_is_what_is_told(stage: Stage, office: Office) -> None:
    told = await document(stage)
    key = office.add_client(TENANT, "erp", DataClass.PUBLIC, "root").key
    answers = [
        await stage.chat(key),
        await stage.chat(key, stream=True),
        await stage.chat(key, "SECRET"),
        await stage.chat(key, moon=1),
        await stage.chat(key, model="none"),
        await stage.chat("k" * 32),
    ]
    assert {each.status_code for each in answers} == {200, 401, 403, 404, 422}
    for response in answers:
        fits(told, "/v1/chat/completions", "post", response)
    models = {"authorization": f"Bearer {key}"}
    fits(told, "/v1/models", "get", await stage.http.get("/v1/models", headers=models))
    fits(told, "/v1/models", "get", await stage.http.get("/v1/models"))


def test_every_code_that_the_gateway_can_say_is_told() -> None:
    """Also those that no test above provokes: whatever its modules name, and the form of it is the problem's."""
    folder = Path(api.__file__).parent
    modules = ("api", "gateway", "reception", "task", "consents", "recent")
    named = {each for name in modules for each in re.findall(r"Code\.([A-Z_]+)", (folder / f"{name}.py").read_text())}
    told = {code.name for codes in CODES.values() for code in codes}
    assert named <= told, named - told
    assert {Code[name] for name in told} <= TABLE.keys()
    assert MEDIA_TYPE == "application/problem+json"
