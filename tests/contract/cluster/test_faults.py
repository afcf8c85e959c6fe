"""Engines that hang, hang up, lie, redirect or are too busy; callers that go away; lines that are full."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from shared.envelope import WireEnvelope
from shared.routing import Route
from simulators.engine import Engine, Mood
from sync_server.office import Office
from tests.contract.cluster.stage import CLOUD, Stage, answer_of, events_of, staged, upstream
from tests.served import Laptop

QUICK = {"first_byte_timeout_s": 0.05, "between_tokens_timeout_s": 0.05}


@pytest.fixture
async def stage(office: Office) -> AsyncIterator[Stage]:
    """One engine."""
    async with staged(office, upstream("one", **QUICK, answer_bytes_max=4096)) as made:
        yield made


#: mood → code of a whole answer, code of a streamed one that failed before its first token.
BEFORE = {
    Mood.HANGS: "upstream_silent",
    Mood.HTML: "upstream_failed",
    Mood.REDIRECTS: "upstream_failed",
    Mood.GARBAGE: "upstream_failed",
    Mood.BROKEN: "upstream_failed",
    Mood.ANOTHER_MODEL: "upstream_failed",
    Mood.ANOTHER_TASK: "upstream_failed",
    Mood.BUSY: "no_capacity",
    Mood.DOWN: "no_capacity",
    Mood.GONE: "no_capacity",
}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("mood", BEFORE)
async def test_what_is_no_answer_becomes_a_problem_of_its_own(
    stage: Stage, laptop: Laptop, mood: Mood, stream: bool
) -> None:
    stage.engines["one"].mood = mood
    response = await stage.ask(laptop, stream=stream)
    told = response.json()
    assert told["code"] == BEFORE[mood]
    assert response.status_code == told["status"] >= 500
    assert (response.headers.get("retry-after") is not None) == (told["code"] == "no_capacity")
    assert set(stage.link.hosts) == {"one"}, "a redirect is not followed"
    assert stage.idle()
    (entry,) = await stage.audited()
    assert entry["ended"] == BEFORE[mood]


async def test_an_endless_answer_is_cut(stage: Stage, laptop: Laptop) -> None:
    stage.engines["one"].mood = Mood.ENDLESS
    assert (await stage.ask(laptop)).json()["code"] == "upstream_failed"
    assert (await stage.ask(laptop, stream=True)).status_code == 502
    assert stage.engines["one"].cut == 2
    assert stage.idle()


@pytest.mark.parametrize(("mood", "code"), [(Mood.CLOSES, "upstream_failed"), (Mood.STALLS, "upstream_silent")])
async def test_a_stream_that_breaks_off_ends_in_a_problem_and_nobody_else_takes_over(
    office: Office, laptop: Laptop, mood: Mood, code: str
) -> None:
    async with staged(office, upstream("one", **QUICK), upstream("two", **QUICK)) as stage:
        for engine in stage.engines.values():
            engine.mood = mood
        (first, delta), (last, told) = events_of(await stage.ask(laptop, stream=True))
        assert (first, delta["text"]) == ("delta", "Replace")
        assert (last, told["code"]) == ("problem", code)
        assert stage.reached() == 1, "after the first token there is no other"
        assert sum(engine.cut for engine in stage.engines.values()) == 1
        assert stage.idle()


@pytest.mark.parametrize("stream", [False, True])
async def test_before_the_first_token_another_upstream_takes_over(
    office: Office, laptop: Laptop, stream: bool
) -> None:
    async with staged(office, upstream("one", **QUICK), upstream("two", **QUICK), upstream("cloud", CLOUD)) as stage:
        stage.engines["one"].mood = stage.engines["two"].mood = Mood.HTML
        response = await stage.ask(laptop, data_class="public", stream=stream)
        assert response.json()["code"] == "upstream_failed"
        assert stage.engines["cloud"].asked == [], "the laptop does not permit the cloud"
        stage.engines["two"].mood = Mood.HONEST
        response = await stage.ask(laptop, stream=stream)
        answer = events_of(response)[-1][1] if stream else response.json()
        assert answer["text"] == "Replace the filter."
        assert {each["route"] for each in answer["attempts"]} == {"private_cluster"}


async def test_an_upstream_that_fails_is_left_alone_and_probed_back(office: Office, laptop: Laptop) -> None:
    async with staged(office, upstream("one", **QUICK)) as stage:
        engine, clock = stage.engines["one"], stage.office.service.ports.clock
        engine.mood = Mood.BROKEN
        for _ in range(3):
            await stage.ask(laptop)
        assert (await stage.ask(laptop)).json()["code"] == "no_capacity"
        assert len(engine.asked) == 3, "the fourth reached nobody"
        await stage.parts.gateway.probe()
        assert engine.probes == 0, "its time is not over"
        clock.elapsed_s += 6  # type: ignore[attr-defined]  # a still clock
        engine.mood = Mood.HONEST
        await stage.parts.gateway.probe()
        assert engine.probes == 1
        answer_of(await stage.ask(laptop))


async def test_a_full_line_says_when_to_come_back_and_gives_turns(office: Office, laptop: Laptop) -> None:
    async with staged(office, upstream("one", slots=1, queue_max=1)) as stage:
        engine = stage.engines["one"]
        held = hold_back(engine)
        running = asyncio.create_task(stage.ask(laptop))
        await until(lambda: len(engine.asked) == 1)
        waiting = asyncio.create_task(stage.ask(laptop))
        await until(lambda: stage.parts.gateway.seats["one"].line.waiting == 1)
        response = await stage.ask(laptop)
        assert (response.status_code, response.json()["code"]) == (429, "overloaded")
        assert int(response.headers["retry-after"]) == response.json()["retry_after_s"] >= 1
        late = await stage.ask(laptop, within_s=0.0)
        assert late.json()["code"] == "overloaded"
        held.set()
        answer_of(await running)
        answer_of(await waiting)
        assert len(engine.asked) == 2
        assert stage.idle()


async def test_what_waited_is_decided_again_before_it_is_sent(office: Office, laptop: Laptop) -> None:
    async with staged(office, upstream("one", slots=1)) as stage:
        engine = stage.engines["one"]
        held = hold_back(engine)
        running = asyncio.create_task(stage.ask(laptop))
        await until(lambda: len(engine.asked) == 1)
        waiting = asyncio.create_task(stage.ask(laptop))
        await until(lambda: stage.parts.gateway.seats["one"].line.waiting == 1)
        stage.policies.closed = True  # a new bundle came into force
        held.set()
        answer_of(await running)
        assert (await waiting).json()["code"] == "route_refused"
        assert len(engine.asked) == 1
        assert stage.idle()


async def test_what_waited_does_not_leave_under_a_consent_that_was_taken_back_meanwhile(
    office: Office, laptop: Laptop
) -> None:
    async with staged(office, upstream("one", slots=1)) as stage:
        engine = stage.engines["one"]
        held = hold_back(engine)
        running = asyncio.create_task(stage.ask(laptop))
        await until(lambda: len(engine.asked) == 1)
        given = stage.consent(laptop, "WO-1", reach="job")
        asked = stage.ask(laptop, "PHONE 555", conversation="WO-1", consents=[given])
        waiting = asyncio.create_task(asked)
        await until(lambda: stage.parts.gateway.seats["one"].line.waiting == 1)
        await laptop.round(withdrawals=(WireEnvelope.model_validate(stage.taken_back(laptop, "C-1")),))
        held.set()
        answer_of(await running)
        assert (await waiting).json()["code"] == "consent_needed"
        assert len(engine.asked) == 1


async def test_a_turn_that_does_not_come_in_time_ends_the_wait(office: Office, laptop: Laptop) -> None:
    async with staged(office, upstream("one", slots=1)) as stage:
        held = hold_back(stage.engines["one"])
        stage.parts.gateway.seats["one"].line._mean_s = 0.0  # it looks quick
        running = asyncio.create_task(stage.ask(laptop))
        await until(lambda: stage.reached() == 1)
        late = await stage.ask(laptop, within_s=0.02)
        assert (late.status_code, late.json()["code"]) == (504, "deadline_passed")
        held.set()
        answer_of(await running)
        assert stage.reached() == 1
        assert stage.idle()


@pytest.mark.parametrize(("mood", "stream"), [(Mood.HANGS, False), (Mood.HANGS, True), (Mood.STALLS, True)])
async def test_who_hangs_up_takes_the_engines_work_along(
    office: Office, laptop: Laptop, mood: Mood, stream: bool
) -> None:
    async with staged(office, upstream("one")) as stage:
        engine = stage.engines["one"]
        engine.mood = mood
        raw = stage.question("Which filter?", stream=stream)
        caller = Caller(stage, laptop, raw)
        asked = asyncio.create_task(caller.ask())
        await until(lambda: len(engine.asked) == 1 and (mood is Mood.HANGS or caller.heard > 1))
        caller.hang_up()
        await asked
        assert engine.cut == 1
        assert stage.idle()
        (entry,) = await stage.audited()
        assert entry["ended"] == "cancelled"
        engine.mood = Mood.HONEST
        answer = answer_of(await stage.signed(laptop, "POST", "/v1/assist", raw)) if not stream else None
        assert answer is None or answer.route == Route.PRIVATE_CLUSTER, "the same task can be asked again"


class Caller:
    """A signed request, spoken to the application part by part, so that it can hang up in the middle."""

    def __init__(self, stage: Stage, laptop: Laptop, raw: bytes) -> None:
        self.stage, self.laptop, self.raw = stage, laptop, raw
        self.heard = 0
        self._gone = asyncio.Event()
        self._said = False

    async def ask(self) -> None:
        from shared.request_signature import sign_request

        request = self.stage.http.build_request("POST", "/v1/assist", content=self.raw)
        ports = self.stage.office.service.ports
        sign_request(request, self.raw, self.laptop.device_key, ports.clock.now(), ports.randomness.draw(16).hex())
        scope = {
            "type": "http",
            "method": "POST",
            "path": "/v1/assist",
            "query_string": b"",
            "headers": [(name.lower(), value) for name, value in request.headers.raw],
            "scheme": "http",
            "server": ("server", 80),
        }
        transport = self.stage.http._transport
        assert isinstance(transport, httpx.ASGITransport)
        await transport.app(scope, self._receive, self._send)

    async def _receive(self) -> dict[str, Any]:
        if not self._said:
            self._said = True
            return {"type": "http.request", "body": self.raw, "more_body": False}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, _message: Any) -> None:
        self.heard += 1

    def hang_up(self) -> None:
        self._gone.set()


def hold_back(engine: Engine) -> asyncio.Event:
    """From now on `engine` answers only after the event is set."""
    held = asyncio.Event()

    async def wait() -> None:
        await held.wait()

    engine._pause = wait  # type: ignore[method-assign]
    return held


async def until(true: Any) -> None:
    async with asyncio.timeout(20):
        while not true():  # noqa: ASYNC110  # what is waited for sets no event
            await asyncio.sleep(0)


async def test_a_fault_of_ours_says_nothing_of_the_words(
    stage: Stage, laptop: Laptop, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def burst(_task: Any) -> None:
        raise RuntimeError("zebra")

    monkeypatch.setattr(stage.parts.gateway, "decide", burst)
    response = await stage.ask(laptop, "Which zebra?")
    assert (response.status_code, response.json()["code"]) == (500, "internal")
    told = response.text + " ".join(json.dumps(vars(record), default=str) for record in caplog.records)
    assert "zebra" not in told
    assert any(record.message == "fault" for record in caplog.records)
