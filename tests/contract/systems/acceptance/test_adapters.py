"""What every adapter must do, each against the same ERP. Whatever happens: at most one effect per command."""

from datetime import timedelta
from typing import Any

import pytest

from shared.commands.part_ordered import PartOrdered
from shared.outcomes import Outcome, Reason
from shared.records import WriteVerdict
from simulators.erp import Duplicates, Erp, Memory, Mood
from sync_server.standing import go_on
from sync_server.systems.desk import Desk
from sync_server.systems.port import Absent, CannotTell, Executed, Found, Guarantees, Refused, Uncertain, Unreached
from tests.builders import JOB, SEAL
from tests.contract.systems.acceptance.world import (
    CURRENT,
    IN_FLIGHT_S,
    KEYED,
    LEASE_S,
    LIMITS,
    NEITHER,
    Parts,
    SpareWanted,
)
from tests.served import TENANT

DECLARED = {"keys": KEYED, "current": CURRENT, "neither": NEITHER}


def declare(parts: Parts, name: str) -> Guarantees:
    """The world in which a declaration is true: without enforced keys, a second order is a second effect."""
    parts.declare(DECLARED[name])
    parts.erp.duplicates = Duplicates.SAME_ANSWER if name == "keys" else Duplicates.SECOND_ORDER
    return DECLARED[name]


# -- the adapter alone


async def test_found_absent_and_cannot_tell_are_told_apart(parts: Parts) -> None:
    command = parts.want()
    write = parts.row(command).outgoing
    assert await parts.adapter.lookup(command) == Absent()
    assert await parts.adapter.execute(write) == Executed("PO-1")
    assert await parts.adapter.lookup(command) == Found("PO-1")
    for memory in (Memory.SILENT, Memory.GARBAGE):
        parts.erp.memory = memory
        assert isinstance(await parts.adapter.lookup(command), CannotTell)


@pytest.mark.parametrize(
    "mood",
    [Mood.SILENT_AFTER, Mood.SILENT_BEFORE, Mood.GARBAGE_AFTER, Mood.GARBAGE_BEFORE, Mood.BUSY, Mood.REDIRECTS],
)
async def test_what_is_no_answer_is_uncertain(parts: Parts, mood: Mood) -> None:
    parts.erp.mood = mood
    assert isinstance(await parts.adapter.execute(parts.row(parts.want()).outgoing), Uncertain)


async def test_a_refusal_is_told_in_the_systems_words_and_a_cut_wire_is_certain(parts: Parts) -> None:
    write = parts.row(parts.want()).outgoing
    parts.erp.mood = Mood.REFUSES
    assert await parts.adapter.execute(write) == Refused("no supplier for S-1")
    parts.adapter.cut = True
    assert isinstance(await parts.adapter.execute(write), Unreached)
    assert isinstance(await parts.adapter.lookup(write.command), CannotTell)


async def test_a_known_key_is_never_answered_with_a_second_effect(parts: Parts) -> None:
    write = parts.row(parts.want()).outgoing
    for duplicates in (Duplicates.SAME_ANSWER, Duplicates.CONFLICT):
        parts.erp.duplicates = duplicates
        assert isinstance(await parts.adapter.execute(write), Executed | Uncertain)
    assert parts.erp.effects[write.command] == 1


# -- the adapter under the worker


async def test_an_applied_command_is_written_once_and_its_result_is_a_record_of_its_own(parts: Parts) -> None:
    command = parts.want()
    assert parts.status(command) == "queued"
    assert await parts.step()
    assert (parts.status(command), parts.write(command).fields["reference"]) == ("done", "PO-1")
    assert parts.write(command).stamp("status").actor == "tailboard"
    assert not await parts.step()
    assert parts.erp.effects == {command: 1}


async def test_an_ordered_part_reaches_the_parts_system_once(parts: Parts) -> None:
    command = parts.give(JOB, PartOrdered(stock_item=SEAL, quantity=2)).command
    assert parts.row(command).outgoing.body["part"] == "SEAL-1"
    await parts.work(10)
    assert parts.status(command) == "done"
    assert parts.erp.effects == {command: 1}


@pytest.mark.parametrize("declared", DECLARED)
@pytest.mark.parametrize("mood", [Mood.SILENT_AFTER, Mood.GARBAGE_AFTER])
async def test_an_answer_lost_after_success_is_looked_up_and_never_doubles(
    parts: Parts, declared: str, mood: Mood
) -> None:
    declare(parts, declared)
    parts.erp.mood = mood
    command = parts.want()
    await parts.step()
    assert parts.status(command) == "sending"
    await parts.work(20)
    assert parts.status(command) == "done"
    assert (parts.erp.effects[command], parts.asked("order")) == (1, 1)


@pytest.mark.parametrize("declared", ["keys", "current"])
async def test_what_did_not_arrive_is_sent_again_after_a_lookup(parts: Parts, declared: str) -> None:
    declare(parts, declared)
    parts.erp.mood = Mood.SILENT_BEFORE
    command = parts.want()
    await parts.step()
    parts.erp.mood = Mood.HONEST
    await parts.work(IN_FLIGHT_S + 20)
    assert parts.status(command) == "done"
    assert [each.partition(" ")[0] for each in parts.erp.asked][:2] == ["order", "lookup"]
    assert parts.erp.effects[command] == 1


@pytest.mark.parametrize("declared", ["keys", "current"])
@pytest.mark.parametrize("lie", ["stale", "late"])
async def test_a_system_that_says_absent_for_a_while_never_doubles(parts: Parts, declared: str, lie: str) -> None:
    declare(parts, declared)
    if lie == "stale":
        parts.erp.mood, parts.erp.memory = Mood.SILENT_AFTER, Memory.STALE
    else:
        parts.erp.mood = Mood.LATE
    command = parts.want()
    await parts.step()
    parts.erp.mood = Mood.HONEST
    await parts.work(IN_FLIGHT_S - 5)
    if declared == "current":
        assert (parts.asked("order"), parts.status(command)) == (1, "sending")
    parts.erp.catch_up()
    await parts.work(60)
    assert parts.status(command) == "done"
    assert parts.erp.effects[command] == 1


async def test_an_absence_seen_too_early_is_asked_about_again_before_anything_is_sent(parts: Parts) -> None:
    declare(parts, "current")
    parts.erp.mood = Mood.SILENT_BEFORE
    parts.want()
    await parts.step()
    await parts.work(IN_FLIGHT_S)
    before = parts.asked("lookup")
    await parts.work(5)
    assert (parts.asked("lookup"), parts.asked("order")) == (before + 1, 2)


async def test_a_system_that_answers_duplicates_with_a_conflict_is_looked_up(parts: Parts) -> None:
    parts.erp.mood, parts.erp.memory = Mood.SILENT_AFTER, Memory.STALE
    parts.erp.duplicates = Duplicates.CONFLICT
    command = parts.want()
    await parts.step()
    parts.erp.mood = Mood.HONEST
    await parts.work(10)
    parts.erp.catch_up()
    await parts.work(60)
    assert parts.status(command) == "done"
    assert parts.erp.effects[command] == 1


async def test_absent_is_not_enough_where_nothing_is_guaranteed(parts: Parts) -> None:
    declare(parts, "neither")
    parts.erp.mood = Mood.LATE
    command = parts.want()
    await parts.work(20)
    assert (parts.status(command), parts.asked("order")) == ("parked", 1)
    assert "not enough" in str(parts.write(command).fields["detail"])


async def test_a_system_that_cannot_tell_is_asked_a_few_times_and_then_a_person_is(parts: Parts) -> None:
    parts.erp.mood, parts.erp.memory = Mood.SILENT_AFTER, Memory.SILENT
    command = parts.want()
    await parts.work(600)
    assert parts.status(command) == "parked"
    assert (parts.asked("lookup"), parts.asked("order")) == (LIMITS.lookups_max, 1)
    assert [each.ref for each in parts.office.external_writes(TENANT)] == [parts.write(command).ref]


async def test_a_system_that_never_takes_it_is_not_asked_for_ever(parts: Parts) -> None:
    parts.erp.mood = Mood.BUSY
    command = parts.want()
    await parts.work(600)
    assert (parts.status(command), parts.asked("order")) == ("parked", LIMITS.sends_max)


async def test_what_certainly_did_not_leave_waits_as_long_as_it_takes(parts: Parts) -> None:
    parts.adapter.cut = True
    command = parts.want()
    await parts.work(1200, every=20)
    assert (parts.status(command), parts.row(command).in_doubt, parts.row(command).attempts) == ("queued", False, 0)
    parts.adapter.cut = False
    await parts.work(40, every=20)
    assert parts.status(command) == "done"
    assert parts.asked("lookup") == 0


async def test_a_refusal_opens_a_review_and_leaves_the_outcome_alone(parts: Parts) -> None:
    parts.erp.mood = Mood.REFUSES
    command = parts.want()
    await parts.step()
    assert parts.status(command) == "refused"
    assert parts.write(command).fields["detail"] == "no supplier for S-1"
    assert [each.ref for each in parts.office.external_writes(TENANT)] == [parts.write(command).ref]
    with parts.office.service.store.transaction() as tx:
        entry = tx.entries(TENANT, [command])[command]
    assert entry.receipt is not None
    assert entry.receipt.outcome in (Outcome.APPLIED, Outcome.MERGED)
    parts.decide(command, WriteVerdict.IT_DID_NOT)
    assert (parts.status(command), parts.office.external_writes(TENANT)) == ("refused", [])


# -- a person decides


async def parked(parts: Parts) -> str:
    declare(parts, "neither")
    parts.erp.mood = Mood.SILENT_BEFORE
    command = parts.want()
    await parts.work(20)
    assert parts.status(command) == "parked"
    parts.erp.mood = Mood.HONEST
    return command


async def test_a_person_says_that_it_happened(parts: Parts) -> None:
    command = await parked(parts)
    assert parts.decide(command, WriteVerdict.IT_HAPPENED, "PO-77").outcome is Outcome.APPLIED
    fields = parts.write(command).fields
    assert (parts.status(command), fields["reference"], fields["decided_by"]) == ("done", "PO-77", "m.reyes")
    await parts.work(120)
    assert parts.asked("order") == 1


async def test_a_person_says_that_it_did_not_happen_and_shall_not(parts: Parts) -> None:
    command = await parked(parts)
    parts.decide(command, WriteVerdict.IT_DID_NOT)
    await parts.work(120)
    assert (parts.status(command), parts.asked("order")) == ("refused", 1)


async def test_a_person_has_it_tried_again_and_it_is_looked_up_first(parts: Parts) -> None:
    command = await parked(parts)
    parts.decide(command, WriteVerdict.RETRY)
    assert parts.status(command) == "queued"
    parts.erp.asked.clear()
    await parts.work(IN_FLIGHT_S + 20)
    assert parts.status(command) == "done"
    assert parts.erp.asked[0].startswith("lookup")
    assert parts.erp.effects[command] == 1


async def test_a_retry_that_finds_it_done_sends_nothing(parts: Parts) -> None:
    command = await parked(parts)
    parts.erp.order(command, {})
    parts.decide(command, WriteVerdict.RETRY)
    await parts.work(20)
    assert parts.status(command) == "done"
    assert parts.erp.effects[command] == 1


async def test_only_the_right_people_decide_and_only_what_waits_for_them(parts: Parts) -> None:
    command = await parked(parts)
    refused = parts.decide(command, WriteVerdict.IT_DID_NOT, actor="a.okafor")
    assert refused.reason is Reason.NOT_PERMITTED
    seen = parts.write(command).version
    parts.decide(command, WriteVerdict.RETRY)
    parts.erp.mood = Mood.SILENT_BEFORE
    await parts.work(IN_FLIGHT_S + 60)
    assert parts.status(command) == "parked"
    assert parts.decide(command, WriteVerdict.IT_DID_NOT, seen=seen).reason is Reason.STALE
    parts.decide(command, WriteVerdict.IT_DID_NOT)
    assert parts.decide(command, WriteVerdict.RETRY).reason is Reason.OBJECTION
    assert parts.status(command) == "refused"


# -- crashes and take-overs


class Died(BaseException):
    """The worker's process is gone."""


class Deadly:
    """A desk or an adapter under which the worker dies before or after one of its acts."""

    def __init__(self, inner: Any, act: str, *, after: bool) -> None:
        self._inner, self._act, self._after = inner, act, after

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._inner, name)
        if name != self._act:
            return value
        return self._async(value) if name in ("execute", "lookup") else self._sync(value)

    def _sync(self, act: Any) -> Any:
        def dying(*arguments: Any) -> Any:
            if self._after:
                act(*arguments)
            raise Died

        return dying

    def _async(self, act: Any) -> Any:
        async def dying(*arguments: Any) -> Any:
            if self._after:
                await act(*arguments)
            raise Died

        return dying


@pytest.mark.parametrize("declared", ["keys", "current"])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("act", ["lease", "mark", "execute", "settle"])
async def test_a_worker_that_dies_anywhere_is_taken_over_and_nothing_doubles(
    parts: Parts, act: str, after: bool, declared: str
) -> None:
    declare(parts, declared)
    command = parts.want()
    desk: Any = parts.desk()
    system: Any = parts.adapter
    if act == "execute":
        system = Deadly(system, act, after=after)
    else:
        desk = Deadly(desk, act, after=after)
    with pytest.raises(Died):
        await parts.worker(system, desk).step(parts.clock.now())
    await parts.work(LEASE_S + IN_FLIGHT_S + 30)
    assert parts.status(command) == "done"
    assert parts.erp.effects[command] == 1


async def test_a_lease_keeps_others_away_until_it_ends(parts: Parts) -> None:
    parts.want()
    with pytest.raises(Died):
        await parts.worker(Deadly(parts.adapter, "execute", after=True)).step(parts.clock.now())
    parts.pass_time(LEASE_S - 1)
    assert not await parts.step()
    parts.pass_time(1)
    assert await parts.step()


async def test_a_late_result_of_a_worker_that_was_taken_over_is_dropped(parts: Parts) -> None:
    command = parts.want()

    class Slow:
        guarantees = parts.guarantees

        async def execute(self, write: Any) -> Any:
            answer = await parts.adapter.execute(write)
            parts.pass_time(LEASE_S)
            assert await parts.step(), "another worker takes over"
            assert answer == Executed("PO-1")
            return Refused("a late and wrong answer")

        async def lookup(self, command: str) -> Any:
            raise AssertionError(command)

    await parts.worker(Slow()).step(parts.clock.now())
    assert (parts.status(command), parts.write(command).fields["detail"]) == ("done", "")
    assert parts.erp.effects[command] == 1


async def test_a_worker_that_was_taken_over_before_its_mark_sends_nothing(parts: Parts) -> None:
    command = parts.want()

    class Stalled(Desk):
        def mark(self, entry: Any, now: Any, until: Any) -> Any:
            with self._service.store.transaction() as tx:
                other = tx.lease_outgoing("parts", "other", until, until)
            assert other is not None
            return super().mark(entry, now, until)

    await parts.worker(desk=Stalled(parts.office.service, "parts", "me")).step(parts.clock.now())
    assert (parts.asked("order"), parts.row(command).lease_owner) == (0, "other")


async def test_a_server_that_stood_still_after_its_mark_sends_nothing(parts: Parts) -> None:
    command = parts.want()

    class Frozen(Desk):
        def mark(self, entry: Any, now: Any, until: Any) -> Any:
            marked = super().mark(entry, now, until)
            parts.pass_time(LEASE_S * 2)
            return marked

    await parts.worker(desk=Frozen(parts.office.service, "parts", "me")).step(parts.clock.now())
    assert parts.asked("order") == 0
    assert (parts.status(command), parts.row(command).in_doubt) == ("queued", False)
    await parts.work(20)
    assert parts.status(command) == "done"


async def test_an_adapters_own_fault_tells_nothing_and_blocks_nobody(parts: Parts) -> None:
    first, second = parts.want(), parts.want("S-2")
    broken = Deadly(parts.adapter, "execute", after=True)
    broken._async = lambda act: _failing(act, first)  # type: ignore[method-assign]
    for _ in range(2):
        await parts.worker(broken).step(parts.clock.now())
    assert parts.status(second) == "done"
    assert parts.status(first) == "sending"
    await parts.work(20)
    assert parts.status(first) == "done"
    assert parts.erp.effects == {first: 1, second: 1}


def _failing(act: Any, command: str) -> Any:
    async def execute(write: Any) -> Any:
        answer = await act(write)
        if write.command == command:
            raise RuntimeError("a fault in the adapter")
        return answer

    return execute


# -- what never leaves, and what a restore makes doubtful


async def test_what_was_not_applied_writes_nothing(parts: Parts) -> None:
    nothing = parts.give("work_order/WO-9", _wanted("S-1"))
    assert nothing.outcome is Outcome.REJECTED
    parts.want("NONE")
    assert not await parts.step()
    assert parts.office.outgoing(TENANT, everything=True) == []


async def test_a_kind_that_fails_over_its_external_body_stops_only_itself(parts: Parts) -> None:
    work = [("work_order/WO-1", _wanted("POISON")), ("work_order/WO-2", _wanted("S-1"))]
    receipts = parts.office.service.office(TENANT, "m.reyes", list(work))
    assert [receipt.outcome for receipt in receipts] == [Outcome.APPLIED]
    assert len(parts.office.outgoing(TENANT)) == 1


async def test_after_a_restore_everything_is_looked_up_first(parts: Parts) -> None:
    early = parts.want()
    parts.erp.order(early, {})  # sent by the life that was lost
    parts.erp.asked.clear()
    with parts.office.service.store.transaction() as tx:
        go_on(tx, 2, parts.clock.now())
    late = parts.want("S-2")
    parts.erp.order(late, {})
    parts.erp.asked.clear()
    await parts.work(10)
    assert {parts.status(early), parts.status(late)} == {"done"}
    assert parts.asked("order") == 0


async def test_what_was_confirmed_well_after_a_restore_was_sent_by_no_life_before(parts: Parts) -> None:
    declare(parts, "neither")
    with parts.office.service.store.transaction() as tx:
        go_on(tx, 2, parts.clock.now())
    soon = parts.want()
    parts.pass_time(2 * 3600)
    late = parts.want("S-2")
    await parts.work(10)
    assert (parts.status(soon), parts.status(late)) == ("parked", "done")
    assert parts.asked("order") == 1


@pytest.mark.parametrize("declared", DECLARED)
async def test_what_is_older_than_the_server_is_looked_up_first(parts: Parts, declared: str) -> None:
    declare(parts, declared)
    waiting = parts.want()
    parts.erp.order(waiting, {})  # sent by a life that was set back without a word
    parts.erp.asked.clear()
    parts.pass_time(600)
    parts.began = parts.clock.now()
    brought_again = parts.want("S-2")  # its id is from minutes before, as far as clocks can be compared
    parts.erp.order(brought_again, {})
    parts.erp.asked.clear()
    await parts.work(10)
    assert {parts.status(waiting), parts.status(brought_again)} == {"done"}
    assert parts.asked("order") == 0


@pytest.mark.parametrize("declared", DECLARED)
async def test_what_is_older_than_the_server_and_was_never_sent_is_sent_without_a_person(
    parts: Parts, declared: str
) -> None:
    declare(parts, declared)
    command = parts.want()
    parts.pass_time(600)
    parts.began = parts.clock.now()
    await parts.work(IN_FLIGHT_S + 20)
    assert parts.status(command) == "done"
    assert next(each.partition(" ")[0] for each in parts.erp.asked) == "lookup"
    assert parts.erp.effects == {command: 1}


async def test_what_is_older_than_the_server_is_sent_if_nobody_can_tell(parts: Parts) -> None:
    command = parts.want()
    parts.pass_time(600)
    parts.began = parts.clock.now()
    parts.erp.memory = Memory.SILENT
    await parts.work(600)
    assert parts.status(command) == "done"
    assert parts.erp.effects == {command: 1}


async def test_what_is_younger_than_the_server_is_sent_at_once(parts: Parts) -> None:
    parts.began = parts.clock.now() - timedelta(hours=2)
    command = parts.want()
    await parts.step()
    assert parts.status(command) == "done"
    assert parts.asked("lookup") == 0


async def test_a_stopped_server_sends_nothing(parts: Parts) -> None:
    command = parts.want()
    with parts.office.service.store.transaction() as tx:
        tx.set_server_value(f"stopped:{TENANT}", "a device has seen more")
    await parts.work(60)
    assert (parts.row(command).state, parts.erp.asked) == ("queued", [])


def _wanted(part_no: str) -> Any:
    return SpareWanted(part_no=part_no)


def test_the_erp_counts_a_second_order_as_a_second_effect() -> None:
    erp = Erp(duplicates=Duplicates.SECOND_ORDER)
    for _ in range(2):
        erp.order("k", {})
    assert erp.effects["k"] == 2
