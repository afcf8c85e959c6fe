"""Rows of the checklist that hold for pages as a person sees them in Chromium."""

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from playwright.sync_api import Browser, Page

from shared.outcomes import Hold, Outcome
from shared.sync import DeviceReport
from sync_server.console.blocks import Said, State
from sync_server.console.deciding import DONE
from sync_server.console.frame import counts_of
from sync_server.console.routes import sheets
from sync_server.console.states import STATES, held_as, settled_as
from sync_server.sample.laptops import SampleLaptop
from tests.builders import JOB
from tests.console.accessibility import open_all
from tests.console.browsing import Console, paths, somebody
from tests.served import TENANT

GLYPHS = "!+?^o-"
_TONED = """[...document.querySelectorAll(".needs:not(svg *), .fine:not(svg *)")]
    .map(each => each.innerText.trim())"""
CONSENTS = "Consents given, used, taken back"


#: States that stand with a word of their own: how long a key is good, and what a change of policies does.
OF_THEIR_OWN = re.compile(
    r"! (Silent|Ran out|\d+ (min|h|days) left|Wider|The report beside it cannot be read)|\+ Not wider"
)


def test_every_page_says_what_waits_as_of_when_it_is_in_the_one_vocabulary(
    chromium: Browser, console: Console
) -> None:
    words = {f"{each.glyph} {each.word.text.format_map(plain(each.word.values))}" for each in every_state()}
    with somebody(chromium, console) as page:
        for path in paths(console, [sheet.path for sheet in sheets()]):
            page.goto(console.url + path)
            open_all(page)
            waiting = counts_of(console.office.waiting(TENANT))
            shown = {
                each.get_attribute("data-count"): each.inner_text() for each in page.locator("[data-count]").all()
            }
            assert shown == {name: str(number) for name, number in waiting.items()}, path
            assert page.locator("[data-count]:visible").count() == len(waiting), path
            as_of = page.locator("footer time")
            assert as_of.is_visible(), path
            assert re.search(r"\d\d:\d\d|\d:\d\d", as_of.inner_text()), path
            assert not re.search(r"\bsynced\b", page.locator("body").inner_text(), re.IGNORECASE), path
            states = {each.strip() for each in page.locator("main .state").all_inner_texts()}
            odd = {each for each in states if each not in words and not OF_THEIR_OWN.fullmatch(each)}
            assert odd == set(), path


def every_state() -> Iterator[State]:
    yield from STATES.values()
    yield from map(settled_as, Outcome)
    yield from map(held_as, Hold)


def plain(values: Mapping[str, Any]) -> dict[str, str]:
    return {name: each.text if isinstance(each, Said) else str(each) for name, each in values.items()}


def test_nothing_moves_on_a_page_of_the_console_as_it_is_drawn(chromium: Browser, console: Console) -> None:
    with somebody(chromium, console) as page:
        for path in paths(console, [sheet.path for sheet in sheets()]):
            page.goto(console.url + path)
            open_all(page)
            assert page.evaluate(_MOVING) == [], path


_MOVING = """[...document.querySelectorAll("*")].filter(each => {
  const style = getComputedStyle(each);
  return style.animationName !== "none" || style.scrollBehavior === "smooth" ||
    style.transitionDuration.split(", ").some(each => parseFloat(each) > 0);
}).map(each => each.outerHTML.slice(0, 100))"""


def test_what_was_done_names_its_effect_on_the_page(chromium: Browser, console: Console) -> None:
    with somebody(chromium, console, "/console/settings") as page:
        page.locator("#keys").get_by_role("button", name="Save").click()
        assert page.get_by_role("status").and_(page.locator("p")).inner_text() == "+ Kept in this browser."
        page.goto(f"{console.url}/console/people/q.ibarra")
        page.get_by_role("button", name="Save").click()
        told = page.get_by_role("status").and_(page.locator("p")).inner_text()
        assert told == "+ Saved. Laptops learn it at their next contact."


def row_of(page: Page, name: str) -> str:
    return page.locator("tr", has=page.get_by_role("link", name=name, exact=True)).inner_html()


def test_offline_looks_neutral_at_the_console(chromium: Browser, console: Console) -> None:
    quiet, holding = (SampleLaptop.enrolled(console.office, TENANT, "a.okafor") for _ in range(2))
    now = console.office.service.ports.clock.now()
    with console.office.service.store.transaction() as tx:
        for laptop, days, waiting in ((quiet, 5, 0), (holding, 5, 3)):
            report = DeviceReport(waiting=waiting, oldest_at=now - timedelta(days=5) if waiting else None)
            tx.touch(TENANT, laptop.name, now - timedelta(days=days), report.model_dump_json())
    with somebody(chromium, console, "/console/devices") as page:
        assert "needs" not in row_of(page, quiet.name), "days without coverage are a way of working"
        assert "! Silent" in row_of(page, holding.name), "work that nobody heard of for days is not"


def test_the_same_item_twice_has_one_row_in_the_audit(chromium: Browser, console: Console) -> None:
    laptop = SampleLaptop.enrolled(console.office, TENANT, "a.okafor")
    laptop.look(JOB)
    laptop.say("note.added", JOB, text="said once")
    sent = [*laptop.waiting]
    for _ in range(3):
        laptop.waiting[:] = sent
        laptop.send()
    with somebody(chromium, console, f"/console/audit?device={laptop.name}") as page:
        rows = page.locator("tbody tr", has_text="note").all_inner_texts()
        assert len(rows) == 1
        page.goto(f"{console.url}/console/health")
        told = page.locator("tr", has_text="Commands that came again").inner_text()
        assert int(re.findall(r"\d+", told)[0]) >= 2


def test_never_colour_alone_on_a_page_of_the_console(chromium: Browser, console: Console) -> None:
    with somebody(chromium, console) as page:
        alone: dict[str, list[str]] = {}
        for path in paths(console, [sheet.path for sheet in sheets()]):
            page.goto(console.url + path)
            open_all(page)
            toned: list[str] = page.evaluate(_TONED)
            bare = [each for each in toned if not re.match(rf"[{re.escape(GLYPHS)}] ?\S|\d", each)]
            alone |= {path: bare} if bare else {}
        assert alone == {}


def test_consents_are_told_by_what_was_done_and_where_to(chromium: Browser, console: Console) -> None:
    with console.office.service.store.transaction() as tx:
        tx.measure(TENANT, {("tailboard_consents_total", ("given", "private_cluster", "internal")): 2})
    with somebody(chromium, console, "/console/health") as page:
        section = page.locator("section", has=page.get_by_role("heading", name=CONSENTS, exact=True)).nth(1)
        open_all(page)
        assert re.search(r"(given|used|revoked), (private cluster|managed cloud)", section.inner_text())


def test_what_was_done_names_its_effect() -> None:
    """One word that says no more than the button did is no answer."""
    short = [words.text for words in DONE.values() if len(words.text.split()) < 4]
    assert short == []
