"""This laptop, its consents and decisions, and whether it is ready for the road, on the screen."""

import asyncio
from datetime import timedelta

import httpx

from device.consents import Scope
from device.core.readiness import Verdict
from device.tui.screens.dialogs import YesNo
from device.tui.screens.laptop import ConsentsPage, DecisionsPage, LaptopPage
from device.tui.screens.ready import ReadyPage
from device.tui.screens.reasons import ReasonsPage
from shared.routing import DataClass, Route
from simulators.bench.answers import put
from tests.laptops import Writes
from tests.tui.asking import NX, TORQUE, asking, asks, long_manual
from tests.tui.conftest import MakeWorld
from tests.tui.drive import JOB, Person, sitting_at
from tests.tui.world import World


async def opens(person: Person, key: str, kind: type[LaptopPage | ReadyPage]) -> None:
    await person.press(key)
    await person.arrives(kind)


async def test_laptop_page_tells_identity_keys_model_policy_storage_contact_clock_and_consents(
    make_world: MakeWorld,
) -> None:
    world, _ = asking(make_world, NX, model=Writes())
    async with sitting_at(world, size=(120, 40)) as person:
        await opens(person, "i", LaptopPage)
        for words in (
            "TB-07 of Riverside Water",
            "A. Okafor",
            "unlocked; laptop",
            "small-q4, loaded",
            "shipped-1, as it came with the program",
            "in the encrypted database",
            "MiB free on the disk",
            "battery",
            "06:14, 2 h old",
            "agrees with the server's",
            "0 in force",
            "capability",
            "SmolLM2",
        ):
            assert words in person.text, words


async def test_laptop_page_tells_the_epoch_that_its_commands_are_in_now(make_world: MakeWorld) -> None:
    world, _ = asking(make_world, NX, model=Writes())
    with world.device.store.transaction():
        world.device.store.begin_epoch(3)
    async with sitting_at(world, size=(120, 40)) as person:
        await opens(person, "i", LaptopPage)
        assert "TB-07 of Riverside Water, epoch 3" in person.text


async def test_laptop_page_says_that_the_clock_is_in_doubt(make_world: MakeWorld) -> None:
    world, _ = asking(make_world, NX, model=Writes())
    world.device.client.offset = timedelta(minutes=20)
    async with sitting_at(world, size=(120, 40)) as person:
        await opens(person, "i", LaptopPage)
        assert "IN DOUBT: it is 20 min behind the server's" in person.text
        assert "! clock 20 min behind the server's" in person.bar
        assert "This laptop, 1 to look at" in person.text


async def test_a_consent_is_taken_back_on_the_laptops_page_after_a_yes(make_world: MakeWorld) -> None:
    world, _ = asking(make_world, NX, model=Writes())
    consents = world.device.workbench.routes.consents
    scope = Scope(Route.PRIVATE_CLUSTER, DataClass.PERSONAL, "answer", "job", "WO-1042")
    consents.give(scope, told="It leaves and stays with the organisation.", bundle_version="shipped-1")
    async with sitting_at(world) as person:
        await opens(person, "i", LaptopPage)
        await person.press("o")
        await person.arrives(ConsentsPage)
        for words in ("in force", "PRIVATE CLUSTER", "personal", "WO-1042", "It leaves and stays"):
            assert words in person.text
        await person.press("x")
        await person.arrives(YesNo)
        await person.press("x", "enter")
        assert consents.listed()[0].standing == "in_force"
        await person.press("y")
        await person.sees("revoked")
    assert consents.listed()[0].standing == "revoked"


async def test_never_is_taken_back_on_the_laptops_page(make_world: MakeWorld) -> None:
    world, _ = asking(make_world, NX, model=Writes())
    consents = world.device.workbench.routes.consents
    consents.never(Route.PRIVATE_CLUSTER)
    async with sitting_at(world) as person:
        await opens(person, "i", LaptopPage)
        await person.press("o")
        await person.arrives(ConsentsPage)
        await person.press("x")
        await person.arrives(YesNo)
        await person.press("y")
        await person.until(lambda: not consents.nevers())


async def test_decisions_are_listed_and_each_says_why(make_world: MakeWorld) -> None:
    world, _ = asking(make_world, NX, model=Writes())
    async with sitting_at(world) as person:
        await asks(person, TORQUE)
        await person.sees("quote checked")
        await opens(person, "i", LaptopPage)
        await person.press("e")
        await person.arrives(DecisionsPage)
        assert "THIS LAPTOP" in person.text
        await person.press("enter")
        await person.arrives(ReasonsPage)
        assert "not CLOUD: " in person.text


# -- ready for the road


def fresh(world: World) -> None:
    world.device.store.set_meta("last_contact", world.clock.now().isoformat())


async def test_ready_for_the_road_is_one_row_per_thing_with_its_next_step(make_world: MakeWorld) -> None:
    world, _ = asking(make_world, NX, model=Writes())
    fresh(world)
    async with sitting_at(world) as person:
        await opens(person, "b", ReadyPage)
        assert "Ready for the road." in person.text
        world.device.workbench.note(JOB, "only here")
        person.app.refresh_page()
        await person.sees("1 only here or not answered yet")
        assert "? warn" in person.text
        await person.press("slash")
        await person.types("outbox")
        await person.press("enter")
        await person.sees("Next: f fetches it (online)")


async def test_ready_for_the_road_fetches_what_is_missing_and_stops_and_goes_on(make_world: MakeWorld) -> None:
    world, _ = asking(make_world, NX, model=Writes(), online=True)
    fresh(world)
    device = world.device
    device.workbench.note(JOB, "to be sent")
    device.store.absorb([put(device.library.shelf.attachments, long_manual(120))], "1:2")
    async with sitting_at(world) as person:
        await opens(person, "b", ReadyPage)
        await person.sees("Not read yet: long")
        assert "NOT READY: manuals." in person.text
        await person.press("f")
        await person.sees("All that can be had is here.")
        await person.sees("2 here and searchable")
        await person.sees("Empty: the server has answered everything.")
        page = await person.arrives(ReadyPage)
        assert page.seen is not None
        assert {each.verdict for each in page.seen} == {Verdict.OK}


async def test_fetching_can_be_stopped_and_keeps_what_came(make_world: MakeWorld) -> None:
    world, _ = asking(make_world, NX, model=Writes(), online=True)
    fresh(world)
    world.device.workbench.note(JOB, "to be sent")

    async def hangs(request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(3600)
        raise AssertionError("nobody waits so long")

    world.device.client._http._transport._inner = httpx.MockTransport(hangs)  # type: ignore[attr-defined]
    async with sitting_at(world) as person:
        await opens(person, "b", ReadyPage)
        await person.press("f")
        await person.sees("Esc stops")
        await person.press("escape")
        await person.sees("Stopped. What came is kept; f goes on there.")
        assert isinstance(person.app.screen, ReadyPage)
        await person.press("escape")
        await person.until(lambda: not isinstance(person.app.screen, ReadyPage))
    assert len(person.outbox()) == 1


async def test_a_fault_of_the_link_while_fetching_is_told_and_nothing_is_lost(make_world: MakeWorld) -> None:
    world, _ = asking(make_world, NX, model=Writes(), online=True)
    fresh(world)
    world.device.workbench.note(JOB, "to be sent")
    world.server.fault = httpx.ConnectError("no route")
    async with sitting_at(world) as person:
        await opens(person, "b", ReadyPage)
        await person.press("f")
        await person.sees("Ended early: No answer from the server")
    assert len(person.outbox()) == 1


async def test_offline_nothing_is_said_to_have_been_fetched(make_world: MakeWorld) -> None:
    world, _ = asking(make_world, NX, model=Writes())
    async with sitting_at(world) as person:
        await opens(person, "b", ReadyPage)
        await person.press("f")
        await person.sees("Working offline: nothing could be sent or fetched.")
