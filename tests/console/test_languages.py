"""A second language: every sentence of ours is in its catalogue, by the reader's choice or their browser's wish."""

import ast
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from string import Formatter

import httpx
import pytest

import sync_server.console
from reconciliation.explain import explain
from shared.metrics import BY_NAME
from shared.outcomes import Standing
from sync_server.console import home
from sync_server.console.health import _SINGLE
from sync_server.console.routes import sheets
from sync_server.console.words import ENGLISH, NAMES, PSEUDO, languages
from sync_server.store import Person
from tests.console.browsing import Console, paths
from tests.console.conftest import PASSWORD, PERSON, Browser
from tests.console.test_every_page import EVERYBODY, OURS, PATHS, Words, path_of
from tests.served import TENANT, Laptop, Server

CONSOLE = Path(sync_server.console.__file__).parent
GERMAN = {"accept-language": "de-AT, en;q=0.5"}


def extracted() -> Iterator[str]:
    """Every sentence that pages and templates say, and those that they take from tables of others."""
    for file in sorted(CONSOLE.glob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id in {"Said", "said", "say"}
            ):
                first = node.args[0] if node.args else None
                if isinstance(first, ast.Constant):
                    yield str(first.value)
    for file in sorted((CONSOLE / "templates").glob("*.html")):
        yield from re.findall(r'_\("((?:[^"\\]|\\.)*)"', file.read_text(encoding="utf-8"))
    yield from map(str, Standing)
    yield from (BY_NAME[name].help for name in _SINGLE)
    yield from (words for kind in home._KINDS for words in kind[1:])


def names_in(sentence: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(sentence) if name}


LANGUAGES = sorted(set(languages()) - {ENGLISH, PSEUDO})


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_language_has_every_sentence_and_no_other_names_in_it(language: str) -> None:
    known = languages()[language]
    assert sorted({each for each in extracted() if each not in known}) == []
    assert {each for each, told in known.items() if names_in(each) != names_in(told) or not told} == set()


def test_every_language_can_be_chosen_by_its_own_name() -> None:
    assert {*LANGUAGES, ENGLISH} == set(NAMES)


@pytest.mark.parametrize("path", [*PATHS, "/console/sign-in"])
async def test_a_page_is_german_where_somebody_asks_for_it(
    browser: Browser, server: Server, laptop: Laptop, conflict: str, path: str
) -> None:
    if path != "/console/sign-in":
        server.office.put_person(TENANT, Person(PERSON, "M. Reyes", EVERYBODY))
        await browser.sign_in()
    page = await browser.http.get(path_of(path), headers=GERMAN, follow_redirects=True)
    if not page.headers["content-type"].startswith("text/html"):
        return
    assert '<html lang="de">' in page.text
    known = languages()["de"]
    english = [
        text
        for where, text in Words(page.text).pieces
        if OURS & set(where) and not {"bdi", "code", "textarea"} & set(where) and known.get(text, text) != text
    ]
    assert english == []


# -- what rules word is English on a German page, and says so (WCAG 3.1.2)


class Tongues(HTMLParser):
    """The text of a page, each piece with the language that it is in, and with all that stands around it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[tuple[str, str]] = [("", "")]
        self.pieces: list[tuple[str, str]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in {"meta", "link", "input", "br", "img"}:
            self.open.append((tag, dict(attrs).get("lang") or self.open[-1][1]))

    def handle_endtag(self, tag: str) -> None:
        while len(self.open) > 1 and self.open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        self.pieces.append((self.open[-1][1], data))

    def of(self, words: str) -> set[str]:
        """The languages in which a piece with these words stands."""
        return {lang for lang, text in self.pieces if words in text}


def worded(console: Console) -> set[str]:
    """What rules said of the commands of the sample, as far as pages show it whole."""
    office = console.office
    linked, _ = office.audit_page(TENANT, "outcome refused", limit=200)
    entries = [each.entry for each in linked if each.entry] + office.quarantine_page(TENANT, None, 100)
    entries += [
        entry for line in office.device_lines(TENANT) for entry, _ in office.held_of(TENANT, line.device.id, 9)
    ]
    said = [each.receipt.detail or explain(each.receipt) for each in entries if each.receipt]
    said += [each.problem.detail for each in entries if each.problem]
    return {each for each in said if each and len(each) < 400}


def test_what_rules_word_is_marked_as_english_on_every_page(console: Console) -> None:
    words, shown = worded(console), set[str]()
    pages = [sheet.path for sheet in sheets() if not sheet.path.endswith("/export")]
    with httpx.Client(base_url=console.url, headers=GERMAN, follow_redirects=True) as http:
        http.post("/console/sign-in", data={"person": PERSON, "password": PASSWORD})
        for sheet, path in zip(pages, paths(console, pages), strict=True):
            tongues = Tongues(http.get(path).text)
            found = {each: tongues.of(each) for each in words}
            assert {each: langs for each, langs in found.items() if langs - {"en"}} == {}, path
            shown |= {sheet} if any(found.values()) else set()
    lists = {"/console/refused", "/console/quarantine", "/console/quarantine/{command}"}
    assert lists <= shown, shown


async def test_a_refusal_is_marked_as_english_on_a_german_page(
    browser: Browser, server: Server, conflict: str
) -> None:
    browser.http.headers.update(GERMAN)
    refused = Tongues((await browser.sign_in(password="wrong")).text)
    assert refused.of("Type both again") == {"en"}
    server.office.put_person(TENANT, Person(PERSON, "M. Reyes", EVERYBODY))
    await browser.sign_in()
    nowhere = Tongues((await browser.get("/console/nowhere")).text)
    assert nowhere.of("No page has this address") == nowhere.of("There is no such thing") == {"en"}
    undecided = Tongues((await browser.send(conflict, act="resolve")).text)
    assert undecided.of("Choose a value") == {"en"}
    assert undecided.of("Konflikte") == {"de"}
    unreasoned = Tongues((await browser.send("/console/policies", act="rollout", which="rollout", version="1")).text)
    assert unreasoned.of("Give a reason") == {"en"}
    decided = Tongues((await browser.get("/console/policies/what-if?purpose=answer")).text)
    assert decided.of(" data, polic") == {"en"}, "why it would be so"


async def test_a_language_is_chosen_for_this_browser_and_given_up_again(browser: Browser, server: Server) -> None:
    await browser.sign_in()
    page = await browser.send("/console/settings", act="language", which="language", language="de")
    assert '<h1 tabindex="-1">Einstellungen</h1>' in page.text
    assert "In diesem Browser gemerkt." in page.text
    page = await browser.http.get("/console/conflicts", headers={"accept-language": "en"})
    assert "Nichts wartet auf eine Entscheidung." in page.text
    page = await browser.send("/console/settings", act="language", which="language", language="../de")
    assert '<h1 tabindex="-1">Settings</h1>' in page.text
