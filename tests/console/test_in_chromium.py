"""Every page of the table in Chromium, against a real server process: accessible in every shape, by keys alone."""

import re
from importlib import resources
from typing import Any

import pytest
from fastapi.routing import APIRoute
from playwright.sync_api import Browser

from sync_server.bootstrap import build_console
from sync_server.console.routes import ELSEWHERE, sheets
from tests.console.accessibility import in_every_shape, stops, walked
from tests.console.browsing import PASSWORD, PERSON, Console, paths, somebody
from tests.served import TENANT, in_place

#: Two workers share the pages evenly, whoever begins.
PARTS = 4


@pytest.mark.parametrize("part", range(PARTS))
def test_every_page_is_accessible(chromium: Browser, console: Console, part: int) -> None:
    walk = walked(chromium, console, stops(console)[part::PARTS], in_every_shape)
    assert {path: each for path, each in walk.found.items() if each} == {}
    assert walk.trouble == []


def test_a_scheme_changes_colours_and_nothing_else() -> None:
    """So rules that look at no colour need not be run in both."""
    static = resources.files("sync_server.console") / "static"
    style = (static / "console.css").read_text(encoding="utf-8")
    assert style.count("prefers-color-scheme") == 1
    assert "prefers-color-scheme" not in (static / "console.js").read_text(encoding="utf-8")
    dark = re.search(r"@media \(prefers-color-scheme: dark\) {\s*:root {([^}]*)}\s*}", style)
    assert dark
    assert [each for each in dark[1].split(";") if each.strip() and not re.fullmatch(r"\s*--\w+: #\w+", each)] == []


def test_every_route_of_the_console_is_walked_through(console: Console) -> None:
    """A page that is added and not looked at fails here; what is no page is named."""
    no_pages = {"/console/events", *(f"/console/static/{each}" for each in ("console.css", "console.js", "sign.svg"))}
    routes = [each for each in build_console(console.office, in_place).routes if isinstance(each, APIRoute)]
    pages = {each.path for each in routes if "GET" in (each.methods or ())} - no_pages
    walked = {sheet.path for sheet in sheets()} | {"/console/sign-in", ELSEWHERE}
    assert pages == walked
    assert len(paths(console, [sheet.path for sheet in sheets()])) == len(sheets()) - 1, "all but the export"


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
            page.evaluate(_WATCH)
            while not page.evaluate("walk.over"):
                for _ in range(20):
                    page.keyboard.press("Tab")
            stood: list[dict[str, Any]] = page.evaluate("walk.stood")
            assert [each["html"] for each in stood if not each["seen"]] == [], f"{path}: no outline there"
            assert page.evaluate(_MISSED) == [], f"{path}: not reached"


#: Writes down where the focus stands, until it comes to something a second time.
_WATCH = """() => {
  window.walk = { over: false, stood: [], walked: new Set() };
  document.addEventListener("focusin", (event) => {
    const at = event.target, style = getComputedStyle(at);
    walk.over ||= walk.walked.has(at);
    if (walk.over) return;
    walk.walked.add(at);
    const seen = style.outlineStyle !== "none" && style.outlineWidth !== "0px";
    walk.stood.push({ html: at.outerHTML.slice(0, 120), seen });
  });
}"""
#: A group of radio buttons is one stop.
_MISSED = """() => {
  const all = [...document.querySelectorAll("main a[href], main button:not(:disabled), main select, main summary," +
    "main input:not([type=hidden]):not([type=radio]), main textarea")];
  return all.filter(each => each.checkVisibility() && !walk.walked.has(each))
    .map(each => each.outerHTML.slice(0, 120));
}"""
