"""Bugs of the rules that laptop and server share."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from reconciliation import compose, conflict, decide, merge
from reconciliation.ruling import Facts, Past, Ruling, Wait
from shared.commands import conflict_resolved
from shared.commands.base import Base
from shared.outcomes import EFFECTIVE, Outcome, Reason
from shared.records import ApprovalStatus, Choice, Clash, Record
from simulators.mutants.base import put


def stock_floor_ignored() -> None:
    """A shelf gives away what it does not have."""
    obstacle, check = merge._obstacle, vars(merge)["check_value"]  # noqa: SLF001

    def but_floors(kind: str, rule: Any, current: Any, edit: Any) -> Any:
        return None if edit.field == "on_hand" else obstacle(kind, rule, current, edit)

    put(merge, "_obstacle", but_floors)
    put(merge, "check_value", lambda kind, name, value: value if name == "on_hand" else check(kind, name, value))


def base_ignored() -> None:
    """Nobody's change is ever news to anybody."""
    put(conflict, "foreign_since", lambda *_: False)


def released_after_a_refusal() -> None:
    """Who waits for a command goes on when that is settled, however."""

    def needs(facts: Facts) -> Ruling | Wait | None:
        past = {need: facts.past.get(need, Past()) for need in facts.command.needs}
        over = EFFECTIVE | {Outcome.REJECTED, Outcome.EXPIRED}
        waiting = tuple(n for n in sorted(past) if past[n].outcome not in over and not past[n].resolved)
        return Wait(waiting) if waiting else None

    put(decide, "_needs", needs)


def released_too_early() -> None:
    """Nobody waits for anything."""
    put(decide, "_needs", lambda _: None)


def seen_one_more() -> None:
    """A laptop says to have seen one version more than it has."""
    base_of = compose._base  # noqa: SLF001

    def ahead(*arguments: Any) -> Base:
        base = base_of(*arguments)
        return base.model_copy(update={"version": base.version + 1})

    put(compose, "_base", ahead)


def winner_forgotten() -> None:
    """A conflict keeps the loser's value, and not what stood against it."""
    clash_of = conflict.clash_of

    def one_sided(*arguments: Any) -> Clash:
        clash = clash_of(*arguments)
        return clash.model_copy(update={"theirs": clash.theirs.model_copy(update={"value": None})})

    put(conflict, "clash_of", one_sided)
    put(decide, "clash_of", one_sided)


def groups_torn() -> None:
    """Of fields that take effect together, those do that can."""
    put(decide, "_clash_together", lambda verdicts, *_: verdicts)


def refused_edits_skipped() -> None:
    """Of a command that asks for too much, the rest is done."""
    judge = vars(decide)["judge"]

    def lenient(edit: Any, record: Any, *more: Any) -> Any:
        verdict = judge(edit, record, *more)
        short = isinstance(verdict, conflict.Clashing) and edit.field == "on_hand"
        if short or (isinstance(verdict, conflict.Refused) and verdict.reason is Reason.BELOW_FLOOR):
            return conflict.Clean(edit, record.value(edit.field), met=False)
        return verdict

    put(decide, "judge", lenient)


def any_step_goes() -> None:
    """A job goes from any state to any other."""
    put(merge, "may_step", lambda *_: True)


def nobody_is_asked() -> None:
    """What needs somebody else's yes takes effect without."""
    put(decide, "unapproved", lambda *_: None)


def an_answer_is_a_yes() -> None:
    """What somebody said no to takes effect."""
    unapproved = vars(decide)["unapproved"]

    def lenient(facts: Facts, *more: Any) -> Any:
        answered = facts.approval is not None and facts.approval.fields["status"] != ApprovalStatus.PENDING
        return None if answered else unapproved(facts, *more)

    put(decide, "unapproved", lenient)


def status_stays() -> None:
    """A job becomes a version newer, and its status stays as it was."""
    changed = decide._changed  # noqa: SLF001

    def but_the_status(clean: list[conflict.Clean], facts: Facts) -> list[Record]:
        def stays(each: conflict.Clean) -> conflict.Clean:
            if each.edit.place != "work_order.status":
                return each
            return replace(each, value=facts.records[each.edit.record].value("status"))

        return changed([stays(each) for each in clean], facts)

    put(decide, "_changed", but_the_status)


def decisions_change_nothing() -> None:
    """Who settles a conflict for the value that came late is told so, and the other one goes on standing."""
    edit_of = conflict_resolved._edit  # noqa: SLF001
    put(conflict_resolved, "_edit", lambda each: None if each.choice is Choice.KEEP_MINE else edit_of(each))


def last_entry_overwritten() -> None:
    """A list of entries makes room for the new one by giving up its last."""
    append = merge._append  # noqa: SLF001
    put(merge, "_append", lambda current, entry: append(current[:-1], entry))


def lives_are_short() -> None:
    """A command is good for twenty minutes, whatever its author was told."""
    put(decide, "expired", lambda command, at, *_: at > command.issued_at + timedelta(minutes=20))


def lives_never_end() -> None:
    """No command ever comes too late."""
    put(decide, "expired", lambda *_: False)


def time_is_judged_once() -> None:
    """What was in time when it came stays so, however long it waits for somebody's yes."""
    uncertain = decide._uncertain  # noqa: SLF001

    def as_it_came(facts: Facts, *more: Any) -> Any:
        return uncertain(replace(facts, now=facts.received_at), *more)

    put(decide, "_uncertain", as_it_came)
