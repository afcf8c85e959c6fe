"""A device asks: what it gets, what the server decides for itself, and what never leaves."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from shared.envelope import CAPABILITY_TYPE, SigningKey, verify, wire_from
from shared.routing import Capabilities, DataClass, Route
from simulators.engine import Mood
from sync_server.cluster.upstreams import QuotaSettings, Share
from sync_server.office import Office
from tests.contract.cluster.stage import CLOUD, Stage, answer_of, events_of, staged, upstream
from tests.served import TENANT, Laptop, Server, new_laptop


@pytest.fixture
async def stage(office: Office) -> AsyncIterator[Stage]:
    async with staged(office, upstream("one"), upstream("two"), upstream("cloud", CLOUD)) as made:
        yield made


async def test_an_answer_says_where_it_came_from_and_what_moved(stage: Stage, laptop: Laptop) -> None:
    answer = answer_of(await stage.ask(laptop))
    assert (answer.text, answer.route, answer.model) == ("Replace the filter.", Route.PRIVATE_CLUSTER, "m")
    (moved,) = answer.moved
    assert (moved.boundary, moved.data_class) == (Route.PRIVATE_CLUSTER, DataClass.INTERNAL)
    (sent,) = [body for engine in stage.engines.values() for body in engine.asked]
    assert moved.bytes_up == len(sent)
    assert answer.tokens == 4
    assert stage.idle()


async def test_a_streamed_answer_is_the_same_answer_in_pieces(stage: Stage, laptop: Laptop) -> None:
    *deltas, (last, done) = events_of(await stage.ask(laptop, stream=True))
    assert [name for name, _ in deltas] == ["delta"] * 4
    assert "".join(told["text"] for _, told in deltas) == done["text"] == "Replace the filter."
    assert (last, done["tokens"], done["route"]) == ("done", 4, "private_cluster")
    assert stage.idle()


async def test_the_engine_is_told_nothing_of_who_asks(stage: Stage, laptop: Laptop) -> None:
    raw = stage.question("Which filter?", record="work_order/WO-1", conversation="J-1")
    spoofed = {"x-forwarded-user": "root", "openai-organization": "t", "tailboard-route": "managed_cloud"}
    answer = answer_of(await stage.signed(laptop, "POST", "/v1/assist", raw, cookie="c=1", **spoofed))
    (engine,) = [engine for engine in stage.engines.values() if engine.asked]
    assert engine.heads[0].keys() == {
        "host", "accept", "accept-encoding", "content-type", "content-length", "authorization", "x-request-id",
    }  # fmt: skip
    assert engine.heads[0]["authorization"] == "Bearer engine-key"
    said = engine.asked[0].decode()
    assert not any(word in said for word in (laptop.name, laptop.actor, "WO-1", "J-1", "root"))
    assert answer.route == Route.PRIVATE_CLUSTER, "a header decides nothing"


@pytest.mark.parametrize(
    ("prompt", "told", "code"),
    [
        ("My SECRET", "public", "route_refused"),
        ("a PICTURE", "public", "route_refused"),
        ("Which filter?", None, "route_refused"),
        ("Which filter?", "restricted", "route_refused"),
        ("Her PHONE", "public", "consent_needed"),
    ],
)
async def test_the_server_classifies_again_and_what_is_refused_reaches_no_engine(
    stage: Stage, laptop: Laptop, no_connections: list[Any], prompt: str, told: str | None, code: str
) -> None:
    response = await stage.ask(laptop, prompt, data_class=told, stream=True)
    assert (response.status_code, response.json()["code"]) == (403, code)
    assert (stage.reached(), stage.link.hosts, no_connections) == (0, [], [])
    (entry,) = await stage.audited()
    assert entry["ended"] == code
    assert prompt not in json.dumps(entry)
    assert prompt not in response.text


async def test_both_decisions_must_permit_a_place(stage: Stage, laptop: Laptop) -> None:
    for engine in ("one", "two"):
        stage.engines[engine].mood = Mood.GONE
    response = await stage.ask(laptop, data_class="public")
    assert response.json()["code"] == "no_capacity", "the laptop permits no cloud, so none took over"
    assert stage.engines["cloud"].asked == []
    answer = answer_of(await stage.ask(laptop, data_class="public", boundaries=["private_cluster", "managed_cloud"]))
    assert answer.route == Route.MANAGED_CLOUD
    assert answer.fallback


async def test_a_conversation_never_becomes_less_sensitive(stage: Stage, laptop: Laptop) -> None:
    assert (await stage.ask(laptop, "Her PHONE", conversation="J-1")).json()["code"] == "consent_needed"
    assert (await stage.ask(laptop, "Which filter?", conversation="J-1")).json()["code"] == "consent_needed"
    answer_of(await stage.ask(laptop, "Which filter?", conversation="J-2"))


async def test_the_same_task_is_answered_once_and_other_bytes_are_refused(stage: Stage, laptop: Laptop) -> None:
    raw = stage.question("Which filter?")
    first = answer_of(await stage.signed(laptop, "POST", "/v1/assist", raw))
    again = answer_of(await stage.signed(laptop, "POST", "/v1/assist", raw))
    assert again == first
    assert stage.reached() == 1
    other = json.dumps({**json.loads(raw), "prompt": "Another?"}).encode()
    response = await stage.signed(laptop, "POST", "/v1/assist", other)
    assert (response.status_code, response.json()["code"]) == (422, "id_reused")
    assert stage.reached() == 1


async def test_a_task_from_another_time_is_not_taken(stage: Stage, laptop: Laptop, server: Server) -> None:
    raw = stage.question("Which filter?")
    server.clock.move(timedelta(days=2))
    assert (await stage.signed(laptop, "POST", "/v1/assist", raw)).json()["code"] == "malformed"
    far = json.dumps({**json.loads(raw), "task": "ffffffff-ffff-7fff-bfff-ffffffffffff"}).encode()
    assert (await stage.signed(laptop, "POST", "/v1/assist", far)).json()["code"] == "malformed"
    assert stage.reached() == 0


async def test_a_consent_opens_exactly_what_it_is_for(stage: Stage, laptop: Laptop) -> None:
    raw = json.loads(stage.question("Her PHONE"))
    raw["consents"] = [stage.consent(laptop, raw["task"])]
    answer = answer_of(await stage.signed(laptop, "POST", "/v1/assist", json.dumps(raw).encode()))
    assert answer.data_class == DataClass.PERSONAL
    (entry,) = await stage.audited()
    assert entry["consents"] == ["C-1"]
    raw["task"] = stage.office.service.ports.new_id()
    replayed = await stage.signed(laptop, "POST", "/v1/assist", json.dumps(raw).encode())
    assert (replayed.status_code, replayed.json()["code"]) == (422, "consent_invalid")
    assert stage.reached() == 1


@pytest.mark.parametrize(
    ("other", "code"),
    [
        ({"key": SigningKey(b"\x07" * 32)}, "consent_invalid"),
        ({"actor": "m.reyes"}, "consent_invalid"),
        ({"device": "TB-99"}, "consent_invalid"),
        ({"tenant": "other"}, "consent_invalid"),
        ({"purpose": "summarise"}, "consent_invalid"),
        ({"target": "managed_cloud"}, "route_refused"),
        ({"data_class": "internal"}, "consent_needed"),
    ],
)
async def test_a_consent_that_does_not_fit_opens_nothing(
    stage: Stage, laptop: Laptop, other: dict[str, Any], code: str
) -> None:
    raw = json.loads(stage.question("Her PHONE"))
    raw["consents"] = [stage.consent(laptop, raw["task"], **other)]
    response = await stage.signed(laptop, "POST", "/v1/assist", json.dumps(raw).encode())
    assert response.json()["code"] == code
    assert stage.reached() == 0


async def test_a_consent_that_ended_or_was_taken_back_counts_for_nothing(
    stage: Stage, laptop: Laptop, server: Server
) -> None:
    now = server.clock.now()
    raw = json.loads(stage.question("Her PHONE", conversation="J-1"))
    ended = stage.consent(laptop, raw["task"], expires_at=now)
    job = stage.consent(laptop, "J-1", id="C-2", reach="job")
    for consents, code in (([ended], "consent_needed"), ([job, stage.taken_back(laptop, "C-2")], "consent_needed")):
        raw |= {
            "task": raw["task"] if ended in consents else stage.office.service.ports.new_id(),
            "consents": consents,
        }
        response = await stage.signed(laptop, "POST", "/v1/assist", json.dumps(raw).encode())
        assert response.json()["code"] == code
    raw |= {"task": stage.office.service.ports.new_id(), "consents": [job]}
    later = await stage.signed(laptop, "POST", "/v1/assist", json.dumps(raw).encode())
    assert later.json()["code"] == "consent_needed", "taken back is for good"
    assert stage.reached() == 0


async def test_who_is_not_enrolled_or_not_active_asks_nothing(stage: Stage, laptop: Laptop, server: Server) -> None:
    raw = stage.question("Which filter?")
    assert (await stage.http.post("/v1/assist", content=raw)).json()["code"] == "not_authentic"
    stranger = new_laptop(server, b"\x05")
    assert (await stage.signed(stranger, "POST", "/v1/assist", raw)).json()["code"] == "not_authentic"
    server.office.revoke_device(TENANT, laptop.name, "root", "lost")
    response = await stage.signed(laptop, "POST", "/v1/assist", raw)
    assert (response.status_code, response.json()["code"]) == (403, "device_revoked")
    assert stage.reached() == 0


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"prompt": "x" * (256 * 1024 + 1)}, 413, "prompt_too_large"),
        ({"prompt": "x " * 20_000}, 413, "prompt_too_large"),
        ({"prompt": "x" * (2 << 20)}, 413, "prompt_too_large"),
        ({"prompt": ""}, 422, "malformed"),
        ({"purpose": "gossip"}, 422, "malformed"),
        ({"extra": 1}, 422, "malformed"),
        ({"task": "7"}, 422, "malformed"),
        ({"boundaries": []}, 422, "malformed"),
    ],
)
async def test_what_is_not_a_question_is_named(
    stage: Stage, laptop: Laptop, change: dict[str, Any], status: int, code: str
) -> None:
    response = await stage.ask(laptop, **change)
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert stage.reached() == 0


async def test_several_servers_over_one_store_share_a_quota(office: Office, laptop: Laptop) -> None:
    quota = QuotaSettings(window_s=60, actor=Share(requests=3, tokens=100_000))
    async with (
        staged(office, upstream("one"), quota=quota) as here,
        staged(office, upstream("one"), quota=quota) as there,
    ):
        answers = [await stage.ask(laptop) for stage in (here, there, here, there, here)]
        assert [each.status_code for each in answers] == [200, 200, 200, 429, 429]
        assert answers[3].headers["retry-after"] == "60"
        assert here.reached() + there.reached() == 3


async def test_a_spent_quota_says_when_to_come_back(office: Office, laptop: Laptop) -> None:
    quota = QuotaSettings(window_s=60, actor=Share(requests=1, tokens=100_000))
    async with staged(office, upstream("one"), quota=quota) as stage:
        answer_of(await stage.ask(laptop))
        response = await stage.ask(laptop)
        assert (response.status_code, response.json()["code"]) == (429, "quota_spent")
        assert response.headers["retry-after"] == "60"
        assert stage.reached() == 1


async def test_every_task_is_audited_without_a_word(stage: Stage, laptop: Laptop) -> None:
    await stage.ask(laptop, "Which zebra filter?")
    await stage.ask(laptop, "Which zebra filter?", stream=True)
    entries = await stage.audited()
    assert [entry["ended"] for entry in entries] == ["answered", "answered"]
    assert {entry["tokens_down"] for entry in entries} == {4}
    told = json.dumps(entries) + repr(stage.parts.gateway.account.counters.snapshot())
    assert "zebra" not in told
    assert "Replace" not in told
    counted = stage.parts.gateway.account.counters.snapshot()
    assert counted["tasks", ("device", "private_cluster", "answered")] == 2


async def test_capabilities_are_signed_and_say_only_what_is_up(stage: Stage, laptop: Laptop, server: Server) -> None:
    response = await stage.signed(laptop, "GET", "/v1/capabilities")
    envelope = wire_from(response.json())
    verify(envelope, CAPABILITY_TYPE, laptop.receipt_key)
    told = Capabilities.model_validate_json(envelope.payload)
    assert told.places.keys() == {Route.PRIVATE_CLUSTER, Route.MANAGED_CLOUD}
    assert told.expires_at > server.clock.now()
    for seat in stage.parts.gateway.seats.values():
        for _ in range(3):
            seat.health.report(0.0, well=False)
    down = wire_from((await stage.signed(laptop, "GET", "/v1/capabilities")).json())
    assert Capabilities.model_validate_json(down.payload).places == {}
    assert (await stage.http.get("/v1/capabilities")).status_code == 401
