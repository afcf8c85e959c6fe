"""The console in Chromium against a real server process: accessible in every shape, usable without scripts."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

from shared.ports import system_ports
from simulators.processes import server
from sync_server.office import Office
from tests.builders import JOB
from tests.conftest import need
from tests.console.seeding import clash_in
from tests.served import TENANT, made_office

PERSON, PASSWORD = "m.reyes", "a gate behind the mill"
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
TARGET_PX = 24


@dataclass(frozen=True)
class Console:
    """A running console and the office behind it."""

    url: str
    office: Office
    conflict: str

    def sign_in(self, page: Page, to: str = "") -> None:
        page.goto(self.url + (to or self.conflict))
        page.get_by_label("Person").fill(PERSON)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    need("chromium")
    home: Path = tmp_path_factory.mktemp("console")
    office = made_office(home, system_ports())
    office.set_password(TENANT, PERSON, PASSWORD)
    found = clash_in(office)
    with server(home) as url:
        yield Console(url, office, f"/console/conflicts/{found}")
    office.service.store.close()


@pytest.fixture(scope="module")
def chromium(console: Console) -> Iterator[Browser]:  # it keeps a loop of its own running: the console comes first
    path = need("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(path), args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.mark.parametrize("width", [320, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_is_accessible(chromium: Browser, console: Console, scheme: str, width: int) -> None:
    context = chromium.new_context(color_scheme=scheme, viewport={"width": width, "height": 800})  # type: ignore[arg-type]
    page = context.new_page()
    trouble: list[str] = []
    page.on("console", lambda said: trouble.append(said.text) if said.type == "error" else None)
    page.on("request", lambda asked: trouble.append(asked.url) if not asked.url.startswith(console.url) else None)
    page.goto(console.url + "/console/sign-in")
    found = {"sign-in": violations(page)}
    console.sign_in(page)
    for path in (console.conflict, "/console/conflicts", "/console/conflicts/nothing"):
        page.goto(console.url + path)
        found[path] = violations(page)
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), (
            f"{path} is wider than {width}"
        )
    assert {path: each for path, each in found.items() if each} == {}
    assert [each for each in trouble if "404" not in each and "401" not in each] == []
    context.close()


def violations(page: Page) -> list[str]:
    """What axe finds, and controls that are too small to hit."""
    told = Axe().run(page, options=RULES).response["violations"]
    small: list[str] = page.evaluate(
        """least => [...document.querySelectorAll('button, input:not([type=hidden]), select, summary, nav a')]
        .filter(each => each.checkVisibility())
        .filter(each => { const box = each.getBoundingClientRect(); return box.width < least || box.height < least })
        .map(each => each.outerHTML)""",
        TARGET_PX,
    )
    return [f"{each['id']}: {each['nodes'][0]['html']}" for each in told] + small


def test_a_conflict_is_decided_with_keys_alone_and_without_scripts(chromium: Browser, console: Console) -> None:
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(console.url + console.conflict)
    for text in (PERSON, "Tab", PASSWORD, "Tab", "Tab", "Enter"):
        if text == PERSON:
            page.get_by_label("Person").focus()
        page.keyboard.press(text) if text in ("Tab", "Enter") else page.keyboard.type(text)
    page.get_by_label("Office").focus()
    page.keyboard.press("ArrowDown")
    page.get_by_role("button", name="Resolve").focus()
    page.keyboard.press("Enter")
    assert page.get_by_role("status").inner_text().startswith("+ Decided.")
    assert console.office.record(TENANT, JOB).fields["priority"] == "urgent"
    context.close()
