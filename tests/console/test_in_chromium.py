"""Every page of the table in Chromium, against a real server process: accessible in every shape, by keys alone."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from fastapi.routing import APIRoute
from playwright.sync_api import Browser, Page, expect

from sync_server.bootstrap import build_console
from sync_server.console.routes import ELSEWHERE, sheets
from tests.console.browsing import PASSWORD, PERSON, Console, paths, somebody
from tests.served import TENANT, in_place

RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
TARGET_PX = 24
PAGE_BYTES_MAX = 250_000


@pytest.mark.parametrize("width", [320, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_is_accessible(chromium: Browser, console: Console, scheme: str, width: int) -> None:
    shape: dict[str, Any] = {"color_scheme": scheme, "viewport": {"width": width, "height": 800}}
    with somebody(chromium, console, **shape) as page:
        trouble: list[str] = []
        page.on("console", lambda told: trouble.append(told.text) if told.type == "error" else None)
        page.on("pageerror", lambda error: trouble.append(str(error)))
        page.on("request", lambda asked: trouble.append(asked.url) if not asked.url.startswith(console.url) else None)
        found = {}
        for path in paths(console, [sheet.path for sheet in sheets()]):
            page.goto(console.url + path)
            open_all(page)
            found[path] = [*violations(page), *shape_of(page, width)]
        for name, lead in MOMENTS.items():
            lead(page, console)
            open_all(page)
            found[name] = [*violations(page), *shape_of(page, width)]
    with somebody(chromium, console, "/console/audit", person="d.park", **shape) as page:
        found["a page that is not theirs"] = violations(page)
        found |= signed_out_meanwhile(page, console)
    with somebody(chromium, console, person="nobody", **shape) as page:
        found["sign-in refused"] = violations(page)
    assert {path: each for path, each in found.items() if each} == {}
    assert [each for each in trouble if not re.search(r"status of (404|422)", each)] == []


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


#: What a page of the table becomes by a button or an address.
MOMENTS: dict[str, Callable[[Page, Console], None]] = {
    each.__name__: each
    for each in (nowhere, no_such_thing, a_code, a_preview, refused_for_want_of_a_reason, the_audit_checked)
}


def signed_out_meanwhile(page: Page, console: Console) -> dict[str, list[str]]:
    """The sign-in that carries a form, and the page after it."""
    page.goto(f"{console.url}/console/settings")
    with console.office.service.store.transaction() as tx:
        tx.end_sessions(TENANT, "d.park")
    page.locator("#keys").get_by_role("button", name="Save").click()
    found = {"sign-in with a form": violations(page)}
    page.get_by_label("Person").fill("d.park")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("button", name="Go on")).to_be_visible()
    return found | {"signed in again": violations(page)}


def test_every_route_of_the_console_is_walked_through(console: Console) -> None:
    """A page that is added and not looked at fails here; what is no page is named."""
    no_pages = {"/console/events", "/console/static/console.css", "/console/static/console.js"}
    routes = [each for each in build_console(console.office, in_place).routes if isinstance(each, APIRoute)]
    pages = {each.path for each in routes if "GET" in (each.methods or ())} - no_pages
    walked = {sheet.path for sheet in sheets()} | {"/console/sign-in", ELSEWHERE}
    assert pages == walked
    assert len(paths(console, [sheet.path for sheet in sheets()])) == len(sheets()) - 1, "all but the export"


def open_all(page: Page) -> None:
    """What is folded is part of the page, too."""
    page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")


def violations(page: Page) -> list[str]:
    """What axe finds, and controls that are too small to hit."""
    told = Axe().run(page, options=RULES).response["violations"]
    small: list[str] = page.evaluate(
        """least => [...document.querySelectorAll(
            'button, input:not([type=hidden]), select, textarea, summary, nav a, td a, th a, .ways a')]
        .filter(each => each.checkVisibility())
        .filter(each => { const box = each.getBoundingClientRect();
                          return box.width < Math.min(least, 16) || box.height < least - 0.5 })
        .map(each => `too small: ${each.outerHTML.slice(0, 200)}`)""",
        TARGET_PX,
    )
    return [f"{each['id']}: {each['nodes'][0]['html'][:300]}" for each in told] + small


def shape_of(page: Page, width: int) -> list[str]:
    """Whether the page is wider than the window, or heavier than it may be."""
    wide = page.evaluate("document.documentElement.scrollWidth")
    weight = page.evaluate("performance.getEntries().reduce((sum, each) => sum + (each.encodedBodySize || 0), 0)")
    return [f"{wide} px wide"] * (wide > width) + [f"{weight} bytes"] * (weight > PAGE_BYTES_MAX)


def test_a_conflict_is_decided_with_keys_alone_and_without_scripts(chromium: Browser, console: Console) -> None:
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    conflict = console.waiting("conflict")[-1]
    page.goto(f"{console.url}/console/conflicts/{conflict}")
    page.get_by_label("Person").focus()
    for text in (PERSON, "Tab", PASSWORD, "Tab", "Tab", "Enter"):
        page.keyboard.press(text) if text in ("Tab", "Enter") else page.keyboard.type(text)
    page.get_by_label("Office", exact=True).focus()
    page.keyboard.press("ArrowDown")
    page.get_by_role("button", name="Resolve").focus()
    page.keyboard.press("Enter")
    assert page.get_by_role("status").inner_text().startswith("+ Decided.")
    assert console.office.record(TENANT, f"conflict/{conflict}").fields["status"] == "resolved"
    context.close()


def test_every_page_can_be_walked_with_tab_alone_and_focus_is_always_seen(
    chromium: Browser, console: Console
) -> None:
    with somebody(chromium, console) as page:
        for path in paths(console, [sheet.path for sheet in sheets()]):
            page.goto(console.url + path)
            stops: list[str] = []
            for _ in range(400):
                page.keyboard.press("Tab")
                where = page.evaluate(_WHERE)
                if where is None:
                    break
                assert where["seen"], f"{path}: no outline on {where['html']}"
                stops.append(where["html"])
            controls = page.evaluate(_CONTROLS)
            assert len(stops) >= controls, f"{path}: {len(stops)} of {controls} are reached"


_WHERE = """() => {
  const at = document.activeElement;
  if (at === document.body || at.dataset.walked) return null;
  at.dataset.walked = "1";
  const style = getComputedStyle(at);
  return { html: at.outerHTML.slice(0, 120), seen: style.outlineStyle !== "none" && style.outlineWidth !== "0px" };
}"""
#: A group of radio buttons is one stop.
_CONTROLS = """() => {
  const all = [...document.querySelectorAll("main a[href], main button:not(:disabled), main select, main summary," +
    "main input:not([type=hidden]):not([type=radio]), main textarea")];
  return all.filter(each => each.checkVisibility()).length;
}"""
