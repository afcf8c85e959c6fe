"""How things are said to a person, on the screen and on the command line: times, values, changes, reasons.

Rules
1. What people, models and other machines wrote is shown as `device.plain` shows it.
2. Facts only, in the words of the receipt, the problem or the hold. Nothing is decided here.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Protocol, assert_never

from pydantic import JsonValue

from device.plain import plain
from device.store import FileStanding, Item, Lost, State
from reconciliation.explain import explain, explain_expiry, explain_hold
from reconciliation.preview import Change
from shared.assist import Answer
from shared.blobs import in_mib
from shared.commands.assist_request import task_ref
from shared.ids import id_of, kind_of
from shared.outcomes import Outcome, Standing
from shared.problems import Code
from shared.records import (
    AssistTask,
    Choice,
    Conflict,
    ExternalWrite,
    Merge,
    Record,
    SettledEntry,
    TaskStatus,
    WorkOrder,
    WriteStatus,
    rule_of,
)
from shared.routing import Route
from shared.sync import Forecast

#: What the office can decide, for the person whose values did not get in.
CHOSEN = {Choice.KEEP_MINE: "your value", Choice.TAKE_THEIRS: "their value", Choice.EDIT: "another value"}
#: Fields whose values are names from a closed list, written with an underscore where people write a space.
_CODES = frozenset({"status", "priority", "activity", "quantity", "severity"})
#: What the screen calls the places where a question runs.
PLACES = {Route.DEVICE: "THIS LAPTOP", Route.PRIVATE_CLUSTER: "PRIVATE CLUSTER", Route.MANAGED_CLOUD: "CLOUD"}
_UNSURE = (
    "Sent; the answer was not seen. It may or may not have arrived: the next round asks first, and nothing is "
    "entered twice."
)


# -- text


def named(name: str) -> str:
    """A field's or a state's name as people write it."""
    return plain(name.replace("_", " "))


def value_of(field: str, value: JsonValue) -> str:
    """A field's value for reading."""
    match value:
        case None | "":
            return "-"
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:g}"
        case str():
            return named(value) if field in _CODES else plain(value)
        case list() if value and all(isinstance(each, str) for each in value):
            return ", ".join(plain(str(each)) for each in value)
        case list():
            return f"{len(value)} {'entry' if len(value) == 1 else 'entries'}" if value else "-"
        case _:
            return plain(str(value))


def planned_for(assignee: JsonValue, me: str) -> str:
    """Whose job it is, seen by `me`; empty if nobody is named."""
    if not assignee:
        return ""
    return "yours" if assignee == me else f"planned for {plain(str(assignee))}, not you"


# -- time


def clock_time(at: datetime) -> str:
    """Hour and minute where the laptop is."""
    return f"{at.astimezone():%H:%M}"


def counted(many: int, thing: str) -> str:
    """So many things, such as ``1 page`` and ``2 pages``."""
    return f"{many:,} {thing}{'' if many == 1 else 's'}"


def moment(at: datetime, now: datetime) -> str:
    """The time, with the day if it was not today."""
    here, today = at.astimezone(), now.astimezone().date()
    return f"{here:%H:%M}" if here.date() == today else f"{here.day} {here:%b %H:%M}"


def age(since: datetime, now: datetime) -> str:
    """How long ago, in the largest unit that fits."""
    seconds = max(0, int((now - since).total_seconds()))
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit} old"
    return "just now"


def due(value: JsonValue, now: datetime) -> str:
    """A due date in six characters."""
    if not isinstance(value, str):
        return "-"
    day = date.fromisoformat(value)
    today = now.astimezone().date()
    if day == today:
        return "today"
    return f"{day.day} {day:%b}" if abs((day - today).days) < 300 else f"{day:%b %y}"


# -- changes


def changes(proposed: Sequence[Change]) -> list[str]:
    """One line per change: record, field, old → new."""
    born = {change.record for change in proposed if _is_birth(change)}
    lines = [_born([change for change in proposed if change.record == record]) for record in sorted(born)]
    return lines + [_change(change) for change in proposed if change.record not in born]


def _is_birth(change: Change) -> bool:
    """Whether the change can only be part of a new record: what it is about is given once."""
    names = {"reading": "asset", "work_order": "asset", "assist_task": "question"}
    return change.old is None and names.get(kind_of(change.record)) == change.field


def _born(proposed: Sequence[Change]) -> str:
    new = {change.field: change.new for change in proposed}
    kind = kind_of(proposed[0].record)
    if kind == "work_order":
        return _new_job(id_of(proposed[0].record), new)
    if kind == "assist_task":
        return f"ask the cluster about {id_of(str(new.get('record')))}: “{plain(str(new.get('question')))}”"
    what = " ".join(value_of(name, new.get(name)) for name in ("quantity", "value", "unit"))
    return f"new reading at {id_of(str(new.get('asset')))}: {what}"


def _new_job(name: str, new: Mapping[str, JsonValue]) -> str:
    said = [f"new job {name} at {id_of(str(new['asset']))}: “{plain(str(new.get('title')))}”"]
    said += [f"{named(each)} {value_of(each, new[each])}" for each in ("priority", "due_on", "team") if new.get(each)]
    said += ["safety critical"] if new.get("safety_critical") else []
    items = new.get("checklist")
    said += [f"{len(items)} things to do"] if isinstance(items, list) and items else []
    return ", ".join(said)


def _change(change: Change) -> str:
    where = f"{id_of(change.record)} {named(change.field)}"
    match rule_of(kind_of(change.record), change.field).merge:
        case Merge.APPEND:
            return f"{where}: + {_entry(change.new)}"
        case Merge.TICKS:
            return f"{where}: {_ticked(change)}"
        case _:
            return f"{where}: {value_of(change.field, change.old)} → {value_of(change.field, change.new)}"


def _entry(entries: JsonValue) -> str:
    last = entries[-1] if isinstance(entries, list) and entries else {}
    entry = last if isinstance(last, Mapping) else {}
    if "text" in entry:
        severity = f"{value_of('severity', entry['severity'])}: " if "severity" in entry else ""
        return f"{severity}“{plain(str(entry['text']))}”"
    if "sha256" in entry:
        return f"file {plain(str(entry.get('name')))}"
    return f"{entry.get('quantity')} × {id_of(str(entry.get('stock_item')))}"


def _ticked(change: Change) -> str:
    """The items that differ, each with how it stands then."""
    before = change.old if isinstance(change.old, list) else []
    after = change.new if isinstance(change.new, list) else []
    items = [each for each in after if isinstance(each, Mapping) and each not in before]
    said = [f"“{plain(str(item.get('text')))}” {'done' if item.get('ticks') else 'not done'}" for item in items]
    return ", ".join(said) or "no change"


# -- history


class Entry(Protocol):
    """One thing that somebody did to a job; `id` is the command that brought it."""

    @property
    def id(self) -> str:
        """The command."""

    @property
    def author(self) -> str:
        """Who did it."""

    @property
    def at(self) -> datetime:
        """When."""


def happened(order: WorkOrder) -> list[tuple[Entry, str]]:
    """What people did to a job, in words; kind by kind, each oldest first."""
    lines: list[tuple[Entry, str]] = [(each, f"“{each.text}”") for each in order.notes]
    lines += [(each, f"{named(each.to)}: “{each.text}”") for each in order.reasons]
    lines += [(each, f"{each.severity} finding “{each.text}”") for each in order.findings]
    lines += [(each, f"used {each.quantity} × {id_of(each.stock_item)}") for each in order.parts_used]
    lines += [(each, f"ordered {each.quantity} × {id_of(each.stock_item)}") for each in order.parts_ordered]
    lines += [(each, f"file {each.name}, {in_mib(each.size)}") for each in order.attachments]
    lines += [(tick, f"done: “{item.text}”") for item in order.checklist for tick in item.ticks]
    lines += [(each, f"asked “{each.text}”") for each in order.questions]
    return lines + [(each, f"answered “{each.text}”") for each in order.answers]


def fate(write: ExternalWrite) -> str:
    """What became of an order at the system that takes it."""
    match write.status:
        case WriteStatus.QUEUED:
            return f"not yet with {write.system}"
        case WriteStatus.SENDING:
            return f"on its way to {write.system}"
        case WriteStatus.DONE:
            return f"{write.system} has it" + (f" as {write.reference}" if write.reference else "")
        case WriteStatus.REFUSED:
            return f"{write.system} did not take it" + (f": {write.detail}" if write.detail else "")
        case WriteStatus.PARKED:
            return f"the office finds out whether {write.system} has it"
        case _:
            assert_never(write.status)


def task_words(task: AssistTask) -> str:
    """What became of a question that was left for the cluster."""
    match task.status:
        case TaskStatus.QUEUED:
            return "waits for the cluster" + (f": {task.detail}" if task.detail else "")
        case TaskStatus.RUNNING:
            return "is with the cluster"
        case TaskStatus.DONE:
            return (
                f"was answered: “{task.answer.text}” ({_answered_by(task.answer)})" if task.answer else "was answered"
            )
        case TaskStatus.FAILED:
            return f"has no answer: {task.detail}"
        case TaskStatus.EXPIRED:
            return f"came too late: {task.detail}"
        case TaskStatus.REFUSED:
            return f"did not run: {task.detail}"
        case TaskStatus.CANCELLED:
            return "was cancelled"
        case _:
            assert_never(task.status)


def _answered_by(answer: Answer) -> str:
    return f"{PLACES.get(answer.route, answer.route)}, {answer.model}: {answer.disclosure}"


# -- standing


def forecast_words(forecast: Forecast) -> str:
    """What the server says would become of a command, and why."""
    if forecast.hold is not None:
        return f"the server says: {explain_hold(forecast.hold)} {forecast.detail}".rstrip()
    places = [place.partition(" ") for place in forecast.conflicting]
    where = ", ".join(f"{named(field)} of {id_of(record)}" for record, _, field in places)
    why = f"somebody else changed {where}" if where else forecast.detail
    return f"the server says: {forecast.outcome}" + (f": {why}" if why else "")


def standing(of: Standing) -> str:
    """Glyph and word, which always go together."""
    return f"{of.glyph} {of}"


def number(item: Item) -> str:
    """What people call a command: its place in this device's chain."""
    return numbered(item.command.epoch, item.command.seq)


def numbered(epoch: int | None, seq: int | None) -> str:
    """``#7``; where the chain began anew, and numbers with it, the epoch stands before it: ``#2/7``."""
    return f"#{seq}" if epoch in {None, 1} else f"#{epoch}/{seq}"


def why(
    item: Item,
    outbox: Sequence[Item],
    conflicts: Sequence[Record],
    blocked: Mapping[str, str],
    expiring: Mapping[str, timedelta] | None = None,
    tasks: Sequence[Record] = (),
) -> list[str]:
    """Why `item` stands where it stands, what it means, and what can be done: one sentence or more per line.

    `expiring` says how much time is left where that is little (`reconciliation.expiry.warning`); `tasks` are the
    questions that were left for the cluster.
    """
    if item.receipt is not None:
        lines = [*_settled(item, conflicts), *_two_outcomes(item), *_answered(item, tasks), *_dealt(item, outbox)]
        return [plain(line) for line in lines]
    if item.withdrawal is not None:
        return [plain(line) for line in _taken_back(item)]
    for_bytes = item.problem is not None and item.problem.code is Code.BYTES_MISSING
    lines = [explain_hold(item.hold)] if item.hold and not for_bytes else []
    if item.file is not None:
        lines += _file(item.file)
    if item.problem is not None and not for_bytes:
        lines += [f"{item.problem.title}: {item.problem.detail}.", item.problem.remedy]
    if item.state is State.SENT:
        lines.append(_UNSURE)
    if item.state is State.SAVED:
        lines.append("Saved on this laptop. Not sent yet.")
    if item.state is State.TURNED:
        lines += _dealt(item, outbox) or ["It is kept here and tried again."]
    lines += _after(item, outbox)
    left = (expiring or {}).get(item.command.id)
    in_review = item.standing is Standing.REVIEW
    lines += [explain_expiry(left, there=in_review)] if left is not None else []
    if item.command.id in blocked and item.standing is not Standing.REFUSED:
        lines.append(f"It cannot be shown on the job as it is now: {blocked[item.command.id]}.")
    return [plain(line) for line in lines]


class Troubled(Protocol):
    """What `troubles` needs of a device's status."""

    @property
    def shut_out(self) -> str | None:
        """Why the server tells nothing."""

    @property
    def expiring(self) -> Mapping[str, timedelta]:
        """Command → time left, where that is little."""

    @property
    def lost(self) -> Sequence[Lost]:
        """What was damaged on the disk."""


def troubles(status: Troubled) -> list[str]:
    """What a person must know about this laptop as a whole, one sentence or more per line."""
    lines = []
    if status.shut_out:
        lines.append(f"{status.shut_out} What this laptop sends is kept for review.")
    if status.expiring:
        soonest = min(status.expiring.values())
        lines.append(f"{len(status.expiring)} in the outbox have little time left. {explain_expiry(soonest)}")
    if status.lost:
        named_ones = ", ".join(f"{numbered(each.epoch, each.seq)} {each.summary}" for each in status.lost)
        lines.append(f"The disk damaged what was saved: {named_ones}. Enter it again; the office is told.")
    return [plain(line) for line in lines]


def _taken_back(item: Item) -> list[str]:
    said = "You took it back. Nothing will change because of it."
    if item.state is State.SENT:
        return [said, "Sent with your withdrawal; the answer was not seen. The next round asks first."]
    if item.hold is not None:
        return [said, explain_hold(item.hold)]
    return [said, "It is sent all the same, with your withdrawal, so that nothing is missing from what you sent."]


def _answered(item: Item, tasks: Sequence[Record]) -> list[str]:
    """What the cluster made of the question, if the command was one."""
    mine = (AssistTask.model_validate(each.fields) for each in tasks if each.ref == task_ref(item.command.id))
    return [f"The question {task_words(task)}" for task in mine]


def _two_outcomes(item: Item) -> list[str]:
    if item.earlier is None:
        return []
    before = f"Before that it was {item.earlier.outcome}: {explain(item.earlier)}"
    return [f"The server was restored from a backup. {before} Look at the record, and ask the office which holds."]


def _dealt(item: Item, outbox: Sequence[Item]) -> list[str]:
    match item.dealt:
        case None | "withdrawn":
            return []
        case "dropped":
            return ["You dropped it."]
        case _:
            given = next((number(each) for each in outbox if each.command.id == item.dealt), "another")
            return [f"You gave it again as {given}."]


def _file(file: FileStanding) -> list[str]:
    """How far the bytes have got, and why they do not move."""
    if file.up:
        return ["Its file is at the server, complete."]
    said = f"It is waiting for its file: {file.percent} % of {in_mib(file.size)} sent, after everything smaller."
    return [said, f"The server does not take the file now. {file.refusal}"] if file.refusal else [said]


def _settled(item: Item, conflicts: Sequence[Record]) -> list[str]:
    assert item.receipt is not None, "settled means a receipt"
    settled_at = item.receipt.settled_at.astimezone()
    when = f"Settled {settled_at:%Y-%m-%d %H:%M}, audit position {item.receipt.audit_position}."
    if item.receipt.outcome is not Outcome.CONFLICT:
        return [explain(item.receipt), when]
    conflict = next((each for each in conflicts if each.ref == item.receipt.conflict), None)
    if conflict is None:
        return [explain(item.receipt), when]
    if item.standing is Standing.ACCEPTED:
        return [*_resolution(conflict), when]
    return [explain(item.receipt), *_sides(conflict), when]


def instead(item: Item, conflicts: Iterable[Record]) -> str:
    """What the office let stand in place of what `item` wanted; empty where all of it stands, or waits."""
    if item.receipt is None or item.receipt.conflict is None:
        return ""
    conflict = next((each for each in conflicts if each.ref == item.receipt.conflict), None)
    settled = Conflict.model_validate(conflict.fields).standing().values() if conflict else ()
    other = [each for each in settled if each.choice is not Choice.KEEP_MINE]
    said = [value_of(each.field, each.value) for each in other]
    if len(settled) > 1:
        said = [f"{named(each.field)} {value}" for each, value in zip(other, said, strict=True)]
    return plain(f"decided: {', '.join(said)}") if said else ""


def _sides(conflict: Record) -> list[str]:
    body = Conflict.model_validate(conflict.fields)
    settled = body.standing()
    lines = [
        f"{named(each.field)}: you {value_of(each.field, each.mine.value)}; "
        f"{each.theirs.actor} {value_of(each.field, each.theirs.value)} at {clock_time(each.theirs.at)}; "
        f"before {value_of(each.field, each.base)}"
        for each in body.unsettled()
    ]
    lines += [f"Decided: {_decision(entry)}." for entry in settled.values()]
    lines += [f"Taken back: {_decision(entry)}." for entry in body.settled if entry.undone]
    return lines + _asked(body)


def _asked(conflict: Conflict) -> list[str]:
    """The office's questions, each with what was answered."""
    answers = {each.id: [a.text for a in conflict.answers if a.question == each.id] for each in conflict.questions}
    return [
        f"{each.author} asks: “{each.text}” "
        + (
            f"Answered: {'; '.join(f'“{text}”' for text in answers[each.id])}"
            if answers[each.id]
            else "No answer yet."
        )
        for each in conflict.questions
    ]


def _resolution(conflict: Record) -> list[str]:
    body = Conflict.model_validate(conflict.fields)
    who = conflict.stamp("status").actor
    chosen = [f"{_decision(entry)}, {entry.author or who}" for entry in body.standing().values()]
    reason = [f"Reason: {body.reason}"] if body.reason else []
    return ["Others had changed it meanwhile; a person decided what stands.", *chosen, *reason]


def _decision(entry: SettledEntry) -> str:
    return f"{named(entry.field)} = {value_of(entry.field, entry.value)} ({CHOSEN[entry.choice]})"


def _after(item: Item, outbox: Sequence[Item]) -> list[str]:
    needs = item.command.needs
    earlier = [number(each) for each in outbox if each.command.id in needs and each.state is not State.SETTLED]
    return [f"It takes effect after {', '.join(earlier)}."] if earlier else []
