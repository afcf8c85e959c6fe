"""Rows of the checklist about lists, conflicts and laptops, as a person sees them in Chromium.

Each test has things of its own to look at. What holds for every page is in `test_rows`.
"""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from shared.commands.base import read_command
from shared.envelope import COMMAND_TYPE, seal
from shared.ids import id_of
from shared.records import Conflict
from shared.sync import DeviceReport
from simulators.processes import server
from sync_server.bootstrap import initialise
from sync_server.cluster.account import Use
from sync_server.sample.laptops import SampleLaptop
from sync_server.sample.large import order
from sync_server.settings import Settings
from sync_server.store import Person
from tests.console.browsing import EVERYBODY, PASSWORD, PERSON, Console, somebody
from tests.served import TENANT

#: Work orders of the sample that nobody touched.
REFUSED, HELD, CLASHING, AUDITED, COUNTED = (f"work_order/{order(number)}" for number in (65, 67, 69, 71, 73))
LISTS = ("conflicts", "conflicts?all=1", "approvals", "parked", "quarantine", "refused", "devices", "models")
FILTERED = ("conflicts", "approvals?all=1", "parked?all=1", "quarantine", "refused", "devices", "orders", "people")
NO_ROW = re.compile("No row here has these words|No work order is like that")
NUMBERED = re.compile(r"version (\d+)")
CLIPBOARD = ["clipboard-read", "clipboard-write"]


@pytest.fixture
def laptop(console: Console) -> SampleLaptop:
    """A laptop of one's own."""
    return SampleLaptop.enrolled(console.office, TENANT, "a.okafor")


def says(laptop: SampleLaptop, kind: str, record: str, /, **payload: object) -> str:
    """The laptop looks, confirms and sends; the command's id."""
    laptop.look(record)
    laptop.say(kind, record, **payload)
    return sent(laptop)


def says_unseen(laptop: SampleLaptop, kind: str, record: str, /, **payload: object) -> str:
    """The same without looking once more."""
    laptop.say(kind, record, **payload)
    return sent(laptop)


def sent(laptop: SampleLaptop) -> str:
    """What it confirmed last, on its way; its id."""
    name = read_command(laptop.waiting[-1].payload).id
    laptop.send()
    return name


def row_with(page: Page, words: str) -> Locator:
    return page.locator("main tbody tr", has_text=words).first


def cell(row: Locator, column: str) -> str:
    return row.locator(f"td[data-name='{column}']").inner_text()


# -- lists


def test_refused_work_in_sight_says_by_which_rule_who_decides_and_what_next(
    chromium: Browser, console: Console, laptop: SampleLaptop
) -> None:
    says(laptop, "status.changed", REFUSED, to="closed")
    with somebody(chromium, console, "/console/refused") as page:
        row = row_with(page, REFUSED.partition("/")[2])
        assert laptop.name in row.inner_text()
        assert "! Refused" in cell(row, "State")
        assert "step_not_allowed" in cell(row, "Why, by which rule")
        assert "its author" in cell(row, "Who decides")
        assert "gives it anew" in cell(row, "What next")
        assert "none of it counts as done" in page.locator("main").inner_text()


def test_every_list_is_narrowed_by_words_after_one_key(chromium: Browser, console: Console) -> None:
    with somebody(chromium, console) as page:
        for name in FILTERED:
            page.goto(f"{console.url}/console/{name}")
            page.wait_for_load_state("load")  # keys are the script's
            there = page.locator("main tbody tr").count()
            page.keyboard.press("/")
            expect(page.locator("main input[name=words]")).to_be_focused()
            page.keyboard.type("zzz nothing")
            page.keyboard.press("Enter")
            expect(page.locator("main .empty").first).to_contain_text(NO_ROW)
            assert there, name


def test_an_empty_list_says_why_and_what_comes_next_in_an_empty_organisation(
    chromium: Browser, tmp_path: Path
) -> None:
    office = initialise(Settings(tmp_path, f"sqlite:///{tmp_path / 'server.db'}"))
    office.add_tenant(TENANT, "Nowhere")
    office.put_person(TENANT, Person(PERSON, "M. Reyes", EVERYBODY))
    office.set_password(TENANT, PERSON, PASSWORD)
    with server(tmp_path) as url, somebody(chromium, Console(url, office)) as page:
        for name in LISTS:
            page.goto(f"{url}/console/{name}")
            told = page.locator("main .empty").first.inner_text()
            assert len(told) > 40, name
            assert page.locator("main tbody tr").count() == 0, name
    office.service.store.close()


# -- conflicts


@pytest.fixture
def clash(console: Console, laptop: SampleLaptop) -> Iterator[Conflict]:
    """One field that both changed; it is decided afterwards, so that the next one is another record's turn."""
    console.office.set_field(TENANT, "d.park", CLASHING, "priority", "normal")
    laptop.look(CLASHING)
    console.office.set_field(TENANT, "d.park", CLASHING, "priority", "low")
    name = says_unseen(laptop, "field.updated", CLASHING, field="priority", value="urgent")
    found = Conflict.model_validate(console.office.record(TENANT, f"conflict/{name}").fields)
    yield found
    body = Conflict.model_validate(console.office.record(TENANT, f"conflict/{name}").fields)
    if body.unsettled():
        console.office.resolve(TENANT, "d.park", name, "keep_mine", "")  # type: ignore[arg-type]


def at(clash: Conflict) -> str:
    return f"/console/conflicts/{clash.command}"


def test_a_flag_always_has_evidence_and_what_agrees_is_folded(
    chromium: Browser, console: Console, laptop: SampleLaptop, clash: Conflict
) -> None:
    with somebody(chromium, console, at(clash)) as page:
        (row,) = page.locator("tr[data-field]").all()
        assert cell(row, "Base").startswith("normal")
        for column, value, who in (("Office", "low", "d.park, office"), ("Device", "urgent", laptop.name)):
            assert cell(row, column).startswith(value)
            assert who in cell(row, column)
            assert row.locator(f"td[data-name='{column}'] time").is_visible()
        folded = page.locator("details", has_text="unchanged fields")
        assert not folded.locator("dl").is_visible(), "only what clashes is open"
        folded.locator("summary").click()
        assert folded.locator("dl").is_visible()


def test_a_preview_shows_the_result_and_who_is_told_before_anything_is_decided(
    chromium: Browser, console: Console, laptop: SampleLaptop, clash: Conflict
) -> None:
    with somebody(chromium, console, at(clash)) as page:
        page.get_by_label("Office", exact=True).check()
        page.get_by_role("button", name="Preview").click()
        result = page.locator("section[aria-labelledby=result]").inner_text()
        assert "priority: low" in result
        assert f"{laptop.name} is told at the next contact" in result
        page.get_by_role("button", name="Resolve").click()
        assert "reason" in page.get_by_role("alert").inner_text(), "the device's value does not stand: say why"
        assert page.get_by_label("Office", exact=True).is_checked()
        page.get_by_label("Device", exact=True).check()
        page.get_by_role("button", name="Resolve").click()
        assert page.get_by_role("status").and_(page.locator("p")).inner_text().startswith("+ Decided.")


def test_values_stand_beside_their_versions_and_the_page_says_its_place(
    chromium: Browser, console: Console, clash: Conflict
) -> None:
    with somebody(chromium, console, at(clash)) as page:
        (row,) = page.locator("tr[data-field]").all()
        versions = {name: int(found[1]) for name in ("Base", "Office") if (found := NUMBERED.search(cell(row, name)))}
        assert versions["Base"] < versions["Office"]
        all_ = len(console.waiting("conflict"))
        place = page.get_by_role("navigation", name="Where you are")
        assert re.search(rf"\b\d+ of {all_}\b", place.inner_text())
        place.get_by_role("link", name="Previous").click()
        expect(page.locator("tr[data-field]").first).to_be_visible()
        assert at(clash) not in page.url


def test_a_page_that_is_out_of_date_says_who_changed_what_in_two_browsers(
    chromium: Browser, console: Console, clash: Conflict
) -> None:
    with (
        somebody(chromium, console, at(clash)) as one,
        somebody(chromium, console, at(clash), person="d.park") as two,
    ):
        one.get_by_label("Other", exact=True).check()
        one.get_by_label("Other value of").fill("high")
        one.get_by_label("Reason").fill("both were wrong")
        two.goto(f"{console.url}/console/orders/{id_of(clash.record)}")
        two.get_by_text("Change what it says").click()
        two.locator("form#edit").get_by_label("priority").select_option("high")
        two.locator("form#edit").get_by_role("button", name="Save").click()
        with one.expect_response(lambda answer: answer.request.method == "POST") as told:
            one.get_by_role("button", name="Resolve").click()
        assert told.value.status == 409
        assert "d.park set priority to 'high'" in one.get_by_role("alert").inner_text()
        assert one.get_by_label("Other value of").input_value() == "high"
        assert one.get_by_label("Reason").input_value() == "both were wrong"


# -- laptops


def test_what_is_refused_is_never_counted_as_done_beside_what_is_only_there(
    chromium: Browser, console: Console, laptop: SampleLaptop
) -> None:
    says(laptop, "note.added", COUNTED, text="one")
    laptop.look(COUNTED)
    laptop.say("status.changed", COUNTED, to="closed")
    laptop.send(DeviceReport(waiting=3))
    with somebody(chromium, console, f"/console/devices/{laptop.name}") as page:
        told = page.locator("section", has=page.get_by_role("heading", name="Its work")).inner_text()
        assert "1 accepted here, 0 became conflicts, 1 refused, 0 held here + 3 only on the laptop" in told


def test_what_is_held_says_for_what_it_waits_and_holds_up_nothing_else(
    chromium: Browser, console: Console, laptop: SampleLaptop
) -> None:
    laptop.look(HELD)
    console.office.set_field(TENANT, "d.park", HELD, "priority", "low")
    first = says_unseen(laptop, "field.updated", HELD, field="priority", value="urgent")
    laptop.say("field.updated", HELD, field="priority", value="high")
    rests_on(laptop, first)
    laptop.say("note.added", HELD, text="goes on")
    laptop.send()
    with somebody(chromium, console, f"/console/devices/{laptop.name}") as page:
        held = page.get_by_role("region", name="Held commands of this laptop").locator("tbody tr")
        assert held.count() == 1, "what does not rest on it goes on"
        assert "priority = high" in held.inner_text()
        assert first in cell(held, "Waits for")


def rests_on(laptop: SampleLaptop, first: str) -> None:
    """What it said last was said after it had set the same field by `first`."""
    said = read_command(laptop.waiting.pop().payload)
    base = said.bases[0].model_copy(update={"command": first, "value": "urgent"})
    envelope = seal(COMMAND_TYPE, said.model_copy(update={"bases": (base,)}).to_bytes(), laptop.keys[1])
    laptop.waiting.append(envelope)
    laptop.end = (laptop.end[0], envelope.hash)


def test_what_a_laptop_last_said_stands_with_its_age_and_it_is_asked_after(
    chromium: Browser, console: Console, laptop: SampleLaptop
) -> None:
    now = console.office.service.ports.clock.now()
    oldest, seen = now - timedelta(days=4, hours=1), now - timedelta(days=3, hours=1)
    report = DeviceReport(app="0.1.0", model="small-q4", bundle="shipped-1", waiting=3, oldest_at=oldest)
    with console.office.service.store.transaction() as tx:
        tx.touch(TENANT, laptop.name, seen, report.model_dump_json())
    with somebody(chromium, console, "/console/devices?show=attention") as page:
        row = row_with(page, laptop.name)
        assert cell(row, "State") == "! Silent"
        assert "3 days ago" in cell(row, "Last seen")
        assert cell(row, "Unsettled, as it last said") == "3, oldest 4 days"
        assert "small-q4" in cell(row, "App, model, policies")
        page.goto(f"{console.url}/console/")
        assert laptop.name in page.get_by_role("region", name="Laptops to ask after").inner_text()


# -- the audit


def test_the_audit_says_who_what_before_and_after_and_its_id_is_copied(
    chromium: Browser, console: Console, laptop: SampleLaptop
) -> None:
    name = says(laptop, "field.updated", AUDITED, field="priority", value="urgent")
    with somebody(chromium, console, f"/console/audit?device={laptop.name}", permissions=CLIPBOARD) as page:
        row = row_with(page, name)
        assert cell(row, "Who").startswith("a.okafor")
        assert "+ Accepted" in cell(row, "What")
        assert cell(row, "About") == id_of(AUDITED)
        assert cell(row, "Before and after") == "priority: normal → urgent"
        row.get_by_role("button", name="Copy").click()
        expect(row.get_by_role("button", name="Copied")).to_be_visible()
        assert page.evaluate("navigator.clipboard.readText()") == name


def test_the_place_of_an_answer_stands_in_its_audit_row(
    chromium: Browser, console: Console, laptop: SampleLaptop
) -> None:
    store, service = console.office.service.store, console.office.service
    use = Use(
        at=service.ports.clock.now(),
        tenant=TENANT,
        kind="answer",
        device=laptop.name,
        actor="a.okafor",
        route="private_cluster",
        policies=(),
        consents=(),
        ended="answered",
        task="x",
        purpose="x",
        data_class="x",
        upstream="x",
        bundle="x",
        decision="x",
    )
    with store.transaction() as tx:
        batch = service.batch(tx, TENANT)
        batch.note(**use.note())
        batch.flush()
    console.office.service.sweep()
    with somebody(chromium, console, f"/console/audit?device={laptop.name}") as page:
        assert cell(row_with(page, "inference"), "About").startswith("PRIVATE CLUSTER; ")
