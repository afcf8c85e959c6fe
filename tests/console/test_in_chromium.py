"""Every page of the table in Chromium, against a real server process: accessible in every shape, by keys alone."""

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from sync_server.console.routes import sheets
from tests.console.browsing import PASSWORD, PERSON, Console, paths, somebody
from tests.served import TENANT

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
        page.goto(console.url + "/console/conflicts/nothing")
        found["a refusal"] = violations(page)
    with somebody(chromium, console, person="nobody", **shape) as page:
        found["sign-in"] = violations(page)
    assert {path: each for path, each in found.items() if each} == {}
    assert [each for each in trouble if "404" not in each] == []


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
