"""Questions from a real laptop: where they run, what leaves, what is recorded, and what happens when places fail."""

import json
import socket
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from device.assist import Heard, Refused, Waiting
from device.errors import LocalError
from device.model.port import ModelError
from device.store.exchange import UNREACHABLE
from shared.assist import Answer, AssistRequest
from shared.problems import Code
from shared.routing import DataClass, Link, Route, Tier
from tests.laptops import JOB, Broken, Place, place

SUMMARY = "Summarise: the pump ran at 4.2 bar for three weeks. " * 12
PERSONAL = "Ms Harrington at 12 Mill Lane, +44 20 7946 0958, was injured. What now?"


@pytest.fixture
def laptop(tmp_path: Path) -> Iterator[Place]:
    made = place(tmp_path)
    yield made
    made.world.device.store.close()


def routes_of(laptop: Place) -> list[Route]:
    return [each.route for each in laptop.world.device.store.decisions()]


async def test_a_question_runs_on_the_laptop_and_nothing_leaves(laptop: Place) -> None:
    came = await laptop.assistant.ask("Which filter fits?", job=JOB)
    assert isinstance(came, Answer)
    assert (came.route, came.text, came.moved, came.fallback) == (Route.DEVICE, "Use filter 22-118.", (), None)
    assert "Nothing left it" in came.disclosure
    assert laptop.elsewhere.calls == []
    assert laptop.meter.up["inference"] == 0
    assert "Which filter fits?" in laptop.model.asked[0]


async def test_what_belongs_in_the_cluster_goes_there_and_its_bytes_are_counted(laptop: Place) -> None:
    said: list[str] = []
    pieces: list[str] = []
    came = await laptop.assistant.ask(SUMMARY, purpose="summarise", heard=Heard(said.append, pieces.append))
    assert isinstance(came, Answer)
    assert (came.route, came.model, came.text) == (Route.PRIVATE_CLUSTER, "large-70b", "Use filter 22-118.")
    (moved,) = came.moved
    assert (moved.boundary, moved.data_class) == (Route.PRIVATE_CLUSTER, DataClass.INTERNAL)
    assert moved.bytes_up == laptop.elsewhere.raw_bytes
    assert moved.bytes_down > 0
    assert said[0].startswith("PRIVATE CLUSTER: ")
    assert "".join(pieces) == came.text
    (asked,) = laptop.elsewhere.asked
    assert asked.boundaries == (Route.PRIVATE_CLUSTER,)
    assert asked.decision == laptop.world.device.store.decisions()[-1].hash == came.decision


async def test_a_decision_is_recorded_before_anything_runs(laptop: Place) -> None:
    seen: list[list[str]] = []

    def answers(asked: AssistRequest) -> httpx.Response:
        seen.append([each.hash for each in laptop.world.device.store.decisions()])
        return laptop.elsewhere.answered(asked)

    laptop.elsewhere.answers = answers
    await laptop.assistant.ask(SUMMARY, purpose="summarise")
    assert [asked.decision for asked in laptop.elsewhere.asked] == [seen[0][-1]]


def html(_: AssistRequest) -> httpx.Response:
    return httpx.Response(200, headers={"content-type": "text/html"}, content=b"<html>log in</html>")


def elsewhere(_: AssistRequest) -> httpx.Response:
    return httpx.Response(307, headers={"location": "http://evil.example/v1/assist"})


def cut(_: AssistRequest) -> httpx.Response:
    headers = {"content-type": "text/event-stream"}
    return httpx.Response(200, headers=headers, stream=Broken(b'event: delta\ndata: {"text": "Use"}\n\n'))


def hangs(_: AssistRequest) -> httpx.Response:
    raise httpx.ReadTimeout("nothing came")


def misbehaving(laptop: Place) -> dict[str, Any]:
    this = laptop.elsewhere
    other = "0193a000-0000-7000-8000-00000000dead"
    return {
        "html": html,
        "redirect": elsewhere,
        "cut": cut,
        "hangs": hangs,
        "ends early": lambda _: this.stream(b'event: delta\ndata: {"text": "Use"}\n\n'),
        "another task": lambda asked: this.answered(asked, task=other),
        "another place": lambda asked: this.answered(asked, route=Route.MANAGED_CLOUD),
        "other words": lambda asked: this.stream(
            b'event: delta\ndata: {"text": "No"}\n\nevent: done\ndata: '
            + json.dumps(this.answer(asked)).encode()
            + b"\n\n"
        ),
        "nonsense": lambda _: this.stream(b"event: done\ndata: [[[\n\n"),
        "busy": lambda _: this.refused(Code.OVERLOADED),
    }


@pytest.mark.parametrize(
    "how",
    [
        "html",
        "redirect",
        "cut",
        "hangs",
        "ends early",
        "another task",
        "another place",
        "other words",
        "nonsense",
        "busy",
    ],
)
async def test_whatever_goes_wrong_there_a_permitted_place_takes_over(laptop: Place, how: str) -> None:
    laptop.elsewhere.answers = misbehaving(laptop)[how]
    came = await laptop.assistant.ask(SUMMARY, purpose="summarise")
    assert isinstance(came, Answer), how
    assert came.route is Route.DEVICE
    assert [each.route for each in came.attempts] == [Route.PRIVATE_CLUSTER, Route.DEVICE]
    assert came.fallback == came.attempts[0].problem
    assert came.fallback is not None
    assert "pump" not in came.fallback, "no word of the question is in an error"
    assert set(laptop.elsewhere.calls) == {"/v1/capabilities", "/v1/assist"}
    assert len(laptop.elsewhere.asked) == 1
    assert came.moved[0].bytes_up == laptop.elsewhere.raw_bytes
    assert laptop.routes.evidence.broken() is None


async def test_where_no_link_is_the_laptop_answers_and_the_exchange_is_remembered(laptop: Place) -> None:
    laptop.elsewhere.down = True
    came = await laptop.assistant.ask(SUMMARY, purpose="summarise")
    assert isinstance(came, Answer)
    assert came.route is Route.DEVICE
    assert [each.what for each in laptop.world.device.store.exchanges()] == [UNREACHABLE]
    assert laptop.routes.link() is Link.DOWN


def nobody_there(_: AssistRequest) -> httpx.Response:
    raise httpx.ConnectError("refused")


async def test_where_nobody_listens_nothing_is_said_to_have_left(laptop: Place) -> None:
    laptop.elsewhere.answers = nobody_there
    came = await laptop.assistant.ask(SUMMARY, purpose="summarise")
    assert isinstance(came, Answer)
    assert (came.route, came.moved) == (Route.DEVICE, ())
    assert [each.route for each in came.attempts] == [Route.PRIVATE_CLUSTER, Route.DEVICE]
    assert came.attempts[0].moved is None


async def test_a_forged_statement_of_what_the_cluster_can_do_is_none(laptop: Place) -> None:
    laptop.elsewhere.forged = True
    came = await laptop.assistant.ask(SUMMARY, purpose="summarise")
    assert isinstance(came, Answer)
    assert came.route is Route.DEVICE
    assert laptop.elsewhere.asked == []


async def test_a_failure_here_sends_nothing_where_the_first_decision_did_not(
    laptop: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    laptop.load()
    for _ in range(2):
        laptop.routes.failed(Route.DEVICE)  # once more, and it is left alone

    def fails(*_: Any, **__: Any) -> Any:
        assert laptop.routes.take_capabilities(laptop.elsewhere.capabilities())  # known, and permitted, from now on
        raise ModelError("The model fell over; forms still work.")

    monkeypatch.setattr(laptop.model, "generate", fails)
    came = await laptop.assistant.ask("Which filter fits?", job=JOB, within_s=30)
    assert not isinstance(came, Answer)
    first, second = laptop.world.device.store.decisions()
    assert (first.route, first.fallbacks, second.route) == (Route.DEVICE, (), Route.PRIVATE_CLUSTER)
    assert laptop.elsewhere.asked == []


# -- what may not leave


@pytest.fixture
def no_egress(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Any connection, and any look-up of a name, is written down and fails."""
    tried: list[str] = []

    def refuse(*about: Any, **_: Any) -> Any:
        tried.append(repr(about))
        raise OSError("a connection was tried")

    def guarded(name: str) -> Any:
        inner = getattr(socket.socket, name)

        def call(self: socket.socket, *about: Any) -> Any:  # the event loop wakes itself through a pair of sockets
            inside = self.family not in {socket.AF_INET, socket.AF_INET6}
            return inner(self, *about) if inside else refuse(name, *about)

        return call

    for name in ("connect", "connect_ex", "send", "sendall", "sendto", "sendmsg"):
        monkeypatch.setattr(socket.socket, name, guarded(name))
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    return tried


SENSITIVE = [
    PERSONAL,
    "the customer's PIN code: 4711, may I note it?",
    "IBAN GB82 WEST 1234 5698 7654 32, is that right?",
    "b.lind said it whines at start, why?",
    "is the diagnosis confidential?",
    "Ms Harringt\u200bon says hello",
]


@pytest.mark.parametrize("words", SENSITIVE)
@pytest.mark.parametrize("loads", [True, False], ids=["model", "no model"])
async def test_sensitive_questions_make_no_connection_at_all(
    tmp_path: Path, words: str, loads: bool, no_egress: list[str]
) -> None:
    laptop = place(tmp_path, loads=loads)
    real = httpx.AsyncHTTPTransport()  # nothing scripted stands between it and the socket
    laptop.cluster._http._transport._inner = real  # type: ignore[attr-defined]
    for purpose in ("answer", "summarise"):
        came = await laptop.assistant.ask(words, purpose=purpose)
        assert isinstance(came, Answer if loads else Refused), purpose
    assert no_egress == []
    assert laptop.meter.up["inference"] == laptop.meter.down["inference"] == 0
    assert set(routes_of(laptop)) == {Route.DEVICE if loads else Route.REFUSE}
    laptop.world.device.store.close()


async def test_the_guard_of_that_test_sees_a_connection(tmp_path: Path, no_egress: list[str]) -> None:
    laptop = place(tmp_path)
    laptop.cluster._http._transport._inner = httpx.AsyncHTTPTransport()  # type: ignore[attr-defined]
    await laptop.assistant.ask(SUMMARY, purpose="summarise")
    assert no_egress
    laptop.world.device.store.close()


async def test_a_refusal_says_what_the_person_can_do(tmp_path: Path) -> None:
    laptop = place(tmp_path, loads=False)
    came = await laptop.assistant.ask(PERSONAL, job=JOB)
    assert isinstance(came, Refused)
    assert "--consent once" in came.advice
    assert laptop.elsewhere.calls == []
    laptop.world.device.store.close()


async def test_what_was_said_on_a_job_once_counts_for_everything_after(tmp_path: Path) -> None:
    laptop = place(tmp_path)
    await laptop.assistant.ask(PERSONAL, job=JOB)
    came = await laptop.assistant.ask(SUMMARY, job=JOB, purpose="summarise")
    assert isinstance(came, Answer)
    assert (came.route, came.data_class) == (Route.DEVICE, DataClass.PERSONAL)
    assert laptop.elsewhere.calls == []
    other = await laptop.assistant.ask(SUMMARY, job="work_order/WO-1043", purpose="summarise")
    assert isinstance(other, Answer)
    assert other.route is Route.PRIVATE_CLUSTER
    laptop.world.device.store.close()


# -- with consent


async def test_with_a_consent_for_once_exactly_this_task_leaves(tmp_path: Path) -> None:
    laptop = place(tmp_path, loads=False)
    came = await laptop.assistant.ask(PERSONAL, job=JOB, consent="once")
    assert isinstance(came, Answer)
    assert came.route is Route.PRIVATE_CLUSTER
    (asked,) = laptop.elsewhere.asked
    (shown,) = laptop.routes.consents.listed()
    assert (shown.standing, shown.used, shown.consent.conversation) == ("used", 1, asked.task)
    assert "PRIVATE" in shown.consent.told.upper()
    assert len(asked.consents) == 1
    again = await laptop.assistant.ask(PERSONAL, job=JOB)
    assert isinstance(again, Refused)
    assert len(laptop.elsewhere.asked) == 1
    laptop.world.device.store.close()


async def test_a_consent_for_the_job_holds_until_it_is_taken_back(tmp_path: Path) -> None:
    laptop = place(tmp_path, loads=False)
    for _ in range(2):
        came = await laptop.assistant.ask(PERSONAL, job=JOB, consent="job")
        assert isinstance(came, Answer)
    (shown,) = laptop.routes.consents.listed()
    assert (shown.standing, shown.used) == ("in_force", 2)
    laptop.routes.consents.revoke(shown.consent.id)
    assert isinstance(await laptop.assistant.ask(PERSONAL, job=JOB), Refused)
    other = await laptop.assistant.ask(SUMMARY, job="work_order/WO-1043", purpose="summarise")
    assert isinstance(other, Answer)
    assert [each["payloadType"] for each in laptop.elsewhere.asked[-1].consents] == [
        "application/vnd.tailboard.consent-revocation.v1+json"
    ]
    laptop.world.device.store.close()


async def test_a_consent_that_is_given_already_is_no_obstacle_when_the_place_was_not_heard_of_lately(
    tmp_path: Path,
) -> None:
    laptop = place(tmp_path, loads=False)
    assert isinstance(await laptop.assistant.ask(PERSONAL, job=JOB, consent="job"), Answer)
    laptop.clock.move(timedelta(minutes=30))
    assert isinstance(await laptop.assistant.ask(PERSONAL, job=JOB, consent="job"), Answer)
    assert len(laptop.routes.consents.listed()) == 1
    laptop.world.device.store.close()


async def test_a_consent_is_not_given_where_it_is_not_needed_or_would_not_help(laptop: Place, tmp_path: Path) -> None:
    assert isinstance(await laptop.assistant.ask(PERSONAL, job=JOB, consent="once"), Answer)
    assert laptop.routes.consents.listed() == []
    (tmp_path / "bare").mkdir()
    bare = place(tmp_path / "bare", loads=False, online=False)
    with pytest.raises(LocalError, match="would not help"):
        await bare.assistant.ask(PERSONAL, job=JOB, consent="once", purpose="complete")
    assert bare.routes.consents.listed() == []
    with pytest.raises(LocalError, match="needs the job"):
        await bare.assistant.ask(PERSONAL, consent="job")
    bare.world.device.store.close()


# -- waiting, and the laptop's own model


async def test_what_cannot_run_now_waits_in_the_outbox_or_says_why_not(tmp_path: Path) -> None:
    laptop = place(tmp_path, loads=False, online=False)
    came = await laptop.assistant.ask(SUMMARY[:300], job=JOB, purpose="summarise")
    assert isinstance(came, Waiting)
    (item,) = laptop.world.device.workbench.outbox()
    assert (item.command.id, item.command.kind, item.command.record) == (came.command.id, "assist.request", JOB)
    assert item.command.payload["question"] == SUMMARY[:300]
    assert item.command.payload["decision"] == came.decision.hash
    alone = await laptop.assistant.ask(SUMMARY[:300], purpose="summarise")
    assert isinstance(alone, Refused)
    assert ("about a job" in alone.why, "--job" in alone.advice) == (True, True)
    assert routes_of(laptop) == [Route.QUEUE, Route.QUEUE]
    assert isinstance(await laptop.assistant.ask(PERSONAL, job=JOB), Refused), "what may not leave does not wait"
    assert laptop.elsewhere.calls == []
    laptop.world.device.store.close()


async def test_a_model_that_fails_is_not_counted_on_any_more(laptop: Place) -> None:
    laptop.load()
    laptop.model.fails = True
    came = await laptop.assistant.ask("Which filter fits?")
    assert not isinstance(came, Answer) or came.route is not Route.DEVICE
    assert laptop.routes.laptop.told() is None


async def test_a_model_that_never_loaded_is_no_place(tmp_path: Path) -> None:
    laptop = place(tmp_path, loads=False, online=False)
    assert isinstance(await laptop.assistant.ask("Which filter fits?", within_s=5), Refused | Waiting)
    laptop.world.device.store.close()


async def test_a_statement_about_the_model_ends(laptop: Place) -> None:
    laptop.load()
    told = laptop.routes.laptop.told()
    assert told is not None
    assert (told.model, told.tier, told.tokens_per_s) == ("small-q4", Tier.BASIC, 20.0)
    laptop.clock.move(timedelta(hours=2))
    assert laptop.routes.laptop.told() is None
