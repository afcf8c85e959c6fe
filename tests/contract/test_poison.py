"""One bad command, however it is made, stops itself and nothing else: not its round, its device or its tenant."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from reconciliation.decide import decide
from reconciliation.expiry import DATABLE_FROM, DATABLE_UNTIL
from shared import strict_json
from shared.commands.base import Command
from shared.envelope import COMMAND_TYPE, Envelope, seal
from shared.outcomes import EFFECTIVE, Hold, Outcome, Reason
from shared.records import Choice
from shared.sync import Held, Turned
from sync_server.batch import settling
from sync_server.store import Contended, Tx
from tests.builders import NOW
from tests.contract.test_sync import JOB, notes
from tests.served import TENANT, Laptop, Server, id_in, new_laptop, receipt

BEGINNING = datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14)))
END = datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
SEAL, PUMP = "stock_item/SEAL-1", "asset/PUMP-1"


def forged(laptop: Laptop, **changes: Any) -> Command:
    """A command that no honest screen would make, under an honest signature."""
    return laptop.command("note.added", JOB, advance=False, text="x").model_copy(update=changes)


MISPLACED: list[dict[str, Any]] = [
    {"record": PUMP},
    {"record": "conflict/x"},
    {"kind": "part.consumed", "payload": {"stock_item": PUMP, "quantity": 1}},
    {
        "kind": "reading.recorded",
        "record": SEAL,
        "payload": {"asset": PUMP, "quantity": "flow", "value": 1, "unit": "l"},
    },
    {"kind": "conflict.resolved", "payload": {"settlements": [], "reason": ""}},
    {"kind": "field.updated", "payload": {"field": "priority", "value": "x" * 5000}},
    {"kind": "field.updated", "payload": {"field": "notes", "value": "x"}},
    {"payload": {"text": 5}},
]


@pytest.mark.parametrize("changes", MISPLACED)
async def test_a_command_that_cannot_be_is_rejected_and_the_next_one_is_not(
    server: Server, laptop: Laptop, changes: dict[str, Any]
) -> None:
    reply = await laptop.round(laptop.seal(forged(laptop, **changes)), laptop.say("note.added", JOB, text="after"))
    assert receipt(reply.answers[0]).outcome is Outcome.REJECTED
    assert receipt(reply.answers[1]).outcome is Outcome.APPLIED
    assert notes(server) == ["after"]


async def test_a_fault_of_our_own_quarantines_the_command_and_nothing_else(
    server: Server, laptop: Laptop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def faulty(facts: Any) -> Any:
        if facts.command.payload["text"] == "poison":
            raise RuntimeError("a bug")
        return decide(facts)

    monkeypatch.setattr(settling, "decide", faulty)
    reply = await laptop.round(*(laptop.say("note.added", JOB, text=text) for text in ("poison", "fine")))
    held = reply.answers[0]
    assert held.status == "held"
    assert (held.hold, held.problem and held.problem.code) == ("quarantined", "internal")
    assert notes(server) == ["fine"]


async def test_half_a_surrogate_pair_is_no_text_and_harms_nobody(server: Server, laptop: Laptop) -> None:
    for _ in range(4):
        laptop.say("note.added", JOB, text="never sent")
    raw = forged(laptop).to_bytes().replace(b'"text":"x"', b'"text":"\\ud800"')
    reply = await laptop.round(seal(COMMAND_TYPE, raw, laptop.technician_key))
    assert reply.answers[0].status == "refused"
    other = new_laptop(server, b"\x03", "b.lind")
    await other.enrol()
    await other.round(other.say("note.added", JOB, text="hello"))
    server.office.set_field(TENANT, "m.reyes", JOB, "priority", "high")
    assert notes(server) == ["hello"]


@pytest.mark.parametrize("place", ["seq", "epoch", "base_version"])
async def test_numbers_that_no_store_holds_are_malformed(server: Server, laptop: Laptop, place: str) -> None:
    reply = await laptop.round(laptop.seal(forged(laptop, **{place: 2**63})))
    assert reply.answers[0].status == "refused"


async def test_what_an_author_claims_to_have_seen_cannot_spoil_the_feed(server: Server, laptop: Laptop) -> None:
    command = laptop.command("field.updated", JOB, advance=False, field="priority", value="urgent")
    deep: Any = "x"
    for _ in range(15):
        deep = [deep]
    base = command.bases[0].model_copy(update={"value": deep})
    server.office.set_field(TENANT, "m.reyes", JOB, "priority", "low")
    reply = await laptop.round(laptop.seal(command.model_copy(update={"bases": (base,)})))
    told = receipt(reply.answers[0])
    assert told.outcome is Outcome.CONFLICT
    clashes: Any = server.records("conflict")[str(told.conflict)].fields["clashes"]
    assert clashes[0]["base"] is None
    assert clashes[0]["mine"]["value"] == "urgent"


async def test_a_base_from_the_future_does_not_overwrite(server: Server, laptop: Laptop) -> None:
    command = laptop.command("field.updated", JOB, advance=False, field="priority", value="urgent")
    base = command.bases[0].model_copy(update={"version": 999})
    server.office.set_field(TENANT, "m.reyes", JOB, "priority", "low")
    reply = await laptop.round(laptop.seal(command.model_copy(update={"bases": (base,)})))
    assert receipt(reply.answers[0]).outcome is Outcome.CONFLICT
    assert server.records()[JOB].fields["priority"] == "low"


async def test_a_command_that_rests_on_itself_or_on_nothing_is_rejected(server: Server, laptop: Laptop) -> None:
    itself = forged(laptop)
    sent = [laptop.seal(itself.model_copy(update={"depends_on": (itself.id,)}))]
    sent.append(laptop.seal(forged(laptop, depends_on=(forged(laptop).id,))))
    for answer in (await laptop.round(*sent)).answers:
        assert receipt(answer).reason is Reason.DEPENDENCY_FAILED


async def other_laptop(server: Server) -> Laptop:
    other = new_laptop(server, b"\x07", "b.lind")
    await other.enrol()
    await other.sync()
    return other


async def test_two_that_wait_for_each_other_are_refused_by_name(server: Server, laptop: Laptop) -> None:
    """One command comes before its turn, so that it is known and not decided; somebody else's comes to rest on it."""
    other = await other_laptop(server)
    first, ours = laptop.say("note.added", JOB, text="first"), forged(laptop)
    theirs = other.command("note.added", JOB, advance=False, text="theirs").model_copy(
        update={"depends_on": (ours.id,)}
    )
    ours = ours.model_copy(update={"depends_on": (theirs.id,), "prev": laptop.prev})
    await laptop.round(laptop.seal(ours))
    (answer,) = (await other.round(other.seal(theirs))).answers
    assert isinstance(answer, Held)
    on_it = other.command("note.added", JOB, advance=False, text="on it").model_copy(
        update={"depends_on": (theirs.id,)}
    )
    await other.round(other.seal(on_it))
    await laptop.round(first)
    told = [*(await laptop.round(in_doubt=(ours.id,))).answers]
    told += (await other.round(in_doubt=(theirs.id, on_it.id))).answers
    assert [receipt(each).reason for each in told] == [Reason.DEPENDENCY_FAILED] * 3
    for each in told[:2]:
        assert all(name in receipt(each).detail for name in ("wait for each other", ours.id, theirs.id))
    with server.office.service.store.transaction() as tx:
        assert list(tx.all_needs(TENANT)) == []
    assert notes(server) == ["first"]


async def test_a_release_that_closes_a_ring_is_refused_and_not_left_waiting(server: Server, laptop: Laptop) -> None:
    other = await other_laptop(server)
    clone = laptop.cloned()
    await laptop.round(laptop.say("note.added", JOB, text="from the laptop"))
    ours = forged(clone)
    theirs = other.command("note.added", JOB, advance=False, text="x").model_copy(update={"depends_on": (ours.id,)})
    await clone.round(clone.seal(ours.model_copy(update={"depends_on": (theirs.id,)})))
    await other.round(other.seal(theirs))
    (entry,) = server.office.release(TENANT, [ours.id], "m.reyes", "looks fine")
    assert entry.receipt
    assert entry.receipt.reason is Reason.DEPENDENCY_FAILED
    (answer,) = (await other.round(in_doubt=(theirs.id,))).answers
    assert receipt(answer).reason is Reason.DEPENDENCY_FAILED
    assert server.office.quarantine(TENANT) == []


# -- the chain


def resealed(laptop: Laptop, command: Command, **changes: Any) -> Envelope:
    return seal(COMMAND_TYPE, command.model_copy(update=changes).to_bytes(), laptop.technician_key)


async def test_a_right_number_with_a_wrong_history_is_a_fork(server: Server, laptop: Laptop) -> None:
    await laptop.round(laptop.say("note.added", JOB, text="first"))
    command = laptop.command("note.added", JOB, advance=False, text="second")
    reply = await laptop.round(resealed(laptop, command, prev="0" * 64))
    assert (reply.answers[0].status, notes(server)) == ("held", ["first"])


async def test_two_early_ones_at_one_place_do_not_strand_the_honest_chain(server: Server, laptop: Laptop) -> None:
    first = laptop.say("note.added", JOB, text="first")
    twin = resealed(laptop, laptop.command("note.added", JOB, advance=False, text="twin"), prev="0" * 64)
    second, third = laptop.say("note.added", JOB, text="second"), laptop.say("note.added", JOB, text="third")
    await laptop.round(twin, second, third)
    await laptop.round(first)
    assert notes(server) == ["first", "second", "third"]
    twin_id = json.loads(twin.payload)["id"]
    with server.office.service.store.transaction() as tx:
        assert [entry.command.id for entry in tx.held(TENANT, Hold.QUARANTINED)] == [twin_id]


async def test_a_chain_of_three_is_released_link_by_link(server: Server, laptop: Laptop) -> None:
    server.office.set_field(TENANT, "m.reyes", JOB, "priority", "low")
    links: list[Command] = []
    for value in ("urgent", "high", "normal"):
        link = laptop.command("field.updated", JOB, advance=False, field="priority", value=value)
        if links:
            seen = {"command": links[-1].id, "value": links[-1].payload["value"]}
            link = link.model_copy(update={"bases": (link.bases[0].model_copy(update=seen),), "prev": laptop.prev})
        links.append(link)
        laptop.seal(link)
    sealed = [seal(COMMAND_TYPE, link.to_bytes(), laptop.technician_key) for link in links]
    assert [a.status for a in (await laptop.round(*sealed)).answers] == ["settled", "held", "held"]
    server.office.resolve(TENANT, "m.reyes", links[0].id, Choice.KEEP_MINE, "seen")
    assert server.records()[JOB].fields["priority"] == "normal"


# -- who may speak


async def test_a_revoked_device_reads_and_writes_nothing(server: Server, laptop: Laptop) -> None:
    server.office.revoke_device(TENANT, laptop.name, "root", "stolen")
    response = await laptop.post(b'{"protocol":1}')
    assert (response.status_code, response.json()["code"]) == (403, "device_revoked")


async def test_what_a_revoked_device_brings_is_kept_and_has_no_effect(server: Server, laptop: Laptop) -> None:
    server.office.revoke_device(TENANT, laptop.name, "root", "stolen")
    with pytest.raises(AssertionError, match="device_revoked"):
        await laptop.round(laptop.say("note.added", JOB, text="x"))
    assert notes(server) == []
    with server.office.service.store.transaction() as tx:
        (kept,) = tx.held(TENANT, Hold.QUARANTINED)
    assert kept.command.payload == {"text": "x"}


async def test_a_technicians_key_does_not_sign_requests(laptop: Laptop) -> None:
    response = await laptop.post(b'{"protocol":1}', key=laptop.technician_key)
    assert response.json()["code"] == "not_authentic"


async def test_a_key_of_another_tenant_is_nobody_here(server: Server, laptop: Laptop) -> None:
    server.office.add_tenant("other", "Other")
    with server.office.service.store.transaction() as tx:
        key = tx.key(laptop.technician_key.keyid)
        assert key is not None
        foreign = new_laptop(server, b"\x08").technician_key
        tx.add_key(replace(key, keyid=foreign.keyid, public=foreign.public, tenant="other"))
    laptop.technician_key = foreign
    reply = await laptop.round(laptop.say("note.added", JOB, text="x"))
    assert (reply.answers[0].status, notes(server)) == ("refused", [])


@pytest.mark.parametrize("cursor", ["7:1:0", "1:999999:0"])
async def test_a_cursor_of_another_life_or_from_the_future_starts_a_whole_copy(
    server: Server, laptop: Laptop, cursor: str
) -> None:
    laptop.cursor = cursor
    reply = await laptop.round(laptop.say("note.added", JOB, text="x"))
    assert reply.restart
    assert {record.ref for record in reply.changes} >= server.records().keys()
    assert not (await laptop.round()).restart


async def test_a_round_with_an_unreadable_cursor_does_nothing(server: Server, laptop: Laptop) -> None:
    laptop.cursor = "yesterday"
    with pytest.raises(AssertionError, match="cursor_invalid"):
        await laptop.round(laptop.say("note.added", JOB, text="x"))
    assert notes(server) == []


async def test_a_page_is_bounded_by_size_too(server: Server, laptop: Laptop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sync_server.store.records.PAGE_CHARS_MAX", 700)
    rows = "\n".join(f"B-{n},Bolt,{n}" for n in range(9))
    office = server.office
    office.apply_import(TENANT, "root", office.plan_import(TENANT, "stock_item", f"id,name,part_no\n{rows}"))
    pages = [await laptop.round()]
    while pages[-1].more:
        pages.append(await laptop.round())
    assert len(pages) > 3
    assert sum(ref.startswith("stock_item/B-") for ref in laptop.replica) == 9


async def test_a_resolver_who_looked_too_early_is_told(server: Server, laptop: Laptop) -> None:
    command = laptop.command("field.updated", JOB, advance=False, field="priority", value="urgent")
    server.office.set_field(TENANT, "m.reyes", JOB, "priority", "low")
    await laptop.round(laptop.seal(command))
    server.office.set_field(TENANT, "m.reyes", JOB, "priority", "high")
    told = server.office.resolve(TENANT, "m.reyes", command.id, Choice.TAKE_THEIRS, "")
    assert (told.outcome, told.reason) == (Outcome.REJECTED, Reason.STALE)
    assert server.records()[JOB].fields["priority"] == "high"
    again = server.office.resolve(
        TENANT, "m.reyes", command.id, Choice.EDIT, "seen", "high", seen={JOB: server.records()[JOB].version}
    )
    assert again.outcome is Outcome.APPLIED


async def test_what_the_database_suffers_from_is_not_the_commands_fault(
    server: Server, laptop: Laptop, monkeypatch: pytest.MonkeyPatch
) -> None:
    lacking, tried = Tx.lacking, []

    def gives_way_once(tx: Tx, *named: Any) -> tuple[str, ...]:
        tried.append(named)
        if len(tried) == 1:
            raise Contended("another writer was faster")
        return lacking(tx, *named)

    monkeypatch.setattr(Tx, "lacking", gives_way_once)
    file = {"sha256": "a" * 64, "size": 3, "media_type": "image/png", "name": "a.png"}
    (answer,) = (await laptop.round(laptop.say("attachment.added", JOB, **file))).answers
    assert isinstance(answer, Held)
    assert answer.hold is Hold.WAITING
    assert len(tried) == 2


@pytest.mark.parametrize("place", [{"epoch": 2**31}, {"seq": 2**53}, {"base_version": 2**53}])
async def test_a_number_that_no_database_holds_stops_its_own_command_alone(
    server: Server, laptop: Laptop, place: dict[str, Any]
) -> None:
    far = seal(COMMAND_TYPE, forged(laptop, **place).to_bytes(), laptop.technician_key)
    reply = await laptop.round(far, laptop.say("note.added", JOB, text="after"))
    assert isinstance(reply.answers[0], Turned)
    assert reply.answers[0].problem.code == "malformed"
    assert receipt(reply.answers[1]).outcome is Outcome.APPLIED


async def test_what_a_resolver_says_to_have_seen_bricks_nobody(server: Server, laptop: Laptop) -> None:
    boss = new_laptop(server, b"\x05", "m.reyes")
    await boss.enrol()
    server.office.set_field(TENANT, "m.reyes", JOB, "priority", "low")
    (answer,) = (await laptop.round(laptop.say("field.updated", JOB, field="priority", value="high"))).answers
    await boss.sync()
    settled = {"record": JOB, "field": "priority", "choice": "edit", "value": "urgent"}
    said = boss.command(
        "conflict.resolved", str(receipt(answer).conflict), advance=False, settlements=[settled], reason=""
    )
    deep: Any = 1
    for _ in range(19):
        deep = [deep]
    bases = tuple(
        base.model_copy(update={"value": deep}) if base.field == "priority" else base for base in said.bases
    )
    (answer,) = (await boss.round(boss.seal(said.model_copy(update={"bases": bases})))).answers
    assert receipt(answer).outcome in EFFECTIVE
    reply = await laptop.post(laptop.body())
    assert strict_json.parse(reply.content, bytes_max=16 << 20)["changes"]


@pytest.mark.parametrize("end", [END, END.replace(second=0, tzinfo=timezone(-timedelta(hours=9)))])
async def test_a_time_at_the_end_of_all_times_stops_nobody_elses_unit(
    server: Server, laptop: Laptop, end: datetime
) -> None:
    """No sum with it is a date: it is refused by name at once, and takes its place like any other."""
    server.office.set_field(TENANT, "m.reyes", JOB, "priority", "low")
    first = laptop.say("field.updated", JOB, field="priority", value="high")
    (answer,) = (await laptop.round(first)).answers
    other = new_laptop(server, b"\x07", "b.lind")
    await other.enrol()
    await other.sync()
    photo = {"sha256": "a" * 64, "size": 3, "media_type": "image/png", "name": "a.png"}
    times = {"issued_at": end - timedelta(days=1), "expires_at": end, "depends_on": (id_in(first),)}
    endless = other.command("attachment.added", JOB, advance=False, **photo).model_copy(update=times)
    (told,) = (await other.round(other.seal(endless))).answers
    assert (receipt(told).reason, "no clock shows" in receipt(told).detail) == (Reason.PAYLOAD_INVALID, True)
    server.office.resolve(TENANT, "m.reyes", str(receipt(answer).conflict), Choice.KEEP_MINE, "right")
    assert server.records()[JOB].fields["priority"] == "high"
    assert server.office.quarantine(TENANT) == []
    assert receipt((await other.round(other.say("note.added", JOB, text="on"))).answers[0]).outcome in EFFECTIVE


@pytest.mark.parametrize(
    ("issued", "sent"),
    [
        (BEGINNING, NOW),
        (BEGINNING, None),
        (END - timedelta(days=1), NOW),
        (DATABLE_FROM, DATABLE_UNTIL - timedelta(days=1)),
        (DATABLE_UNTIL - timedelta(days=2), DATABLE_FROM),
    ],
)
async def test_no_time_however_absurd_is_a_fault_of_ours(
    server: Server, laptop: Laptop, issued: datetime, sent: datetime | None
) -> None:
    """Whatever the two say, the command is settled or waits for its bytes, and the next one goes on."""
    photo = {"sha256": "a" * 64, "size": 3, "media_type": "image/png", "name": "a.png"}
    times = {"issued_at": issued, "expires_at": issued + timedelta(days=1) - timedelta(minutes=1)}
    odd = laptop.command("attachment.added", JOB, advance=False, **photo).model_copy(update=times)
    after = laptop.seal(odd), laptop.say("note.added", JOB, text="on")
    answers = (await laptop.round(*after, sent_at=sent)).answers
    assert server.office.quarantine(TENANT) == []
    assert [answer.status for answer in answers[1:]] == ["settled"]


@pytest.mark.parametrize("sent", [BEGINNING, END, DATABLE_UNTIL, END.replace(tzinfo=timezone(-timedelta(hours=9)))])
async def test_a_round_whose_clock_no_clock_shows_is_refused_by_name(
    server: Server, laptop: Laptop, sent: datetime
) -> None:
    said = laptop.say("note.added", JOB, text="x")
    response = await laptop.post(laptop.body(said, sent_at=sent))
    assert (response.status_code, response.json()["code"]) == (422, "malformed")
    assert "sent_at" in response.json()["detail"]
    assert receipt((await laptop.round(said)).answers[0]).outcome in EFFECTIVE


async def test_a_record_that_is_full_takes_no_more_in_and_goes_on_otherwise(
    server: Server, laptop: Laptop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sync_server.batch.facts.RECORD_CHARS_MAX", 6000)
    sent = [laptop.say("note.added", JOB, text="\x01" * 200) for _ in range(6)]
    answers = [receipt(answer) for each in (sent[:3], sent[3:]) for answer in (await laptop.round(*each)).answers]
    assert {answer.outcome for answer in answers} == {Outcome.APPLIED, Outcome.REJECTED}
    assert {answer.reason for answer in answers if answer.outcome is Outcome.REJECTED} == {Reason.RECORD_FULL}
    assert 1 <= len(notes(server)) < 6
    (told,) = (await laptop.round(laptop.say("status.changed", JOB, to="in_progress"))).answers
    assert receipt(told).outcome is Outcome.APPLIED
