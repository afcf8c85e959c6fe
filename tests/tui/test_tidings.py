"""What became of commands meanwhile is told once: what came back, what waits for a look, what was decided of that."""

from device.tidings import Tidings
from device.tui.screens.dialogs import Pick
from device.tui.screens.jobs import JobsPage
from shared.outcomes import Outcome
from tests.tui.conftest import MakeWorld
from tests.tui.drive import JOB, sitting_at
from tests.tui.test_outbox import FIELD, STATUS, _conflict, _settled, confirm
from tests.tui.world import World, record, sample


async def test_news_of_commands_is_told_once_and_nothing_is_news_at_first(make_world: MakeWorld) -> None:
    world = make_world(online=True)
    world.server.verdicts = {"field.updated": Outcome.CONFLICT, "status.changed": Outcome.REJECTED}
    bench, tidings = world.device.workbench, Tidings()
    confirm(world, FIELD)
    world.server.changes = [_conflict(world.device.store.items()[0].command.id)]
    await world.device.agent.settle()
    assert tidings.look(bench) == []
    confirm(world, STATUS)
    bench.note(JOB, "as expected")
    await world.device.agent.settle()
    assert tidings.look(bench) == ["#2 came back, 5 says why. WO-1039: done"]
    assert tidings.look(bench) == []
    world.device.store.absorb([_settled(_conflict(world.device.store.items()[0].command.id))], "1:9")
    assert tidings.look(bench) == ["#1 was decided: urgent. You had WO-1043: priority = high"]
    assert tidings.look(bench) == []


async def test_a_value_that_stands_after_all_is_told_as_accepted(make_world: MakeWorld) -> None:
    world = make_world(online=True)
    world.server.verdicts = {"field.updated": Outcome.CONFLICT}
    bench, tidings = world.device.workbench, Tidings()
    confirm(world, FIELD)
    conflict = _conflict(world.device.store.items()[0].command.id)
    world.server.changes = [conflict]
    await world.device.agent.settle()
    assert tidings.look(bench) == []
    world.device.store.absorb([_settled(conflict, "keep_mine", "high")], "1:9")
    assert tidings.look(bench) == ["#1 was decided: accepted. WO-1043: priority = high"]


async def test_many_news_are_told_in_three_lines(make_world: MakeWorld) -> None:
    world = make_world(online=True)
    world.server.verdicts = {"note.added": Outcome.REJECTED}
    bench, tidings = world.device.workbench, Tidings()
    tidings.look(bench)
    for number in range(5):
        bench.note(JOB, f"note {number}")
    await world.device.agent.settle()
    told = tidings.look(bench)
    assert len(told) == 3
    assert told[-1] == "And 3 more commands: 5 lists them."


async def test_a_conflict_that_was_decided_is_told_wherever_the_person_is(make_world: MakeWorld) -> None:
    world = make_world(online=True)
    world.server.verdicts = {"field.updated": Outcome.CONFLICT}
    confirm(world, FIELD)
    conflict = _conflict(world.device.store.items()[0].command.id)
    world.server.changes = [conflict]
    await world.device.agent.settle()
    async with sitting_at(world, carry=True) as person:
        await person.arrives(JobsPage)
        assert not any("decided" in each for each in person.notices)
        world.server.changes = [_settled(conflict)]
        world.device.agent.session.send_now()
        person.app.link.ring()
        await person.until(lambda: any("#1 was decided: urgent" in each for each in person.notices), "the news")


async def test_a_notice_goes_when_it_is_not_true_any_more(make_world: MakeWorld) -> None:
    """`Working offline` stood beside `Working online`, and `1 not answered yet` beside its answer."""
    world = make_world(online=True)
    async with sitting_at(world, carry=True) as person:
        await person.opens_job()
        await person.press("w")
        await person.until(lambda: any("Working offline." in each for each in person.notices), "offline")
        await person.press("t")
        await person.arrives(Pick)
        await person.press("enter")
        await person.can_confirm()
        await person.press("y")
        await person.until(lambda: any("not answered yet" in each for each in person.notices), "saved")
        await person.press("w")
        await person.until(lambda: "Working online." in person.notices, "online")
        assert not any("Working offline." in each for each in person.notices)
        await person.until(lambda: "+1" in person.bar, "answered")
        await person.until(lambda: not any("not answered yet" in each for each in person.notices), "taken away")


async def test_a_notice_that_went_leaves_no_gap(world: World) -> None:
    async with sitting_at(world) as person:
        await person.arrives(JobsPage)
        for about in ("one", "other"):
            person.app.say(f"the {about} notice", about)
            await person.sees(f"the {about} notice")
        person.app.unsay("one")
        await person.until(lambda: "the other notice" in person.text.splitlines()[0], "moved up")
        assert "the one notice" not in person.text


async def test_whose_job_it_is_is_said_before_somebody_goes(make_world: MakeWorld) -> None:
    """Two people at one job, without coverage, are found out by nobody but themselves."""
    records = {each.ref: each for each in sample()}
    for ref, who in ((JOB, "b.lind"), ("work_order/WO-1043", "a.okafor")):
        records[ref] = record(ref, **{**records[ref].fields, "assignee": who})
    async with sitting_at(make_world(records=list(records.values()))) as person:
        await person.arrives(JobsPage)
        await person.sees("planned for b.lind, not you")
        await person.press("j")
        await person.sees("priority; yours")
        await person.press("j")
        await person.until(lambda: "yours" not in person.text and "planned for" not in person.text)
        await person.press("k", "k", "enter")
        await person.sees("Planned for b.lind, not you")
