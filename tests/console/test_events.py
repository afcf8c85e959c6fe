"""What open pages hear: how much waits, when it changes, and when there is nobody to tell any more."""

import json

from sync_server.console.events import LONGEST_S, LOOK_EVERY_S, Watch, _told
from sync_server.office.accounts import IDLE
from tests.builders import JOB
from tests.console.conftest import PASSWORD, PERSON, Browser
from tests.served import TENANT, Server, in_place


async def heard(server: Server, token: str, watch: Watch) -> list[str]:
    return [each async for each in _told(server.office, in_place, watch, token)]


def counts(event: str) -> dict[str, int]:
    data: dict[str, dict[str, int]] = json.loads(event.partition("data: ")[2])
    return data["counts"]


async def test_a_change_is_told_once(server: Server) -> None:
    who = server.office.sign_in(None, PERSON, PASSWORD, "here")
    turns = 0

    async def wait(_seconds: float) -> None:
        nonlocal turns
        turns += 1
        if turns == 3:
            server.office.set_field(TENANT, PERSON, JOB, "priority", "low")

    told = await heard(server, who.token, Watch(wait, lambda: turns >= 9))
    assert told[0].startswith("retry: ")
    assert len(told) == 3, "one at first, one for the change"
    assert told[1] != told[2]
    assert counts(told[1])["conflicts"] == 0


async def test_a_session_that_is_over_ends_the_stream_and_watching_does_not_keep_it(server: Server) -> None:
    who = server.office.sign_in(None, PERSON, PASSWORD, "here")
    turns = 0

    async def wait(_seconds: float) -> None:
        nonlocal turns
        turns += 1
        server.clock.move(IDLE / 4)

    told = await heard(server, who.token, Watch(wait))
    assert told[-1] == "event: over\ndata: {}\n\n"
    assert turns <= 6


async def test_nobody_hears_anything_without_signing_in(server: Server, browser: Browser) -> None:
    async def wait(_seconds: float) -> None:
        raise AssertionError("there is nobody to wait for")

    assert (await heard(server, "", Watch(wait)))[-1].startswith("event: over")
    answer = await browser.http.get("/console/events")
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert "counts" not in answer.text


async def test_a_stream_ends_by_itself_and_when_the_server_stops(server: Server) -> None:
    who = server.office.sign_in(None, PERSON, PASSWORD, "here")
    waited: list[float] = []

    async def wait(seconds: float) -> None:
        waited.append(seconds)

    await heard(server, who.token, Watch(wait))
    assert len(waited) * LOOK_EVERY_S == LONGEST_S
    told = await heard(server, who.token, Watch(wait, lambda: True))
    assert len(told) == 1
