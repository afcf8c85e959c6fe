"""The sync round as devices rely on it: what is refused, what is certified, and what becomes of odd chains."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import httpx
import pytest

from reconciliation.expiry import LIMITS
from shared.commands import CATALOGUE
from shared.commands.base import Kind, Payload
from shared.commands.note_added import NoteAdded
from shared.envelope import COMMAND_TYPE, HEAD_TYPE, RECEIPT_TYPE, TIME_TYPE, Envelope, WireEnvelope, seal, verify
from shared.ids import sha256_hex
from shared.outcomes import Hold, Outcome, Reason
from shared.problems import Code, Refused
from shared.records import ApprovalChoice
from shared.request_signature import sign_request
from shared.statements import Head, TimeTold
from shared.sync import CheckReply, CheckRequest, EpochEnd, Held, Settled, SyncReply, Turned, read_cursor
from sync_server import round as round_module
from sync_server import service
from sync_server.api import app
from sync_server.retention import purge
from sync_server.store import Tx
from tests.builders import JOB, OTHER_JOB, SEAL
from tests.contract.test_quarantine import apart, dangerous
from tests.contract.test_sync import notes
from tests.served import PEOPLE, TENANT, Laptop, Server, id_in, new_laptop, receipt, received

GOLDEN = Path(__file__).parents[1] / "golden" / "round_v1.json"


def head_of(laptop: Laptop, reply: SyncReply) -> Head:
    envelope = Envelope.from_wire(reply.head)
    verify(envelope, HEAD_TYPE, laptop.receipt_key)
    return Head.model_validate_json(envelope.payload)


def held(answer: Any) -> tuple[str, str | None]:
    assert isinstance(answer, Held), answer
    return answer.hold, answer.problem.code if answer.problem else None


def ends(server: Server) -> Any:
    store = server.office.service.store
    with store.transaction() as tx:
        held_now = [entry.command.id for entry in tx.held(TENANT, *Hold)]
        return tx.head(TENANT), received(tx), held_now, tx.devices(TENANT)


# -- requests


async def test_the_same_request_is_not_taken_twice(server: Server, laptop: Laptop) -> None:
    first = await laptop.post(laptop.body(laptop.say("note.added", JOB, text="once")))
    again = await server.http.send(first.request)
    assert (first.status_code, again.status_code, again.json()["code"]) == (200, 401, "not_authentic")
    assert "nrol" not in again.json()["remedy"], "a network that sends twice is no reason to begin anew"
    server.clock.move(timedelta(minutes=4))
    assert (await server.http.send(first.request)).json()["code"] == "not_authentic"
    assert notes(server) == ["once"]


async def test_a_clock_that_is_off_is_told_the_time_for_its_own_request_alone(server: Server, laptop: Laptop) -> None:
    for off in (timedelta(days=1), timedelta(days=-1)):
        response = await post_at(laptop, server.clock.now() + off, nonce := sha256_hex(str(off).encode())[:32])
        assert (response.status_code, response.json()["code"]) == (401, "clock_skew")
        envelope = Envelope.from_wire(WireEnvelope.model_validate(response.json()["time"]))
        verify(envelope, TIME_TYPE, laptop.receipt_key)
        told = TimeTold.model_validate_json(envelope.payload)
        assert (told.nonce, told.at) == (nonce, server.clock.now())
        assert (await post_at(laptop, told.at, nonce)).status_code == 200


async def post_at(laptop: Laptop, created: Any, nonce: str) -> httpx.Response:
    raw = laptop.body()
    request = laptop.server.http.build_request("POST", "/v1/sync", content=raw)
    sign_request(request, raw, laptop.device_key, created, nonce)
    return await laptop.server.http.send(request)


@pytest.mark.parametrize("off", [timedelta(days=1), timedelta(days=-1)])
async def test_a_clock_that_is_a_day_off_neither_kills_nor_revives(
    server: Server, laptop: Laptop, off: timedelta
) -> None:
    """The device issued by its wrong clock; the server compares by one clock."""
    sent = []
    for text, moved in (("good", timedelta(hours=1)), ("over", timedelta(hours=-1))):
        command = laptop.command("note.added", JOB, advance=False, text=text)
        end = server.clock.now() + moved + off
        issued = {"issued_at": end - timedelta(days=90), "expires_at": end}
        sent.append(laptop.seal(command.model_copy(update=issued)))
    reply = await laptop.round(*sent, sent_at=server.clock.now() + off)
    assert [receipt(answer).outcome for answer in reply.answers] == [Outcome.APPLIED, Outcome.EXPIRED]


async def test_a_laptop_that_was_away_for_ninety_days_finds_its_place(server: Server, laptop: Laptop) -> None:
    sent = [laptop.say("note.added", JOB, text="from the first day")]
    server.clock.move(timedelta(days=89, hours=23))
    server.office.set_field(TENANT, "m.reyes", JOB, "title", "Another title by now")
    sent.append(laptop.say("note.added", JOB, text="from the last day"))
    reply = await laptop.round(*sent)
    assert {receipt(answer).outcome for answer in reply.answers} == {Outcome.MERGED}
    assert (reply.restart, laptop.replica[JOB].fields["title"]) == (False, "Another title by now")


async def test_changes_wait_while_full_rounds_come_and_then_all_of_them_come(
    server: Server, laptop: Laptop, monkeypatch: pytest.MonkeyPatch
) -> None:
    await laptop.sync()
    monkeypatch.setattr(service, "COMMANDS_MAX", 2)
    said = [laptop.say("note.added", JOB, text=f"note {number}") for number in range(5)]
    before = laptop.cursor
    for pair in (said[:2], said[2:4]):
        reply = await laptop.round(*pair)
        assert {receipt(answer).outcome for answer in reply.answers} == {Outcome.APPLIED}
        assert (reply.changes, reply.more, read_cursor(reply.cursor)) == ((), True, read_cursor(before))
    reply = await laptop.round(said[4])
    assert ([record.ref for record in reply.changes], reply.more) == ([JOB], False)
    assert laptop.replica == {**laptop.replica, **server.records("work_order")}


async def test_no_more_than_a_page_of_changes_waits_for_full_rounds(
    server: Server, laptop: Laptop, monkeypatch: pytest.MonkeyPatch
) -> None:
    await laptop.sync()
    monkeypatch.setattr(service, "COMMANDS_MAX", 1)
    monkeypatch.setattr(round_module, "CHANGES_MAX", 3)
    told = [len((await laptop.round(laptop.say("note.added", JOB, text="again"))).changes) for _ in range(6)]
    assert told == [0, 0, 1, 0, 0, 1]


async def test_a_whole_copy_is_begun_in_a_full_round_too(
    server: Server, laptop: Laptop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "COMMANDS_MAX", 1)
    await laptop.sync()
    said = laptop.say("note.added", JOB, text="while it begins anew")
    laptop.cursor = None
    reply = await laptop.round(said)
    assert reply.restart
    assert {JOB, OTHER_JOB} <= {record.ref for record in reply.changes}


async def test_what_a_round_made_is_let_go_when_its_answer_has_left(server: Server, laptop: Laptop) -> None:
    await laptop.round(laptop.say("note.added", JOB, text="short-lived"))
    assert server.office.service._spent is None


async def test_nobody_is_answered_before_the_commit_though_the_answer_is_packed(
    server: Server, laptop: Laptop, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed: list[bytes] = []
    monkeypatch.setattr(app, "_json", lambda raw, _: packed.append(raw))

    def fails(*_: object) -> None:
        raise Refused(Code.STORE_FULL, "no room for the commit")

    said = laptop.say("note.added", JOB, text="not kept")
    with monkeypatch.context() as broken:
        broken.setattr(Tx, "check_open", fails)
        response = await laptop.post(laptop.body(said))
    assert (len(packed), response.status_code, response.json()["code"]) == (1, 507, "store_full")
    assert notes(server) == []


async def test_a_device_of_protocol_1_is_served_in_the_old_form(server: Server, laptop: Laptop) -> None:
    golden = json.loads(GOLDEN.read_text(encoding="utf-8"))
    response = await laptop.post(json.dumps(golden["request"]).encode())
    assert response.status_code == 200, response.text
    reply, old = response.json(), golden["reply"]
    assert reply.keys() == old.keys()
    for answer, before in zip(reply["answers"], old["answers"], strict=True):
        assert (answer.keys(), answer["id"], answer["status"]) == (before.keys(), before["id"], before["status"])
        envelope = Envelope.from_wire(WireEnvelope.model_validate(answer["receipt"]))
        verify(envelope, RECEIPT_TYPE, laptop.receipt_key)
        told, known = (
            json.loads(envelope.payload),
            json.loads(Envelope.from_wire(WireEnvelope.model_validate(before["receipt"])).payload),
        )
        assert told.keys() == known.keys()
        assert [told[name] for name in ("command", "envelope_hash", "outcome")] == [
            known[name] for name in ("command", "envelope_hash", "outcome")
        ]
    assert notes(server) == ["written by the program of last year"]
    assert server.records("stock_item")[SEAL].fields["on_hand"] == 3
    again = await laptop.post(json.dumps(golden["request"]).encode())
    assert again.json()["answers"] == reply["answers"]
    assert reply["cursor"].count(":") == 1


async def test_a_device_of_protocol_1_comes_to_the_end_of_its_pages(server: Server, laptop: Laptop) -> None:
    rows = "\n".join(f"B-{n},Bolt,{n}" for n in range(2100))
    plan = server.office.plan_import(TENANT, "stock_item", f"id,name,part_no\n{rows}")
    server.office.apply_import(TENANT, "root", plan)
    with server.office.service.store.transaction() as tx:
        tx.keep_removals_from(TENANT, tx.head(TENANT).change_seq)
    more, cursor = [True], None
    while more[-1] and len(more) < 5:
        body = json.dumps({"protocol": 1, "cursor": cursor}).encode()
        reply = (await laptop.post(body)).json()
        cursor = reply["cursor"]
        more.append(reply["more"])
    assert more == [True, True, False]


async def test_a_device_of_protocol_1_is_told_to_update_when_its_teams_change(server: Server, laptop: Laptop) -> None:
    """It cannot be told what to drop. What it brings is taken in; it is shown no more, and the sentence says why."""
    said = laptop.say("note.added", JOB, text="before the update")
    old = {"protocol": 1, "cursor": str(laptop.cursor).rsplit(":", 1)[0]}
    assert (await laptop.post(json.dumps(old).encode())).status_code == 200
    server.office.put_person(TENANT, replace(PEOPLE[0], teams=frozenset({"north"})))
    commands = [said.to_wire().model_dump(mode="json")]
    told = await laptop.post(json.dumps({**old, "commands": commands}).encode())
    assert (told.status_code, told.json()["code"]) == (422, "protocol_unsupported")
    assert all(
        words in told.json()["detail"] for words in ("teams of a.okafor changed", "install the present version")
    )
    assert notes(server) == ["before the update"]
    (answer,) = (await laptop.round(in_doubt=(id_in(said),))).answers
    assert receipt(answer).outcome is Outcome.APPLIED
    assert (await laptop.post(json.dumps({**old, "cursor": None}).encode())).status_code == 422


async def test_a_device_of_protocol_1_that_is_updated_begins_its_copy_anew(server: Server, laptop: Laptop) -> None:
    laptop.cursor = str(laptop.cursor).rsplit(":", 1)[0]
    server.office.put_person(TENANT, replace(PEOPLE[0], teams=frozenset({"north"})))
    assert (await laptop.round()).restart


async def test_a_rehearsal_stores_nothing(server: Server, laptop: Laptop) -> None:
    clone = laptop.cloned()
    await laptop.round(laptop.say("note.added", JOB, text="x"))
    early = laptop.cloned()
    for text in ("missing", "missing too"):
        early.say("note.added", JOB, text=text)
    before = ends(server)
    sound, gap = laptop.say("note.added", JOB, text="y"), early.say("note.added", JOB, text="early")
    twin = clone.say("note.added", JOB, text="a fork")
    assert await forecast(laptop, sound, gap) == [(Outcome.APPLIED, None), (None, Hold.WAITING)]
    assert await forecast(laptop, twin) == [(None, Hold.QUARANTINED)]
    assert (ends(server), notes(server)) == (before, ["x"])


async def test_a_forecast_is_for_those_who_may_sync(server: Server, laptop: Laptop) -> None:
    sent = laptop.say("note.added", JOB, text="x")
    assert (await check(laptop, sent, protocol=9)).json()["code"] == "protocol_unsupported"
    server.office.revoke_device(TENANT, laptop.name, "root", "lost")
    assert (await check(laptop, sent)).json()["code"] == "device_revoked"


async def check(laptop: Laptop, *envelopes: Envelope, protocol: int = 2) -> httpx.Response:
    raw = CheckRequest(protocol=protocol, commands=tuple(each.to_wire() for each in envelopes)).to_bytes()
    ports, http = laptop.server.office.service.ports, laptop.server.http
    request = http.build_request("POST", "/v1/check", content=raw)
    sign_request(request, raw, laptop.device_key, ports.clock.now(), ports.randomness.draw(16).hex())
    return await http.send(request)


async def forecast(laptop: Laptop, *envelopes: Envelope) -> list[tuple[Outcome | None, Hold | None]]:
    reply = CheckReply.model_validate_json((await check(laptop, *envelopes)).content)
    return [(each.outcome, each.hold) for each in reply.forecasts]


# -- what the signed head certifies


async def test_the_head_certifies_what_is_settled_and_not_one_more(server: Server, laptop: Laptop) -> None:
    dangerous(server)
    await laptop.sync()
    steps = [laptop.say("status.changed", JOB, to=to) for to in ("in_progress", "done")]
    first = head_of(laptop, await laptop.round(*steps))
    assert (first.received, first.settled) == (2, 2)
    await laptop.sync()
    close = laptop.say("status.changed", JOB, to="closed")
    after = laptop.say("note.added", OTHER_JOB, text="settled behind what is held")
    head = head_of(laptop, await laptop.round(close, after))
    assert (head.epoch, head.received, head.received_hash, head.settled) == (1, 4, after.hash, 2)
    (question,) = server.office.approvals(TENANT)
    server.office.decide_approval(TENANT, "s.vance", question.ref, ApprovalChoice.REFUSE, "")
    head = head_of(laptop, await laptop.round())
    assert (head.received, head.settled) == (4, 4)
    with server.office.service.store.transaction() as tx:
        store_end = tx.head(TENANT)
    assert (head.audit_position, head.audit_hash) == (store_end.audit_position, store_end.audit_hash)
    assert (head.tenant, head.device, head.change_seq) == (TENANT, laptop.name, store_end.change_seq)


async def test_what_came_early_is_not_received_yet(laptop: Laptop) -> None:
    laptop.say("note.added", JOB, text="missing")
    head = head_of(laptop, await laptop.round(laptop.say("note.added", JOB, text="early")))
    assert (head.received, head.received_hash, head.settled) == (0, None, 0)


# -- withdrawals


@pytest.fixture
async def deferred(server: Server, laptop: Laptop) -> Envelope:
    """A command that waits for an approval."""
    dangerous(server)
    await laptop.sync()
    await laptop.round(*(laptop.say("status.changed", JOB, to=to) for to in ("in_progress", "done")))
    await laptop.sync()
    sent = laptop.say("status.changed", JOB, to="closed")
    assert held((await laptop.round(sent)).answers[0]) == ("deferred", "approval_needed")
    return sent


async def test_what_is_taken_back_with_its_command_has_no_effect(server: Server, laptop: Laptop) -> None:
    sent = laptop.say("note.added", JOB, text="no, wait")
    reply = await laptop.round(sent, withdrawals=(laptop.withdrawal(sent),))
    told = receipt(reply.answers[0])
    assert (told.outcome, told.reason, notes(server)) == (Outcome.REJECTED, Reason.WITHDRAWN, [])


async def test_what_is_taken_back_before_it_comes_has_no_effect(server: Server, laptop: Laptop) -> None:
    sent = laptop.say("note.added", JOB, text="no, wait")
    await laptop.round(withdrawals=(laptop.withdrawal(sent),))
    assert receipt((await laptop.round(sent)).answers[0]).reason is Reason.WITHDRAWN
    assert notes(server) == []


async def test_so_many_withdrawals_without_a_command_are_kept_and_no_more(
    server: Server, laptop: Laptop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sync_server.batch.withdrawals.WITHDRAWALS_MAX", 3)
    on_their_way = [laptop.say("note.added", JOB, text=str(n)) for n in range(5)]
    said = tuple(map(laptop.withdrawal, on_their_way))
    await laptop.round(withdrawals=said[:3])
    await laptop.round(withdrawals=said[:3])
    assert await laptop.refused(withdrawals=said[3:4]) == "withdrawals_full"
    other = new_laptop(server, b"\x04", "b.lind")
    await other.enrol()
    await other.round(withdrawals=(other.withdrawal(other.say("note.added", JOB, text="x")),))
    beside = await laptop.round(*on_their_way, withdrawals=said[3:])
    assert [receipt(answer).reason for answer in beside.answers] == [Reason.WITHDRAWN] * 5
    again = tuple(laptop.withdrawal(laptop.say("note.added", JOB, text=str(n))) for n in range(3))
    await laptop.round(withdrawals=again)


async def test_a_withdrawal_whose_command_never_comes_is_forgotten_in_time(server: Server, laptop: Laptop) -> None:
    never, late = (laptop.say("note.added", JOB, text=text) for text in ("never", "late"))
    await laptop.round(withdrawals=(laptop.withdrawal(never),))
    server.clock.move(LIMITS.offline_max)
    await laptop.round(withdrawals=(laptop.withdrawal(late),))
    server.clock.move(timedelta(days=1))
    purge(server.office.service)
    with server.office.service.store.transaction() as tx:
        assert tx.withdrawn(TENANT, [id_in(never), id_in(late)]).keys() == {id_in(late)}


async def test_what_is_held_is_taken_back_and_its_question_closed(
    server: Server, laptop: Laptop, deferred: Envelope
) -> None:
    await laptop.round(withdrawals=(laptop.withdrawal(deferred),))
    assert receipt((await laptop.round(in_doubt=(id_in(deferred),))).answers[0]).reason is Reason.WITHDRAWN
    assert server.office.approvals(TENANT) == []


async def test_what_is_settled_stays_settled(server: Server, laptop: Laptop) -> None:
    sent = laptop.say("note.added", JOB, text="too late")
    told = (await laptop.round(sent)).answers
    await laptop.round(withdrawals=(laptop.withdrawal(sent),))
    assert (await laptop.round(in_doubt=(id_in(sent),))).answers == told
    assert notes(server) == ["too late"]


async def test_nobody_takes_back_what_is_not_theirs(server: Server, laptop: Laptop, deferred: Envelope) -> None:
    other = new_laptop(server, b"\x04", "b.lind")
    await other.enrol()
    mine = other.withdrawal(deferred)
    in_their_name = other.withdrawal(deferred, device=laptop.name, actor=laptop.actor)
    forged = seal(mine.payloadType, Envelope.from_wire(laptop.withdrawal(deferred)).payload, other.technician_key)
    by_device = seal(mine.payloadType, Envelope.from_wire(mine).payload, other.device_key)
    assert await other.refused(withdrawals=(mine,)) == "not_enrolled_for"
    assert await other.refused(withdrawals=(in_their_name,)) == "not_enrolled_for"
    assert await other.refused(withdrawals=(forged.to_wire(),)) == "not_enrolled_for"
    assert await other.refused(withdrawals=(by_device.to_wire(),)) == "unknown_key"
    assert len(server.office.approvals(TENANT)) == 1


async def test_a_withdrawal_of_other_bytes_takes_nothing_back(
    server: Server, laptop: Laptop, deferred: Envelope
) -> None:
    await laptop.round(withdrawals=(laptop.withdrawal(deferred, hash="0" * 64),))
    assert len(server.office.approvals(TENANT)) == 1
    broken = Envelope.from_wire(laptop.withdrawal(deferred))
    bent = Envelope(broken.payload_type, broken.payload.replace(b"2026", b"2027"), broken.signatures)
    assert await laptop.refused(withdrawals=(bent.to_wire(),)) == "bad_signature"
    assert len(server.office.approvals(TENANT)) == 1


@pytest.mark.parametrize("together", [True, False])
async def test_what_nobody_here_can_read_is_taken_back_as_well(
    server: Server, laptop: Laptop, together: bool
) -> None:
    unread = laptop.command("note.added", JOB, advance=False, text="x").model_copy(update={"kind": "from.tomorrow"})
    sent = laptop.seal(unread)
    said = (laptop.withdrawal(sent),)
    await laptop.round(sent, withdrawals=said if together else ())
    await laptop.round(withdrawals=() if together else said)
    (answer,) = (await laptop.round(in_doubt=(unread.id,))).answers
    assert receipt(answer).reason is Reason.WITHDRAWN


async def test_an_earlier_statement_about_other_bytes_does_not_outweigh_the_right_one(
    server: Server, laptop: Laptop
) -> None:
    sent = laptop.say("note.added", JOB, text="x")
    await laptop.round(withdrawals=(laptop.withdrawal(sent, hash="0" * 64),))
    (answer,) = (await laptop.round(sent, withdrawals=(laptop.withdrawal(sent),))).answers
    assert receipt(answer).reason is Reason.WITHDRAWN
    await laptop.round(withdrawals=(laptop.withdrawal(sent, hash="0" * 64),))
    assert notes(server) == []


@pytest.mark.parametrize("cursor", ["1:0:99999999999999999999", "1:0:99999", "1:99999999999999999999:0", "1:-5:-5"])
async def test_a_cursor_from_beyond_the_end_begins_a_copy(server: Server, laptop: Laptop, cursor: str) -> None:
    laptop.cursor = cursor
    assert (await laptop.round()).restart


# -- epochs


async def test_what_comes_after_lost_bytes_is_for_review_and_the_new_epoch_goes_on(
    server: Server, laptop: Laptop
) -> None:
    await laptop.round(laptop.say("note.added", JOB, text="one"))
    laptop.say("note.added", JOB, text="lost")
    third, fourth = (laptop.say("note.added", JOB, text=text) for text in ("three", "four"))
    assert held((await laptop.round(third)).answers[0]) == ("waiting", "chain_gap")
    ended = EpochEnd(epoch=1, reason="bytes_lost", missing=(2,))
    reply = await laptop.round(fourth, ended=ended)
    assert (reply.epoch, held(reply.answers[0])) == (2, ("quarantined", "chain_gap"))
    assert apart(server) == [id_in(third), id_in(fourth)]
    laptop.begin_epoch(2)
    await laptop.round(laptop.say("note.added", JOB, text="five"))
    assert notes(server) == ["one", "five"]
    server.office.release(TENANT, [id_in(third), id_in(fourth)], "m.reyes", "seen on the laptop")
    assert notes(server) == ["one", "five", "three", "four"]
    found = server.office.device(TENANT, laptop.name)
    assert [(epoch.missing, epoch.reason) for epoch in found.epochs] == [((2,), "enrolled"), (None, "bytes_lost")]
    assert found.device.state == "active"


async def test_an_epoch_is_ended_once(server: Server, laptop: Laptop) -> None:
    ended = EpochEnd(epoch=1, reason="restored")
    assert [(await laptop.round(ended=ended)).epoch for _ in range(3)] == [2, 2, 2]


async def test_two_that_take_turns_at_being_set_back_are_stopped_and_shown(server: Server, laptop: Laptop) -> None:
    await laptop.round(ended=EpochEnd(epoch=1, reason="restored"))
    assert (await laptop.round(ended=EpochEnd(epoch=2, reason="restored"))).epoch == 2
    assert server.office.device(TENANT, laptop.name).device.state == "forked"
    with pytest.raises(AssertionError, match="device_forked"):
        await laptop.round()


async def test_a_laptop_may_be_set_back_again_later(server: Server, laptop: Laptop) -> None:
    await laptop.round(ended=EpochEnd(epoch=1, reason="restored"))
    server.clock.move(timedelta(days=2))
    assert (await laptop.round(ended=EpochEnd(epoch=2, reason="restored"))).epoch == 3


async def test_what_was_confirmed_in_an_old_epoch_is_still_received(server: Server, laptop: Laptop) -> None:
    await laptop.round(laptop.say("note.added", JOB, text="one"))
    old = laptop.cloned()
    await laptop.round(ended=EpochEnd(epoch=1, reason="restored"))
    laptop.begin_epoch(2)
    await laptop.round(laptop.say("note.added", JOB, text="new"))
    assert receipt((await laptop.round(old.say("note.added", JOB, text="late"))).answers[0]).outcome
    assert notes(server) == ["one", "new", "late"]
    head = head_of(laptop, await laptop.round())
    assert (head.epoch, head.received) == (2, 1)


async def test_an_epoch_that_the_server_did_not_open_is_a_fork(server: Server, laptop: Laptop) -> None:
    laptop.begin_epoch(7)
    answer = (await laptop.round(laptop.say("note.added", JOB, text="x"))).answers[0]
    assert (held(answer), notes(server)) == (("quarantined", "chain_fork"), [])
    assert server.office.device(TENANT, laptop.name).device.state == "active", "the open epoch is sound"


async def test_a_fork_in_an_old_epoch_does_not_stop_the_laptop(server: Server, laptop: Laptop) -> None:
    clone = laptop.cloned()
    await laptop.round(laptop.say("note.added", JOB, text="one"))
    await laptop.round(ended=EpochEnd(epoch=1, reason="restored"))
    assert held((await clone.round(clone.say("note.added", JOB, text="other"))).answers[0])[1] == "chain_fork"
    laptop.begin_epoch(2)
    await laptop.round(laptop.say("note.added", JOB, text="two"))
    assert notes(server) == ["one", "two"]


# -- gaps and forks together


async def test_what_came_early_is_for_review_once_its_laptop_is_forked(server: Server, laptop: Laptop) -> None:
    clone = laptop.cloned()
    await laptop.round(laptop.say("note.added", JOB, text="one"))
    gap = laptop.say("note.added", JOB, text="two")
    early = laptop.say("note.added", JOB, text="three")
    assert held((await laptop.round(early)).answers[0]) == ("waiting", "chain_gap")
    twin = clone.say("note.added", JOB, text="twin")
    await clone.round(twin)
    assert await laptop.refused(gap) == "device_forked"
    assert sorted(apart(server)) == sorted(map(id_in, (early, twin, gap)))
    with server.office.service.store.transaction() as tx:
        assert tx.held(TENANT, Hold.WAITING) == [], "nothing waits for what can no longer come"
    server.office.release(TENANT, [id_in(early), id_in(gap)], "m.reyes", "theirs")
    assert notes(server) == ["one", "two", "three"]


async def test_a_fork_that_is_found_when_a_gap_closes_spares_the_honest_chain(server: Server, laptop: Laptop) -> None:
    clone = laptop.cloned()
    first, second = (laptop.say("note.added", JOB, text=text) for text in ("one", "two"))
    clone.say("note.added", JOB, text="never sent")
    twin = clone.say("note.added", JOB, text="twin of two")
    await clone.round(twin)
    await laptop.round(second)
    await laptop.round(first)
    assert (notes(server), apart(server)) == (["one", "two"], [id_in(twin)])
    assert server.office.device(TENANT, laptop.name).device.state == "forked"


async def test_a_purged_place_is_known_to_be_settled(server: Server, laptop: Laptop) -> None:
    sent = laptop.say("note.added", JOB, text="long ago")
    await laptop.round(sent, laptop.say("note.added", JOB, text="also"))
    server.years_pass(timedelta(days=401))
    with server.office.service.store.transaction() as tx:
        tx.purge(TENANT, server.clock.now() - timedelta(days=400))
    answer = (await laptop.round(sent)).answers[0]
    assert isinstance(answer, Turned)
    assert (answer.problem.code, notes(server)) == ("settled_purged", ["long ago", "also"])
    assert server.office.device(TENANT, laptop.name).device.state == "active"


# -- runs under one signature


def unsigned(envelope: Envelope) -> Envelope:
    """The same bytes under a signature of other bytes."""
    return Envelope(envelope.payload_type, envelope.payload, ((envelope.keyid, b"\x00" * 64),))


async def test_a_later_signature_proves_what_its_chain_holds(server: Server, laptop: Laptop) -> None:
    """Each command carries the hash of the one before: who signed the last one signed for them all (ADR 15)."""
    first, second, third = (laptop.say("note.added", JOB, text=text) for text in "abc")
    reply = await laptop.round(first, unsigned(second), third)
    assert [answer.status for answer in reply.answers] == ["settled"] * 3
    assert notes(server) == ["a", "b", "c"]


async def test_the_last_of_a_run_needs_its_own_signature(server: Server, laptop: Laptop) -> None:
    first, second, third = (laptop.say("note.added", JOB, text=text) for text in "abc")
    reply = await laptop.round(first, second, unsigned(third))
    assert [answer.status for answer in reply.answers] == ["settled", "settled", "refused"]
    assert notes(server) == ["a", "b"]


@pytest.mark.parametrize("spoil", [lambda e: e.payload.replace(b'"b"', b'"B"'), lambda e: e.payload + b" "])
async def test_a_broken_link_proves_nothing_before_it(
    server: Server, laptop: Laptop, spoil: Callable[[Envelope], bytes]
) -> None:
    first, second, third = (laptop.say("note.added", JOB, text=text) for text in "abc")
    bent = Envelope(COMMAND_TYPE, spoil(second), second.signatures)
    reply = await laptop.round(first, bent, third)
    assert isinstance(reply.answers[1], Turned)
    assert reply.answers[1].problem.code == "bad_signature"
    assert (held(reply.answers[2]), notes(server)) == (("waiting", "chain_gap"), ["a"])
    await laptop.round(second)
    assert notes(server) == ["a", "b", "c"]


async def test_a_poison_in_the_middle_stops_itself_and_keeps_its_place(server: Server, laptop: Laptop) -> None:
    sent = [laptop.say("note.added", JOB, text="before")]
    sent.append(laptop.say("part.consumed", JOB, stock_item=SEAL, quantity=999))
    unknown = laptop.command("note.added", JOB, advance=False, text="x").model_copy(update={"kind": "pump.sung"})
    sent += [laptop.seal(unknown), laptop.say("note.added", JOB, text="after")]
    reply = await laptop.round(*sent)
    assert [answer.status for answer in reply.answers] == ["settled", "settled", "held", "settled"]
    head = head_of(laptop, reply)
    assert (notes(server), head.received, head.settled) == (["before", "after"], 4, 2)


# -- what this program learns


async def test_a_kind_is_decided_as_soon_as_the_program_knows_it(
    server: Server, laptop: Laptop, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = laptop.command("note.added", JOB, advance=False, text="from the future")
    sent = laptop.seal(command.model_copy(update={"kind": "note.sung"}))
    assert held((await laptop.round(sent)).answers[0]) == ("unreadable", "kind_unknown")
    before = ends(server)
    server.office.service.sweep()
    assert ends(server) == before

    class NoteSung(NoteAdded):
        """A kind of tomorrow."""

        kind = Kind("note.sung", 1, "work_order", "Sing", NoteAdded.kind.roles)

    monkeypatch.setitem(cast(dict[str, type[Payload]], CATALOGUE), "note.sung", NoteSung)
    server.office.service.sweep()
    answer = (await laptop.round(in_doubt=(id_in(sent),))).answers[0]
    assert isinstance(answer, Settled)
    assert (receipt(answer).outcome, notes(server)) == (Outcome.APPLIED, ["from the future"])
