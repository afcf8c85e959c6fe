"""A console with something on every page, and people in Chromium who look at it."""

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, expect, sync_playwright

from shared.commands.base import Role
from shared.ports import system_ports
from simulators.processes import server
from sync_server.bootstrap import build_office
from sync_server.office import Office
from sync_server.sample.large import Size, fill
from sync_server.settings import Settings
from sync_server.store import Person
from tests.conftest import need
from tests.served import TENANT, made_office

PERSON, PASSWORD = "m.reyes", "a gate behind the mill"
EVERYBODY = frozenset({Role.DISPATCHER, Role.RESOLVER, Role.APPROVER, Role.ADMIN, Role.AUDITOR})
expect.set_options(timeout=60_000)  # a machine may be busy with something else
SMALL = Size(technicians=4, assets=8, orders=80, conflicts=30, approvals=2, parked=3, apart=3, decisions=24)


@dataclass(frozen=True)
class Console:
    """A running console and the office behind it; `named` are things that its pages can be about."""

    url: str
    office: Office
    named: dict[str, str] = field(default_factory=dict)

    def path(self, path: str) -> str:
        return path.format(**self.named)

    def sign_in(self, page: Page, to: str = "/console/", person: str = PERSON) -> None:
        page.goto(self.url + to)
        page.get_by_label("Person").fill(person)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()

    def waiting(self, kind: str) -> list[str]:
        """The names of what waits, oldest first."""
        states = {"conflict": "open", "approval": "pending", "external_write": "parked"}
        found = self.office.page_of(TENANT, kind, states[kind], limit=200)
        return [each.ref.partition("/")[2] for each in found]


def fill_home(home: Path) -> None:
    """A server's home with the sample in it, and with somebody who may do everything."""
    office = made_office(home, system_ports())
    fill(office, TENANT, "root", SMALL)
    for person in (PERSON, "d.park", "root", "s.vance", "q.ibarra"):
        office.set_password(TENANT, person, PASSWORD)
    office.put_person(TENANT, Person(PERSON, "M. Reyes", EVERYBODY))
    office.service.store.close()


@contextmanager
def a_console(home: Path) -> Iterator[Console]:
    """A server process over a home that was filled."""
    office = build_office(Settings(home, f"sqlite:///{home / 'server.db'}"), system_ports())
    with server(home) as url:
        console = Console(url, office)
        apart = office.quarantine_page(TENANT, None, 1)[0].command.id
        console.named.update(
            conflict=console.waiting("conflict")[0],
            approval=console.waiting("approval")[0],
            order="WO-20007",
            person=PERSON,
            device="TB-04",
            parked=console.waiting("external_write")[0],
            apart=apart,
        )
        yield console
    office.service.store.close()


@contextmanager
def a_chromium() -> Iterator[Browser]:
    path = need("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(path), args=["--no-sandbox"])
        yield browser
        browser.close()


@contextmanager
def a_console_of_its_own() -> Iterator[tuple[Console, Browser]]:
    """For a program: a console over the sample, and Chromium beside it."""
    with tempfile.TemporaryDirectory() as home:
        fill_home(Path(home))
        with a_console(Path(home)) as console, a_chromium() as chromium:
            yield console, chromium


@contextmanager
def somebody(chromium: Browser, console: Console, to: str = "/console/", **shape: Any) -> Iterator[Page]:
    """A person signed in at `to`, in a browser of their own."""
    who = shape.pop("person", PERSON)
    context = chromium.new_context(**shape)
    context.set_default_timeout(60_000)
    page = context.new_page()
    console.sign_in(page, to, who)
    yield page
    context.close()


def paths(console: Console, all_paths: list[str]) -> list[str]:
    """Every path of the table with something in it; those of files are left out."""
    return [console.path(_named(path)) for path in all_paths if not path.endswith("/export")]


def _named(path: str) -> str:
    """`{command}` stands for two different things."""
    what = "parked" if path.startswith("/console/parked") else "apart"
    return re.sub(r"{command}", f"{{{what}}}", path)
