"""What the lists say of work: refused, held, here and only there; narrowed by words; and as of when."""

import json
import re
from datetime import timedelta

import pytest

from shared.commands.base import Role
from shared.sync import DeviceReport
from sync_server.store import Device, DeviceState, Person
from tests.builders import JOB
from tests.console.conftest import PERSON, Browser
from tests.console.test_every_page import EVERYBODY
from tests.served import TENANT, Laptop, Server, id_in


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


LISTS = ("conflicts", "conflicts?all=1", "approvals", "parked", "quarantine", "refused", "devices", "models")


@pytest.mark.parametrize("name", LISTS)
async def test_an_empty_list_says_why_and_what_comes_next(browser: Browser, name: str) -> None:
    page = await browser.get(f"/console/{name}")
    (said, *_) = re.findall(r'<p class="empty">([^<]*)</p>', page.text)
    assert len(said) > 40


async def test_what_a_laptop_last_said_is_shown_with_its_age_and_asked_after_when_it_falls_silent(
    browser: Browser, server: Server, laptop: Laptop
) -> None:
    at = server.clock.now()
    report = DeviceReport(app="0.1.0", model="small-q4", bundle="shipped-1", waiting=3, oldest_at=at)
    await laptop.round(report=report)
    assert "! Silent" not in (await browser.get("/console/devices")).text
    server.clock.move(timedelta(days=3))
    await browser.sign_in()
    page = await browser.get("/console/devices")
    for told in ("TB-01", "3 days ago", "3, oldest 3 days", "small-q4", "shipped-1", "! Silent"):
        assert told in page.text, told
    assert "Laptops that hold work and were not heard for a day: 1." in (await browser.get("/console/")).text


async def test_the_audit_says_who_what_before_and_after_and_the_request_id(
    browser: Browser, server: Server, laptop: Laptop
) -> None:
    sent = laptop.say("field.updated", JOB, field="priority", value="urgent")
    await laptop.round(sent)
    page = await browser.get(f"/console/audit?record={JOB}")
    for told in ("a.okafor", "TB-01", "priority = urgent", "priority: normal → urgent", "+ Accepted"):
        assert told in page.text, told
    assert f"<code data-copy>{id_in(sent)}</code>" in page.text
    checked = await browser.send("/console/audit", act="verify", which="verify")
    assert "links, all sound" in checked.text
    taken = await browser.get(f"/console/audit/export?record={JOB}")
    lines = [json.loads(line) for line in taken.text.splitlines()]
    assert id_in(sent) in lines[0]["body"]
    assert "head" in lines[-1]


@pytest.mark.parametrize("spoilt", ["{}", "[1]", "not JSON", ""])
async def test_a_broken_audit_is_said_in_words(browser: Browser, server: Server, spoilt: str) -> None:
    with server.office.service.store.transaction() as tx:
        tx._connection.exec_driver_sql("UPDATE audit SET body = ? WHERE position = 2", (spoilt,))
    server.office.service.sweep()
    assert (await browser.get("/console/audit")).status_code == 200
    page = await browser.send("/console/audit", act="verify", which="verify")
    assert page.status_code == 500
    assert "the chain is broken at position 2" in page.text.casefold()
