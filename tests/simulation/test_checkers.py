"""Every judge of a simulated world stays silent about a sound one, and speaks when its promise is broken."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from shared.commands.base import OFFICE
from shared.routing import DataClass
from simulators import world
from simulators.checkers import CHECKERS, Evidence, judged
from simulators.crossings import Arrived, Asked, Left, Stated, mark_of, marked
from simulators.disks import obstacle
from simulators.evidence import DeviceFile, Link, Received, Sent
from simulators.faults import LOSSY
from simulators.mutants.base import CURIOUS
from simulators.world import Options, run

pytestmark = pytest.mark.skipif(obstacle() is not None, reason=f"no simulated disks here: {obstacle()}")
Spoil = Callable[[Evidence], Evidence]


@pytest.fixture(scope="module")
def sound() -> Iterator[Evidence]:
    """What is left of a world with conflicts, rejections and dependants in it, in which every promise held."""
    options = Options(devices=3, commands=24, profile=LOSSY, habits=CURIOUS)
    worlds = (run(seed, options).evidence for seed in range(1, 20))
    yield next(filter(rich, worlds))
    world.forget_templates()


def rich(evidence: Evidence) -> bool:
    """Whether every way to spoil it finds what it spoils."""
    outcomes = {each.answer["outcome"] for each in evidence.brought() if each.answer}
    rests = any(each.effective and each.needs for each in evidence.brought())
    answered = any(_answer(body) for body in evidence.server.records.values())
    crossed = any(isinstance(each, Arrived) for each in evidence.crossings)
    carried = any(ref.startswith("external_write/") for ref in evidence.server.records)
    return {"conflict", "rejected"} <= outcomes and rests and answered and crossed and carried


# -- ways to spoil it


def first(evidence: Evidence, kind: str) -> str:
    """The first command of a kind that took effect."""
    return next(command for command, said in evidence.effective().items() if said.kind == kind)


def with_records(evidence: Evidence, records: Mapping[str, Any]) -> Evidence:
    return replace(evidence, server=replace(evidence.server, records=records))


def changed_record(evidence: Evidence, ref: str, **fields: Any) -> Evidence:
    body = evidence.server.records[ref]
    spoilt = {**body, "fields": {**body["fields"], **fields}}
    return with_records(evidence, {**evidence.server.records, ref: spoilt})


def with_received(evidence: Evidence, *entries: Received) -> Evidence:
    received = {**evidence.server.received, **{each.id: each for each in entries}}
    ledger = {**evidence.server.ledger, **{each.id: each.receipt for each in entries}}
    return replace(evidence, server=replace(evidence.server, received=received, ledger=ledger))


def receipt_with(evidence: Evidence, command: str, **fields: Any) -> Evidence:
    each = evidence.server.received[command]
    return with_received(evidence, replace(each, receipt=json.dumps({**(each.answer or {}), **fields})))


def command_with(evidence: Evidence, command: str, **fields: Any) -> Evidence:
    each = evidence.server.received[command]
    return with_received(evidence, replace(each, payload=json.dumps({**each.command, **fields}).encode()))


def with_laptop(evidence: Evidence, change: Callable[[DeviceFile], DeviceFile]) -> Evidence:
    name, device = next(iter(evidence.devices.items()))
    return replace(evidence, devices={**evidence.devices, name: change(device)})


def with_sent(evidence: Evidence, change: Callable[[Sent], Sent]) -> Evidence:
    def changed(device: DeviceFile) -> DeviceFile:
        return replace(device, outbox=(change(device.outbox[0]), *device.outbox[1:]))

    return with_laptop(evidence, changed)


def double_a_note(evidence: Evidence) -> Evidence:
    ref = evidence.said[first(evidence, "note.added")].record
    notes = evidence.server.records[ref]["fields"]["notes"]
    return changed_record(evidence, ref, notes=[*notes, notes[0]])


def lose_a_finding(evidence: Evidence) -> Evidence:
    ref = evidence.said[first(evidence, "finding.added")].record
    return changed_record(evidence, ref, findings=[])


def take_twice(evidence: Evidence) -> Evidence:
    item = evidence.said[first(evidence, "part.consumed")].payload["stock_item"]
    left = evidence.server.records[item]["fields"]["on_hand"]
    return changed_record(evidence, item, on_hand=left - 1)


def describe_it_otherwise(evidence: Evidence) -> Evidence:
    ref = evidence.said[first(evidence, "field.updated")].record
    return changed_record(evidence, ref, description="what nobody said last")


def change_once_more(evidence: Evidence) -> Evidence:
    ref = evidence.said[first(evidence, "note.added")].record
    body = evidence.server.records[ref]
    return with_records(evidence, {**evidence.server.records, ref: {**body, "version": body["version"] + 1}})


def forget_what_was_saved(evidence: Evidence) -> Evidence:
    return with_laptop(evidence, lambda device: replace(device, outbox=device.outbox[1:]))


def save_other_words(evidence: Evidence) -> Evidence:
    command, said = next(iter(evidence.said.items()))
    return replace(evidence, said={**evidence.said, command: replace(said, record="work_order/WO-99")})


def save_in_another_order(evidence: Evidence) -> Evidence:
    return with_laptop(evidence, lambda device: replace(device, outbox=device.outbox[::-1]))


def forget_at_the_server(evidence: Evidence) -> Evidence:
    command = next(iter(evidence.taken))
    received = {key: each for key, each in evidence.server.received.items() if key != command}
    return replace(evidence, server=replace(evidence.server, received=received))


def begin_a_new_life(evidence: Evidence) -> Evidence:
    return receipt_with(evidence, first(evidence, "note.added"), incarnation=2)


def show_two_words(evidence: Evidence) -> Evidence:
    command = next(iter(evidence.said))
    return replace(evidence, shown={**evidence.shown, command: ("rejected", "applied")})


def settle_otherwise(evidence: Evidence) -> Evidence:
    return receipt_with(evidence, next(iter(evidence.said)), outcome="expired")


def sign_badly(evidence: Evidence) -> Evidence:
    last = max(evidence.brought(), key=lambda each: each.command["seq"] if each.effective else 0)
    end = [e for e in evidence.brought() if e.device == last.device and e.command["seq"] >= last.command["seq"]]
    return with_received(evidence, *(replace(each, signature=bytes(64)) for each in end))


def sign_with_a_stranger(evidence: Evidence) -> Evidence:
    each = evidence.server.received[first(evidence, "note.added")]
    return with_received(evidence, replace(each, keyid="stranger"))


def bring_a_stranger(evidence: Evidence) -> Evidence:
    return replace(evidence, said=dict(list(evidence.said.items())[:-40]))


def shut_its_laptop_out(evidence: Evidence) -> Evidence:
    """The audit says first of all that the laptop was shut out; what it brought took effect all the same."""
    device = evidence.server.received[first(evidence, "note.added")].device
    link = Link(0, "", "", json.dumps({"act": "revoked", "device": device}))
    return replace(evidence, server=replace(evidence.server, audit=(link, *evidence.server.audit)))


def decide_other_bytes(evidence: Evidence) -> Evidence:
    return command_with(evidence, first(evidence, "note.added"), policy_version="2")


def answer_other_bytes(evidence: Evidence) -> Evidence:
    return receipt_with(evidence, first(evidence, "note.added"), envelope_hash="0" * 64)


def dependant(evidence: Evidence) -> Received:
    return next(each for each in evidence.server.received.values() if each.effective and each.needs)


def release_too_early(evidence: Evidence) -> Evidence:
    (need, *_) = dependant(evidence).needs
    return receipt_with(evidence, need, audit_position=10**6)


def release_after_a_rejection(evidence: Evidence) -> Evidence:
    (need, *_) = dependant(evidence).needs
    return receipt_with(evidence, need, outcome="rejected", reason="objection", detail="no")


def lose_a_conflict(evidence: Evidence) -> Evidence:
    kept = {ref: body for ref, body in evidence.server.records.items() if not ref.startswith("conflict/")}
    return with_records(evidence, kept)


def forget_one_side(evidence: Evidence) -> Evidence:
    ref = next(ref for ref in evidence.server.records if ref.startswith("conflict/"))
    clashes = evidence.server.records[ref]["fields"]["clashes"]
    spoilt = [{**clash, "theirs": {**clash["theirs"], "actor": ""}} for clash in clashes]
    return changed_record(evidence, ref, clashes=spoilt)


def overwrite_unseen(evidence: Evidence) -> Evidence:
    """Somebody else set the same field in between, and the later author had not seen it."""
    command = first(evidence, "field.updated")
    each, said = evidence.server.received[command], evidence.said[command]
    assert each.answer is not None
    ref, version = said.record, each.answer["versions"][said.record]
    twin = f"{command}-twin"
    between = {**each.answer, "versions": {ref: version + 1}}
    over = {**each.answer, "versions": {ref: version + 2}}
    bases = [{"record": ref, "field": said.payload["field"], "value": "", "version": version}]
    unseen = json.dumps({**each.command, "bases": bases}).encode()
    spoilt = with_received(
        evidence,
        replace(each, id=twin, device="another", receipt=json.dumps(between)),
        replace(each, payload=unseen, receipt=json.dumps(over)),
    )
    other = replace(said, payload={**said.payload, "value": "something else"})
    return replace(spoilt, said={**evidence.said, twin: other})


def step(evidence: Evidence) -> Received:
    """The first change of a status that is none on the way to closed."""
    commands = [
        evidence.server.received[c] for c, said in evidence.effective().items() if said.kind == "status.changed"
    ]
    open_ones = [
        each for each in commands if evidence.start.records[each.command["record"]]["fields"]["status"] == "open"
    ]
    return min(open_ones, key=lambda each: (each.answer or {})["audit_position"])


def step_where_no_step_is(evidence: Evidence) -> Evidence:
    each = step(evidence)
    return command_with(evidence, each.id, payload={**each.command["payload"], "to": "closed"})


def closing(evidence: Evidence, **otherwise: Any) -> Evidence:
    """Somebody closed safety-critical work, and an approver answered; as it should be, but for what is said here."""
    each = step(evidence)
    ref, job = each.command["record"], evidence.start.records[each.command["record"]]
    job = {**job, "fields": {**job["fields"], "status": "done", "safety_critical": True}}
    version = (each.answer or {})["versions"][ref]
    told = {"hash": each.hash, "choice": "approve", "version": version - 1, "actor": "a.one"} | otherwise
    effect = [{"record": ref, "field": "status", "old": "done", "new": "closed"}]
    fields = {"command_hash": told["hash"], "effect": effect, "versions": {ref: told["version"]}}
    question = f"approval/{each.id}"
    says = {"kind": "approval.decided", "record": question, "payload": {"choice": told["choice"]}}
    answer = replace(
        each,
        id="answer",
        device=OFFICE,
        payload=json.dumps({**each.command, **says, "device": OFFICE, "actor": told["actor"]}).encode(),
    )
    closed = command_with(evidence, each.id, payload={**each.command["payload"], "to": "closed"})
    started = replace(closed, start=replace(closed.start, records={**closed.start.records, ref: job}))
    asked_for = with_records(
        started, {**started.server.records, question: {"ref": question, "version": 2, "fields": fields}}
    )
    return with_received(asked_for, answer)


def close_unasked(evidence: Evidence) -> Evidence:
    closed = closing(evidence)
    kept = {ref: body for ref, body in closed.server.records.items() if ref != f"approval/{step(evidence).id}"}
    return with_records(closed, kept)


def close_after_a_no(evidence: Evidence) -> Evidence:
    return closing(evidence, choice="refuse")


def close_by_ones_own_yes(evidence: Evidence) -> Evidence:
    return closing(evidence, actor=step(evidence).command["actor"])


def close_what_was_other_bytes(evidence: Evidence) -> Evidence:
    return closing(evidence, hash="0" * 64)


def close_a_version_later(evidence: Evidence) -> Evidence:
    return closing(evidence, version=0)


def see_what_never_stood(evidence: Evidence) -> Evidence:
    command = first(evidence, "field.updated")
    each, (ref, field) = evidence.server.received[command], ("work_order/WO-1", "description")
    base = {"record": ref, "field": field, "value": "nobody's", "version": 1, "command": None}
    return command_with(evidence, each.id, bases=[base])


def edit_the_audit(evidence: Evidence) -> Evidence:
    links = list(evidence.server.audit)
    links[3] = replace(links[3], body=links[3].body.replace("2", "3"))
    return replace(evidence, server=replace(evidence.server, audit=tuple(links)))


def rewrite_what_was_seen(evidence: Evidence) -> Evidence:
    return replace(evidence, heads=(*evidence.heads, (3, "f" * 64)))


def take_a_place_twice(evidence: Evidence) -> Evidence:
    each = evidence.server.received[first(evidence, "note.added")]
    return with_received(evidence, replace(each, id="twin"))


def break_the_history(evidence: Evidence) -> Evidence:
    each = next(each for each in evidence.brought() if each.effective and each.command["seq"] > 1)
    return command_with(evidence, each.id, prev="0" * 64)


def reject_without_a_word(evidence: Evidence) -> Evidence:
    return receipt_with(evidence, first(evidence, "note.added"), outcome="rejected", reason=None, detail="")


def apply_as_something_else(evidence: Evidence) -> Evidence:
    return command_with(evidence, first(evidence, "note.added"), kind="unheard.of")


def empty_the_shelf(evidence: Evidence) -> Evidence:
    ref = "stock_item/SEAL-1"
    body = evidence.start.records[ref]
    emptied = {**body, "fields": {**body["fields"], "on_hand": 0}}
    return replace(evidence, start=replace(evidence.start, records={**evidence.start.records, ref: emptied}))


def go_below_zero(evidence: Evidence) -> Evidence:
    return changed_record(evidence, "stock_item/SEAL-1", on_hand=-1)


def forge_a_receipt(evidence: Evidence) -> Evidence:
    def forged(sent: Sent) -> Sent:
        return replace(
            sent, receipt=(sent.receipt or "").replace("applied", "merged ").replace("conflict", "applied")
        )

    return with_sent(evidence, forged)


def settle_without_a_receipt(evidence: Evidence) -> Evidence:
    return with_sent(evidence, lambda sent: replace(sent, receipt=None))


def settle_by_another_receipt(evidence: Evidence) -> Evidence:
    return with_sent(evidence, lambda sent: replace(sent, hash="0" * 64))


def leave_waiting(evidence: Evidence) -> Evidence:
    return replace(evidence, unsettled=("TB-01: note.added",))


def never_arrive(evidence: Evidence) -> Evidence:
    command = next(iter(evidence.said))
    received = {key: each for key, each in evidence.server.received.items() if key != command}
    return replace(evidence, server=replace(evidence.server, received=received))


def wait_for_nothing(evidence: Evidence) -> Evidence:
    each = evidence.server.received[first(evidence, "note.added")]
    return with_received(evidence, replace(each, receipt=None, hold="waiting"))


def drop_a_record(evidence: Evidence) -> Evidence:
    return with_laptop(evidence, lambda device: replace(device, replica=dict(list(device.replica.items())[1:])))


def fail_with_nobody(evidence: Evidence) -> Evidence:
    each = next(each for each in evidence.brought() if each.effective and not each.needs)
    return receipt_with(evidence, each.id, outcome="rejected", reason="dependency_failed", detail="it rests on …")


def ask_a_hundred_times_in(evidence: Evidence, seconds: float, begin_s: float) -> Evidence:
    return replace(evidence, asked_at={"TB-01": tuple(begin_s + n * seconds / 100 for n in range(100))})


def storm(evidence: Evidence) -> Evidence:
    return ask_a_hundred_times_in(evidence, 40.0, 500.0)


def storm_for_a_moment(evidence: Evidence) -> Evidence:
    return replace(evidence, asked_at={"TB-01": tuple(500.0 + n * 0.3 for n in range(21))})


def go_on_for_an_hour(evidence: Evidence) -> Evidence:
    spread = ask_a_hundred_times_in(evidence, 1800.0, 5000.0)
    return replace(spread, healed_at_s=5000.0, healed_for_s=1800.0)


def stay_full(evidence: Evidence) -> Evidence:
    return replace(evidence, failed_late={"TB-01": 1})


def was_full(evidence: Evidence) -> Evidence:
    return replace(evidence, were_full=frozenset(evidence.devices))


def lose_what_was_saved_before_it_was_full(evidence: Evidence) -> Evidence:
    return was_full(with_laptop(evidence, lambda device: replace(device, outbox=device.outbox[1:])))


def keep_what_nobody_was_told_of(evidence: Evidence) -> Evidence:
    first_said = next(iter(evidence.devices["TB-01"].outbox)).id
    return was_full(replace(evidence, said={key: each for key, each in evidence.said.items() if key != first_said}))


def damage_the_laptops_file(evidence: Evidence) -> Evidence:
    return with_laptop(evidence, lambda device: replace(device, flaws=("row 3 missing from index",)))


def damage_the_servers_file(evidence: Evidence) -> Evidence:
    return replace(evidence, server=replace(evidence.server, flaws=("page 7 is never used",)))


def list_a_part_that_stays_on_the_shelf(evidence: Evidence) -> Evidence:
    ref = evidence.said[first(evidence, "part.consumed")].record
    parts = evidence.server.records[ref]["fields"]["parts_used"]
    return changed_record(evidence, ref, parts_used=[*parts, {**parts[0], "id": "another"}])


def keep_a_value_that_never_stood(evidence: Evidence) -> Evidence:
    ref = next(ref for ref, body in evidence.server.records.items() if _about_a_description(ref, body))
    clashes = evidence.server.records[ref]["fields"]["clashes"]
    spoilt = [{**clash, "theirs": {**clash["theirs"], "value": "nobody's"}} for clash in clashes]
    return changed_record(evidence, ref, clashes=spoilt)


def _about_a_description(ref: str, body: Mapping[str, Any]) -> bool:
    return ref.startswith("conflict/") and body["fields"]["clashes"][0]["field"] == "description"


def apply_what_nobody_knows(evidence: Evidence) -> Evidence:
    return command_with(evidence, first(evidence, "note.added"), schema_version=9)


def take_effect_before_its_turn(evidence: Evidence) -> Evidence:
    """The second of a device's chain is settled where the audit had not heard of the first."""
    second = next(each for each in evidence.brought() if each.effective and each.command["seq"] == 2)
    return receipt_with(evidence, second.id, audit_position=1)


# -- ways to spoil what worlds with a system of record, a purge or a restore leave


def an_order(evidence: Evidence, **answer: Any) -> Evidence:
    """One command is an order, and was done in the system of record once."""
    command = first(evidence, "note.added")
    ordered = command_with(evidence, command, kind="part.ordered")
    return replace(receipt_with(ordered, command, **answer), booked={**(evidence.booked or {}), command: 1})


def order_twice(evidence: Evidence) -> Evidence:
    ordered = an_order(evidence)
    return replace(ordered, booked=dict.fromkeys(ordered.booked or (), 2))


def order_for_nobody(evidence: Evidence) -> Evidence:
    return replace(evidence, booked={**(evidence.booked or {}), "nobody's": 1})


def order_what_was_rejected(evidence: Evidence) -> Evidence:
    return an_order(evidence, outcome="rejected", reason="objection", detail="no")


def order_what_is_no_order(evidence: Evidence) -> Evidence:
    return replace(evidence, booked={**(evidence.booked or {}), first(evidence, "note.added"): 1})


def order_one_more(evidence: Evidence) -> Evidence:
    (key, order), *others = evidence.ordered
    return replace(evidence, ordered=((key, {**order, "quantity": order["quantity"] + 1}), *others))


def order_what_nobody_booked(evidence: Evidence) -> Evidence:
    return replace(evidence, booked={})


def leave_an_order_lying(evidence: Evidence) -> Evidence:
    ref = next(ref for ref in evidence.server.records if ref.startswith("external_write/"))
    return changed_record(evidence, ref, status="queued")


def no_system_of_record(evidence: Evidence) -> Evidence:
    """As on the rig: what is to be ordered is queued, and nobody is there to take it."""
    return replace(leave_an_order_lying(evidence), booked=None, ordered=())


def forget(evidence: Evidence, command: str) -> Evidence:
    """The server dropped a command for its age, as it should."""
    received = dict(evidence.server.received)
    dropped = received.pop(command)
    ledger = {key: each for key, each in evidence.server.ledger.items() if key != command}
    server = replace(evidence.server, received=received, ledger=ledger)
    return replace(evidence, server=server, forgotten={command: dropped})


def forget_and_take_again(evidence: Evidence) -> Evidence:
    command = first(evidence, "note.added")
    return replace(evidence, forgotten={command: evidence.server.received[command]})


def forget_what_is_open(evidence: Evidence) -> Evidence:
    command = first(evidence, "note.added")
    dropped = replace(evidence.server.received[command], receipt=None, hold="waiting")
    return replace(forget(evidence, command), forgotten={command: dropped})


def forget_what_somebody_waits_for(evidence: Evidence) -> Evidence:
    each = dependant(evidence)
    (need, *_) = each.needs
    return with_received(forget(evidence, need), replace(each, receipt=None, hold="waiting"))


def set_back(evidence: Evidence) -> Evidence:
    """The server was set back once, and everything it had was brought again and settled as before."""
    return replace(evidence, lives=(evidence.server,))


def set_back_and_timed_anew(evidence: Evidence) -> Evidence:
    """The same, and the laptop's clock had jumped when it brought again what had reached the cluster before.

    So it was just in time, and by that clock its time was over when it had reached the cluster.
    """
    (run, *_) = evidence.reached
    each = evidence.server.received[run.task]
    settled_at = datetime.fromisoformat((each.answer or {})["settled_at"])
    ahead = datetime.fromisoformat(each.command["expires_at"]) - settled_at
    assert run.at > settled_at
    late = replace(each, offset_s=ahead.total_seconds())
    return replace(with_received(evidence, late), lives=(evidence.server,))


def never_get_back(evidence: Evidence) -> Evidence:
    return replace(never_arrive(evidence), lives=(evidence.server,))


def get_back_other_bytes(evidence: Evidence) -> Evidence:
    each = evidence.server.received[first(evidence, "note.added")]
    return replace(with_received(evidence, replace(each, hash="0" * 64)), lives=(evidence.server,))


# -- ways to spoil what is held against its time


def good_until(evidence: Evidence, command: str, *, came_after_s: float, clock_ahead_s: float = 0.0) -> Evidence:
    """A command came so long after its time, or before, by the server's clock; its laptop's was that far ahead."""
    came_at = datetime.fromisoformat(evidence.server.received[command].received_at)
    until = (came_at - timedelta(seconds=came_after_s)).isoformat()
    timed = command_with(evidence, command, expires_at=until)
    return with_received(timed, replace(timed.server.received[command], offset_s=clock_ahead_s))


def settled_later(evidence: Evidence, command: str) -> Evidence:
    """It was in time when it came, and waited until its time was over."""
    told = evidence.server.received[command]
    until = datetime.fromisoformat(told.command["expires_at"])
    return receipt_with(evidence, command, settled_at=(until + timedelta(seconds=1)).isoformat())


def apply_what_came_too_late(evidence: Evidence) -> Evidence:
    return good_until(evidence, first(evidence, "note.added"), came_after_s=1.0)


def apply_what_came_too_late_by_its_own_clock(evidence: Evidence) -> Evidence:
    return good_until(evidence, first(evidence, "note.added"), came_after_s=-3600.0, clock_ahead_s=3601.0)


def keep_a_conflict_of_what_came_too_late(evidence: Evidence) -> Evidence:
    return good_until(evidence, a_conflicts(evidence), came_after_s=1.0)


def a_conflicts(evidence: Evidence) -> str:
    return next(e.id for e in evidence.brought() if e.answer and e.answer["outcome"] == "conflict")


def close_when_its_time_was_over(evidence: Evidence) -> Evidence:
    return settled_later(closing(evidence), step(evidence).id)


def ask_when_its_time_was_over(evidence: Evidence) -> Evidence:
    return settled_later(evidence, evidence.reached[0].task)


def expire_without_a_word(evidence: Evidence) -> Evidence:
    command = first(evidence, "note.added")
    shown = {each: words for each, words in evidence.shown.items() if each != command}
    return replace(receipt_with(evidence, command, outcome="expired"), shown=shown)


def expire_by_name(evidence: Evidence) -> Evidence:
    command = first(evidence, "note.added")
    late = receipt_with(good_until(evidence, command, came_after_s=1.0), command, outcome="expired")
    return replace(late, shown={**evidence.shown, command: ("expired",)})


def reject_what_came_too_late(evidence: Evidence) -> Evidence:
    command = first(evidence, "note.added")
    late = good_until(evidence, command, came_after_s=1.0)
    return receipt_with(late, command, outcome="rejected", reason="withdrawn", detail="no")


def come_in_time_by_a_clock_that_is_slow(evidence: Evidence) -> Evidence:
    return good_until(evidence, first(evidence, "note.added"), came_after_s=3600.0, clock_ahead_s=-3601.0)


def wait_for_what_it_rests_on(evidence: Evidence) -> Evidence:
    return settled_later(evidence, first(evidence, "note.added"))


def close_what_a_reviewer_gave_again(evidence: Evidence) -> Evidence:
    note = {"act": "released", "command": step(evidence).id, "given_as": "stand-in"}
    late = close_when_its_time_was_over(evidence)
    return replace(late, server=replace(late.server, audit=(*late.server.audit, Link(0, "", "", json.dumps(note)))))


# -- ways to spoil what questions for the cluster leave


def _answer(body: Mapping[str, Any]) -> Any:
    return body["fields"].get("answer") if body["ref"].startswith("assist_task/") else None


def came(evidence: Evidence, **otherwise: Any) -> Evidence:
    """The first question that was answered reached the cluster in another way."""
    done = {body["fields"]["command"] for body in evidence.server.records.values() if _answer(body)}
    at, run = next((n, each) for n, each in enumerate(evidence.reached) if each.task in done)
    spoilt = replace(run, **otherwise)
    return replace(evidence, reached=(*evidence.reached[:at], spoilt, *evidence.reached[at + 1 :]))


def asked(evidence: Evidence, **payload: Any) -> Evidence:
    """A question that reached the cluster was another one than it was."""
    (task, *_) = [each.task for each in evidence.reached]
    command = evidence.server.received[task].command
    return command_with(evidence, task, payload={**command["payload"], **payload})


def run_what_nobody_asked(evidence: Evidence) -> Evidence:
    return came(evidence, task=first(evidence, "note.added"))


def run_for_a_stranger(evidence: Evidence) -> Evidence:
    return came(evidence, task="nobody's")


def run_what_was_not_approved(evidence: Evidence) -> Evidence:
    (task, *_) = [each.task for each in evidence.reached]
    spoilt = asked(evidence, output_tokens=4096)
    return with_records(
        spoilt, {ref: body for ref, body in spoilt.server.records.items() if ref != f"approval/{task}"}
    )


def run_before_the_yes(evidence: Evidence) -> Evidence:
    """The approval is there, and was given only after the question had gone."""
    (run, *_) = evidence.reached
    each = evidence.server.received[run.task]
    stamp = {"at": (run.at + timedelta(seconds=1)).isoformat()}
    fields = {"status": "approved", "command_hash": each.hash, "decided_by": "a.one"}
    yes: dict[str, Any] = {"ref": f"approval/{run.task}", "version": 2, "fields": fields, "born": stamp, "stamps": {}}
    return with_records(asked(evidence, output_tokens=4096), {**evidence.server.records, yes["ref"]: yes})


def run_what_is_too_sensitive(evidence: Evidence) -> Evidence:
    return asked(evidence, data_class=None)


def run_what_its_author_agreed_to(evidence: Evidence) -> Evidence:
    """As seeds 123 and 140 did when consents began to count for questions that wait."""
    (run, *_) = evidence.reached
    said = next(each for each in evidence.crossings if isinstance(each, Asked))
    words = marked("how tight are the bolts?", said.mark)
    agreed = tuple(replace(each, consent="once") if each is said else each for each in evidence.crossings)
    spoilt = asked(evidence, data_class="personal")
    runs = tuple(replace(each, prompt=words) if each.task == run.task else each for each in evidence.reached)
    return replace(spoilt, reached=runs, crossings=agreed)


def run_too_late(evidence: Evidence) -> Evidence:
    return came(evidence, at=evidence.reached[0].at + timedelta(days=4))


def run_too_late_for_its_author(evidence: Evidence) -> Evidence:
    return asked(evidence, needed_by="2026-11-21T07:00:00Z")


def run_under_two_leases(evidence: Evidence) -> Evidence:
    (run, *_) = evidence.reached
    endless = replace(run, ended_at=None)
    second = replace(run, fence=run.fence + 1, at=run.at + timedelta(seconds=100))
    return replace(evidence, reached=(endless, second, *evidence.reached[1:]))


def lease_it_backwards(evidence: Evidence) -> Evidence:
    (run, *_) = evidence.reached
    return replace(evidence, reached=(*evidence.reached, replace(run, at=run.at + timedelta(hours=1))))


def take_a_late_answer(evidence: Evidence) -> Evidence:
    """Somebody had taken over, and the answer that stands is the one of before."""
    ref, body = next((ref, body) for ref, body in evidence.server.records.items() if _answer(body))
    run = next(each for each in evidence.reached if each.task == body["fields"]["command"])
    later = replace(run, fence=run.fence + 9, at=run.at + timedelta(seconds=300))
    assert ref
    return replace(evidence, reached=(*evidence.reached, later))


# -- ways to spoil what crossed a boundary


def _crossed(evidence: Evidence) -> Left:
    return next(each for each in evidence.crossings if isinstance(each, Left))


def cross_what_is_personal(evidence: Evidence) -> Evidence:
    mark = mark_of(_crossed(evidence).body)
    crossings = [
        replace(each, true_class=DataClass.PERSONAL, consent=None)
        if isinstance(each, Asked) and each.mark == mark
        else each
        for each in evidence.crossings
    ]
    return replace(evidence, crossings=tuple(crossings))


def cross_what_nobody_asked(evidence: Evidence) -> Evidence:
    return replace(evidence, crossings=(*evidence.crossings, Left("TB-01", b"{}", _crossed(evidence).at)))


def cross_to_the_cloud(evidence: Evidence) -> Evidence:
    return replace(evidence, crossings=(*evidence.crossings, Arrived("managed_cloud", _crossed(evidence).body)))


def cross_past_the_laptop(evidence: Evidence) -> Evidence:
    return replace(evidence, crossings=tuple(each for each in evidence.crossings if not isinstance(each, Left)))


def cross_on_what_had_ended(evidence: Evidence) -> Evidence:
    return replace(evidence, crossings=tuple(each for each in evidence.crossings if not isinstance(each, Stated)))


def take_back_what_took_effect(evidence: Evidence) -> Evidence:
    return replace(evidence, taken_back=frozenset({first(evidence, "note.added")}))


SPOILT: list[tuple[str, Spoil]] = [
    ("withdrawn-is-withdrawn", take_back_what_took_effect),
    ("one-effect", double_a_note),
    ("one-effect", lose_a_finding),
    ("one-effect", take_twice),
    ("one-effect", change_once_more),
    ("one-effect", describe_it_otherwise),
    ("saved-is-saved", forget_what_was_saved),
    ("saved-is-saved", save_other_words),
    ("saved-is-saved", save_in_another_order),
    ("acknowledged-is-kept", forget_at_the_server),
    ("acknowledged-is-kept", begin_a_new_life),
    ("one-outcome", show_two_words),
    ("one-outcome", settle_otherwise),
    ("only-the-enrolled", sign_badly),
    ("only-the-enrolled", sign_with_a_stranger),
    ("only-the-enrolled", bring_a_stranger),
    ("only-the-enrolled", shut_its_laptop_out),
    ("same-id-same-bytes", decide_other_bytes),
    ("same-id-same-bytes", answer_other_bytes),
    ("dependents-wait", release_too_early),
    ("dependents-wait", release_after_a_rejection),
    ("no-silent-overwrite", lose_a_conflict),
    ("no-silent-overwrite", forget_one_side),
    ("no-silent-overwrite", overwrite_unseen),
    ("no-silent-overwrite", see_what_never_stood),
    ("only-listed-steps", step_where_no_step_is),
    ("approved-is-what-happens", close_unasked),
    ("approved-is-what-happens", close_after_a_no),
    ("approved-is-what-happens", close_by_ones_own_yes),
    ("approved-is-what-happens", close_what_was_other_bytes),
    ("approved-is-what-happens", close_a_version_later),
    ("nothing-expires-quietly", apply_what_came_too_late),
    ("nothing-expires-quietly", apply_what_came_too_late_by_its_own_clock),
    ("nothing-expires-quietly", keep_a_conflict_of_what_came_too_late),
    ("nothing-expires-quietly", close_when_its_time_was_over),
    ("nothing-expires-quietly", ask_when_its_time_was_over),
    ("nothing-expires-quietly", expire_without_a_word),
    ("audit-verifies", edit_the_audit),
    ("audit-verifies", rewrite_what_was_seen),
    ("forks-are-seen", take_a_place_twice),
    ("forks-are-seen", break_the_history),
    ("unknown-is-named", reject_without_a_word),
    ("unknown-is-named", apply_as_something_else),
    ("stock-above-zero", empty_the_shelf),
    ("stock-above-zero", go_below_zero),
    ("receipts-are-proof", forge_a_receipt),
    ("receipts-are-proof", settle_without_a_receipt),
    ("receipts-are-proof", settle_by_another_receipt),
    ("everything-ends", leave_waiting),
    ("everything-ends", never_arrive),
    ("everything-ends", wait_for_nothing),
    ("everything-ends", leave_an_order_lying),
    ("both-sides-agree", drop_a_record),
    ("poison-stops-itself", fail_with_nobody),
    ("poison-stops-itself", wait_for_nothing),
    ("the-herd-drains", storm),
    ("the-herd-drains", storm_for_a_moment),
    ("the-herd-drains", go_on_for_an_hour),
    ("full-disk-loses-nothing", stay_full),
    ("full-disk-loses-nothing", lose_what_was_saved_before_it_was_full),
    ("full-disk-loses-nothing", keep_what_nobody_was_told_of),
    ("full-disk-loses-nothing", damage_the_laptops_file),
    ("full-disk-loses-nothing", damage_the_servers_file),
    ("atomic-stays-whole", take_twice),
    ("atomic-stays-whole", list_a_part_that_stays_on_the_shelf),
    ("no-silent-overwrite", keep_a_value_that_never_stood),
    ("unknown-is-named", apply_what_nobody_knows),
    ("forks-are-seen", take_effect_before_its_turn),
    ("one-external-effect", order_twice),
    ("one-external-effect", order_for_nobody),
    ("one-external-effect", order_what_was_rejected),
    ("one-external-effect", order_what_is_no_order),
    ("one-external-effect", order_one_more),
    ("one-external-effect", order_what_nobody_booked),
    ("forgotten-is-not-repeated", forget_and_take_again),
    ("forgotten-is-not-repeated", forget_what_is_open),
    ("forgotten-is-not-repeated", forget_what_somebody_waits_for),
    ("restored-is-known", never_get_back),
    ("restored-is-known", get_back_other_bytes),
    ("unapproved-never-runs", run_what_nobody_asked),
    ("unapproved-never-runs", run_for_a_stranger),
    ("unapproved-never-runs", run_what_was_not_approved),
    ("unapproved-never-runs", run_before_the_yes),
    ("unapproved-never-runs", run_what_is_too_sensitive),
    ("unapproved-never-runs", run_too_late),
    ("unapproved-never-runs", run_too_late_for_its_author),
    ("unapproved-never-runs", run_under_two_leases),
    ("unapproved-never-runs", lease_it_backwards),
    ("unapproved-never-runs", take_a_late_answer),
    ("nothing-crosses-unpermitted", cross_what_is_personal),
    ("nothing-crosses-unpermitted", cross_what_nobody_asked),
    ("nothing-crosses-unpermitted", cross_to_the_cloud),
    ("nothing-crosses-unpermitted", cross_past_the_laptop),
    ("nothing-crosses-unpermitted", cross_on_what_had_ended),
]


def test_a_sound_world_has_no_findings(sound: Evidence) -> None:
    assert {promise: found for promise, found in judged(sound).items() if found} == {}


def test_an_order_a_purge_and_a_restore_that_went_well_are_no_findings(sound: Evidence) -> None:
    for went_well in (
        lambda each: forget(each, first(each, "note.added")),
        set_back,
        set_back_and_timed_anew,
        was_full,
    ):
        assert {promise: found for promise, found in judged(went_well(sound)).items() if found} == {}
    assert not judged(no_system_of_record(sound))["everything-ends"]
    assert not judged(closing(sound))["approved-is-what-happens"]
    assert not judged(an_order(sound))["one-external-effect"]
    assert not judged(run_what_its_author_agreed_to(sound))["unapproved-never-runs"]
    rejected_anew = replace(order_what_was_rejected(sound), lives=(an_order(sound).server,))
    assert not judged(rejected_anew)["one-external-effect"]
    ordered = an_order(sound)
    gone_with_its_laptop = replace(forget(ordered, first(sound, "note.added")), forgotten={})
    assert judged(gone_with_its_laptop)["one-external-effect"]
    assert not judged(replace(gone_with_its_laptop, lives=(ordered.server,)))["one-external-effect"]


@pytest.mark.parametrize(
    "went_well",
    [
        expire_by_name,
        reject_what_came_too_late,
        come_in_time_by_a_clock_that_is_slow,
        wait_for_what_it_rests_on,
        close_what_a_reviewer_gave_again,
    ],
)
def test_what_expired_by_name_and_what_was_in_time_is_no_finding(sound: Evidence, went_well: Spoil) -> None:
    assert not judged(went_well(sound))["nothing-expires-quietly"]


@pytest.mark.parametrize(("promise", "spoil"), SPOILT, ids=[f"{p}-{s.__name__}" for p, s in SPOILT])
def test_a_broken_promise_is_found(sound: Evidence, promise: str, spoil: Spoil) -> None:
    found = judged(spoil(sound))[promise]
    assert found
    assert {finding.checker for finding in found} == {promise}
    assert str(found[0]).startswith(f"{promise}: ")


def test_every_judge_has_been_seen_to_speak() -> None:
    assert {promise for promise, _ in SPOILT} == {checker.promise for checker in CHECKERS}


def test_every_judge_has_a_promise_in_the_table() -> None:
    table = (Path(__file__).resolve().parents[2] / "docs" / "invariants.md").read_text(encoding="utf-8")
    rows = {line.split("|")[1].strip() for line in table.splitlines() if line.startswith("| ")}
    assert {checker.promise for checker in CHECKERS} <= rows
