"""Approvals in the console: who may answer, what an answer is for, and who wins a race."""

import re

import pytest

from shared.commands.base import Role
from shared.envelope import Envelope
from shared.outcomes import Hold
from shared.sync import Held
from sync_server.store import Person
from tests.builders import JOB
from tests.console.conftest import PERSON, Browser
from tests.served import TENANT, Laptop, Server, id_in


@pytest.fixture
async def asked(browser: Browser, server: Server, laptop: Laptop) -> Envelope:
    """A technician asked to close a safety-critical job; an approver is at the console."""
    server.office.put_person(TENANT, Person(PERSON, "M. Reyes", frozenset({Role.APPROVER, Role.ADMIN})))
    await browser.sign_in()
    plan = server.office.plan_import(TENANT, "work_order", "id,safety_critical\nWO-1,true\n")
    server.office.apply_import(TENANT, "root", plan)
    await laptop.sync()
    await laptop.round(*(laptop.say("status.changed", JOB, to=to) for to in ("in_progress", "done")))
    await laptop.sync()
    sent = laptop.say("status.changed", JOB, to="closed")
    answer = (await laptop.round(sent)).answers[0]
    assert isinstance(answer, Held)
    assert answer.hold is Hold.DEFERRED
    return sent


def path(asked: Envelope) -> str:
    return f"/console/approvals/{id_in(asked)}"


def status(server: Server) -> object:
    return server.records()[JOB].fields["status"]


async def form(browser: Browser, asked: Envelope, act: str) -> dict[str, str]:
    """The page's form, as a browser would send it later."""
    page = await browser.get(path(asked))
    hidden = dict(re.findall(r'type="hidden" name="([^"]*)" value="([^"]*)"', page.text))
    return {**hidden, "act": act, "reason": "seen"}


async def test_the_list_says_what_would_change_and_until_when(browser: Browser, asked: Envelope) -> None:
    page = await browser.get("/console/approvals")
    for told in ("status: done → closed", "a.okafor", "? In review", path(asked)):
        assert told in page.text, told


async def test_the_page_is_bound_to_the_commands_hash(browser: Browser, asked: Envelope) -> None:
    page = await browser.get(path(asked))
    assert asked.hash in page.text
    assert "work_order/WO-1: " in page.text


async def test_what_is_asked_is_not_held_by_itself(browser: Browser, asked: Envelope) -> None:
    page = await browser.get(path(asked))
    assert "No other command waits for this decision." in page.text


async def test_what_its_author_took_back_meanwhile_is_not_approved(
    browser: Browser, server: Server, laptop: Laptop, asked: Envelope
) -> None:
    sent = await form(browser, asked, "approve")
    await laptop.round(withdrawals=(laptop.withdrawal(asked),))
    page = await browser.http.post(path(asked), data=sent, follow_redirects=True)
    assert page.status_code in {409, 422}
    assert "already" in page.text
    assert status(server) == "done"


async def test_revoking_the_laptop_and_approving_its_command_end_in_one_outcome_either_way(
    browser: Browser, server: Server, laptop: Laptop, asked: Envelope
) -> None:
    sent = await form(browser, asked, "approve")
    server.office.revoke_device(TENANT, laptop.name, "root", "lost")
    page = await browser.http.post(path(asked), data=sent, follow_redirects=True)
    assert page.status_code == 200
    entry = server.office.entry(TENANT, id_in(asked))
    assert entry
    assert entry.outcome, "received before it was revoked, approved by a second person: it counts"
    again = await browser.http.post(path(asked), data=sent, follow_redirects=True)
    assert again.status_code in {409, 422}
    assert server.office.entry(TENANT, id_in(asked)) == entry


async def test_a_no_takes_a_reason_that_its_author_reads(browser: Browser, server: Server, asked: Envelope) -> None:
    sent = await form(browser, asked, "refuse")
    page = await browser.http.post(path(asked), data={**sent, "reason": ""}, follow_redirects=True)
    assert page.status_code == 422
    page = await browser.http.post(path(asked), data={**sent, "reason": "wait for the report"}, follow_redirects=True)
    assert "Not approved." in page.text
    entry = server.office.entry(TENANT, id_in(asked))
    assert entry
    assert entry.receipt
    assert "wait for the report" in entry.receipt.detail
    assert status(server) == "done"


async def test_an_answered_question_is_told_as_it_was(browser: Browser, server: Server, asked: Envelope) -> None:
    """It was said to have been asked once more, and that the value before is there now."""
    page = await browser.get(path(asked))
    assert "1×" in page.text
    assert ">Now<" in page.text
    sent = await form(browser, asked, "approve")
    page = await browser.http.post(path(asked), data=sent, follow_redirects=True)
    assert status(server) == "closed"
    assert "1×" in page.text
    assert ">Now<" not in page.text
    assert "When it was asked" in page.text


async def test_what_changed_meanwhile_is_asked_anew(browser: Browser, server: Server, asked: Envelope) -> None:
    sent = await form(browser, asked, "approve")
    server.office.set_field(TENANT, "root", JOB, "priority", "high")
    page = await browser.http.post(path(asked), data=sent, follow_redirects=True)
    assert "it is asked anew" in page.text
    assert status(server) == "done"
    page = await browser.http.post(path(asked), data=await form(browser, asked, "approve"), follow_redirects=True)
    assert "Approved, and in force." in page.text
    assert status(server) == "closed"
