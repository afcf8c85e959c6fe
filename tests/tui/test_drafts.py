"""What was typed and not confirmed outlasts the process, and is not taken for more than it is."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from textual.widgets import Input

from device import keys as device_keys
from device.drafts import DraftRow, Drafts, Unsaved
from device.errors import StoreError
from device.tui.screens.ask import AskPage
from device.tui.screens.dialogs import Ask, Pick, YesNo
from device.tui.screens.jobs import JobsPage
from device.tui.screens.order import OrderPage
from device.tui.screens.proposals import ProposalsPage
from shared.ports import SystemRandomness
from tests.tui.conftest import MakeWorld
from tests.tui.drive import SENTENCE, sitting_at
from tests.tui.routine import JOB, routine
from tests.tui.world import World, open_again

ROOT = Path(__file__).parents[2]
PATIENCE_S = 120.0


@contextmanager
def killed(child: str, folder: Path) -> Iterator[World]:
    """The world of `child` after it was killed while its person was typing."""
    keys = device_keys.make(folder / "keys.json", "1234", SystemRandomness())
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", f"tests.tui.{child}", str(folder)]
    process = subprocess.Popen(command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    patience = threading.Timer(PATIENCE_S, process.kill)  # one that hangs says nothing, for ever
    patience.start()
    with process.stdout:
        said = process.stdout.readline()
        patience.cancel()
        assert said == "typed\n", f"it hung for {PATIENCE_S} s, or failed"
        process.send_signal(signal.SIGKILL)
        assert process.wait(30) == -signal.SIGKILL
    world = open_again(folder, keys)
    try:
        yield world
    finally:
        world.device.store.close()


async def test_draft_survives_a_kill_in_the_middle_of_a_form(tmp_path: Path) -> None:
    with killed("typing_child", tmp_path) as world:
        async with sitting_at(world, resumes=True) as person:
            await person.until(lambda: any("Not saved yet, and kept here" in each for each in person.notices))
            page = await person.arrives(OrderPage)
            assert page.query_one("#line", Input).value == "seal weeping, half a sent"
            assert "[+] Oil level between marks" in person.text
            await person.press("n")
            await person.types("ence")
            assert page.query_one("#line", Input).value == "seal weeping, half a sentence"
            await person.press("escape", "r")
            await person.arrives(Pick)
            await person.press("enter")
            ask = await person.arrives(Ask)
            assert ask.query_one(Input).value == "4.6"
            assert person.outbox() == []


async def test_draft_survives_a_kill_with_proposals_on_the_table(tmp_path: Path) -> None:
    with killed("table_child", tmp_path) as world:
        async with sitting_at(world, resumes=True) as person:
            page = await person.can_confirm()
            assert "As you left it. Nothing has happened yet." in person.text
            assert [row.ticked for row in page.draft.rows] == [True, False, True, True, True]
            assert page.sentence == SENTENCE
            assert world.model is not None
            assert world.model.asked == 0
            await person.confirms()
            assert len(person.outbox()) == 4
            assert person.app.notebook.unsaved == {}


async def test_what_is_confirmed_is_no_draft_any_more(make_world: MakeWorld) -> None:
    world = make_world(records=routine())
    async with sitting_at(world) as person:
        await person.says()
        await person.can_confirm()
        assert Drafts(world.device.store).all() != {}
        await person.confirms()
        await person.until(lambda: person.app.notebook.settled)
        assert Drafts(world.device.store).all() == {}


async def test_esc_on_the_table_keeps_the_words_and_clears_the_table(make_world: MakeWorld) -> None:
    world = make_world(records=routine())
    async with sitting_at(world) as person:
        await person.says()
        await person.can_confirm()
        await person.press("escape")
        page = await person.arrives(OrderPage)
        assert page.query_one("#line", Input).value == SENTENCE
        await person.until(lambda: person.app.notebook.settled)
        assert Drafts(world.device.store).all() == {JOB: Unsaved(SENTENCE)}


async def test_words_go_on_where_they_stopped(make_world: MakeWorld) -> None:
    """Not over what stands there: a whole sentence was gone with the first letter of what should follow it."""
    world = make_world(records=routine())
    async with sitting_at(world) as person:
        page = await person.opens_job()
        await person.press("n")
        await person.types("seal weeping, half")
        await person.press("escape", "n")
        await person.types(" a sent")
        assert page.query_one("#line", Input).value == "seal weeping, half a sent"
        await person.press("escape", "a")
        asking = await person.arrives(AskPage)
        await person.types("which seal")
        await person.press("down", "a")
        await person.types(" fits?")
        assert asking.query_one("#question", Input).value == "which seal fits?"


async def test_quitting_says_that_drafts_stay(make_world: MakeWorld) -> None:
    async with sitting_at(make_world(records=routine())) as person:
        await person.opens_job()
        await person.press("j", "j", "space", "escape", "q")
        await person.arrives(YesNo)
        assert "WO-1042: 1 marked" in person.text
        assert "is here next time" in person.text


async def test_a_disk_that_takes_no_draft_is_told_and_the_words_stay(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = make_world(records=routine())

    def full(*_: object) -> None:
        raise StoreError("The disk is full. Nothing that was saved is lost; free some space and try again.")

    async with sitting_at(world) as person:
        page = await person.opens_job()
        with monkeypatch.context() as broken:
            broken.setattr(Drafts, "keep", full)
            await person.press("n")
            await person.types("ab")
            await person.until(lambda: any("The disk is full" in each for each in person.notices))
        await person.types("c")
        await person.until(lambda: person.app.notebook.settled)
        assert page.query_one("#line", Input).value == "abc"
        assert Drafts(world.device.store).all() == {JOB: Unsaved("abc")}


def test_drafts_are_kept_apart_by_job_and_forgotten_when_empty(world: World) -> None:
    drafts = Drafts(world.device.store)
    row = DraftRow("note.added", JOB, {"text": "x"}, {}, "you", ticked=True)
    full = Unsaved("words", ("1",), {"reading pressure": "4.6"}, (row,))
    other = "work_order/WO-1043"
    drafts.keep({JOB: full, other: Unsaved("more")})
    assert drafts.all() == {JOB: full, other: Unsaved("more")}
    drafts.keep({other: replace(full, sentence="", marks=(), forms={}, rows=())})
    assert drafts.all() == {JOB: full}
    assert full.words() == "“words”, 1 marked, reading “4.6”, 1 to confirm"


def test_a_draft_of_another_version_counts_as_none_and_stays(world: World) -> None:
    world.device.store.set_meta(f"draft:{JOB}", '{"sentence": 7, "new_field": []}')
    assert Drafts(world.device.store).all() == {}
    assert world.device.store.meta(f"draft:{JOB}") is not None


async def test_a_table_left_by_esc_is_not_there_again(make_world: MakeWorld) -> None:
    async with sitting_at(make_world(records=routine())) as person:
        await person.opens_job()
        await person.press("f", "enter")
        await person.can_confirm()
        await person.press("n")
        await person.arrives(OrderPage)
        await person.press("escape")
        await person.arrives(JobsPage)
        await person.press("enter")
        await person.arrives(OrderPage)
        assert not any(isinstance(each, ProposalsPage) for each in person.app.screen_stack)
