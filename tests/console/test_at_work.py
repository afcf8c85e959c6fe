"""People at work in Chromium: what they decide happens once, what they typed is kept, nobody gets where they may not.

Each test has things of its own to decide about, so that none stands in another's way.
"""

import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from shared.commands.base import Role
from shared.records import ApprovalStatus, Conflict
from simulators.processes import server
from sync_server.bootstrap import build_office
from sync_server.office import Office
from sync_server.sample.laptops import SampleLaptop
from sync_server.settings import Settings
from sync_server.store import Person
from tests.console.browsing import PASSWORD, PERSON, Console, somebody
from tests.served import TENANT

HOSTILE = "<script>document.title='hit'</script><img src=x onerror=\"document.title='hit'\">\u202e\u2066'\"&amp; abc"


@pytest.fixture(scope="module")
def conflicts(console: Console) -> Iterator[str]:
    """Conflicts about a priority, each handed out once."""
    return iter([each for each in console.waiting("conflict") if priority_of(console, each)])


def priority_of(console: Console, conflict: str) -> bool:
    body = Conflict.model_validate(console.office.record(TENANT, f"conflict/{conflict}").fields)
    return body.clashes[0].field == "priority"


def body_of(console: Console, conflict: str) -> Conflict:
    return Conflict.model_validate(console.office.record(TENANT, f"conflict/{conflict}").fields)


def at(conflict: str) -> str:
    return f"/console/conflicts/{conflict}"


def status(page: Page) -> str:
    return page.get_by_role("status").and_(page.locator("p")).inner_text()


# -- what is decided


def test_two_resolvers_on_one_conflict_decide_once_and_the_picks_stay(
    chromium: Browser, console: Console, conflicts: Iterator[str]
) -> None:
    conflict = next(conflicts)
    with somebody(chromium, console, at(conflict)) as one, somebody(chromium, console, at(conflict)) as two:
        for page in (one, two):
            page.get_by_label("Device", exact=True).check()
        two.get_by_label("Office", exact=True).check()
        two.get_by_label("Reason").fill("the part is not here")
        one.get_by_role("button", name="Resolve").click()
        assert status(one).startswith("+ Decided.")
        two.get_by_role("button", name="Resolve").click()
        said = two.get_by_role("alert").inner_text()
        assert "You picked low. To have it stand, take the decision back first." in two.locator("main").inner_text()
        assert "Your reason: “the part is not here”" in two.locator("main").inner_text()
    assert f"{PERSON} decided priority as 'urgent'" in said
    assert len(body_of(console, conflict).settled) == 1


def test_what_changed_since_the_page_was_shown_is_named_and_the_reason_is_kept(
    chromium: Browser, console: Console, conflicts: Iterator[str]
) -> None:
    conflict = next(conflicts)
    record = body_of(console, conflict).record
    with somebody(chromium, console, at(conflict)) as page:
        page.get_by_label("Office", exact=True).check()
        page.get_by_label("Reason").fill("my own words")
        console.office.set_field(TENANT, "d.park", record, "priority", "normal")
        page.get_by_role("button", name="Resolve").click()
        assert "d.park set priority to 'normal'" in page.get_by_role("alert").inner_text()
        assert page.get_by_label("Reason").input_value() == "my own words"
        assert page.get_by_label("Office", exact=True).is_checked()
    assert body_of(console, conflict).settled == ()


def test_conflicts_of_one_shape_are_decided_together_each_by_itself(
    chromium: Browser, console: Console, conflicts: Iterator[str]
) -> None:
    first, second = next(conflicts), next(conflicts)
    with somebody(
        chromium, console, "/console/conflicts?shape=work_order.priority", java_script_enabled=False
    ) as page:
        for conflict in (first, second):
            page.locator(f"input[name='pick.{conflict}']").check()
        page.get_by_label("Which value stands").select_option("device")
        console.office.set_field(TENANT, "d.park", body_of(console, second).record, "priority", "normal")
        page.get_by_role("button", name="Decide those that are ticked").click()
        said = page.get_by_role("alert").inner_text()
        assert "1 are decided, and 1 are not" in said
        assert second in said
        assert page.get_by_label("Which value stands").input_value() == "device"
    assert body_of(console, first).settled
    assert body_of(console, second).settled == ()


def test_an_approval_is_given_by_a_second_person_and_never_by_who_asked(chromium: Browser, console: Console) -> None:
    approval = console.waiting("approval")[0]
    asked_by = str(console.office.record(TENANT, f"approval/{approval}").fields["requested_by"])
    console.office.put_person(TENANT, Person(asked_by, "Who asked", frozenset({Role.TECHNICIAN, Role.APPROVER})))
    console.office.set_password(TENANT, asked_by, PASSWORD)
    path = f"/console/approvals/{approval}"
    with somebody(chromium, console, path, person=asked_by) as page:
        assert page.get_by_role("button", name="Approve", exact=True).is_disabled()
        page.get_by_text("you asked for it yourself").wait_for()
    with somebody(chromium, console, path, java_script_enabled=False) as page:
        shown = page.locator("main").inner_text()
        entry = console.office.entry(TENANT, approval)
        assert entry
        assert entry.envelope.hash in shown
        page.get_by_role("button", name="Approve", exact=True).click()
        assert "Approved, and in force." in status(page)
    record = console.office.record(TENANT, f"approval/{approval}")
    assert record.fields["status"] == ApprovalStatus.APPROVED
    assert console.office.record(TENANT, entry.command.record).fields["status"] == "closed"


def test_what_was_asked_anew_meanwhile_is_not_approved_by_an_older_page(chromium: Browser, console: Console) -> None:
    approval = console.waiting("approval")[0]
    record = str(console.office.record(TENANT, f"approval/{approval}").fields["record"])
    with somebody(chromium, console, f"/console/approvals/{approval}") as page:
        page.get_by_label("Reason").fill("seen on site")
        console.office.set_field(TENANT, "d.park", record, "priority", "high")
        console.office.decide_approval(TENANT, "s.vance", approval, "approve", "")  # type: ignore[arg-type]
        page.get_by_role("button", name="Approve", exact=True).click()
        assert page.get_by_role("alert").is_visible()
        assert page.get_by_label("Reason").input_value() == "seen on site"
    assert console.office.record(TENANT, record).fields["status"] == "done"


def test_an_approval_that_ran_out_meanwhile_changes_nothing(chromium: Browser, console: Console, home: Path) -> None:
    approval = console.waiting("approval")[-1]
    record = str(console.office.record(TENANT, f"approval/{approval}").fields["record"])
    with somebody(chromium, console, f"/console/approvals/{approval}") as page:
        with late(home, timedelta(days=100)) as office:
            office.service.sweep()
        page.get_by_role("button", name="Approve", exact=True).click()
        assert "already expired" in page.get_by_role("alert").inner_text()
    assert console.office.record(TENANT, record).fields["status"] == "done"


def late(home: Path, later: timedelta) -> Any:
    """The same office, by a clock that is so much later."""

    class Late:
        def __init__(self, inner: Any) -> None:
            self._inner = inner

        def __getattr__(self, name: str) -> Any:
            return getattr(self._inner, name)

        def now(self) -> Any:
            return self._inner.now() + later

    office = build_office(Settings(home, f"sqlite:///{home / 'server.db'}"))
    office.service.ports = replace(office.service.ports, clock=Late(office.service.ports.clock))

    class Closing:
        def __enter__(self) -> Office:
            return office

        def __exit__(self, *_: object) -> None:
            office.service.store.close()

    return Closing()


def test_a_parked_write_is_settled_without_scripts(chromium: Browser, console: Console) -> None:
    command = console.waiting("external_write")[0]
    with somebody(chromium, console, f"/console/parked/{command}", java_script_enabled=False) as page:
        page.get_by_label("How you know").fill("looked it up in the store")
        page.get_by_role("button", name="It happened").click()
        assert "the other side's name for it" in page.get_by_role("alert").inner_text()
        assert page.get_by_label("How you know").input_value() == "looked it up in the store"
        page.get_by_label("The other side's name for it").fill("PO-77")
        page.get_by_role("button", name="It happened").click()
        assert "+ Settled." in status(page)
    fields = console.office.record(TENANT, f"external_write/{command}").fields
    assert (fields["status"], fields["reference"], fields["decided_by"]) == ("done", "PO-77", PERSON)


def test_what_was_set_apart_is_released_or_dismissed_without_scripts(chromium: Browser, console: Console) -> None:
    kept = console.office.quarantine_page(TENANT, "TB-04", 10)
    released, dismissed = kept[0].command.id, kept[1].command.id
    with somebody(chromium, console, "/console/quarantine", java_script_enabled=False) as page:
        page.locator(f"input[name='pick.{released}']").check()
        page.get_by_label("Reason").fill("spoke to them")
        page.get_by_role("button", name="Release").click()
        assert "+ Released." in status(page)
        page.goto(f"{console.url}/console/quarantine/{dismissed}")
        page.get_by_label("Reason").fill("never mind")
        page.get_by_role("button", name="Dismiss").click()
        assert "+ Dismissed." in status(page)
    entries = [console.office.entry(TENANT, each) for each in (released, dismissed)]
    assert [str(each.outcome) for each in entries if each] == ["applied", "rejected"]


def test_revoking_takes_the_laptops_name_with_scripts_and_without(chromium: Browser, console: Console) -> None:
    laptop = SampleLaptop.enrolled(console.office, TENANT, "a.okafor")
    path = f"/console/devices/{laptop.name}"
    with somebody(chromium, console, path) as page:
        page.get_by_text("Revoke it").click()
        button = page.get_by_role("button", name="Revoke", exact=True)
        assert button.is_disabled()
        page.get_by_label("Type").fill(laptop.name)
        assert button.is_enabled()
    with somebody(chromium, console, path, java_script_enabled=False) as page:
        page.get_by_text("Revoke it").click()
        for name, said in (("TB-99", f"type {laptop.name} to confirm"), (laptop.name, "+ Revoked.")):
            if not page.get_by_label("Type").is_visible():
                page.get_by_text("Revoke it").click()
            page.get_by_label("Reason").last.fill("lost")
            page.get_by_label("Type").fill(name)
            page.get_by_role("button", name="Revoke", exact=True).click()
            assert said.casefold() in page.locator("main").inner_text().casefold()
    assert console.office.device(TENANT, laptop.name).device.state == "revoked"


def test_a_laptop_enrols_with_the_code_that_a_page_showed(chromium: Browser, console: Console) -> None:
    with somebody(chromium, console, "/console/devices", java_script_enabled=False) as page:
        page.get_by_label("Whose laptop").select_option("b.lind")
        page.get_by_role("button", name="Make a code").click()
        shown = page.locator("main").inner_text()
        code = re.findall(r"\b[A-Z2-9]{4}-[A-Z2-9]{4}-[A-Z2-9]{4}\b", shown)[0]
        assert f"tailboard enrol {console.url} {code}" in shown
        assert page.get_by_role("img", name="The server's address and the code").is_visible()
        page.reload()
    with console.office.service.store.reading() as tx:
        from sync_server.service import code_hash

        found = tx.code(code_hash(code))
    assert found
    assert (found.person, found.keyid) == ("b.lind", None)


def test_work_is_planned_changed_and_given_to_somebody_by_commands(chromium: Browser, console: Console) -> None:
    with somebody(chromium, console, "/console/orders", java_script_enabled=False) as page:
        page.get_by_text("Plan a work order").click()
        page.get_by_label("Title", exact=True).fill("Grease the gate")
        page.get_by_label("Where").select_option("asset/PUMP-1")
        page.get_by_label("Checklist").fill("Take the key\nGrease it")
        page.get_by_role("button", name="Plan it").click()
        assert "+ Created." in status(page)
        name = page.url.partition("/orders/")[2].partition("?")[0]
        page.get_by_text("Give it to somebody").click()
        page.get_by_label("Person").select_option("b.lind")
        page.get_by_role("button", name="Assign").click()
        page.get_by_text("Change what it says").click()
        page.get_by_label("title").fill("Grease both gates")
        page.get_by_label("due on").fill("2027-03-01")
        page.locator("form#edit").get_by_role("button", name="Save").click()
        history = page.locator("main").inner_text()
    record = console.office.record(TENANT, f"work_order/{name}")
    fields = record.fields
    assert (fields["title"], fields["due_on"], fields["assignee"]) == ("Grease both gates", "2027-03-01", "b.lind")
    assert [item["text"] for item in fields["checklist"]] == ["Take the key", "Grease it"]  # type: ignore[index, union-attr, call-overload]
    assert f"{name}: title = Grease both gates" in history
    assert "title, was Grease the gate" in history


# -- what is kept, and what is refused


def test_a_form_after_the_sign_in_ran_out_comes_back_as_it_was(
    chromium: Browser, console: Console, conflicts: Iterator[str]
) -> None:
    conflict = next(conflicts)
    with somebody(chromium, console, at(conflict), person="d.park") as page:
        page.get_by_label("Other", exact=True).check()
        page.get_by_label("Other value of").fill("high")
        page.get_by_label("Reason").fill(HOSTILE)
        with console.office.service.store.transaction() as tx:
            tx.end_sessions(TENANT, "d.park")
        page.get_by_role("button", name="Resolve").click()
        page.get_by_text("What you typed is kept").wait_for()
        page.get_by_label("Person").fill("d.park")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("button", name="Go on").click()
        assert page.get_by_label("Reason").input_value() == HOSTILE
        assert page.get_by_label("Other value of").input_value() == "high"
        assert page.title() != "hit"
    assert body_of(console, conflict).settled == ()


@pytest.mark.parametrize("scripts", [True, False])
def test_hostile_words_are_shown_and_run_nowhere(chromium: Browser, console: Console, *, scripts: bool) -> None:
    name = "WO-20002" if scripts else "WO-20006"
    record, long = f"work_order/{name}", "x" * 4000
    console.office.set_field(TENANT, "d.park", record, "description", HOSTILE)
    console.office.set_field(TENANT, "d.park", record, "title", HOSTILE[:120])
    console.office.set_field(TENANT, "d.park", record, "access", long[:400])
    paths = (f"/console/orders/{name}", "/console/orders", f"/console/audit?record={record}", "/console/")
    with somebody(chromium, console, java_script_enabled=scripts, viewport={"width": 320, "height": 700}) as page:
        for path in paths:
            page.goto(console.url + path)
            assert page.title() != "hit"
            assert page.locator("main img, main script").count() == 0
            if scripts:
                assert page.evaluate("document.documentElement.scrollWidth") <= 320
        page.goto(console.url + paths[0])
        assert HOSTILE in page.locator("main").inner_text()


def test_a_megabyte_in_a_field_is_refused_in_words(chromium: Browser, console: Console) -> None:
    with somebody(chromium, console, "/console/orders/WO-20004") as page:
        page.get_by_text("Change what it says").click()
        page.evaluate("""() => { const area = document.querySelector("textarea[name=description]");
                                 area.removeAttribute("maxlength"); area.value = "y".repeat(1 << 20) }""")
        page.locator("form#edit").get_by_role("button", name="Save").click()
        assert "Description has 1048576 characters" in page.get_by_role("alert").inner_text()
    assert len(str(console.office.record(TENANT, "work_order/WO-20004").value("description"))) < 4001


def test_another_site_cannot_press_a_button(chromium: Browser, console: Console, conflicts: Iterator[str]) -> None:
    conflict = next(conflicts)
    with somebody(chromium, console) as page:
        target = console.url.replace("127.0.0.1", "localhost") + at(conflict)
        html = f"""<form method=post action="{console.url}{at(conflict)}"><input name=act value=resolve>
                   <input name=use.0 value=device><button>win</button></form>"""
        page.route("http://evil.test/", lambda route: route.fulfill(body=html, content_type="text/html"))
        page.goto("http://evil.test/")
        page.get_by_role("button", name="win").click()
        assert "Sign in" in page.locator("main").inner_text(), "a strict cookie does not come along"
        assert target
    assert body_of(console, conflict).settled == ()


def test_an_address_opens_nothing_to_a_role_that_may_not(chromium: Browser, console: Console) -> None:
    console.office.put_person(TENANT, Person("t.nobody", "T. Nobody", frozenset({Role.APPROVER})))
    console.office.set_password(TENANT, "t.nobody", PASSWORD)
    with somebody(chromium, console, person="t.nobody") as page:
        page.goto(f"{console.url}/console/audit")
        assert "it takes admin or auditor, and you are approver" in page.get_by_role("alert").inner_text().casefold()
        page.goto(f"{console.url}/console/people/t.nobody")
        assert page.get_by_role("button", name="Save").is_disabled()
        token = page.locator("input[name=form_token]").first.get_attribute("value")
        form: dict[str, str | float | bool] = {
            "form_token": token or "",
            "act": "change",
            "name": "T",
            "role.admin": "on",
        }
        answer = page.request.post(
            f"{console.url}/console/people/t.nobody", form=form, headers={"origin": console.url}
        )
        assert answer.status == 403
    (person,) = [each for each in console.office.people(TENANT) if each.id == "t.nobody"]
    assert person.roles == {Role.APPROVER}


def test_a_restart_in_the_middle_loses_nothing_and_doubles_nothing(
    chromium: Browser, console: Console, conflicts: Iterator[str], home: Path
) -> None:
    conflict = next(conflicts)
    with server(home) as url:
        other = replace(console, url=url)
        context = chromium.new_context()
        page = context.new_page()
        other.sign_in(page, at(conflict))
        page.get_by_label("Device", exact=True).check()
        port = url.rpartition(":")[2]
    page.get_by_role("button", name="Resolve").click()
    assert body_of(console, conflict).settled == ()
    with again_on(home, port) as url:
        assert url.endswith(port)
        page.goto(url + at(conflict))
        page.get_by_label("Device", exact=True).check()
        page.get_by_role("button", name="Resolve").click()
        assert status(page).startswith("+ Decided."), "the sign-in is a row, and outlives the process"
        page.reload()
    context.close()
    assert len(body_of(console, conflict).settled) == 1


def again_on(home: Path, port: str) -> Any:
    """A server process on the very port of one that ended."""
    import json
    import subprocess
    import sys
    from contextlib import contextmanager

    @contextmanager
    def running() -> Iterator[str]:
        command = [sys.executable, "-m", "sync_server.cli", "serve", "--home", str(home), "--port", port, "--json"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert process.stdout
        with closing(process.stdout):
            yield json.loads(process.stdout.readline())["url"]
            process.terminate()
            process.wait(timeout=10)

    return running()


# -- what scripts add


def test_an_open_page_says_what_changed_and_the_focus_lands_on_its_heading(
    chromium: Browser, console: Console, conflicts: Iterator[str]
) -> None:
    conflict = next(conflicts)
    with somebody(chromium, console, "/console/conflicts") as page:
        count = page.locator("[data-count=conflicts]")
        before = int(count.inner_text())
        page.evaluate("document.body.dataset.same = 'page'")
        console.office.resolve(TENANT, PERSON, conflict, "keep_mine", "")  # type: ignore[arg-type]
        expect(count).to_have_text(str(before - 1))
        page.get_by_role("button", name="Show it").click()
        expect(page.locator("main h1")).to_be_focused()
        assert page.locator(f"main a[href='{at(conflict)}']").count() == 0
        assert page.evaluate("document.body.dataset.same") == "page", "no reload"


def test_what_was_typed_is_still_there_when_the_page_shows_what_changed(
    chromium: Browser, console: Console, conflicts: Iterator[str]
) -> None:
    """`Show it` took a page without anything on it, and picks and reason were gone."""
    conflict = next(conflicts)
    record = body_of(console, conflict).record
    with somebody(chromium, console, at(conflict)) as page:
        page.get_by_label("Office", exact=True).check()
        page.get_by_label("Reason").fill("my own words")
        console.office.set_field(TENANT, "d.park", record, "priority", "normal")
        page.get_by_role("button", name="Show it").click()
        page.get_by_text("changed since:").wait_for()
        assert page.get_by_label("Reason").input_value() == "my own words"
        assert page.get_by_label("Office", exact=True).is_checked()
        order = f"/console/orders/{record.partition('/')[2]}"
        page.goto(console.url + order)
        page.locator("summary", has_text="Change what it says").click()
        page.locator("[id='edit.description']").fill("half a sent")
        console.office.set_field(TENANT, "d.park", record, "priority", "high")
        page.get_by_role("button", name="Show it").click()
        expect(page.locator("[id='edit.priority']")).to_have_value("high")
        assert page.locator("[id='edit.description']").input_value() == "half a sent"
        assert page.locator("[id='edit.description']").is_visible()


def test_the_result_keeps_up_with_what_is_picked(
    chromium: Browser, console: Console, conflicts: Iterator[str]
) -> None:
    """It said `not chosen yet` beside a choice, until somebody pressed Preview."""
    conflict = next(conflicts)
    with somebody(chromium, console, at(conflict)) as page:
        result = page.locator("#decide section li")
        expect(result).to_have_text("priority: not chosen yet")
        page.get_by_label("Device", exact=True).check()
        expect(result).to_have_text("priority: urgent")
        page.get_by_label("Other", exact=True).check()
        page.get_by_label("Other value of priority").fill("normal")
        page.get_by_label("Reason").focus()
        expect(result).to_have_text("priority: normal")
    assert body_of(console, conflict).settled == ()


def test_watching_keeps_nobody_signed_in(chromium: Browser, console: Console) -> None:
    with somebody(chromium, console, person="q.ibarra") as page:
        page.wait_for_load_state("load")
        with page.expect_response("**/console/events") as told:
            page.reload()
        assert told.value.status == 200
        with console.office.service.store.transaction() as tx:
            tx.end_sessions(TENANT, "q.ibarra")
        page.reload()
        assert "Sign in" in page.locator("main").inner_text()


def test_keys_choose_and_move_and_can_be_turned_off(
    chromium: Browser, console: Console, conflicts: Iterator[str]
) -> None:
    conflict = next(conflicts)
    with somebody(chromium, console, at(conflict)) as page:
        page.wait_for_load_state("load")  # keys are the script's
        page.keyboard.press("d")
        assert page.get_by_label("Device", exact=True).is_checked()
        page.keyboard.press("o")
        assert page.get_by_label("Office", exact=True).is_checked()
        page.keyboard.press("g")
        expect(page.get_by_role("button", name="Resolve")).to_be_focused()
        page.get_by_label("Reason").focus()
        page.keyboard.type("dot g")
        assert page.get_by_label("Office", exact=True).is_checked(), "typing fires no key"
        page.goto(f"{console.url}/console/settings")
        page.get_by_label("Single letters do something").uncheck()
        page.locator("#keys").get_by_role("button", name="Save").click()
        page.goto(console.url + at(conflict))
        page.keyboard.press("d")
        assert not page.get_by_label("Device", exact=True).is_checked()
    assert body_of(console, conflict).settled == ()


def test_times_are_the_readers_own_and_utc_where_the_mouse_rests(chromium: Browser, console: Console) -> None:
    with somebody(chromium, console, "/console/devices", timezone_id="Asia/Tokyo", locale="en-GB") as page:
        time = page.locator("main time").first
        assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC", time.get_attribute("title") or "")
        assert "UTC" not in time.inner_text()
    with somebody(chromium, console, "/console/devices", java_script_enabled=False) as page:
        assert page.locator("main time").first.inner_text().endswith("UTC")


def test_what_is_printed_has_no_buttons_and_everything_else(chromium: Browser, console: Console) -> None:
    with somebody(chromium, console, "/console/conflicts") as page:
        page.emulate_media(media="print")
        assert not page.locator("header").is_visible()
        assert page.locator("main table").is_visible()
        assert page.locator("main button:visible").count() == 0
        page.goto(console.url + at(console.waiting("conflict")[0]))
        assert page.locator("td[data-name=Office]").is_visible(), "what a conflict is about stands in a form"
        assert page.locator("#result").is_visible()
        assert page.locator("dl dd").first.is_visible(), "what is folded on the screen is open on paper"
        assert page.locator("main :is(button, input, summary + label):visible").count() == 0


def test_a_failure_is_in_sight_on_the_first_page_and_on_every_page(chromium: Browser, console: Console) -> None:
    forked = [each.device.id for each in console.office.device_lines(TENANT) if each.device.state == "forked"]
    with somebody(chromium, console, viewport={"width": 320, "height": 700}) as page:
        for name in forked:
            assert name in page.locator(".note.needs").first.inner_text()
        page.goto(f"{console.url}/console/people")
        waiting = sum(each.device.state == "waiting" for each in console.office.device_lines(TENANT))
        assert page.locator("[data-count=devices]").inner_text() == str(len(forked) + waiting)
        assert page.locator("[data-count=quarantined]").is_visible()
