"""What holds for every page of the table, without a screen."""

import re
from html import unescape
from html.parser import HTMLParser

import pytest

from policies.acts import Act
from shared.commands.base import Role
from shared.problems import MEDIA_TYPE
from sync_server.console.routes import OPEN, SHEETS, sheets
from sync_server.office import Office
from sync_server.store import Person
from tests.builders import JOB
from tests.console.conftest import PERSON, Browser
from tests.served import TENANT, Laptop, Server

EVERYBODY = frozenset({Role.DISPATCHER, Role.RESOLVER, Role.APPROVER, Role.ADMIN, Role.AUDITOR})
#: What stands in the path of a page about one thing.
NAMED = {"order": JOB.partition("/")[2], "person": "a.okafor", "device": "TB-01"}
PATHS = [
    sheet.path for sheet in sheets() if "{" not in sheet.path or set(re.findall(r"{(\w+)}", sheet.path)) <= {*NAMED}
]


@pytest.fixture
async def at_work(browser: Browser, server: Server, laptop: Laptop, conflict: str) -> Browser:
    """Somebody who may do everything, in an organisation where something happened."""
    server.office.put_person(TENANT, Person(PERSON, "M. Reyes", EVERYBODY))
    await browser.sign_in()
    return browser


def path_of(path: str) -> str:
    return path.format(**NAMED)


class Words(HTMLParser):
    """The text of a page, each piece with the elements that it stands in."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.pieces: list[tuple[tuple[str, ...], str]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in {"meta", "link", "input", "br", "img"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        while self.open and self.open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.pieces.append((tuple(self.open), data.strip()))


@pytest.mark.parametrize("path", PATHS)
async def test_a_page_is_there_and_says_what_waits(at_work: Browser, path: str) -> None:
    page = await at_work.get(path_of(path))
    assert page.status_code == 200, page.text[:2000]
    if page.headers["content-type"].startswith("text/html"):
        assert re.search(r'data-count="conflicts">1<', page.text)
        assert len(page.content) < 250_000


@pytest.mark.parametrize("path", PATHS)
async def test_nobody_opens_a_page_by_its_address_alone(browser: Browser, server: Server, path: str) -> None:
    assert (await browser.get(path_of(path))).status_code == 401
    await browser.sign_in()
    server.office.put_person(TENANT, Person(PERSON, "M. Reyes", frozenset({Role.TECHNICIAN})))
    assert (await browser.get(path_of(path))).status_code == 403


DEEDS = [(sheet.path, name, deed.act) for sheet in SHEETS for name, deed in sheet.deeds.items()]
#: Roles that may do nothing but look.
LOOKING = frozenset({Role.AUDITOR})


@pytest.mark.parametrize(("path", "deed", "act"), [each for each in DEEDS if each[2] not in {Act.LOOK, Act.AUDIT}])
async def test_nobody_presses_a_button_that_is_not_theirs(
    at_work: Browser, server: Server, conflict: str, path: str, deed: str, act: Act
) -> None:
    token = re.findall(r'name="form_token" value="([^"]*)"', (await at_work.get("/console/settings")).text)[0]
    server.office.put_person(TENANT, Person(PERSON, "M. Reyes", LOOKING))
    before = office_state(server.office)
    where = path.format(**{**NAMED, "conflict": conflict.rpartition("/")[2], "approval": "x", "command": "x"})
    answer = await at_work.http.post(where, data={"form_token": token, "act": deed, "reason": "because"})
    assert answer.status_code == 403
    assert "and you are auditor" in answer.text
    assert office_state(server.office) == before


def office_state(office: Office) -> tuple[int, int]:
    waiting = office.waiting(TENANT)
    return waiting.change_seq, waiting.audit_position


OURS = {"h1", "h2", "h3", "caption", "legend", "summary", "button", "label"}
#: What is a name and no sentence: brand, roles, metric names, files, and what records say (in bdi).
NAMES = re.compile(r"^(Tailboard|[\W\d]*)$")


@pytest.mark.parametrize("path", [*PATHS, "/console/sign-in"])
async def test_everything_that_we_say_can_be_said_in_another_language(at_work: Browser, path: str) -> None:
    if path == "/console/sign-in":
        at_work.http.cookies.clear()
    page = await at_work.http.get(path_of(path), headers={"accept-language": "qps, en;q=0.5"}, follow_redirects=True)
    if not page.headers["content-type"].startswith("text/html"):
        return
    assert '<html lang="qps">' in page.text
    untold = [
        (where[-1], text)
        for where, text in Words(page.text).pieces
        if OURS & set(where)
        and not {"bdi", "small", "option", "code", "textarea"} & set(where)
        and "⟦" not in text
        and not NAMES.match(text)
    ]
    assert untold == []


async def test_a_language_that_is_not_here_is_english(at_work: Browser) -> None:
    page = await at_work.http.get("/console/settings", headers={"accept-language": "tlh, ;q=x, *;q=0.1"})
    assert '<html lang="en">' in page.text


@pytest.mark.parametrize("path", ["/console/", "/console/orders/WO-1"])
async def test_a_fault_of_ours_is_a_page_that_says_what_to_do(
    at_work: Browser, server: Server, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a secret")

    monkeypatch.setattr(server.office, "signed_in", broken)
    page = await at_work.http.get(path)
    assert page.status_code == 500
    assert page.headers["content-type"].startswith("text/html")
    for words in ("A fault on our side</h1>", "report the request id if it stays.", "Back to the first page"):
        assert words in page.text
    assert "a secret" not in page.text
    (told,) = [each for each in caplog.records if each.message == "fault"]
    assert f"under the request id {vars(told)['request']}." in unescape(page.text)


async def test_a_fault_behind_an_api_is_a_problem_document(
    at_work: Browser, server: Server, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(type(server.office.service), "enrol", None)
    answer = await at_work.http.post("/v1/enrol", content=b"{}")
    assert (answer.status_code, answer.headers["content-type"]) == (500, MEDIA_TYPE)
    (told,) = [each for each in caplog.records if each.message == "fault"]
    assert answer.json()["detail"].endswith(f"under the request id {vars(told)['request']}")
    assert len(vars(told)["request"]) == 36


async def test_a_form_that_is_too_large_is_answered_with_a_page(at_work: Browser) -> None:
    page = await at_work.http.post("/console/settings", content=b"y" * (64 << 20))
    assert page.status_code == 413
    assert "<h1" in page.text
    page = await at_work.http.post("/console/settings", content=b"&".join([b"y=1"] * 1001))
    assert page.status_code == 422
    assert "A form has at most 1000 fields." in page.text


def test_every_path_stands_once() -> None:
    paths = [sheet.path for sheet in sheets()] + [path for _, path, _ in OPEN if path.endswith("out")]
    assert len(paths) == len(set(paths))
