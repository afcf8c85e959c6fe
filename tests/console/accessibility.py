"""What axe and a ruler find on every page of the console, in every shape.

As a program it loads each page in each shape and runs every rule there, and writes the table of docs/console.md:
``python -m tests.console.accessibility``.
"""

import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from typing import Any

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Browser, Page, expect

from sync_server.console.routes import sheets
from tests.console.browsing import PASSWORD, PERSON, Console, a_console_of_its_own, paths, somebody
from tests.served import TENANT

SCHEMES, WIDTHS, HEIGHT = ("light", "dark"), (320, 1280), 800
RULES: Mapping[str, Any] = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "resultTypes": ["violations"],
}
#: The rules that look at colours. A scheme changes colours and nothing else, which a test of the style sheet holds it
#: to, so that every other rule says in the dark what it said in the light.
COLOURS: Mapping[str, Any] = {
    "runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]},
    "resultTypes": ["violations"],
}
TARGET_PX = 24
PAGE_BYTES_MAX = 250_000
Lead = Callable[[Page, Console], None]


# -- where one looks


@dataclass(frozen=True, slots=True)
class Stop:
    """Something to look at: the way to it, and who goes there."""

    name: str
    lead: Lead
    person: str = PERSON


def stops(console: Console) -> list[Stop]:
    """Every page of the table, and what some of them become by a button, an address or somebody else."""
    pages = [Stop(path, _to(path)) for path in paths(console, [sheet.path for sheet in sheets()])]
    moments = (nowhere, no_such_thing, a_code, a_preview, refused_for_want_of_a_reason, the_audit_checked)
    return [
        *pages,
        *(Stop(each.__name__, each) for each in moments),
        Stop("a page that is not theirs", _to("/console/audit"), "d.park"),
        Stop("sign-in with a form", signed_out_meanwhile, "d.park"),
        Stop("signed in again", signed_in_again, "d.park"),
        Stop("sign-in refused", lambda page, console: None, "nobody"),
    ]


def _to(path: str) -> Lead:
    def lead(page: Page, console: Console) -> None:
        page.goto(console.url + path)

    return lead


def nowhere(page: Page, console: Console) -> None:
    page.goto(f"{console.url}/console/nowhere")


def no_such_thing(page: Page, console: Console) -> None:
    page.goto(f"{console.url}/console/conflicts/nothing")


def a_code(page: Page, console: Console) -> None:
    page.goto(f"{console.url}/console/devices")
    page.get_by_label("Whose laptop").select_option("b.lind")
    page.get_by_role("button", name="Make a code").click()
    expect(page.get_by_role("img", name="The server's address and the code")).to_be_visible()


def a_preview(page: Page, console: Console) -> None:
    page.goto(console.url + console.path("/console/conflicts/{conflict}"))
    page.get_by_label("Office", exact=True).first.check()
    page.get_by_role("button", name="Preview").click()


def refused_for_want_of_a_reason(page: Page, console: Console) -> None:
    a_preview(page, console)
    page.get_by_role("button", name="Resolve").click()
    expect(page.get_by_role("alert")).to_be_visible()


def the_audit_checked(page: Page, console: Console) -> None:
    page.goto(f"{console.url}/console/audit")
    page.get_by_role("button", name="Check every link").click()
    expect(page.locator("main h1")).to_have_text("The audit was checked")


def signed_out_meanwhile(page: Page, console: Console) -> None:
    """The sign-in that carries a form."""
    page.goto(f"{console.url}/console/settings")
    with console.office.service.store.transaction() as tx:
        tx.end_sessions(TENANT, "d.park")
    page.locator("#keys").get_by_role("button", name="Save").click()
    expect(page.get_by_label("Password")).to_be_visible()


def signed_in_again(page: Page, console: Console) -> None:
    """The page after it."""
    signed_out_meanwhile(page, console)
    page.get_by_label("Person").fill("d.park")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("button", name="Go on")).to_be_visible()


# -- what is found there


@dataclass(slots=True)
class Walk:
    """What was found at each stop, and what the browser complained of or asked of others."""

    found: dict[str, list[str]]
    trouble: list[str]


def walked(
    chromium: Browser, console: Console, some: Sequence[Stop], look: Callable[[Page], list[str]], **shape: Any
) -> Walk:
    """`look` at each of `some`; whoever is not `PERSON` comes in a browser of their own each time."""
    walk = Walk({}, [])
    with _watched(chromium, console, walk, PERSON, **shape) as page:
        for stop in some:
            if stop.person == PERSON:
                stop.lead(page, console)
                walk.found[stop.name] = look(page)
    for stop in some:
        if stop.person != PERSON:
            with _watched(chromium, console, walk, stop.person, **shape) as page:
                stop.lead(page, console)
                walk.found[stop.name] = look(page)
    return walk


@contextmanager
def _watched(chromium: Browser, console: Console, walk: Walk, person: str, **shape: Any) -> Iterator[Page]:
    trouble = walk.trouble
    with somebody(chromium, console, person=person, **shape) as page:
        page.on("console", lambda told: trouble.append(told.text) if told.type == "error" else None)
        page.on("pageerror", lambda error: trouble.append(str(error)))
        page.on("request", lambda asked: trouble.append(asked.url) if not asked.url.startswith(console.url) else None)
        yield page
    walk.trouble[:] = [each for each in trouble if not re.search(r"status of (401|403|404|422)", each)]


def in_every_shape(page: Page) -> list[str]:
    """All that is wrong with the page, in whatever shape; it is loaded once."""
    found = []
    for width, scheme in product(WIDTHS, SCHEMES):
        page.set_viewport_size({"width": width, "height": HEIGHT})
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]  # one of the two
        found += [f"{scheme}, {width}: {each}" for each in wrong(page, RULES if scheme == "light" else COLOURS)]
    return found


def wrong(page: Page, rules: Mapping[str, Any] = RULES) -> list[str]:
    """All that is wrong with the page as it is, with everything unfolded."""
    open_all(page)
    return [*violations(page, rules), *shape_of(page)]


def open_all(page: Page) -> None:
    """What is folded is part of the page, too."""
    page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")


def violations(page: Page, rules: Mapping[str, Any] = RULES) -> list[str]:
    """What axe finds, and controls that are too small to hit."""
    small: list[str] = page.evaluate(
        """least => [...document.querySelectorAll(
            'button, input:not([type=hidden]), select, textarea, summary, nav a, td a, th a, .ways a')]
        .filter(each => each.checkVisibility())
        .filter(each => { const box = each.getBoundingClientRect();
                          return box.width < Math.min(least, 16) || box.height < least - 0.5 })
        .map(each => `too small: ${each.outerHTML.slice(0, 200)}`)""",
        TARGET_PX,
    )
    return axe(page, rules)["wrong"] + small


def axe(page: Page, rules: Mapping[str, Any] = RULES) -> dict[str, list[str]]:
    """What is `wrong` by these rules, and which of them `ran`: had something to look at."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    told: dict[str, list[str]] = page.evaluate(
        """async rules => {
            const told = await axe.run(rules);
            return { wrong: told.violations.map(each => `${each.id}: ${each.nodes[0].html.slice(0, 300)}`),
                     ran: [...told.violations, ...told.passes, ...told.incomplete].map(each => each.id) } }""",
        rules,
    )
    return told


def shape_of(page: Page) -> list[str]:
    """Whether the page or a table is wider than the window, or the page heavier than it may be."""
    wide, window = page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
    weight = page.evaluate("performance.getEntries().reduce((sum, each) => sum + (each.encodedBodySize || 0), 0)")
    tables: list[str] = page.evaluate(
        "[...document.querySelectorAll('.wide')].filter(each => each.scrollWidth > each.clientWidth)"
        ".map(each => `sideways: ${each.ariaLabel}`)"
    )
    return [f"{wide} px wide"] * (wide > window) + tables + [f"{weight} bytes"] * (weight > PAGE_BYTES_MAX)


# -- the table


def main() -> int:
    """Every rule on every page, loaded in every shape; prints the table, and what was found."""
    ran: set[str] = set()
    lines, found = [], 0

    def look(page: Page) -> list[str]:
        open_all(page)
        ran.update(axe(page)["ran"])
        return wrong(page)

    with a_console_of_its_own() as (console, chromium):
        for scheme, width in product(SCHEMES, WIDTHS):
            shape = {"color_scheme": scheme, "viewport": {"width": width, "height": HEIGHT}}
            walk = walked(chromium, console, stops(console), look, **shape)
            told = [f"{name}: {each}" for name, some in walk.found.items() for each in some] + walk.trouble
            found += len(told)
            lines.append(f"| {scheme}, {width} pixels | {len(walk.found)} | {len(told)} |")
            sys.stderr.writelines(f"{scheme}, {width}: {each}\n" for each in told)
    print("| shape | pages and moments | violations |", "|---|---|---|", *lines, sep="\n")
    print(f"\n{len(ran)} rules of axe had something to look at.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
