"""What the server forgets, what it never forgets, and what it says of what it forgot."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from reconciliation.expiry import LIMITS
from shared.outcomes import Hold, Outcome
from shared.sync import Turned
from sync_server.retention import Purged, purge
from sync_server.store import Contended, Write
from tests.served import TENANT, Laptop, Server, receipt

JOB, SEAL = "work_order/WO-1", "stock_item/SEAL-1"
LONG = LIMITS.ledger_retention + timedelta(days=1)


def command_id(envelope: object) -> str:
    return str(json.loads(envelope.payload)["id"])  # type: ignore[attr-defined]


async def test_a_settled_entry_is_never_overwritten(server: Server, laptop: Laptop) -> None:
    envelope = laptop.say("note.added", JOB, text="x")
    await laptop.round(envelope)
    store, key = server.office.service.store, command_id(envelope)
    with store.transaction() as tx:
        settled = tx.entries(TENANT, [key])[key]
    held = replace(settled, outcome=None, settled_at=None, receipt_payload=None, proof=None, hold=Hold.WAITING)
    with pytest.raises(Contended), store.transaction() as tx:
        tx.put_entries(TENANT, [held])
    with pytest.raises(Contended), store.transaction() as tx:
        tx.add_entries(TENANT, [held])
    with store.transaction() as tx:
        assert tx.entries(TENANT, [key])[key] == settled


@pytest.mark.parametrize("count", [1, 2])
async def test_a_record_that_moved_on_is_never_overwritten(server: Server, count: int) -> None:
    store = server.office.service.store
    with store.transaction() as tx:
        records = list(tx.records(TENANT, [JOB, "work_order/WO-2"]).values())[:count]
    stale = [Write(replace(each, version=9), 900 + n, None, before=8) for n, each in enumerate(records)]
    good = Write(replace(records[0], version=2), 899, None, before=1)
    with pytest.raises(Contended), store.transaction() as tx:
        tx.put_records(TENANT, [good, *stale])
    assert server.records()[records[0].ref].version == 1


async def test_a_purged_command_that_comes_again_is_known_to_be_settled(server: Server, laptop: Laptop) -> None:
    envelope = laptop.say("part.consumed", JOB, stock_item=SEAL, quantity=2)
    await laptop.round(envelope)
    server.years_pass(LONG)
    assert purge(server.office.service)[TENANT].commands > 1
    (answer,) = (await laptop.round(envelope)).answers
    assert isinstance(answer, Turned)
    assert answer.problem.code == "settled_purged"
    assert server.records("stock_item")[SEAL].fields["on_hand"] == 3
    assert server.office.device(TENANT, laptop.name).device.state == "active"
    later = laptop.say("note.added", JOB, text="the chain goes on")
    assert receipt((await laptop.round(later)).answers[0]).outcome is not Outcome.REJECTED


async def test_a_twin_of_a_purged_command_does_not_make_the_honest_one_a_fork(server: Server, laptop: Laptop) -> None:
    from shared.envelope import COMMAND_TYPE, seal

    twin = laptop.command("note.added", JOB, advance=False, text="twin")
    honest = laptop.say("note.added", JOB, text="honest")
    await laptop.round(honest)
    await laptop.round(seal(COMMAND_TYPE, twin.to_bytes(), laptop.technician_key))
    server.office.readmit_device(TENANT, laptop.name, "root", "looked at it")
    server.years_pass(LONG)
    purge(server.office.service)
    (answer,) = (await laptop.round(honest)).answers
    assert isinstance(answer, Turned)
    assert answer.problem.code == "settled_purged"
    assert server.office.device(TENANT, laptop.name).device.state == "active"


async def test_what_is_not_settled_is_never_purged(server: Server, laptop: Laptop) -> None:
    future = laptop.command("note.added", JOB, advance=False, text="x").model_copy(update={"schema_version": 9})
    unreadable = laptop.seal(future)
    laptop.say("note.added", JOB, text="lost on the way")
    early = laptop.say("note.added", JOB, text="early")
    await laptop.round(unreadable, early)
    server.years_pass(LONG)
    purge(server.office.service)
    answers = (await laptop.round(in_doubt=(command_id(unreadable), command_id(early)))).answers
    assert [answer.status for answer in answers] == ["held", "held"]


async def test_what_something_unsettled_rests_on_is_not_purged(server: Server, laptop: Laptop) -> None:
    server.office.set_field(TENANT, "m.reyes", JOB, "priority", "low")
    first = laptop.command("field.updated", JOB, advance=False, field="priority", value="urgent")
    sent = [laptop.seal(first)]
    later = laptop.command("field.updated", JOB, advance=False, field="priority", value="high")
    base = later.bases[0].model_copy(update={"command": first.id, "value": "urgent"})
    sent.append(laptop.seal(later.model_copy(update={"bases": (base,)})))
    await laptop.round(*sent)
    server.years_pass(LONG)
    purge(server.office.service)
    from shared.records import Choice

    server.office.resolve(TENANT, "m.reyes", first.id, Choice.KEEP_MINE, "after a long time")
    (answer,) = (await laptop.round(in_doubt=(later.id,))).answers
    assert receipt(answer).outcome in {Outcome.APPLIED, Outcome.MERGED}
    assert server.records()[JOB].fields["priority"] == "high"


async def test_what_is_young_stays_and_a_second_purge_finds_nothing(server: Server, laptop: Laptop) -> None:
    service = server.office.service
    assert purge(service) == {TENANT: Purged(0, 0)}
    server.years_pass(LONG)
    envelope = laptop.say("note.added", JOB, text="young")
    first = await laptop.round(envelope)
    assert purge(service)[TENANT].commands > 0
    assert purge(service) == {TENANT: Purged(0, 0)}
    assert (await laptop.round(envelope)).answers == first.answers


async def test_removals_go_with_their_time_and_older_copies_start_over(server: Server, laptop: Laptop) -> None:
    service = server.office.service
    with service.store.transaction() as tx:
        record = tx.records(TENANT, [JOB])[JOB]
        head = tx.lock_head(TENANT)
        moved = replace(record, version=record.version + 1)
        tx.put_records(TENANT, [Write(moved, head.change_seq + 1, "north", before=record.version, left=True)])
        tx.set_head(TENANT, replace(head, change_seq=head.change_seq + 1))
    before = await laptop.round(laptop.say("note.added", "work_order/WO-2", text="so that a receipt tells"))
    assert not before.restart
    server.years_pass(LONG)
    assert purge(service)[TENANT].removals == 1
    with service.store.transaction() as tx:
        assert tx.removals_from(TENANT) > 0
    assert (await laptop.round()).restart


async def test_the_audit_says_what_was_forgotten_and_keeps_the_rest(server: Server, laptop: Laptop) -> None:
    with server.office.service.store.transaction() as tx:
        before = list(tx.audit(TENANT))
    server.years_pass(LONG)
    purge(server.office.service)
    with server.office.service.store.transaction() as tx:
        after = list(tx.audit(TENANT))
    assert after[: len(before)] == before
    assert '"act":"purged"' in after[-1][3]
