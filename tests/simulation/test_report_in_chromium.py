"""A campaign's page in Chromium, from disk: accessible in every shape, every operation linkable, fit for paper."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from simulators import world
from simulators.account import Account, account
from simulators.disks import obstacle
from simulators.explore import Campaign, Found, play
from simulators.report.page import page as page_of
from simulators.timeline import Witness
from tests.conftest import need
from tests.console.accessibility import violations

pytestmark = pytest.mark.skipif(obstacle() is not None, reason=f"no simulated disks here: {obstacle()}")
CAMPAIGN = Campaign(3, 1, "rough", 2, 6)
#: A sheet of A4 at 96 dots an inch.
PAPER_PX = {"width": 794, "height": 1123}


@pytest.fixture(scope="module")
def told() -> Iterator[Account]:
    """What a campaign of one small world found, in which a promise was broken."""
    witness = Witness()
    world.run(3, CAMPAIGN.options, watch=witness)
    worst = {
        "seed": 3,
        "why": "it is the only one",
        "replay": CAMPAIGN.replay(3),
        "same_world": True,
        **witness.data(),
    }
    found = account(Found(CAMPAIGN, [play(CAMPAIGN, 3)]), {}, worst)
    yield found.model_copy(update={"violations": 1, "promises": (broken(found.promises[0]), *found.promises[1:])})
    world.forget_templates()


def broken(promise: Any) -> Any:
    return promise.model_copy(update={"broken": 1})


@pytest.fixture(scope="module")
def file(told: Account, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its page."""
    file = tmp_path_factory.mktemp("report") / "report.html"
    file.write_text(page_of(told), encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def chromium(file: Path) -> Iterator[Browser]:  # it keeps a loop of its own running: worlds come first
    path = need("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(path), args=["--no-sandbox"])
        yield browser
        browser.close()


def opened(chromium: Browser, file: Path, trouble: list[str] | None = None, **shape: Any) -> Page:
    """The page from disk; `trouble` hears of errors and of whatever it asks for besides itself."""
    page = chromium.new_context(**shape).new_page()
    heard = [] if trouble is None else trouble
    page.on("console", lambda said: heard.append(said.text) if said.type == "error" else None)
    page.on("request", lambda asked: heard.append(asked.url) if asked.url != file.as_uri() else None)
    page.goto(file.as_uri())
    return page


@pytest.mark.parametrize("width", [320, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_is_accessible(chromium: Browser, file: Path, scheme: str, width: int) -> None:
    trouble: list[str] = []
    page = opened(chromium, file, trouble, color_scheme=scheme, viewport={"width": width, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), f"it is wider than {width}"
    assert trouble == []
    assert violations(page) == []


def test_failures_are_in_sight_however_narrow_the_page_is(chromium: Browser, file: Path, told: Account) -> None:
    page = opened(chromium, file, viewport={"width": 320, "height": 800})
    assert page.get_by_text("✘ FAIL").first.is_visible()
    broken_one = page.locator("tr.broken").first
    assert broken_one.is_visible()
    assert told.promises[0].promise in broken_one.inner_text()


def test_every_operation_can_be_linked_to(chromium: Browser, file: Path, told: Account) -> None:
    page = opened(chromium, file)
    assert told.worst is not None
    last = len(told.worst.operations)
    page.goto(f"{file.as_uri()}#op-{last}")
    assert page.evaluate("document.querySelector(':target').id") == f"op-{last}"
    assert page.locator(":target").is_visible()


def test_nothing_moves(chromium: Browser, file: Path) -> None:
    assert opened(chromium, file).evaluate("document.getAnimations().length") == 0


def test_it_is_fit_for_paper(chromium: Browser, file: Path) -> None:
    page = opened(chromium, file, viewport=PAPER_PX, color_scheme="dark")
    page.emulate_media(media="print")
    assert page.locator("nav").is_hidden()
    assert page.get_by_text("✘ FAIL").first.is_visible()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    wide = """[...document.querySelectorAll('body *')].filter(each => !each.closest('svg') || each.tagName === 'svg')
        .filter(each => each.getBoundingClientRect().right > window.innerWidth + 1)
        .map(each => each.outerHTML.slice(0, 80))"""
    assert page.evaluate(wide) == [], "nothing is cut off at the edge of the sheet"
    assert page.pdf(format="A4").startswith(b"%PDF")
