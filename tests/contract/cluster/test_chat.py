"""Plain OpenAI clients of a tenant: the same policy, quotas and audit, and the engine's own bytes."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from shared.problems import Code, Refused
from shared.routing import DataClass
from simulators.engine import Mood
from sync_server.cluster.upstreams import QuotaSettings, Share
from sync_server.office import Office
from tests.contract.cluster.stage import CLOUD, Stage, staged, upstream
from tests.served import TENANT


@pytest.fixture
async def stage(office: Office) -> AsyncIterator[Stage]:
    async with staged(office, upstream("one"), upstream("cloud", CLOUD, model="big")) as made:
        yield made


@pytest.fixture
def key(office: Office) -> str:
    return office.add_client(TENANT, "cmms", DataClass.PUBLIC, "root").key


async def test_a_whole_answer_is_the_engines_own_bytes(stage: Stage, key: str) -> None:
    response = await stage.chat(key)
    assert response.status_code == 200, response.text
    assert response.content == stage.engines["one"]._whole()
    assert response.headers["tailboard-route"] == "private_cluster"
    assert json.loads(stage.engines["one"].asked[0])["messages"] == [{"role": "user", "content": "Which filter?"}]
    (entry,) = await stage.audited()
    assert (entry["kind"], entry["actor"], entry["ended"], entry["tokens_down"]) == ("client", "cmms", "answered", 4)


async def test_a_stream_is_passed_on_event_by_event(stage: Stage, key: str) -> None:
    response = await stage.chat(key, stream=True)
    engine = stage.engines["one"]
    events = [event async for event in engine._events()]
    assert response.content == b"".join(b"data: " + event + b"\n\n" for event in events)
    (entry,) = await stage.audited()
    assert (entry["ended"], entry["tokens_down"], entry["tokens_up"]) == ("answered", 4, 7)


async def test_the_body_goes_on_as_it_came_but_for_what_names_people(stage: Stage, key: str) -> None:
    raw = b'{"model": "m",  "messages": [{"role": "user", "content": "Which filter?"}], "temperature": 0.5}'
    headers = {"authorization": f"Bearer {key}"}
    await stage.http.post("/v1/chat/completions", content=raw, headers=headers)
    assert stage.engines["one"].asked == [raw]
    await stage.chat(key, user="a.okafor", metadata={"job": "WO-1"})
    assert json.loads(stage.engines["one"].asked[1]).keys() == {"model", "messages", "stream"}


async def test_a_model_can_be_named_or_left_to_the_gateway(stage: Stage, key: str) -> None:
    assert (await stage.chat(key, model="big")).headers["tailboard-route"] == "managed_cloud"
    assert (await stage.chat(key, model="auto")).headers["tailboard-route"] == "private_cluster"
    unknown = await stage.chat(key, model="other")
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (404, "not_found")
    listed = await stage.http.get("/v1/models", headers={"authorization": f"Bearer {key}"})
    assert [each["id"] for each in listed.json()["data"]] == ["big", "m"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"messages": [{"role": "user", "content": "My SECRET"}]}, "route_refused"),
        ({"messages": [{"role": "user", "name": "My SECRET", "content": "hello"}]}, "route_refused"),
        ({"tools": [{"type": "function", "function": {"name": "f", "description": "My SECRET"}}]}, "route_refused"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "http://x"}}]}]},
            "route_refused",
        ),
        ({"messages": [{"role": "user", "content": "Her PHONE"}]}, "consent_needed"),
    ],
)
async def test_every_word_is_classified_and_a_picture_counts_as_restricted(
    stage: Stage, key: str, no_connections: list[Any], change: dict[str, Any], code: str
) -> None:
    response = await stage.chat(key, **change)
    assert (response.status_code, response.json()["error"]["code"]) == (403, code)
    assert (stage.reached(), stage.link.hosts, no_connections) == (0, [], [])


async def test_a_program_is_taken_to_say_what_it_was_added_for(stage: Stage, office: Office) -> None:
    careful = office.add_client(TENANT, "hr", DataClass.RESTRICTED, "root").key
    assert (await stage.chat(careful)).status_code == 403
    assert stage.reached() == 0


@pytest.mark.parametrize(
    "change",
    [
        {"messages": []}, {"messages": "hello"}, {"messages": [1]}, {"model": 7}, {"stream": "yes"},
        {"max_tokens": 10**9}, {"n": 100}, {"guided_json": {}}, {"lora_request": "x"},
    ],
)  # fmt: skip
async def test_what_is_not_taken_is_named(stage: Stage, key: str, change: dict[str, Any]) -> None:
    response = await stage.chat(key, **change)
    assert (response.status_code, response.json()["code"]) == (422, "malformed")
    assert response.json()["error"]["message"]
    assert stage.reached() == 0


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"[]", b'{"model":"m","model":"m","messages":[]}', b'{"model":"m","messages":' + b"[" * 9999]
)
async def test_what_is_not_json_is_refused(stage: Stage, key: str, raw: bytes) -> None:
    headers = {"authorization": f"Bearer {key}"}
    assert (await stage.http.post("/v1/chat/completions", content=raw, headers=headers)).status_code == 422


async def test_only_a_key_that_holds_may_ask(stage: Stage, office: Office, key: str) -> None:
    for wrong in ("tb-" + "0" * 64, key.upper(), key + "0", "short", ""):
        response = await stage.chat(wrong)
        assert (response.status_code, response.json()["error"]["code"]) == (401, "not_authentic")
        assert response.headers["www-authenticate"] == "Bearer"
    assert (await stage.chat(key)).status_code == 200
    office.revoke_client(TENANT, "cmms", "root")
    stage.office.service.ports.clock.move(timedelta(seconds=6))  # type: ignore[attr-defined]  # a still clock
    assert (await stage.chat(key)).status_code == 401
    with office.service.store.transaction() as tx:
        assert key not in repr(list(tx.audit(TENANT)))
        assert key not in repr(tx.clients(TENANT))


async def test_only_an_admin_lets_programs_ask(office: Office) -> None:
    with pytest.raises(Refused, match="admin"):
        office.add_client(TENANT, "mine", DataClass.PUBLIC, "a.okafor")
    office.add_client(TENANT, "mine", DataClass.PUBLIC, "root")
    with pytest.raises(Refused, match="already"):
        office.add_client(TENANT, "mine", DataClass.PUBLIC, "root")


async def test_quota_and_faults_speak_as_openai_does(office: Office, key: str) -> None:
    quota = QuotaSettings(window_s=60, tenant=Share(requests=2, tokens=100_000))
    async with staged(office, upstream("one"), quota=quota) as stage:
        stage.engines["one"].mood = Mood.HTML
        assert (await stage.chat(key)).json()["error"]["code"] == "upstream_failed"
        stage.engines["one"].mood = Mood.CLOSES
        *_, last = (await stage.chat(key, stream=True)).text.strip().split("\n\n")
        assert json.loads(last.removeprefix("data: "))["error"]["code"] == "upstream_failed"
        spent = await stage.chat(key)
        assert (spent.status_code, spent.headers["retry-after"]) == (429, "60")


async def test_an_audit_that_cannot_be_written_ends_the_service(stage: Stage, key: str, monkeypatch: Any) -> None:
    monkeypatch.setattr("sync_server.cluster.account.ENTRIES_MAX", 2)
    assert [(await stage.chat(key)).status_code for _ in range(3)] == [200, 200, 503]
    assert len(await stage.audited()) == 2
    assert (await stage.chat(key)).status_code == 200


async def test_what_could_not_be_audited_is_audited_later(stage: Stage, key: str, monkeypatch: Any) -> None:
    await stage.chat(key)
    with monkeypatch.context() as broken:
        broken.setattr(stage.parts.reception, "write", full)
        assert await stage.audited() == []
    await stage.chat(key)
    assert [entry["ended"] for entry in await stage.audited()] == ["answered", "answered"]


def full(_tenant: str, _uses: Any) -> None:
    raise Refused(Code.STORE_FULL, "the database cannot grow")
