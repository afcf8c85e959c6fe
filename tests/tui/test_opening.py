"""The first frame: what it says, what it needs, and what becomes of keys that come before the jobs are there."""

import asyncio
import gc
import json
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from device import keys as device_keys
from device.bootstrap import Device
from device.errors import DeviceError, LocalError, StoreError
from device.tui import further
from device.tui.app import TailboardApp, show
from device.tui.door import Door, ajar
from device.tui.screens.jobs import JobsPage
from device.tui.screens.opening import OpeningPage
from device.tui.screens.order import OrderPage
from device.tui.screens.outbox import OutboxPage
from device.tui.screens.too_small import TooSmall
from shared.ports import SystemRandomness
from tests.tui.drive import Person
from tests.tui.world import World, build

#: What the screen and the device stand on, and the first frame does not: libraries, and what is ours and heavy.
HEAVY = frozenset({
    "argon2", "cedarpy", "cryptography", "httpx", "http_message_signatures", "llama_cpp", "numpy", "pydantic",
    "pypdf", "sqlalchemy", "sqlcipher3", "sqlmodel", "tuf",
    "device.agent", "device.bootstrap", "device.store", "device.tui.pages", "device.workbench",
    "policies", "reconciliation", "shared.commands", "shared.records",
})  # fmt: skip
#: What an interpreter can do without while it only says how it is called.
NOT_FOR_HELP = HEAVY | {"asyncio", "dataclasses", "inspect", "json", "rich", "textual", "typing"}
#: What somebody who looks at the jobs has no use for yet: each is loaded when it is opened, and a model is not here.
NOT_FOR_JOBS = frozenset({
    "llama_cpp", "numpy", "pypdf", "sqlalchemy", "sqlmodel", "tuf",
    "device.model.llama", "device.tui.answers", "device.tui.forms",
    *(f"device.tui.screens.{page}" for page in (
        "ask", "conflict", "consent", "laptop", "library", "manual",
        "order", "outbox", "proposals", "ready", "reasons",
    )),
})  # fmt: skip
CHILD = str(Path(__file__).with_name("frame_child.py"))


class Lock:
    """A door that waits for somebody to let it open, and knows its PIN."""

    def __init__(self, world: World, *, pin: str | None = "1234", fault: DeviceError | None = None) -> None:
        self.may_open, self.fault, self.tried = threading.Event(), fault, list[str]()
        self._device = world.device
        self.door = Door(lambda: None, self._open, pin)

    def _open(self, pin: str) -> Device:
        self.tried.append(pin)
        assert self.may_open.wait(60)
        if self.fault is not None:
            raise self.fault
        if pin != "1234":
            raise LocalError("Wrong PIN.")
        return self._device


@asynccontextmanager
async def in_front_of(lock: Lock, world: World, size: tuple[int, int] = (80, 24)) -> AsyncIterator[Person]:
    app = TailboardApp(lock.door, carry=False)
    try:
        async with app.run_test(size=size, notifications=True) as pilot:
            yield Person(app, pilot, world)
    finally:
        lock.may_open.set()


def test_help_imports_next_to_nothing() -> None:
    code = (
        "import sys\nfrom device.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert "tailboard ready" in done.stdout
    assert NOT_FOR_HELP & set(done.stderr.split()) == set()


@pytest.mark.parametrize("program", ["sync_server.cli", "simulators.cli"])
def test_other_programs_say_how_they_are_called_without_their_libraries(program: str) -> None:
    code = (
        f"import sys\nfrom {program} import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert (HEAVY | {"fastapi", "textual"}) & set(done.stderr.split()) == set()


def test_the_first_frame_needs_nothing_of_the_device() -> None:
    """A process of its own: what is loaded when the first frame stands, and what that frame says."""
    done = subprocess.run([sys.executable, CHILD], capture_output=True, text=True, check=True, timeout=60)
    told = json.loads(done.stdout.splitlines()[-1])
    assert "TAILBOARD" in told["text"]
    assert "Opening this laptop." in told["text"]
    assert HEAVY & set(told["modules"]) == set()


def test_the_jobs_need_no_other_page(tmp_path: Path) -> None:
    """A process of its own: what is loaded when the jobs are on the screen, through the program's own door."""
    keys = device_keys.make(tmp_path / "keys.json", "1234", SystemRandomness())
    build(tmp_path, keys).device.store.close()
    child = str(Path(__file__).with_name("jobs_child.py"))
    done = subprocess.run(
        [sys.executable, child, str(tmp_path)], capture_output=True, text=True, check=True, timeout=110
    )
    told = json.loads(done.stdout.splitlines()[-1])
    assert "WO-1042" in told["text"]
    assert NOT_FOR_JOBS & set(told["modules"]) == set()


def test_every_page_that_a_key_leads_to_is_where_it_is_looked_for() -> None:
    for where in further.PAGES | {"order", "outbox"}:
        page = further.made("order", "work_order/WO-1") if where == "order" else further.page(where)
        assert further.is_called(page, where, "library" if where == "search" else where)


def test_http_comes_without_a_command_line() -> None:
    """httpx would bring one, wherever click is installed."""
    code = "import sys, click; del sys.modules['click']; import device.transport; print('click' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "False"


async def test_the_first_page_says_what_is_so(world: World) -> None:
    lock = Lock(world)
    async with in_front_of(lock, world) as person:
        await person.sees("Opening this laptop.")
        assert "PIN" not in person.text
        lock.may_open.set()
        await person.arrives(JobsPage)
        assert "Opening" not in person.text


async def test_early_keys_count_in_their_order(world: World) -> None:
    lock = Lock(world)
    async with in_front_of(lock, world) as person:
        await person.sees("Opening this laptop.")
        second = world.device.workbench.jobs()[1].ref
        await person.press("down", "enter")
        await asyncio.sleep(0)
        assert isinstance(person.app.screen, OpeningPage)
        lock.may_open.set()
        page = await person.arrives(OrderPage)
        assert page.job == second


async def test_early_keys_count_for_the_app_too(world: World) -> None:
    lock = Lock(world)
    async with in_front_of(lock, world) as person:
        await person.press("5")
        lock.may_open.set()
        await person.arrives(OutboxPage)


async def test_early_keys_count_but_the_way_out_is_open_at_once(world: World) -> None:
    lock = Lock(world)
    async with in_front_of(lock, world) as person:
        await person.sees("Opening this laptop.")
        await person.press("ctrl+q")
        await person.until(lambda: not person.app.is_running, "left")
        assert not person.app.entered


async def test_the_pin_is_asked_on_the_screen_and_never_shown(world: World) -> None:
    lock = Lock(world, pin=None)
    lock.may_open.set()
    async with in_front_of(lock, world) as person:
        await person.sees("PIN:")
        assert "This laptop is locked." in person.text
        await person.types("1234")
        assert "1234" not in person.text
        await person.press("enter", "5")
        await person.arrives(OutboxPage)
        assert lock.tried == ["1234"]


async def test_a_wrong_pin_is_said_and_asked_again(world: World) -> None:
    lock = Lock(world, pin=None)
    async with in_front_of(lock, world) as person:
        await person.sees("PIN:")
        await person.press("enter")
        await person.types("9999")
        await person.press("enter", "7", "q")
        lock.may_open.set()
        await person.sees("! Wrong PIN.")
        assert "This laptop is locked." in person.text
        await person.types("1234")
        await person.press("enter")
        await person.arrives(JobsPage)
        assert lock.tried == ["9999", "1234"], "what was pressed meanwhile is typed into no field"


async def test_before_the_device_is_open_no_key_of_a_page_acts(world: World) -> None:
    lock = Lock(world, pin=None)
    async with in_front_of(lock, world) as person:
        await person.sees("PIN:")
        await person.press("f2", "f6", "f1", "ctrl+p")
        assert isinstance(person.app.screen, OpeningPage)


@pytest.mark.parametrize("fault", [LocalError("Wrong PIN."), StoreError("The database is damaged.")])
async def test_where_nobody_can_type_a_pin_the_fault_ends_the_program(world: World, fault: DeviceError) -> None:
    lock = Lock(world, fault=fault)
    lock.may_open.set()
    async with in_front_of(lock, world) as person:
        await person.until(lambda: not person.app.is_running, "left")
        assert person.app.shut is fault


async def test_the_fault_is_raised_to_whoever_shows_the_screen(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    run = TailboardApp.run_async
    monkeypatch.setattr(TailboardApp, "run_async", lambda self: run(self, headless=True, size=(80, 24)))
    lock = Lock(world, fault=StoreError("The database is damaged."))
    lock.may_open.set()
    with pytest.raises(StoreError, match="damaged"):
        await asyncio.to_thread(lambda: asyncio.run(show(lock.door)))


async def test_what_is_loaded_when_the_jobs_are_shown_is_looked_through_once_and_never_again(world: World) -> None:
    told: list[bool] = []
    app = TailboardApp(ajar(world.device), carry=False, at_home=lambda: told.append(app.pages.home_is_read))
    async with app.run_test(size=(80, 24)) as pilot:
        person = Person(app, pilot, world)
        await person.until(lambda: not app.loading, "the model was tried")
        await person.press("5", "1")
        assert told == [True]


async def test_the_program_settles_down_when_the_jobs_are_shown(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[TailboardApp] = []

    async def run(app: TailboardApp) -> None:
        shown.append(app)

    frozen = list[str]()
    monkeypatch.setattr(TailboardApp, "run_async", run)
    monkeypatch.setattr(gc, "freeze", lambda: frozen.append("frozen"))
    await asyncio.to_thread(lambda: asyncio.run(show(ajar(world.device))))
    (app,) = shown
    assert frozen == []
    app._at_home()
    assert frozen == ["frozen"]


async def test_a_terminal_that_is_too_small_stays_covered_when_the_device_opens(world: World) -> None:
    lock = Lock(world)
    async with in_front_of(lock, world, size=(60, 20)) as person:
        await person.arrives(TooSmall)
        lock.may_open.set()
        await person.until(lambda: person.app.entered, "opened")
        await person.arrives(TooSmall)
        await person.pilot.resize_terminal(80, 24)
        await person.arrives(JobsPage)
