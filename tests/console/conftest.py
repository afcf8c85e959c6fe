"""A server with its console, a conflict in it, and browsers: one without a screen, and Chromium."""

import re
import shutil
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser as Chromium

from shared.outcomes import Outcome
from sync_server.api.app import build_app
from sync_server.bootstrap import build_console
from sync_server.office import Office
from tests.builders import JOB, StillClock
from tests.console.browsing import Console, a_chromium, a_console, fill_home
from tests.passwords import quick_passwords
from tests.served import TENANT, Laptop, Server, in_place, laptop, made_office, office, receipt

__all__ = ["laptop", "made_office", "office", "quick_passwords"]

PERSON, PASSWORD = "m.reyes", "a gate behind the mill"


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with the sample. Filling it takes seconds, so each module's console gets a copy."""
    made = tmp_path_factory.mktemp("filled")
    fill_home(made)
    return made


@pytest.fixture(scope="module")
def home(filled: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of this module's console."""
    return shutil.copytree(filled, tmp_path_factory.mktemp("console") / "home")


@pytest.fixture(scope="module")
def console(home: Path) -> Iterator[Console]:
    """A console as a process, for a whole module."""
    with a_console(home) as made:
        yield made


@pytest.fixture(scope="module")
def chromium(console: Console) -> Iterator[Chromium]:  # it keeps a loop of its own running: the console comes first
    """A real browser beside it."""
    with a_chromium() as browser:
        yield browser


@dataclass
class Browser:
    """Somebody at the console, without a screen: follows redirects, keeps cookies, sends a page's forms."""

    http: httpx.AsyncClient

    async def get(self, path: str) -> httpx.Response:
        return await self.http.get(path, follow_redirects=True)

    async def send(self, path: str, **form: str) -> httpx.Response:
        """A form of the page at `path`, with what the page hid in it."""
        page = await self.http.get(path)
        hidden = dict(re.findall(r'type="hidden" name="([^"]*)" value="([^"]*)"', page.text))
        named = {name.replace("__", "."): value for name, value in form.items()}
        return await self.http.post(path, data={**hidden, **named}, follow_redirects=True)

    async def sign_in(self, person: str = PERSON, password: str = PASSWORD) -> httpx.Response:
        return await self.http.post(
            "/console/sign-in", data={"person": person, "password": password}, follow_redirects=True
        )


@pytest.fixture
def database(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'server' / 'server.db'}"


@pytest.fixture
async def server(quick_passwords: None, office: Office) -> AsyncIterator[Server]:
    office.set_password(TENANT, PERSON, PASSWORD)
    app = build_app(office.service, in_place, console=lambda: build_console(office, in_place))
    clock = office.service.ports.clock
    assert isinstance(clock, StillClock)
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://server") as http:
        yield Server(office, clock, http)


@pytest.fixture
async def browser(server: Server) -> Browser:
    return Browser(server.http)


@pytest.fixture
async def conflict(server: Server, laptop: Laptop) -> str:
    """The path of a conflict about one field: the office said low, the laptop urgent."""
    return await clash(server, laptop)


async def clash(server: Server, laptop: Laptop, said: str = "urgent") -> str:
    server.office.set_field(TENANT, PERSON, JOB, "priority", "low")
    reply = await laptop.round(laptop.say("field.updated", JOB, field="priority", value=said))
    assert receipt(reply.answers[0]).outcome is Outcome.CONFLICT
    (found,) = server.office.conflicts(TENANT)
    return f"/console/conflicts/{found.ref.partition('/')[2]}"
