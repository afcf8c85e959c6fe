"""A second language: every sentence of ours is in its catalogue, by the reader's choice or their browser's wish."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import pytest

import sync_server.console
from shared.metrics import BY_NAME
from shared.outcomes import Standing
from sync_server.console import home
from sync_server.console.health import _SINGLE
from sync_server.console.words import ENGLISH, NAMES, PSEUDO, languages
from sync_server.store import Person
from tests.console.conftest import PERSON, Browser
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


async def test_a_language_is_chosen_for_this_browser_and_given_up_again(browser: Browser, server: Server) -> None:
    await browser.sign_in()
    page = await browser.send("/console/settings", act="language", which="language", language="de")
    assert '<h1 tabindex="-1">Einstellungen</h1>' in page.text
    assert "In diesem Browser gemerkt." in page.text
    page = await browser.http.get("/console/conflicts", headers={"accept-language": "en"})
    assert "Nichts wartet auf eine Entscheidung." in page.text
    page = await browser.send("/console/settings", act="language", which="language", language="../de")
    assert '<h1 tabindex="-1">Settings</h1>' in page.text
