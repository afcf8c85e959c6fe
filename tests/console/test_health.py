"""Routes and health: how long syncing takes, and how figures went, in plots that a table says again."""

import re
from datetime import timedelta

import pytest

from shared.ids import uuid7, uuid7_at
from shared.ports import system_ports
from sync_server import mentioning
from sync_server.console.history import DAY, _added, bound_of
from sync_server.store import Person
from sync_server.telemetry import counting, sampling
from sync_server.telemetry.page import page as metrics_page
from sync_server.telemetry.readings import read_store
from tests.builders import JOB, NOW
from tests.console.conftest import PERSON, Browser
from tests.console.test_every_page import EVERYBODY
from tests.served import TENANT, Laptop, Server

HEALTH = "/console/health"


@pytest.fixture(autouse=True)
async def signed_in(browser: Browser, server: Server) -> None:
    server.office.put_person(TENANT, Person(PERSON, "M. Reyes", EVERYBODY))
    await browser.sign_in()


async def late_note(server: Server, laptop: Laptop, late: timedelta) -> None:
    note = laptop.say("note.added", JOB, text="x")
    server.clock.move(late)
    await laptop.round(note)


async def test_sync_latency_is_from_the_confirmation_to_the_outcome(server: Server, laptop: Laptop) -> None:
    await late_note(server, laptop, timedelta(minutes=4))
    server.office.set_field(TENANT, PERSON, JOB, "priority", "high")
    told = read_store(server.office.service, TENANT)
    buckets = {labels[2]: value for (name, labels), value in told.items() if name == "tailboard_sync_seconds_bucket"}
    assert (buckets.get("60.0", 0), buckets["300.0"], buckets["+Inf"]) == (0, 1, 1), "the office's own are not in it"
    text = metrics_page(told).decode()
    assert f'tailboard_sync_seconds_bucket{{le="300.0",result="applied",tenant="{TENANT}"}} 1.0' in text
    assert 'le="0.01",result' not in text


async def test_plots_over_time_have_table_twins_and_say_what_metrics_say(
    browser: Browser, server: Server, laptop: Laptop
) -> None:
    for hour in range(5):
        await late_note(server, laptop, timedelta(minutes=4))
        sampling.sample(server.office.service)
        server.clock.move(timedelta(minutes=56))
        if hour == 2:
            await laptop.round(laptop.say("note.added", JOB, text="one more in the next hour"))
            server.office.set_field(TENANT, PERSON, JOB, "priority", "low")
    await browser.sign_in()
    page = await browser.get(HEALTH)
    over_time = page.text[page.text.index("<h2>Over time</h2>") :]
    drawn = over_time.count("<svg")
    assert drawn >= 4
    assert over_time.count("As a table") == drawn
    latency = over_time[over_time.index("From confirmation to outcome, in seconds") :].partition("</table>")[0]
    assert set(re.findall(r"<bdi>([\d,.]+)</bdi>", latency)) == {"300"}
    settled = over_time[over_time.index("Commands by what became of them, in commands") :].partition("</table>")[0]
    assert {"0", "1", "2"} == set(re.findall(r"<bdi>(\d+)</bdi>", settled)), (
        "the first merged one is one more than none"
    )
    week = await browser.get(f"{HEALTH}?span=week")
    assert "One stretch is six hours." in week.text


def test_what_was_not_kept_is_not_made_up() -> None:
    assert _added([None, None, 4.0, 7.0, 2.0]) == [None, None, 3.0, 2.0], "a counter that was set back began anew"
    assert bound_of("tailboard_sync_seconds", {"+Inf": 0.0}) is None
    assert bound_of("tailboard_sync_seconds", {"1.0": 94.0, "5.0": 95.0, "+Inf": 100.0}) == 5.0
    assert DAY.back // DAY.step == 24


async def test_figures_are_kept_for_a_week_and_an_instant_once(server: Server, laptop: Laptop) -> None:
    service = server.office.service

    def kept() -> int:
        with service.store.reading() as tx:
            found = tx.measured_since(TENANT, sampling.KEPT, NOW - timedelta(days=30))
        return len({at for points in found.values() for at, _ in points})

    sampling.sample(service)
    sampling.sample(service)
    assert kept() == 1
    server.clock.move(timedelta(days=8))
    sampling.sample(service)
    assert kept() == 1


def test_an_id_says_when_it_was_made() -> None:
    assert uuid7_at(uuid7(NOW, system_ports().randomness.draw(10))) == NOW
    with pytest.raises(ValueError, match="no clock shows"):
        uuid7_at("ffffffff-ffff-7fff-8fff-ffffffffffff")


async def test_a_page_does_its_share_of_what_nobody_went_through_and_says_what_is_left(
    browser: Browser, server: Server, laptop: Laptop
) -> None:
    """After a burst a page comes as soon as ever; the rest is gone through behind it."""
    store = server.office.service.store
    links = 3 * max(mentioning.PAGE_LINKS, counting.PAGE_LINKS)
    with store.transaction() as tx:
        batch = server.office.service.batch(tx, TENANT)
        for number in range(links):
            batch.note(actor=PERSON, act="noted", number=number)
        batch.flush()
    with store.reading() as tx:
        counted, mentioned = tx.audit_counted(TENANT), tx.mentioned(TENANT)
    page = await browser.get(f"/console/audit?person={PERSON}")
    with store.reading() as tx:
        left = tx.head(TENANT).audit_position - mentioned - mentioning.PAGE_LINKS
        assert tx.head(TENANT).audit_position - tx.mentioned(TENANT) == left
    assert f"{left} newer links are not gone through yet; look again soon." in page.text
    await browser.get("/console/health")
    with store.reading() as tx:
        assert tx.audit_counted(TENANT) == counted + counting.PAGE_LINKS
