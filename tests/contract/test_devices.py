"""Which laptops may sync, and what each may see."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from shared.commands.record_imported import RecordImported
from shared.commands.work_order_assigned import WorkOrderAssigned
from shared.outcomes import Outcome, Reason
from shared.problems import Code, Refused
from shared.records import Choice
from shared.sync import DeviceReport
from tests.builders import JOB, OTHER_JOB
from tests.contract.test_sync import notes
from tests.served import PEOPLE, TENANT, Laptop, Server, receipt

WORKER = PEOPLE[0]


def teams(server: Server, *names: str) -> None:
    server.office.put_person(TENANT, replace(WORKER, teams=frozenset(names)))


def hand_over(server: Server, job: str, team: str) -> None:
    (told,) = server.office.service.office(TENANT, "m.reyes", [(job, WorkOrderAssigned(team=team))])
    assert told.outcome is Outcome.APPLIED


def orders(laptop: Laptop) -> set[str]:
    return {ref for ref in laptop.replica if ref.startswith("work_order/")}


# -- how a laptop is doing


async def test_the_office_sees_how_each_laptop_is_doing(server: Server, laptop: Laptop) -> None:
    oldest = server.clock.now() - timedelta(hours=5)
    report = DeviceReport(app="0.2.0", waiting=3, waiting_bytes=999, oldest_at=oldest)
    laptop.say("note.added", JOB, text="not sent")
    await laptop.round(laptop.say("note.added", JOB, text="early"), report=report)
    (found,) = server.office.device_standings(TENANT)
    assert (found.device.id, found.device.state, found.device.epoch, found.received) == ("TB-01", "active", 1, 0)
    assert (found.report, dict(found.held)) == (report, {"waiting": 1})
    assert found.device.last_seen_at == server.clock.now()
    assert found.oldest_s(server.clock.now()) == 5 * 3600


async def test_only_an_administrator_revokes_and_readmits(server: Server, laptop: Laptop) -> None:
    for act in (server.office.revoke_device, server.office.readmit_device):
        with pytest.raises(Refused, match=r"This takes admin, and m\.reyes is dispatcher, resolver") as caught:
            act(TENANT, laptop.name, "m.reyes", "lost")
        assert caught.value.problem.code is Code.NOT_PERMITTED
    with pytest.raises(Refused, match="Give a reason"):
        server.office.revoke_device(TENANT, laptop.name, "root", "")
    with pytest.raises(Refused, match="see: tailboard-server device list"):
        server.office.revoke_device(TENANT, "TB-99", "root", "lost")
    await laptop.round(laptop.say("note.added", JOB, text="x"))
    assert notes(server) == ["x"]


async def test_a_readmitted_laptop_goes_on_in_a_new_epoch(server: Server, laptop: Laptop) -> None:
    await laptop.round(laptop.say("note.added", JOB, text="before"))
    server.office.revoke_device(TENANT, laptop.name, "root", "lost")
    with pytest.raises(Refused, match="revoked already"):
        server.office.revoke_device(TENANT, laptop.name, "root", "lost")
    server.office.readmit_device(TENANT, laptop.name, "root", "found under the seat")
    old = laptop.say("note.added", JOB, text="confirmed before it heard")
    reply = await laptop.round(old)
    assert (reply.epoch, receipt(reply.answers[0]).outcome) == (2, Outcome.APPLIED)
    laptop.begin_epoch(2)
    await laptop.round(laptop.say("note.added", JOB, text="after"))
    assert notes(server) == ["before", "confirmed before it heard", "after"]
    found = server.office.device(TENANT, laptop.name)
    assert [(epoch.epoch, epoch.head_seq, epoch.reason) for epoch in found.epochs] == [
        (1, 2, "enrolled"),
        (2, 1, "readmitted"),
    ]


# -- teams


async def test_records_outside_the_teams_are_in_no_page(server: Server, laptop: Laptop) -> None:
    teams(server, "north")
    hand_over(server, JOB, "south")
    laptop.cursor = None
    laptop.replica.clear()
    pages = [await laptop.round()]
    while pages[-1].more:
        pages.append(await laptop.round())
    assert orders(laptop) == {OTHER_JOB}
    server.office.set_field(TENANT, "m.reyes", JOB, "description", "a secret of the south")
    pages.append(await laptop.round())
    assert "south" not in "".join(page.model_dump_json() for page in pages)


async def test_a_record_that_goes_to_another_team_comes_as_a_removal(server: Server, laptop: Laptop) -> None:
    teams(server, "north")
    hand_over(server, JOB, "north")
    await laptop.sync()
    assert JOB in laptop.replica
    hand_over(server, JOB, "south")
    reply = await laptop.round()
    assert (reply.removals, reply.restart) == ((JOB,), False)
    assert JOB not in laptop.replica
    hand_over(server, JOB, "north")
    reply = await laptop.round()
    assert (reply.removals, JOB in laptop.replica) == ((), True)


async def test_other_teams_deliver_what_enters_and_drop_what_leaves(server: Server, laptop: Laptop) -> None:
    teams(server, "north")
    hand_over(server, JOB, "north")
    hand_over(server, OTHER_JOB, "south")
    await laptop.sync()
    assert orders(laptop) == {JOB}
    teams(server, "south")
    reply = await laptop.round()
    assert reply.restart
    await laptop.sync()
    assert orders(laptop) == {OTHER_JOB}
    assert not (await laptop.round()).restart
    server.office.put_person(TENANT, WORKER)
    await laptop.sync()
    assert orders(laptop) == {JOB, OTHER_JOB}


async def test_a_change_of_teams_takes_its_own_place_in_the_feed_and_the_audit(
    server: Server, laptop: Laptop
) -> None:
    store = server.office.service.store
    with store.transaction() as tx:
        before = tx.head(TENANT)
    teams(server, "north")
    teams(server, "north")
    with store.transaction() as tx:
        after, device = tx.head(TENANT), tx.device(TENANT, laptop.name)
        *_, (_, _, _, body) = tx.audit(TENANT)
    assert device
    assert (after.change_seq, device.scope_seq) == (before.change_seq + 1, before.change_seq + 1)
    assert after.audit_position == before.audit_position + 1
    told: dict[str, Any] = json.loads(body)
    assert (told["act"], told["person"], told["teams"]) == ("person", WORKER.id, ["north"])


async def test_a_page_that_was_begun_before_the_teams_changed_is_begun_anew(server: Server, laptop: Laptop) -> None:
    teams(server, "north")
    hand_over(server, JOB, "north")
    rows = "\n".join(f"B-{n},Bolt,{n}" for n in range(2100))
    plan = server.office.plan_import(TENANT, "stock_item", f"id,name,part_no\n{rows}")
    server.office.apply_import(TENANT, "root", plan)
    laptop.cursor = None
    assert (await laptop.round()).more
    teams(server, "south")
    assert (await laptop.round()).restart
    await laptop.sync()
    assert orders(laptop) == {OTHER_JOB}


async def test_what_is_about_a_record_that_left_is_refused_by_name(server: Server, laptop: Laptop) -> None:
    teams(server, "north")
    hand_over(server, JOB, "north")
    await laptop.sync()
    sent = laptop.say("note.added", JOB, text="too late")
    hand_over(server, JOB, "south")
    told = receipt((await laptop.round(sent)).answers[0])
    assert (told.outcome, told.reason, notes(server)) == (Outcome.REJECTED, Reason.OUT_OF_SCOPE, [])


async def test_what_waits_is_judged_by_the_teams_when_it_is_decided(server: Server, laptop: Laptop) -> None:
    teams(server, "north")
    hand_over(server, JOB, "north")
    await laptop.sync()
    first, second = (laptop.say("note.added", JOB, text=text) for text in "ab")
    await laptop.round(second)
    teams(server, "south")
    answers = (await laptop.round(first)).answers
    assert receipt(answers[0]).reason is Reason.OUT_OF_SCOPE
    asked = (await laptop.round(in_doubt=(json.loads(second.payload)["id"],))).answers
    assert (receipt(asked[0]).reason, notes(server)) == (Reason.OUT_OF_SCOPE, [])


async def test_a_conflict_goes_to_the_team_of_its_record_only(server: Server, laptop: Laptop) -> None:
    hand_over(server, JOB, "south")
    await laptop.sync()
    server.office.set_field(TENANT, "m.reyes", JOB, "priority", "low")
    await laptop.round(laptop.say("field.updated", JOB, field="priority", value="urgent"))
    await laptop.sync()
    assert any(ref.startswith("conflict/") for ref in laptop.replica)
    teams(server, "north")
    await laptop.sync()
    assert not any(ref.startswith("conflict/") for ref in laptop.replica)
    (conflict,) = server.office.conflicts(TENANT)
    server.office.resolve(TENANT, "m.reyes", conflict.ref, Choice.TAKE_THEIRS, "")
    await laptop.sync()
    assert not any(ref.startswith("conflict/") for ref in laptop.replica)


async def test_a_team_that_cannot_be_one_is_refused(server: Server) -> None:
    with pytest.raises(Refused, match="short name of a team"):
        teams(server, "the north")


async def test_a_new_record_of_another_team_never_shows(server: Server, laptop: Laptop) -> None:
    teams(server, "north")
    await laptop.sync()
    fields: dict[str, Any] = {"title": "t", "asset": "asset/PUMP-1", "team": "south"}
    server.office.service.office(TENANT, "root", [("work_order/WO-9", RecordImported(fields=fields))])
    reply = await laptop.round()
    assert (reply.changes, reply.removals) == ((), ())


async def test_nobody_creates_a_job_where_they_cannot_see_it(server: Server, laptop: Laptop) -> None:
    teams(server, "north")
    await laptop.sync()
    job: dict[str, Any] = {"title": "Look again", "asset": "asset/PUMP-1"}
    sent = [
        laptop.say("work_order.created", f"work_order/F-{number}", **job, **of)
        for number, of in enumerate(({"team": "south"}, {"team": "north"}, {}))
    ]
    told = [receipt(answer) for answer in (await laptop.round(*sent)).answers]
    assert [each.reason for each in told] == [Reason.OUT_OF_SCOPE, None, None]
    assert "work_order/F-0" not in server.records()
