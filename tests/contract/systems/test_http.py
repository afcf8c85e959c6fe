"""What the HTTP adapter believes, and what it does not."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from shared.commands.base import Outgoing
from sync_server.systems.http import HttpSystem
from sync_server.systems.port import Absent, CannotTell, Executed, Found, Refused, Uncertain, Unreached
from tests.contract.systems.acceptance.world import CURRENT, http_settings

KEY = "0193a000-0000-7000-8000-000000000001"
WRITE = Outgoing(KEY, "parts", {"part_no": "S-1"})
GOOD = {"reference": "PO-1", "key": KEY}


def system(answer: Callable[[httpx.Request], httpx.Response], **more: Any) -> HttpSystem:
    def on_the_wire(request: httpx.Request) -> httpx.Response:
        """The answer as it comes over a wire: not read yet."""
        made = answer(request)
        if not made.is_stream_consumed:
            return made
        return httpx.Response(made.status_code, headers=made.headers, stream=httpx.ByteStream(made.content))

    client = httpx.AsyncClient(transport=httpx.MockTransport(on_the_wire))
    return HttpSystem(http_settings(**more), client, "Bearer s3cret")


def says(status: int, **body: Any) -> Callable[[httpx.Request], httpx.Response]:
    return lambda _request: httpx.Response(status, **body)


async def test_the_key_and_the_secret_travel_in_their_headers() -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(201, json=GOOD)

    erp = system(answer, key_header="X-Once", auth_header="Authorization", auth_file="x.secret")
    assert await erp.execute(WRITE) == Executed("PO-1")
    assert await erp.lookup(KEY) == Found("PO-1")
    posted, asked = seen
    assert (posted.method, posted.url.path, posted.headers["X-Once"]) == ("POST", "/orders", KEY)
    assert (asked.method, asked.url.path) == ("GET", f"/orders/by-key/{KEY}")
    assert {each.headers["Authorization"] for each in seen} == {"Bearer s3cret"}


@pytest.mark.parametrize(
    "answer",
    [
        says(200, json={"key": KEY}),
        says(200, json={"reference": "PO-1", "key": "somebody else's"}),
        says(200, json={"reference": "", "key": KEY}),
        says(200, json={"reference": "P\nO", "key": KEY}),
        says(200, json={"reference": "x" * 201, "key": KEY}),
        says(200, json={"reference": True, "key": KEY}),
        says(200, json=[GOOD]),
        says(200, text="<html>Sign in</html>"),
        says(200, content=b'{"reference": "PO-1", "reference": "PO-2"}'),
        says(200, json={**GOOD, "padding": "x" * 70_000}),
        says(200, stream=httpx.ByteStream(json.dumps(GOOD).encode()), headers={"Content-Encoding": "gzip"}),
        says(302, headers={"Location": "https://erp.example/orders"}),
        says(307, headers={"Location": "https://elsewhere.example/orders"}),
        says(404, text="no such page"),
        says(404, json={"detail": "Not Found"}),
        says(401, json={"detail": "who are you"}),
        says(409, json=GOOD),
        says(429, json={"detail": "slower"}),
        says(500, json=GOOD),
    ],
)
async def test_what_is_not_the_agreed_answer_tells_nothing(answer: Callable[[httpx.Request], httpx.Response]) -> None:
    erp = system(answer)
    assert isinstance(await erp.execute(WRITE), Uncertain)
    assert isinstance(await erp.lookup(KEY), CannotTell)


async def test_a_redirect_is_not_followed_to_another_host() -> None:
    hosts: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        hosts.append(request.url.host)
        return httpx.Response(307, headers={"Location": "https://elsewhere.example/orders"})

    client = httpx.AsyncClient(transport=httpx.MockTransport(answer), follow_redirects=True)
    assert isinstance(await HttpSystem(http_settings(), client).execute(WRITE), Uncertain)
    assert hosts == ["erp.example"]


async def test_absent_is_only_what_the_system_calls_so() -> None:
    assert await system(says(404, json={"code": "unknown_key"})).lookup(KEY) == Absent()
    assert isinstance(await system(says(404, json={"code": "no_route"})).lookup(KEY), CannotTell)
    nested = system(says(404, json={"error": {"kind": 7}}), absent_field="error.kind", absent_value=7)
    assert await nested.lookup(KEY) == Absent()


async def test_a_refusal_is_one_line_of_words() -> None:
    refused = await system(says(422, json={"detail": "no\n\nsupplier " + "x" * 500})).execute(WRITE)
    assert isinstance(refused, Refused)
    assert refused.detail.startswith("no supplier")
    assert len(refused.detail) == 200
    assert await system(says(400, json={})).execute(WRITE) == Refused("refused with status 400")
    assert isinstance(await system(says(400, text="Bad Request")).execute(WRITE), Uncertain)


async def test_a_duplicate_is_an_answer_where_the_system_says_so() -> None:
    assert await system(says(409, json=GOOD), duplicate_status=409).execute(WRITE) == Executed("PO-1")


@pytest.mark.parametrize(
    ("fault", "certain"),
    [
        (httpx.ConnectError, True),
        (httpx.ConnectTimeout, True),
        (httpx.ReadTimeout, False),
        (httpx.WriteError, False),
        (httpx.RemoteProtocolError, False),
    ],
)
async def test_only_what_never_left_is_certain_not_to_have_happened(fault: Any, certain: bool) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        raise fault("gone", request=request)

    erp = system(answer)
    assert isinstance(await erp.execute(WRITE), Unreached if certain else Uncertain)
    assert isinstance(await erp.lookup(KEY), CannotTell)


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"url": "http://erp.example"}, "only https"),
        ({"url": "https://other.example"}, "not among hosts"),
        ({"url": "https://erp.example/api"}, "scheme and host"),
        ({"url": "https://user@erp.example"}, "scheme and host"),
        ({"url": "ftp://erp.example"}, "scheme and host"),
        ({"lookup_path": "/orders"}, "holds {key} once"),
        ({"lookup_path": "//elsewhere.example/{key}"}, "one slash"),
        ({"execute_path": "/orders/{key}"}, "execute_path never"),
        ({"auth_header": "Authorization"}, "go together"),
        ({"auth_header": "Authorization", "auth_file": "../secret"}, "auth_file"),
        ({"refusal_statuses": [500]}, "considered the write"),
        ({"refusal_statuses": [429]}, "considered the write"),
        ({"guarantees": CURRENT, "absent_field": None}, "absent_field"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_settings_that_could_harm_are_refused_with_the_reason(wrong: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        http_settings(**wrong)


def test_plain_http_stays_on_this_machine() -> None:
    assert http_settings(url="http://127.0.0.1:8080", hosts=["127.0.0.1"]).url
