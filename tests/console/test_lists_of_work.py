"""What the lists say of work: refused, held, here and only there; narrowed by words; and as of when."""

import re

import pytest

from shared.commands.base import Role
from shared.sync import DeviceReport
from sync_server.store import Device, DeviceState, Person
from tests.builders import JOB
from tests.console.conftest import PERSON, Browser
from tests.console.test_every_page import EVERYBODY
from tests.served import TENANT, Laptop, Server


@pytest.fixture(autouse=True)
async def signed_in(browser: Browser, server: Server) -> None:
    server.office.put_person(TENANT, Person(PERSON, "M. Reyes", EVERYBODY))
    await browser.sign_in()


async def test_refused_work_says_by_which_rule_who_decides_and_what_next(
    browser: Browser, server: Server, laptop: Laptop
) -> None:
    empty = await browser.get("/console/refused")
    assert "Nothing was refused. Work that has no effect is listed here" in empty.text
    server.office.put_person(TENANT, Person("a.okafor", "A. Okafor", frozenset({Role.AUDITOR})))
    await laptop.round(laptop.say("note.added", JOB, text="may I?"))
    page = await browser.get("/console/refused")
    for told in ("WO-1: note", "a.okafor", "TB-01", "! Refused, rejected", "not_permitted", "an administrator"):
        assert told in page.text, told
    assert "None of this has an effect" in page.text


async def test_what_is_refused_is_never_counted_as_done(browser: Browser, server: Server, laptop: Laptop) -> None:
    good, bad = laptop.say("note.added", JOB, text="one"), laptop.say("status.changed", JOB, to="closed")
    await laptop.round(good, bad, report=DeviceReport(waiting=3))
    page = await browser.get("/console/devices/TB-01")
    assert "1 accepted here, 0 became conflicts, 1 refused, 0 held here + 3 only on the laptop" in page.text


async def test_what_is_held_says_for_what_it_waits(
    browser: Browser, server: Server, laptop: Laptop, conflict: str
) -> None:
    first = conflict.rpartition("/")[2]
    later = laptop.command("field.updated", JOB, advance=False, field="priority", value="high")
    base = later.bases[0].model_copy(update={"command": first, "value": "urgent"})
    note = laptop.seal(later.model_copy(update={"bases": (base,)}))
    await laptop.round(note, laptop.say("note.added", JOB, text="goes on"))
    page = await browser.get("/console/devices/TB-01")
    held = page.text.partition("Held commands of this laptop")[2].partition("</table>")[0]
    assert "priority = high" in held
    assert f"<code>{first}</code>" in held
    assert "goes on" not in held, "one that waits holds up no other"


@pytest.mark.parametrize(
    "path",
    ["/console/conflicts", "/console/devices", "/console/people", "/console/approvals?all=1", "/console/orders"],
)
async def test_every_list_is_narrowed_by_words(
    browser: Browser, server: Server, laptop: Laptop, conflict: str, path: str
) -> None:
    joined = "&" if "?" in path else "?"
    rows = re.compile(r'<th scope="row">')
    page = await browser.get(path)
    none = await browser.get(f"{path}{joined}words=zzz+nothing")
    assert rows.findall(none.text) == []
    assert none.status_code == 200
    assert 'data-key="/"' in page.text


async def test_a_page_says_as_of_when_it_is(browser: Browser) -> None:
    page = await browser.get("/console/orders")
    assert re.search(r"As of</?\w*>? *<time", page.text) or "As of <time" in page.text


async def test_a_flag_always_has_evidence(browser: Browser, conflict: str) -> None:
    page = await browser.get(conflict)
    assert len(re.findall(r"<tr data-field", page.text)) >= 1
    assert "a.okafor on TB-01" in page.text


async def test_the_health_page_says_what_metrics_say(browser: Browser, server: Server, laptop: Laptop) -> None:
    from sync_server.telemetry.readings import read_store

    await laptop.round(laptop.say("note.added", JOB, text="one"))
    readings = read_store(server.office.service, TENANT)
    page = await browser.get("/console/health")
    settled = readings["tailboard_commands_settled_total", (TENANT, "applied")]
    assert settled
    assert f"<bdi>{int(settled):,}</bdi>" in page.text
    assert page.text.count("As a table") == page.text.count("<svg")


@pytest.mark.parametrize("path", ["/console/people", "/console/devices"])
async def test_a_long_list_comes_in_pages(browser: Browser, server: Server, laptop: Laptop, path: str) -> None:
    with server.office.service.store.transaction() as tx:
        for number in range(230):
            tx.put_person(TENANT, Person(f"p{number:03d}", "P", frozenset({Role.TECHNICIAN})))
            state, at = DeviceState.ACTIVE, server.clock.now()
            tx.add_device(TENANT, Device(f"L-{number:03d}", "L", f"p{number:03d}", state, 1, at))
    seen: set[str] = set()
    pages = 0
    while path:
        page = await browser.get(path)
        pages += 1
        seen |= set(re.findall(r'<th scope="row"><a href="/console/\w+/([^"]*)"', page.text))
        found = re.findall(r'<a href="(\?[^"]*from=[^"]*)" data-key="n">', page.text)
        path = f"{path.partition('?')[0]}{found[0]}" if found else ""
    assert len([each for each in seen if re.fullmatch(r"[pL]-?\d{3}", each)]) == 230
    assert pages == 3
