"""The consent dialog: what leaves, where to, the safe default, the same receipts as the command line, taking back."""

from datetime import timedelta

from textual.containers import VerticalScroll

from device.assist import Offer
from device.tui.screens.ask import AskPage
from device.tui.screens.consent import ConsentDialog, Leaving
from shared.assist import Answer
from shared.consent import ConsentShown
from shared.routing import DataClass, Route
from tests.laptops import Elsewhere
from tests.tui.asking import NX, PERSONAL, asking
from tests.tui.conftest import MakeWorld
from tests.tui.drive import Person, sitting_at
from tests.tui.world import World


async def is_asked(person: Person, question: str = PERSONAL, *, of_a_job: bool = True) -> ConsentDialog:
    if of_a_job:
        await person.opens_job()
    await person.press("3")
    await person.arrives(AskPage)
    await person.pastes(question)
    await person.press("enter")
    dialog = await person.arrives(ConsentDialog)
    await person.until(lambda: dialog._read, "it was on the screen for a moment")
    return dialog


def ready(make_world: MakeWorld) -> tuple[World, Elsewhere]:
    return asking(make_world, NX, model=None, online=True)


def consents(world: World) -> list[ConsentShown]:
    return world.device.workbench.routes.consents.listed()


async def test_consent_is_asked_and_says_what_leaves_where_to_and_for_how_long(make_world: MakeWorld) -> None:
    world, elsewhere = ready(make_world)
    async with sitting_at(world) as person:
        await is_asked(person)
        for words in (
            "Send this question to PRIVATE CLUSTER?",
            "your 14 words",
            "personal (",
            "stays with",
            "once: this question, 1 h at most; this job: 12 h",
            "n  No",
            "o  Once",
            "j  This job",
            "x  Never",
        ):
            assert words in person.text
        assert "supposed" not in person.text
    assert elsewhere.asked == []


async def test_consent_is_asked_with_no_as_the_default_and_enter_never_agrees(make_world: MakeWorld) -> None:
    world, elsewhere = ready(make_world)
    async with sitting_at(world) as person:
        dialog = await is_asked(person)
        assert dialog.focused is not None
        assert dialog.focused.id == "no"
        await person.press("tab", "tab", "enter")
        page = await person.arrives(AskPage)
        assert page.talk.running is None
    assert elsewhere.asked == []
    assert consents(world) == []


async def test_what_is_typed_ahead_agrees_to_nothing(make_world: MakeWorld) -> None:
    world, elsewhere = ready(make_world)
    async with sitting_at(world) as person:
        await person.opens_job()
        await person.press("3")
        page = await person.arrives(AskPage)
        await person.pastes(PERSONAL)
        await person.press("enter")
        dialog = await person.arrives(ConsentDialog)
        if not dialog._read:
            dialog.action_agree("job")
        await person.settles()
        assert person.app.screen is dialog
        assert page.talk.running is None
    assert elsewhere.asked == []
    assert consents(world) == []


async def test_consent_is_asked_and_all_that_would_leave_scrolls_by_keys_to_its_last_line(
    make_world: MakeWorld,
) -> None:
    world, _ = ready(make_world)
    words = " ".join(f"Ms Harrington said number {number}." for number in range(140))
    async with sitting_at(world) as person:
        await is_asked(person, words[:4000])
        await person.press("v")
        dialog = await person.arrives(Leaving)
        scroll = dialog.query_one("#reading", VerticalScroll)
        assert scroll.max_scroll_y > 10
        assert "Keep the spare keys" not in person.text
        await person.press("end")
        await person.sees("Keep the spare keys in the red box.")
        await person.press("k", "j", "escape")
        await person.arrives(ConsentDialog)


async def test_consent_is_asked_with_two_hundred_lines_can_be_read_at_80_by_24(make_world: MakeWorld) -> None:
    world, _ = ready(make_world)
    lines = "\n".join(f"line {number}" for number in range(1, 201))
    offer = Offer(
        Route.PRIVATE_CLUSTER,
        DataClass.PERSONAL,
        (),
        lines,
        (),
        "It stays there.",
        False,
        {"once": timedelta(hours=1)},
    )
    async with sitting_at(world) as person:
        person.app.push_screen(ConsentDialog(offer, "a question"))
        await person.arrives(ConsentDialog)
        await person.press("v")
        scroll = (await person.arrives(Leaving)).query_one("#reading", VerticalScroll)
        seen: set[str] = set(person.text.split("line ")[1:])
        while scroll.scroll_y < scroll.max_scroll_y:
            before = scroll.scroll_y
            await person.press("pagedown")
            await person.until(lambda: scroll.scroll_y > before)  # noqa: B023  # it is asked before the next turn
            seen |= set(person.text.split("line ")[1:])
        numbers = {each.split()[0] for each in seen}
        assert {str(number) for number in range(1, 201)} <= numbers


async def test_once_makes_the_receipt_that_the_command_line_makes_and_the_question_leaves(
    make_world: MakeWorld,
) -> None:
    world, elsewhere = ready(make_world)
    async with sitting_at(world) as person:
        await is_asked(person)
        page = person.app.screen_stack[-2]
        assert isinstance(page, AskPage)
        await person.press("o")
        await person.sees("PRIVATE CLUSTER | large-70b")
        came = page.talk.turns[0].came
        assert isinstance(came, Answer)
    (asked,) = elsewhere.asked
    (shown,) = consents(world)
    assert (shown.standing, shown.used, shown.consent.reach) == ("used", 1, "once")
    assert shown.consent.conversation == asked.task
    assert "stays with the organisation" in shown.consent.told


async def test_for_the_job_no_second_question_is_asked_and_it_can_be_taken_back(make_world: MakeWorld) -> None:
    world, elsewhere = ready(make_world)
    async with sitting_at(world) as person:
        await is_asked(person)
        await person.press("j")
        await person.sees("PRIVATE CLUSTER | large-70b")
        await person.press("a")
        await person.pastes(PERSONAL)
        await person.press("enter")
        await person.until(lambda: len(elsewhere.asked) == 2)
    (shown,) = consents(world)
    assert (shown.standing, shown.consent.reach, shown.consent.conversation) == ("in_force", "job", "WO-1042")


async def test_without_a_job_there_is_no_consent_for_the_job(make_world: MakeWorld) -> None:
    world, elsewhere = ready(make_world)
    async with sitting_at(world) as person:
        dialog = await is_asked(person, of_a_job=False)
        assert "This job" not in person.text
        await person.press("j")
        assert person.app.screen is dialog
    assert elsewhere.asked == []


async def test_never_is_remembered_and_nobody_is_asked_again(make_world: MakeWorld) -> None:
    world, elsewhere = ready(make_world)
    async with sitting_at(world) as person:
        await is_asked(person)
        await person.press("x")
        page = await person.arrives(AskPage)
        nevers = world.device.workbench.routes.consents.nevers
        await person.until(lambda: nevers() == {Route.PRIVATE_CLUSTER})
        await person.press("a")
        await person.pastes(PERSONAL)
        await person.press("enter")
        await person.until(lambda: len(page.talk.turns) == 2 and page.talk.running is None and page.up_to_date)
        assert person.app.screen is page
        assert page.talk.turns[-1].offer is None
    assert elsewhere.asked == []
    assert consents(world) == []


async def test_who_said_no_is_not_asked_again_when_the_page_is_opened_again(make_world: MakeWorld) -> None:
    world, elsewhere = ready(make_world)
    async with sitting_at(world) as person:
        await is_asked(person)
        await person.press("n")
        await person.arrives(AskPage)
        await person.press("escape", "a")
        page = await person.arrives(AskPage)
        await person.until(lambda: page.up_to_date)
        await person.sees("s shows what would leave")
        assert person.app.screen is page
        await person.press("escape", "s")
        await person.arrives(ConsentDialog)
    assert elsewhere.asked == []
