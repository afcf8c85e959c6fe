"""The conflicts' pages: what they show, what they decide, and what they do when somebody else was faster."""

import re

import pytest

from shared.records import Choice, Conflict
from tests.builders import JOB
from tests.console.conftest import PERSON, Browser, clash
from tests.served import TENANT, Laptop, Server


@pytest.fixture(autouse=True)
async def signed_in(browser: Browser) -> None:
    await browser.sign_in()


def priority(server: Server) -> object:
    return server.records()[JOB].fields["priority"]


async def test_an_empty_inbox_says_why_and_what_comes_next(browser: Browser) -> None:
    page = await browser.get("/console/conflicts")
    assert "Nothing waits for a decision. When a laptop brings" in page.text


async def test_the_inbox_leads_to_what_waits(browser: Browser, conflict: str) -> None:
    page = await browser.get("/console/conflicts")
    assert f'href="{conflict}"' in page.text
    assert "? In review" in page.text


async def test_a_conflict_shows_both_values_who_wanted_them_and_on_what(browser: Browser, conflict: str) -> None:
    page = await browser.get(conflict)
    for told in ("WO-1", "priority", "normal", "low", "urgent", "m.reyes, office", "a.okafor on TB-01", "seq 1"):
        assert told in page.text, told
    assert page.text.index("Fields that clash") < page.text.index("unchanged fields</summary>")


async def test_a_preview_shows_the_result_and_who_is_told_and_decides_nothing(
    browser: Browser, server: Server, conflict: str
) -> None:
    page = await browser.send(conflict, act="preview", use__0="device")
    assert "<li>priority: urgent</li>" in page.text
    assert "TB-01 is told at the next contact" in page.text
    assert priority(server) == "low"


async def test_the_devices_value_stands_without_a_reason(browser: Browser, server: Server, conflict: str) -> None:
    page = await browser.send(conflict, act="resolve", use__0="device")
    assert page.status_code == 200
    assert "+ Decided." in page.text
    assert priority(server) == "urgent"


async def test_overriding_the_device_takes_a_reason_and_keeps_the_picks(
    browser: Browser, server: Server, conflict: str
) -> None:
    page = await browser.send(conflict, act="resolve", use__0="other", text__0="high")
    assert page.status_code == 422
    assert 'value="other" checked' in page.text
    assert 'name="text.0" value="high"' in page.text
    assert priority(server) == "low"
    page = await browser.send(conflict, act="resolve", use__0="other", text__0="high", reason="both were wrong")
    assert page.status_code == 200
    assert priority(server) == "high"
    assert "both were wrong" in page.text


async def test_a_value_that_the_field_cannot_hold_is_refused_and_kept(
    browser: Browser, server: Server, conflict: str
) -> None:
    page = await browser.send(conflict, act="resolve", use__0="other", text__0="somewhat", reason="because")
    assert page.status_code == 422
    assert 'name="text.0" value="somewhat"' in page.text
    assert priority(server) == "low"


async def test_a_page_that_is_out_of_date_says_who_changed_what_and_keeps_the_picks(
    browser: Browser, server: Server, conflict: str
) -> None:
    before = {"form_token": (await token(browser, conflict)), "seen.0": str(server.records()[JOB].version)}
    server.office.set_field(TENANT, "root", JOB, "priority", "high")
    form = {**before, "act": "resolve", "use.0": "device", "reason": "mine"}
    page = await browser.http.post(conflict, data=form)
    assert page.status_code == 409
    assert "root set priority to &#39;high&#39;" in page.text
    assert 'value="device" checked' in page.text
    assert 'value="mine"' in page.text
    assert priority(server) == "high"
    assert (await browser.send(conflict, act="resolve", use__0="device")).status_code == 200
    assert priority(server) == "urgent"


async def test_two_resolvers_at_once_decide_once(browser: Browser, server: Server, conflict: str) -> None:
    form = {"form_token": await token(browser, conflict), "seen.0": str(server.records()[JOB].version)}
    server.office.resolve(TENANT, "root", conflict.rpartition("/")[2], Choice.TAKE_THEIRS, "first")
    page = await browser.http.post(conflict, data={**form, "act": "resolve", "use.0": "device"})
    assert page.status_code == 409
    assert "root decided priority as &#39;low&#39;" in page.text
    assert priority(server) == "low"


async def test_a_question_leaves_the_conflict_open(browser: Browser, server: Server, conflict: str) -> None:
    page = await browser.send(conflict, act="ask", question="what was leaking?", about="0")
    assert "what was leaking?" in page.text
    (record,) = server.office.conflicts(TENANT)
    (asked,) = Conflict.model_validate(record.fields).questions
    assert asked.text == "what was leaking?"


async def test_a_decision_is_taken_back_with_a_reason(browser: Browser, server: Server, conflict: str) -> None:
    await browser.send(conflict, act="resolve", use__0="device")
    assert (await browser.send(conflict, act="undo")).status_code == 422
    page = await browser.send(conflict, act="undo", reason="mixed up")
    assert page.status_code == 200
    assert priority(server) == "low"
    assert "the conflict waits again" in page.text


async def test_what_records_say_is_text(browser: Browser, server: Server, laptop: Laptop) -> None:
    bad = "<script>alert(1)</script>\u202e\"'&"
    server.office.set_field(TENANT, "m.reyes", JOB, "description", "office")
    await laptop.round(laptop.say("field.updated", JOB, field="description", value=bad))
    (found,) = server.office.conflicts(TENANT)
    page = await browser.get(f"/console/conflicts/{found.ref.partition('/')[2]}")
    assert page.status_code == 200
    assert page.text.count("<script") == 1, "ours, from our own file"
    assert "&lt;script&gt;alert(1)" in page.text


@pytest.mark.parametrize("path", ["/console/conflicts/nothing", "/console/conflicts/..%2f..%2fetc"])
async def test_what_is_not_there_is_a_page_that_says_so(browser: Browser, path: str) -> None:
    page = await browser.get(path)
    assert page.status_code == 404


async def test_a_button_that_the_page_does_not_have_does_nothing(
    browser: Browser, server: Server, conflict: str
) -> None:
    page = await browser.send(conflict, act="delete", use__0="device")
    assert page.status_code == 422
    assert priority(server) == "low"


async def test_what_waits_for_the_decision_is_listed_before_it(
    browser: Browser, server: Server, laptop: Laptop
) -> None:
    path = await clash(server, laptop)
    first = path.rpartition("/")[2]
    later = laptop.command("field.updated", JOB, advance=False, field="priority", value="high")
    base = later.bases[0].model_copy(update={"command": first, "value": "urgent"})
    await laptop.round(laptop.seal(later.model_copy(update={"bases": (base,)})))
    page = await browser.get(path)
    assert "1 command waits for this decision" in page.text
    assert "field.updated of WO-1 by a.okafor, seq 2" in page.text


async def token(browser: Browser, path: str) -> str:
    page = await browser.http.get(path)
    return page.text.partition('name="form_token" value="')[2].partition('"')[0]


async def test_values_are_said_as_people_write_them(browser: Browser, server: Server, conflict: str) -> None:
    """A status stood there with an underscore, an asset with its kind before it."""
    server.office.set_field(TENANT, PERSON, "work_order/WO-2", "status", "in_progress")
    for path in (conflict, "/console/orders/WO-1", "/console/orders/WO-2"):
        page = (await browser.get(path)).text
        assert ">asset/" not in page, path
        assert ">in_progress<" not in page, path
    assert ">in progress<" in (await browser.get("/console/orders/WO-2")).text


async def test_the_offices_value_has_one_version_on_every_page(
    browser: Browser, server: Server, laptop: Laptop, conflict: str
) -> None:
    """Something else of the job changed in between: the conflict's page gave the value that later version."""
    other = "work_order/WO-2"
    server.office.set_field(TENANT, PERSON, other, "priority", "low")
    server.office.set_field(TENANT, PERSON, other, "title", "Another title")
    await laptop.round(laptop.say("field.updated", other, field="priority", value="urgent"))
    stamped = server.office.record(TENANT, other).stamp("priority").version
    (found,) = [each for each in server.office.conflicts(TENANT) if each.fields["record"] == other]
    page = (await browser.get(f"/console/conflicts/{found.ref.partition('/')[2]}")).text
    assert f"<strong>low</strong><br>\n<small>version {stamped}, " in page


async def test_values_stand_beside_their_versions_and_the_page_says_which_of_how_many(
    browser: Browser, server: Server, laptop: Laptop, conflict: str
) -> None:
    other = "work_order/WO-2"
    based = laptop.replica[other].version
    server.office.set_field(TENANT, PERSON, other, "priority", "low")
    await laptop.round(laptop.say("field.updated", other, field="priority", value="urgent"))
    server.office.set_field(TENANT, PERSON, other, "priority", "high")
    pages = [f"/console/conflicts/{each.ref.partition('/')[2]}" for each in server.office.conflicts(TENANT)]
    first, second = [(await browser.get(path)).text for path in sorted(pages)]
    assert "<strong>1 of 2</strong>" in first
    assert f'href="{max(pages)}">Next</a>' in first
    assert "<strong>2 of 2</strong>" in second
    page = next(each for each in (first, second) if "WO-2" in each)
    record = server.office.record(TENANT, other)
    office_said = re.search(r"<strong>low</strong><br>\s*<small>version (\d+), ", page)
    assert office_said
    assert based < int(office_said[1]) < record.version
    assert f"<small>instead of version {based}</small>" in page
    assert f"The record is at version {record.version} now." in page
    assert re.search(rf"changed since:</span>\s*<strong>high</strong><br>\s*<small>version {record.version}, ", page)
    await browser.send(conflict, act="resolve", use__0="device")
    assert "of 2</strong>" not in (await browser.get(conflict)).text
