"""Ask: what is shown of a question, where its answer ran, its sources, stopping, copying, noting, waiting."""

import threading

import httpx
import pytest
from textual.widgets import Input

from device.model.port import LanguageModel
from device.tui.screens.ask import AskPage
from device.tui.screens.dialogs import YesNo
from device.tui.screens.jobs import JobsPage
from device.tui.screens.manual import ManualPage
from device.tui.screens.proposals import ProposalsPage
from device.tui.screens.reasons import ReasonsPage
from shared.assist import Answer, AssistRequest
from shared.problems import Code
from tests.laptops import Writes
from tests.tui.asking import NX, TORQUE, UNKNOWN, Slow, asking, asks
from tests.tui.conftest import MakeWorld
from tests.tui.drive import JOB, Person, sitting_at
from tests.tui.world import World, record

ANYTHING = "Which bolt is it?"
QUEUED = "0193a000-0000-7000-8000-0000000000dd"


async def answered(person: Person) -> AskPage:
    page = await person.arrives(AskPage)
    await person.until(lambda: bool(page.talk.turns) and page.talk.running is None and page.up_to_date, "an end")
    return page


async def asked_of_a_job(person: Person, question: str) -> AskPage:
    await person.opens_job()
    await person.press("a")
    await person.arrives(AskPage)
    await person.pastes(question)
    await person.press("enter")
    return await answered(person)


async def test_sources_open_at_the_quoted_words_of_manual_revision_and_page(make_world: MakeWorld) -> None:
    world, _ = asking(make_world, NX, model=Writes())
    async with sitting_at(world) as person:
        await asked_of_a_job(person, TORQUE)
        await person.sees("[1] NX pumps, revision 7, page 1   quote checked")
        assert "65" in person.text
        await person.press("down", "enter")
        manual = await person.arrives(ManualPage)
        assert (manual.document, manual.number) == ("nx", 1)
        assert manual.seen is not None
        assert " ".join(manual.quote.split()) in " ".join(manual.seen.text.split())
        await person.sees("NX pumps, revision 7")
        await person.press("escape")
        await person.arrives(AskPage)


async def test_not_in_the_manuals_shows_the_nearest_pages_and_opens_them(make_world: MakeWorld) -> None:
    world, _ = asking(make_world, NX, model=Writes())
    async with sitting_at(world) as person:
        await asks(person, UNKNOWN)
        await answered(person)
        assert "Not in the manuals" in person.text
        assert "Nearest pages (Enter opens)" in person.text
        await person.press("end", "enter")
        await person.arrives(ManualPage)


async def test_badge_on_every_answer_of_place_model_seconds_and_bytes(make_world: MakeWorld) -> None:
    world, _ = asking(make_world, model=Writes())
    async with sitting_at(world) as person:
        await asks(person, ANYTHING)
        page = await answered(person)
        assert "[THIS LAPTOP | small-q4 | 0.0 s | nothing left this laptop]" in person.text
        came = page.talk.turns[0].came
        assert isinstance(came, Answer)
        kept = world.device.store.decision(came.decision)
        assert kept is not None
        assert kept.route is came.route


async def test_badge_on_every_attempt_that_failed(make_world: MakeWorld) -> None:
    world, elsewhere = asking(make_world, model=None, online=True)
    world.device.workbench.routes.take_capabilities(elsewhere.capabilities())
    elsewhere.answers = lambda _: elsewhere.refused(Code.OVERLOADED)
    async with sitting_at(world) as person:
        await asked_of_a_job(person, ANYTHING)
        assert "[PRIVATE CLUSTER | 0.0 s | " in person.text
        assert f"[WAITS | {elsewhere.raw_bytes:,} bytes left]" in person.text


async def test_badge_on_every_answer_says_how_many_bytes_left(make_world: MakeWorld) -> None:
    world, elsewhere = asking(make_world, model=None, online=True)
    async with sitting_at(world) as person:
        await asks(person, ANYTHING)
        await answered(person)
        assert f"[PRIVATE CLUSTER | large-70b | 0.0 s | {elsewhere.raw_bytes:,} bytes left]" in person.text


async def test_copy_with_source_takes_both_by_one_key(make_world: MakeWorld) -> None:
    world, _ = asking(make_world, NX, model=Writes())
    async with sitting_at(world) as person:
        await asks(person, TORQUE)
        page = await answered(person)
        await person.press("c")
        came = page.talk.turns[0].came
        assert isinstance(came, Answer)
        assert person.app.clipboard.startswith(came.text)
        assert f"nx, revision 7, page 1: “{came.citations[0].quote}”" in person.app.clipboard
        assert "[THIS LAPTOP" in person.app.clipboard


async def test_esc_stops_and_marks_what_came_and_something_is_shown_at_once(make_world: MakeWorld) -> None:
    model = Slow()
    world, _ = asking(make_world, model=model)
    async with sitting_at(world) as person:
        await person.press("3")
        page = await person.arrives(AskPage)
        await person.pastes(ANYTHING)
        line = page.query_one("#question", Input)
        line.post_message(Input.Submitted(line, ANYTHING))
        await person.settles()
        assert "Asking…" in person.text, "before anything came"
        await person.sees("[not checked yet]")
        assert "Tighten the" in person.text
        await person.press("escape")
        await person.sees("PARTIAL: you stopped it")
        assert "Tighten the" in person.text
        assert model.ended.wait(10), "the model was stopped too"
        assert person.app.screen is page, "Esc stopped, and left nothing"
        await person.press("escape")
        await person.until(lambda: person.app.screen is not page)


async def test_a_question_goes_on_while_another_page_is_looked_at(make_world: MakeWorld) -> None:
    world, _ = asking(make_world, NX, model=Writes())
    async with sitting_at(world) as person:
        await asks(person, TORQUE)
        await person.press("1", "3")
        await answered(person)
        assert "quote checked" in person.text


async def test_the_answer_becomes_a_note_that_is_shown_before_it_is_saved(make_world: MakeWorld) -> None:
    world, _ = asking(make_world, NX, model=Writes())
    async with sitting_at(world) as person:
        await asked_of_a_job(person, TORQUE)
        await person.press("n")
        await person.can_confirm()
        assert person.outbox() == []
        await person.press("y")
        await person.arrives(AskPage)
        (item,) = person.outbox()
        assert "nx rev 7 p. 1" in str(item.command.payload["text"])
        assert item.command.record == JOB


async def test_without_a_job_an_answer_is_no_note_and_says_what_to_do(make_world: MakeWorld) -> None:
    world, _ = asking(make_world, NX, model=Writes())
    async with sitting_at(world) as person:
        await asks(person, TORQUE)
        await answered(person)
        await person.press("n")
        await person.until(lambda: any("A note belongs to a job" in each for each in person.notices))
        assert not isinstance(person.app.screen, ProposalsPage)


async def test_why_here_shows_the_decision_with_every_why_not_and_what_moved(make_world: MakeWorld) -> None:
    world, _ = asking(make_world, model=Writes())
    async with sitting_at(world, size=(120, 40)) as person:
        await asks(person, ANYTHING)
        await answered(person)
        await person.press("e")
        page = await person.arrives(ReasonsPage)
        assert not isinstance(page.seen, str)
        assert page.seen is not None
        for each in page.seen.decision.why_not:
            assert each.obstacle.value in person.text
        for words in ("THIS LAPTOP", "policies shipped", "Try 1: THIS LAPTOP", "Nothing left this laptop."):
            assert words in person.text


async def test_ask_without_a_model_searches_and_quotes(make_world: MakeWorld) -> None:
    world, elsewhere = asking(make_world, NX, model=None)
    async with sitting_at(world) as person:
        await asked_of_a_job(person, TORQUE)
        assert "No model: this page" in person.text
        assert "quoted, no model" in person.text
        assert "quote checked" in person.text
    assert elsewhere.calls == []


async def test_a_question_that_waits_is_listed_and_can_be_given_up(make_world: MakeWorld) -> None:
    world, elsewhere = asking(make_world, model=None, online=True)
    elsewhere.answers = lambda _: _unreachable()
    world.device.workbench.routes.take_capabilities(elsewhere.capabilities())
    async with sitting_at(world) as person:
        await asked_of_a_job(person, ANYTHING)
        await person.sees("Left for the cluster")
        assert "is saved on this laptop and not sent yet" in person.text
        await person.press("end", "x")
        await person.arrives(YesNo)
        await person.press("enter")
        assert person.outbox()[0].withdrawal is None, "Enter does nothing"
        await person.press("y")
        await person.arrives(AskPage)
        await person.until(lambda: person.outbox()[0].withdrawal is not None)


def _unreachable() -> httpx.Response:
    raise httpx.ConnectError("refused")


async def test_several_questions_stay_in_one_talk_of_the_job(make_world: MakeWorld) -> None:
    world, _ = asking(make_world, NX, model=Writes())
    async with sitting_at(world, size=(120, 40)) as person:
        page = await asked_of_a_job(person, TORQUE)
        await person.press("a")
        await person.pastes(UNKNOWN)
        await person.press("enter")
        await answered(person)
        assert [turn.question for turn in page.talk.turns] == [TORQUE, UNKNOWN]
        await person.press("home")
        assert f"You: {TORQUE}" in person.text
        await person.press("escape", "a")
        again = await person.arrives(AskPage)
        assert len(again.talk.turns) == 2


@pytest.mark.parametrize("words", ["", "   "])
async def test_nothing_is_asked_for_nothing(make_world: MakeWorld, words: str) -> None:
    world, _ = asking(make_world, NX, model=Writes())
    async with sitting_at(world) as person:
        await person.press("3")
        page = await person.arrives(AskPage)
        await person.types(words)
        await person.press("enter")
        assert page.talk.turns == []
        assert world.device.store.decisions() == []


async def test_typing_a_question_never_fires_app_keys(make_world: MakeWorld) -> None:
    world, _ = asking(make_world, NX, model=Writes())
    async with sitting_at(world) as person:
        await person.press("3")
        page = await person.arrives(AskPage)
        await person.types("12345wqmdb?/csnxoe")
        assert person.app.screen is page
        assert page.query_one("#question", Input).value == "12345wqmdb?/csnxoe"


async def test_hostile_words_of_a_manual_and_of_an_answer_are_shown_as_words(make_world: MakeWorld) -> None:
    world, elsewhere = asking(make_world, model=None, online=True)
    hostile = "[bold red]x[/] \x1b[2J\x1b]52;c;aGk=\x07 \u202ecod"

    def answers(asked: AssistRequest) -> httpx.Response:
        return elsewhere.stream(
            b"event: done\ndata: " + Answer.model_validate(elsewhere.answer(asked, text=hostile)).to_bytes() + b"\n\n"
        )

    elsewhere.answers = answers
    async with sitting_at(world) as person:
        await asks(person, ANYTHING)
        await answered(person)
        assert "[bold red]x[/]" in person.text
        assert not any(ord(each) < 32 or each in "\x7f\u202e" for each in person.text.replace("\n", ""))


async def test_badge_on_every_answer_that_came_later_from_the_cluster(make_world: MakeWorld) -> None:
    world, _ = asking(make_world, NX, model=Writes())
    answer = Answer.model_validate(
        {
            "task": QUEUED,
            "text": "65 Nm [1]",
            "citations": [{"document": "nx", "revision": "7", "page": 1, "quote": "| NX65-200 | 65 |"}],
            "route": "private_cluster",
            "model": "large-70b",
            "runtime": "vllm",
            "tier": "high",
            "data_class": "internal",
            "decision": "ab" * 32,
            "bundle_version": "shipped-1",
            "took_s": 3.2,
            "tokens": 9,
            "disclosure": "Worked out in the organisation's private cluster by large-70b.",
        }
    )
    task = {
        "record": JOB,
        "command": QUEUED,
        "question": TORQUE,
        "purpose": "answer",
        "asked_by": "a.okafor",
        "asked_at": world.clock.now().isoformat(),
        "status": "done",
        "data_class": "internal",
        "answer": answer.model_dump(mode="json"),
    }
    world.device.store.absorb([record(f"assist_task/{QUEUED}", **task)], "1:3")
    async with sitting_at(world) as person:
        await person.opens_job()
        await person.press("a")
        await person.sees(f"Left for the cluster: {TORQUE}")
        assert "[PRIVATE CLUSTER | large-70b | 3.2 s | the question left with the outbox]" in person.text
        await person.press("tab", "c")
        await person.until(lambda: person.app.clipboard.startswith("65 Nm"))
        await person.press("home", "down", "down", "enter")
        assert (await person.arrives(ManualPage)).number == 1


async def test_what_can_wait_only_on_a_job_says_so_in_the_screens_own_words(make_world: MakeWorld) -> None:
    world, _ = asking(make_world, model=None)
    async with sitting_at(world) as person:
        await asks(person, ANYTHING)
        await answered(person)
        assert "Ask from the job's own page (a): there it can wait." in person.text
        assert "--" not in person.text


def loads_slowly(world: World) -> threading.Event:
    """The model is loaded when the event is set."""
    loads, load = threading.Event(), world.device.load_model

    def slowly() -> LanguageModel:
        assert loads.wait(20)
        return load()

    world.device.load_model = slowly  # type: ignore[method-assign]
    return loads


async def test_loading_is_said_and_a_question_waits_for_the_model(make_world: MakeWorld) -> None:
    world, _ = asking(make_world, NX, model=Writes())
    loads = loads_slowly(world)
    async with sitting_at(world, loading=True) as person:
        try:
            await person.arrives(JobsPage)
            await person.press("3")
            page = await person.arrives(AskPage)
            assert "The model is still loading." in person.text
            assert "No model" not in person.text
            await person.pastes(TORQUE)
            await person.press("enter")
            await person.sees("Nearest pages")
            waits = " ".join(person.text.split())
            assert "Waiting for the model, which is still loading" in waits
            assert "asked by itself as soon as it is here. Esc stops." in waits
            assert page.talk.running is not None
        finally:
            loads.set()
        await answered(person)
        assert "[THIS LAPTOP | " in person.text
        assert "still loading" not in person.text


async def test_loading_is_said_and_esc_stops_waiting_for_it(make_world: MakeWorld) -> None:
    model = Writes()
    world, _ = asking(make_world, model=model)
    loads = loads_slowly(world)
    async with sitting_at(world, loading=True) as person:
        try:
            await person.arrives(JobsPage)
            await asks(person, ANYTHING)
            page = await person.arrives(AskPage)
            await person.sees("Waiting for the model")
            await person.press("escape")
            await person.sees("Stopped by you.")
        finally:
            loads.set()
        await person.until(lambda: not person.app.loading, "the model was tried")
        await person.settles()
        assert page.talk.running is None
        assert page.talk.turns[0].came is None
