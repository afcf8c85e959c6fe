"""What is set apart has no effect before a person releases it, and exactly one after; nothing in it is lost."""

import json
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from reconciliation.decide import decide
from shared.commands.base import Role
from shared.envelope import COMMAND_TYPE, Envelope, seal
from shared.outcomes import EFFECTIVE, Hold, Outcome, Reason
from shared.problems import Code, Refused
from shared.records import ApprovalChoice, Choice
from shared.sync import EpochEnd
from sync_server.batch import places, settling
from sync_server.store import Contended, Entry, Person, Store
from tests.builders import JOB, NOW, SEAL
from tests.contract.test_sync import notes
from tests.served import TENANT, Laptop, Server, id_in, receipt


def apart(server: Server) -> list[str]:
    return [entry.command.id for entry in server.office.quarantine(TENANT)]


def release(server: Server, *envelopes: Envelope, actor: str = "m.reyes") -> list[Entry]:
    return server.office.release(TENANT, [id_in(each) for each in envelopes], actor, "spoke to them")


def outcomes(entries: list[Entry]) -> list[Outcome | None]:
    return [entry.receipt.outcome if entry.receipt else None for entry in entries]


def audited(server: Server, act: str) -> list[dict[str, Any]]:
    with server.office.service.store.transaction() as tx:
        bodies = [json.loads(body) for _, _, _, body in tx.audit(TENANT)]
    return [body for body in bodies if body["act"] == act]


async def cloned_work(laptop: Laptop, text: str = "from the clone") -> Envelope:
    """Two laptops with the same keys: both write, and the second one's command waits for review."""
    clone = laptop.cloned()
    await laptop.round(laptop.say("note.added", JOB, text="from the laptop"))
    sent = clone.say("note.added", JOB, text=text)
    assert (await clone.round(sent)).answers[0].status == "held"
    return sent


# -- three ways in


async def test_two_laptops_with_the_same_keys_lose_nothing(server: Server, laptop: Laptop) -> None:
    clone = laptop.cloned()
    await laptop.round(laptop.say("note.added", JOB, text="from the laptop"))
    sent = [clone.say("part.consumed", JOB, stock_item=SEAL, quantity=2), clone.say("note.added", JOB, text="clone")]
    await clone.round(*sent)
    assert await laptop.refused() == "device_forked"
    later = laptop.say("note.added", JOB, text="later")
    assert await laptop.refused(later) == "device_forked"
    assert apart(server) == [*map(id_in, sent), id_in(later)]
    assert (notes(server), server.records("stock_item")[SEAL].fields["on_hand"]) == (["from the laptop"], 5)

    assert set(outcomes(release(server, *sent, later))) <= EFFECTIVE
    assert notes(server) == ["from the laptop", "clone", "later"]
    assert server.records("stock_item")[SEAL].fields["on_hand"] == 3
    assert apart(server) == []
    server.office.readmit_device(TENANT, laptop.name, "root", "the clone is wiped")
    reply = await laptop.round(in_doubt=(*map(id_in, sent), id_in(later)))
    assert {receipt(answer).outcome for answer in reply.answers} <= EFFECTIVE
    assert reply.epoch == 2
    again = await laptop.round(*sent, later)
    assert again.answers == reply.answers
    assert notes(server) == ["from the laptop", "clone", "later"]
    laptop.begin_epoch(2)
    assert receipt((await laptop.round(laptop.say("note.added", JOB, text="goes on"))).answers[0]).detail == ""


async def test_a_laptop_set_back_to_an_older_image_is_seen_and_loses_nothing(server: Server, laptop: Laptop) -> None:
    await laptop.round(laptop.say("note.added", JOB, text="one"))
    image = laptop.cloned()
    await laptop.round(laptop.say("note.added", JOB, text="two"))
    sent = image.say("note.added", JOB, text="after the restore")
    answer = (await image.round(sent)).answers[0]
    assert answer.status == "held"
    assert (answer.hold, answer.problem and answer.problem.code) == ("quarantined", "chain_fork")
    assert server.office.device(TENANT, laptop.name).device.state == "forked"
    assert notes(server) == ["one", "two"]
    assert set(outcomes(release(server, sent))) <= EFFECTIVE
    assert notes(server) == ["one", "two", "after the restore"]


async def test_the_work_of_a_revoked_laptop_waits_for_a_person(server: Server, laptop: Laptop) -> None:
    early = laptop.cloned()
    early.say("note.added", JOB, text="never arrives")
    gap = early.say("note.added", JOB, text="behind a gap")
    await early.round(gap)
    server.office.revoke_device(TENANT, laptop.name, "root", "lost in a taxi")
    sent = [laptop.say("note.added", JOB, text=text) for text in ("a", "b")]
    assert await laptop.refused(*sent) == "device_revoked"
    assert (notes(server), sorted(apart(server))) == ([], sorted(map(id_in, [gap, *sent])))
    assert set(outcomes(release(server, sent[1], sent[0]))) <= EFFECTIVE
    assert notes(server) == ["a", "b"], "in the order of the chain, whatever the order in which they are named"
    (entry,) = server.office.dismiss(TENANT, [id_in(gap)], "root", "never mind")
    assert entry.receipt
    assert (entry.receipt.outcome, entry.receipt.reason) == (Outcome.REJECTED, Reason.DISMISSED)
    assert entry.receipt.detail == "dismissed by root: never mind"
    assert notes(server) == ["a", "b"]


async def test_what_comes_again_while_it_waits_for_review_waits_once(server: Server, laptop: Laptop) -> None:
    sent = await cloned_work(laptop)
    assert await laptop.refused(sent) == "device_forked"
    assert apart(server) == [id_in(sent)]


# -- releasing


async def test_a_release_cites_the_original_and_shares_its_outcome(server: Server, laptop: Laptop) -> None:
    sent = await cloned_work(laptop)
    (entry,) = release(server, sent)
    (note,) = audited(server, "released")
    assert (note["command"], note["actor"], note["why"]) == (id_in(sent), "m.reyes", "spoke to them")
    with server.office.service.store.transaction() as tx:
        given = tx.entries(TENANT, [note["given_as"]])[note["given_as"]]
    assert (given.command.actor, given.command.device) == ("m.reyes", "office")
    original = entry.command
    assert given.command.payload == original.payload
    assert (given.command.bases, given.command.base_version) == (original.bases, original.base_version)
    assert entry.receipt
    assert given.receipt
    assert entry.receipt.detail == f"released by m.reyes as {given.command.id}"
    assert (entry.receipt.versions, entry.receipt.applied) == (given.receipt.versions, given.receipt.applied)
    assert entry.receipt.envelope_hash == sent.hash


async def test_what_a_release_writes_outside_goes_under_the_key_of_the_command_it_stands_for(
    server: Server, laptop: Laptop
) -> None:
    """A server that is set back to before the release settles the original itself, and must find what was done."""
    clone = laptop.cloned()
    await laptop.round(laptop.say("note.added", JOB, text="from the laptop"))
    sent = clone.say("part.ordered", JOB, stock_item=SEAL, quantity=2)
    await clone.round(sent)
    (entry,) = release(server, sent)
    assert outcomes([entry]) == [Outcome.APPLIED]
    (written,) = server.office.outgoing(TENANT)
    assert written.outgoing.command == id_in(sent)
    (told,) = server.office.external_writes(TENANT, everything=True)
    assert (told.ref, told.fields["command"]) == (f"external_write/{id_in(sent)}", id_in(sent))


async def test_so_does_what_a_release_writes_that_had_to_wait(server: Server, laptop: Laptop) -> None:
    server.office.revoke_device(TENANT, laptop.name, "root", "lost")
    first = laptop.say("note.added", JOB, text="a")
    command = laptop.command("part.ordered", JOB, advance=False, stock_item=SEAL, quantity=2)
    second = laptop.seal(command.model_copy(update={"depends_on": (id_in(first),)}))
    await laptop.refused(first, second)
    (waiting,) = release(server, second)
    assert (waiting.hold, server.office.outgoing(TENANT)) == (Hold.QUARANTINED, [])
    release(server, first)
    (written,) = server.office.outgoing(TENANT)
    assert written.outgoing.command == id_in(second)


async def test_a_stale_release_becomes_a_conflict_and_what_rests_on_it_waits(server: Server, laptop: Laptop) -> None:
    clone = laptop.cloned()
    await laptop.round(laptop.say("note.added", JOB, text="x"))
    server.office.set_field(TENANT, "m.reyes", JOB, "priority", "low")
    first = clone.say("field.updated", JOB, field="priority", value="urgent")
    second = clone.command("field.updated", JOB, advance=False, field="priority", value="high")
    base = second.bases[0].model_copy(update={"command": id_in(first), "value": "urgent"})
    last = clone.seal(second.model_copy(update={"bases": (base,)}))
    await clone.round(first, last)
    assert outcomes(release(server, first)) == [Outcome.CONFLICT]
    assert server.records()[JOB].fields["priority"] == "low"
    (held,) = release(server, last)
    assert (held.hold, apart(server)) == (Hold.QUARANTINED, [id_in(last)])
    (conflict,) = server.office.conflicts(TENANT)
    waiting = [entry.command.payload for entry in server.office.matter(TENANT, "conflict", conflict.ref).waiting]
    assert waiting == [last_payload := dict(second.payload), last_payload], "the original and what stands in for it"
    server.office.resolve(TENANT, "m.reyes", conflict.ref, Choice.KEEP_MINE, "theirs was a guess")
    assert server.records()[JOB].fields["priority"] == "high"
    assert apart(server) == []


async def test_what_rests_on_a_released_command_was_written_over_what_the_release_made(
    server: Server, laptop: Laptop
) -> None:
    clone = laptop.cloned()
    await laptop.round(laptop.say("note.added", JOB, text="x"))
    first = clone.say("field.updated", JOB, field="priority", value="urgent")
    second = clone.command("field.updated", JOB, advance=False, field="priority", value="high")
    await clone.round(first)
    assert set(outcomes(release(server, first))) <= EFFECTIVE
    server.office.readmit_device(TENANT, laptop.name, "root", "the clone is wiped")
    base = second.bases[0].model_copy(update={"command": id_in(first), "value": "urgent"})
    laptop.begin_epoch(2)
    last = laptop.seal(second.model_copy(update={"bases": (base,), "epoch": 2, "seq": 1, "prev": None}))
    (answer,) = (await laptop.round(last)).answers
    assert receipt(answer).outcome in EFFECTIVE, "the office's hand on the field was its author's own wish"
    assert server.records()[JOB].fields["priority"] == "high"


async def test_what_is_released_and_needs_an_approval_shares_its_end(server: Server, laptop: Laptop) -> None:
    dangerous(server)
    await laptop.sync()
    done = [laptop.say("status.changed", JOB, to=to) for to in ("in_progress", "done")]
    await laptop.round(*done)
    await laptop.sync()
    server.office.revoke_device(TENANT, laptop.name, "root", "lost")
    close = laptop.say("status.changed", JOB, to="closed")
    await laptop.refused(close)
    (entry,) = release(server, close)
    assert entry.hold is Hold.QUARANTINED
    with pytest.raises(Refused, match="not settled yet"):
        release(server, close)
    with pytest.raises(Refused, match="not settled yet"):
        server.office.dismiss(TENANT, [id_in(close)], "root", "no")
    (question,) = server.office.approvals(TENANT)
    assert [each.command.id for each in server.office.matter(TENANT, "approval", question.ref).waiting][1:] == [
        id_in(close)
    ]
    server.office.decide_approval(TENANT, "s.vance", question.ref, ApprovalChoice.APPROVE, "")
    assert (server.records()[JOB].fields["status"], apart(server)) == ("closed", [])
    with server.office.service.store.transaction() as tx:
        settled = tx.entries(TENANT, [id_in(close)])[id_in(close)].receipt
    assert settled
    assert (settled.outcome, settled.versions[JOB]) == (Outcome.APPLIED, server.records()[JOB].version)


def dangerous(server: Server) -> None:
    plan = server.office.plan_import(TENANT, "work_order", "id,safety_critical\nWO-1,true\n")
    server.office.apply_import(TENANT, "root", plan)


async def test_what_its_author_took_back_or_brought_too_late_is_not_revived(server: Server, laptop: Laptop) -> None:
    server.office.revoke_device(TENANT, laptop.name, "root", "lost")
    back = laptop.say("note.added", JOB, text="taken back")
    late = laptop.say("note.added", JOB, text="late")
    await laptop.refused(back, withdrawals=(laptop.withdrawal(back),))
    with pytest.raises(Refused, match="no longer in quarantine: rejected"):
        release(server, back)
    server.clock.move(timedelta(days=91))
    await laptop.refused(late)
    assert outcomes(release(server, late)) == [Outcome.EXPIRED]
    assert notes(server) == []


def ended(server: Server, envelope: Envelope) -> Reason | None:
    """Why a command was rejected, as the ledger has it."""
    with server.office.service.store.transaction() as tx:
        told = tx.entries(TENANT, [id_in(envelope)])[id_in(envelope)].receipt
    return told.reason if told else None


@pytest.mark.parametrize("beside", [True, False])
async def test_what_its_author_takes_back_waits_for_no_reviewer(server: Server, laptop: Laptop, beside: bool) -> None:
    server.office.revoke_device(TENANT, laptop.name, "root", "lost")
    sent = laptop.say("note.added", JOB, text="no, wait")
    if not beside:
        await laptop.refused(sent)
        assert apart(server) == [id_in(sent)]
    await laptop.refused(*([sent] if beside else []), withdrawals=(laptop.withdrawal(sent),))
    assert (apart(server), ended(server, sent), notes(server)) == ([], Reason.WITHDRAWN, [])


async def test_what_came_early_and_was_taken_back_is_not_stranded_for_review(server: Server, laptop: Laptop) -> None:
    laptop.say("note.added", JOB, text="lost")
    early = laptop.say("note.added", JOB, text="no, wait")
    await laptop.round(early)
    await laptop.round(withdrawals=(laptop.withdrawal(early),))
    await laptop.round(ended=EpochEnd(epoch=1, reason="bytes_lost", missing=(1,)))
    assert (apart(server), ended(server, early)) == ([], Reason.WITHDRAWN)


async def test_what_a_reviewer_released_before_is_not_taken_back(server: Server, laptop: Laptop) -> None:
    """It waits for an approval in the reviewer's name: that is theirs now."""
    dangerous(server)
    await laptop.sync()
    await laptop.round(*(laptop.say("status.changed", JOB, to=to) for to in ("in_progress", "done")))
    await laptop.sync()
    server.office.revoke_device(TENANT, laptop.name, "root", "lost")
    close = laptop.say("status.changed", JOB, to="closed")
    await laptop.refused(close)
    release(server, close)
    await laptop.refused(withdrawals=(laptop.withdrawal(close),))
    (question,) = server.office.approvals(TENANT)
    server.office.decide_approval(TENANT, "s.vance", question.ref, ApprovalChoice.APPROVE, "")
    assert server.records()[JOB].fields["status"] == "closed"


async def test_a_command_in_time_when_it_came_is_in_time_when_it_is_released(server: Server, laptop: Laptop) -> None:
    sent = await cloned_work(laptop)
    server.clock.move(timedelta(days=200))
    assert set(outcomes(release(server, sent))) <= EFFECTIVE


async def test_a_doubtful_clock_is_the_reviewers_to_judge(server: Server, laptop: Laptop) -> None:
    dangerous(server)
    await laptop.sync()
    steps = [laptop.say("status.changed", JOB, to=to) for to in ("in_progress", "done")]
    await laptop.round(*steps)
    await laptop.sync()
    close = laptop.say("status.changed", JOB, to="closed")
    answer = (await laptop.round(close, doubtful=(id_in(close),))).answers[0]
    assert answer.status == "held"
    assert (answer.hold, answer.problem and answer.problem.code) == ("quarantined", "clock_doubt")
    (entry,) = release(server, close)
    assert entry.hold is Hold.DEFERRED, "releasing is not approving"
    (question,) = server.office.approvals(TENANT)
    assert question.fields["requested_by"] == laptop.actor
    server.office.decide_approval(TENANT, "s.vance", question.ref, ApprovalChoice.APPROVE, "")
    assert server.records()[JOB].fields["status"] == "closed", "and the doubt does not come back"


async def test_what_a_fault_of_ours_stopped_is_decided_itself(
    server: Server, laptop: Laptop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def faulty(_: Any) -> Any:
        raise RuntimeError("a bug")

    monkeypatch.setattr(settling, "decide", faulty)
    sent = laptop.say("note.added", JOB, text="x")
    await laptop.round(sent)
    (entry,) = release(server, sent)
    assert entry.hold is Hold.QUARANTINED, "the bug is still there"
    monkeypatch.setattr(settling, "decide", decide)
    (entry,) = release(server, sent)
    assert entry.receipt
    assert (entry.receipt.outcome, entry.receipt.detail, notes(server)) == (Outcome.APPLIED, "", ["x"])


@pytest.mark.parametrize("act", ["release", "dismiss"])
async def test_a_lost_answer_to_the_commit_does_nothing_twice(
    server: Server, laptop: Laptop, monkeypatch: pytest.MonkeyPatch, act: str
) -> None:
    sent = await cloned_work(laptop)
    lose_one_answer(server, monkeypatch)
    do: Callable[..., list[Entry]] = getattr(server.office, act)
    (entry,) = do(TENANT, [id_in(sent)], "m.reyes", "spoke to them")
    assert entry.receipt
    assert notes(server).count("from the clone") == (act == "release")
    assert len(audited(server, "released" if act == "release" else "dismissed")) == 1


def lose_one_answer(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next unit commits, and the server never hears that it did."""
    whole = Store.transaction
    lost: list[bool] = []

    @contextmanager
    def losing(store: Store) -> Any:
        with whole(store) as tx:
            yield tx
        if not lost:
            lost.append(True)
            raise Contended("the answer to the commit was lost")

    monkeypatch.setattr(Store, "transaction", losing)


# -- who, and what else is refused


async def test_only_a_reviewer_with_a_reason_decides(server: Server, laptop: Laptop) -> None:
    sent = await cloned_work(laptop)
    for act in (server.office.release, server.office.dismiss):
        for actor, code in (("b.lind", Code.NOT_PERMITTED), ("nobody", Code.NOT_FOUND)):
            with pytest.raises(Refused) as caught:
                act(TENANT, [id_in(sent)], actor, "because")
            assert caught.value.problem.code is code
        with pytest.raises(Refused, match="Give a reason"):
            act(TENANT, [id_in(sent)], "m.reyes", " ")
    assert apart(server) == [id_in(sent)]


async def test_what_the_reviewer_may_not_give_stays_in_quarantine(server: Server, laptop: Laptop) -> None:
    server.office.revoke_device(TENANT, laptop.name, "root", "lost")
    command = laptop.command("note.added", JOB, advance=False, text="x")
    fields = {"kind": "record.imported", "payload": {"fields": {"title": "x"}}}
    sent = laptop.seal(command.model_copy(update=fields))
    await laptop.refused(sent)
    server.office.put_person(TENANT, replace(person(server, "m.reyes"), roles=frozenset({Role.RESOLVER})))
    with pytest.raises(Refused, match="which admin or dispatcher may give"):
        release(server, sent)
    assert apart(server) == [id_in(sent)]


def person(server: Server, name: str) -> Person:
    return next(each for each in server.office.people(TENANT) if each.id == name)


async def test_what_is_settled_is_reviewed_no_more_and_one_bad_name_does_nothing(
    server: Server, laptop: Laptop
) -> None:
    sent = await cloned_work(laptop)
    with pytest.raises(Refused, match="There is no command nothing"):
        server.office.release(TENANT, [id_in(sent), "nothing"], "m.reyes", "because")
    assert apart(server) == [id_in(sent)]
    release(server, sent)
    with pytest.raises(Refused, match="no longer in quarantine: merged"):
        release(server, sent)
    assert notes(server).count("from the clone") == 1


async def test_what_rests_on_a_dismissed_command_fails_with_it(server: Server, laptop: Laptop) -> None:
    server.office.revoke_device(TENANT, laptop.name, "root", "lost")
    first = laptop.say("note.added", JOB, text="a")
    command = laptop.command("note.added", JOB, advance=False, text="b")
    second = laptop.seal(command.model_copy(update={"depends_on": (id_in(first),)}))
    await laptop.refused(first, second)
    (waiting,) = release(server, second)
    assert waiting.hold is Hold.QUARANTINED
    assert [e.command.id for e in server.office.quarantined(TENANT, id_in(first)).waiting][1:] == [id_in(second)]
    server.office.dismiss(TENANT, [id_in(first)], "m.reyes", "not ours")
    with server.office.service.store.transaction() as tx:
        entry = tx.entries(TENANT, [id_in(second)])[id_in(second)]
    assert entry.receipt
    assert (entry.receipt.reason, notes(server)) == (Reason.DEPENDENCY_FAILED, [])


async def test_a_quarantine_that_is_full_refuses_and_loses_nothing(
    server: Server, laptop: Laptop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "QUARANTINE_MAX", 2)
    server.office.revoke_device(TENANT, laptop.name, "root", "lost")
    sent = [laptop.say("note.added", JOB, text=text) for text in "abc"]
    await laptop.refused(*sent)
    assert apart(server) == [id_in(each) for each in sent[:2]]
    release(server, *sent[:2])
    await laptop.refused(sent[2])
    assert apart(server) == [id_in(sent[2])]


async def test_a_revoked_laptop_takes_nothing_back_that_is_on_its_way(server: Server, laptop: Laptop) -> None:
    dangerous(server)
    await laptop.sync()
    await laptop.round(*(laptop.say("status.changed", JOB, to=to) for to in ("in_progress", "done")))
    await laptop.sync()
    close = laptop.say("status.changed", JOB, to="closed")
    await laptop.round(close)
    server.office.revoke_device(TENANT, laptop.name, "root", "stolen")
    await laptop.refused(withdrawals=(laptop.withdrawal(close),))
    (question,) = server.office.approvals(TENANT)
    server.office.decide_approval(TENANT, "s.vance", question.ref, ApprovalChoice.APPROVE, "")
    assert server.records()[JOB].fields["status"] == "closed"
    assert server.office.device(TENANT, laptop.name).device.epoch == 1


async def test_a_revoked_laptop_ends_no_epoch(server: Server, laptop: Laptop) -> None:
    server.office.revoke_device(TENANT, laptop.name, "root", "stolen")
    await laptop.refused(ended=EpochEnd(epoch=1, reason="restored"))
    assert server.office.device(TENANT, laptop.name).device.epoch == 1


async def test_a_forged_command_is_not_even_kept(server: Server, laptop: Laptop) -> None:
    server.office.revoke_device(TENANT, laptop.name, "root", "stolen")
    sent = laptop.say("note.added", JOB, text="x")
    await laptop.refused(seal(COMMAND_TYPE, sent.payload, laptop.device_key))
    assert apart(server) == []


async def test_a_quarantine_that_is_full_says_nothing_wrong_about_the_command_that_closed_a_gap(
    server: Server, laptop: Laptop, monkeypatch: pytest.MonkeyPatch
) -> None:
    stray = replace(laptop.cloned(), seq=1, prev="0" * 64).say("note.added", JOB, text="another history")
    await laptop.round(stray)
    monkeypatch.setattr(places, "QUARANTINE_MAX", 0)
    (answer,) = (await laptop.round(laptop.say("note.added", JOB, text="one"))).answers
    assert receipt(answer).outcome is Outcome.APPLIED
    assert apart(server) == [id_in(stray)]


async def test_a_lifetime_that_no_command_may_have_is_refused_at_its_release(server: Server, laptop: Laptop) -> None:
    server.office.revoke_device(TENANT, laptop.name, "root", "stolen")
    years = {"issued_at": NOW.replace(year=2), "expires_at": NOW.replace(year=9999)}
    sent = laptop.seal(laptop.command("note.added", JOB, advance=False, text="x").model_copy(update=years))
    await laptop.refused(sent)
    (entry,) = release(server, sent)
    assert entry.receipt
    assert entry.receipt.reason is Reason.LIFETIME_TOO_LONG
