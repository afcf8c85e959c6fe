"""Forms: one command at a time, asked for step by step, without any model.

Each form gives back a proposal, or None if the person left it. Esc in a later step goes one step back. What a form
gives is shown and confirmed like everything else; no form saves anything.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import JsonValue

from device.core.interpret import Proposal
from device.core.trend import Trend
from device.odd import normal, odd
from device.plain import plain
from device.tui.draft import note as note_proposal
from device.tui.lines import Line, ask_line, number, typed, whole
from device.tui.screens.dialogs import Ask, Choice, Keep, Pick
from device.words import named, value_of
from reconciliation.lifecycle import steps
from shared.commands.field_updated import FieldUpdated
from shared.commands.finding_added import FindingAdded
from shared.commands.note_added import NoteAdded
from shared.commands.part_consumed import PartConsumed
from shared.commands.part_ordered import PartOrdered
from shared.commands.reading_recorded import ReadingRecorded
from shared.commands.status_changed import StatusChanged
from shared.commands.work_order_created import WorkOrderCreated, fresh_ref
from shared.ids import id_of, kind_of
from shared.records import Activity, Limit, Priority, Quantity, Record, Severity, editable_fields

if TYPE_CHECKING:
    from device.tui.app import TailboardApp

#: The app to ask through, the record that it is about, and the proposal to start from, if there is one.
Form = Callable[["TailboardApp", str, Proposal | None], Awaitable[Proposal | None]]

_CHOICES: dict[str, tuple[str, ...]] = {"priority": tuple(Priority), "activity": tuple(Activity)}


# -- the forms


async def note(app: "TailboardApp", job: str, was: Proposal | None = None) -> Proposal | None:
    """A sentence."""
    text = str(was.payload["text"]) if was else ""
    line = Line(f"Note on {id_of(job)}", "In your words", text, lambda words: _note(job, words), "note")
    return await typed(app, job, line)


def why_no_step(order: Record, to: str = "") -> str | None:
    """Why the job's state cannot become `to`, or any other; None if it can."""
    now = str(order.fields["status"])
    allowed = steps("work_order", "status", now)
    if not allowed or (to and to not in allowed):
        where = f"to {named(to)}" if to and allowed else "on"
        return f"{id_of(order.ref)} is {named(now)}: no step leads {where} from there."
    return None


async def status(app: "TailboardApp", job: str, was: Proposal | None = None) -> Proposal | None:
    """The next state, of those that the present one allows."""
    order = await app.record(job)
    now = str(order.fields["status"])
    if why := why_no_step(order):
        app.say(why)
        return None
    choices = [Choice(state, named(state)) for state in steps("work_order", "status", now)]
    at = str(was.payload["to"]) if was else None
    to = await app.ask(Pick(f"{id_of(job)} is {named(now)}. It becomes:", choices, at=at))
    return Proposal(StatusChanged.kind.name, job, {"to": to}, {}) if to else None


async def reading(app: "TailboardApp", job: str, was: Proposal | None = None) -> Proposal | None:
    """What was measured, then the value; the asset's own quantities come first, with their normal range."""
    order = await app.record(job)
    asset = await app.record(str(order.fields["asset"]))
    choices, at = _quantities(limits_of(asset)), str(was.payload["quantity"]) if was else None
    title = f"Reading at {id_of(asset.ref)}: what?"
    return await _choose_then(app, title, choices, at, lambda what: reading_of(app, job, Quantity(what), was))


async def reading_of(app: "TailboardApp", job: str, what: Quantity, was: Proposal | None = None) -> Proposal | None:
    """The value of one quantity, with the last ones beside it. One that looks odd is asked about."""
    asset = await app.record(str((await app.record(job)).fields["asset"]))
    known = await app.desk.do(lambda: app.device.workbench.trends(asset.ref))
    trend = next((each for each in known if each.quantity is what), Trend(what, None, ()))
    while proposal := await typed(app, job, _reading_line(job, asset, trend, was)):
        value, unit = float(str(proposal.payload["value"])), plain(str(proposal.payload["unit"]))
        strange = odd(trend, value, unit, app.now())
        if not strange:
            return proposal
        kept = await app.ask(Keep(f"{named(what)} {value:g} {unit}", f"{strange} Keep {value:g}?"))
        if kept:
            return proposal
        if kept is None:
            return None
        app.notebook.become(job, app.notebook.of(job).with_form(f"reading {what}", ""))
    return None


async def part(app: "TailboardApp", job: str, was: Proposal | None = None) -> Proposal | None:
    """Which part went in, then how many."""
    return await _of_stock(app, job, was, f"Part used on {id_of(job)}", PartConsumed.kind.name)


async def order(app: "TailboardApp", job: str, was: Proposal | None = None) -> Proposal | None:
    """Which part to ask the store for, then how many."""
    return await _of_stock(app, job, was, f"Order for {id_of(job)}", PartOrdered.kind.name)


async def _of_stock(app: "TailboardApp", job: str, was: Proposal | None, title: str, kind: str) -> Proposal | None:
    stock = await app.of_kind("stock_item")
    if not stock:
        app.say("There is no stock list on this laptop yet. It comes with the first contact.")
        return None
    choices = [Choice(item.ref, _stock_label(item)) for item in stock]
    at = str(was.payload["stock_item"]) if was else None
    return await _choose_then(
        app, f"{title}: which?", choices, at, lambda item: typed(app, job, _stock_line(job, item, was, title, kind))
    )


async def finding(app: "TailboardApp", job: str, was: Proposal | None = None) -> Proposal | None:
    """How bad it is, then what was noticed."""
    choices, at = [Choice(each, named(each)) for each in Severity], str(was.payload["severity"]) if was else None
    title = f"Finding on {id_of(job)}: how bad?"
    return await _choose_then(app, title, choices, at, lambda bad: typed(app, job, _finding_line(job, bad, was)))


async def follow_up(app: "TailboardApp", job: str, was: Proposal | None = None) -> Proposal | None:
    """How urgent the job is that shall follow this one, then what it is about."""
    parent = str(was.payload["parent"]) if was else job
    asset = str((await app.record(parent)).fields["asset"])
    name = was.record if was else fresh_ref(app.device.ports.new_id())
    choices = [Choice(each, named(each)) for each in Priority]
    at = str(was.payload["priority"]) if was else Priority.NORMAL.value

    def fill(urgent: str) -> Awaitable[Proposal | None]:
        return typed(app, parent, _follow_up_line(name, parent, asset, urgent, was))

    return await _choose_then(app, f"A job to follow {id_of(parent)}: how urgent?", choices, at, fill)


async def field(app: "TailboardApp", job: str, was: Proposal | None = None) -> Proposal | None:
    """A field of the job, then its new value."""
    if was is not None:
        return await _field_value(app, await app.record(was.record), str(was.payload["field"]), was.payload["value"])
    order = await app.record(job)
    names = editable_fields(order.kind)
    choices = [Choice(name, f"{named(name):<12} {value_of(name, order.fields[name])}") for name in names]
    return await _choose_then(
        app,
        f"Change which field of {id_of(job)}?",
        choices,
        None,
        lambda name: _field_value(app, order, name, order.fields[name]),
    )


async def _choose_then(
    app: "TailboardApp",
    title: str,
    choices: Sequence[Choice],
    at: str | None,
    fill: Callable[[str], Awaitable[Proposal | None]],
) -> Proposal | None:
    """Choose from a list, then `fill` in what was chosen; Esc there goes back to the list, and from the list out."""
    while at := await app.ask(Pick(title, choices, at=at)):
        if proposal := await fill(at):
            return proposal
    return None


@dataclass(frozen=True, slots=True)
class Answered:
    """What somebody would answer to a question of the office about `record`; `words` shows both."""

    record: str
    question: str
    text: str
    words: str


async def answer(app: "TailboardApp", about: str | None = None) -> Answered | None:
    """Which question, if there are several, then the answer; only those on `about`, if a record is named.

    Nothing is saved yet.
    """
    everything = await app.desk.do(app.device.workbench.questions)
    asked = [each for each in everything if about in {None, each.record}]
    open_ones = [each for each in asked if not each.answers] or asked
    if not open_ones:
        app.say("The office asks nothing.")
        return None
    at: str | None = open_ones[0].question.id
    several = len(open_ones) > 1
    labels = {each.question.id: f"{each.about}  {each.question.text}" for each in open_ones}
    records = {each.question.id: each.record for each in open_ones}
    choices = [Choice(key, label) for key, label in labels.items()]
    while True:
        if several:
            at = await app.ask(Pick("Answer which question?", choices, at=at))
        if at is None:
            return None
        box = Ask("Answer the office", labels[at], value="", check=_said_something)
        words = await ask_line(app, records[at], f"answer {at}", box)
        if words is not None:
            return Answered(records[at], at, words, f"{labels[at]}\n\n“{words}”")
        if not several:
            return None


async def _said_something(words: str) -> str | None:
    return None if words.strip() else "Type the answer."


FORMS: dict[str, tuple[str, Form]] = {
    ReadingRecorded.kind.name: ("Reading", reading),
    StatusChanged.kind.name: ("Status", status),
    PartConsumed.kind.name: ("Part", part),
    FieldUpdated.kind.name: ("Field", field),
    NoteAdded.kind.name: ("Note", note),
    FindingAdded.kind.name: ("Finding", finding),
    PartOrdered.kind.name: ("Order part", order),
    WorkOrderCreated.kind.name: ("Follow-up job", follow_up),
}


async def any_of_them(app: "TailboardApp", job: str) -> Proposal | None:
    """Pick a form, then fill it."""
    choices = [Choice(kind, title) for kind, (title, _) in FORMS.items()]
    return await _choose_then(app, "Add what?", choices, None, lambda kind: FORMS[kind][1](app, job, None))


async def edit(app: "TailboardApp", proposal: Proposal) -> Proposal | None:
    """The form for a proposal, filled with what it says."""
    if proposal.kind not in FORMS:
        app.say("There is no form for this kind; drop it and enter it another way.")
        return None
    _, form = FORMS[proposal.kind]
    return await form(app, proposal.record, proposal)


# -- their lines


def _note(job: str, words: str) -> Proposal:
    if not words.strip():
        raise ValueError("Type what was done.")
    return note_proposal(job, words)


def _reading_line(job: str, asset: Record, trend: Trend, was: Proposal | None) -> Line:
    what, limit, unit = trend.quantity, trend.limit, trend.limit.unit if trend.limit else ""

    def make(words: str) -> Proposal:
        value, typed_unit = number(words)
        if not (typed_unit or unit):
            raise ValueError("Add the unit, for example 4.2 bar.")
        payload: dict[str, JsonValue] = {
            "asset": asset.ref,
            "quantity": what.value,
            "value": value,
            "unit": typed_unit or unit,
        }
        return Proposal(ReadingRecorded.kind.name, job, payload, {})

    label = f"{named(what)} in {unit}{_range(limit)}" if limit else f"{named(what)}, with its unit"
    last = ", ".join(f"{point.value:g}" for point in trend.last)
    label += f"\nLast: {last} {trend.unit}" if last else ""
    value = f"{was.payload['value']:g} {was.payload['unit']}" if was and was.payload["quantity"] == what else ""
    return Line(f"Reading at {id_of(asset.ref)}", label, value, make, f"reading {what}")


def _stock_line(job: str, item: str, was: Proposal | None, title: str, kind: str) -> Line:
    def make(words: str) -> Proposal:
        return Proposal(kind, job, {"stock_item": item, "quantity": whole(words)}, {})

    value = str(was.payload["quantity"]) if was and was.payload["stock_item"] == item else "1"
    slot = f"{'part' if kind == PartConsumed.kind.name else 'order'} {id_of(item)}"
    return Line(title, f"How many of {id_of(item)}", value, make, slot)


def _finding_line(job: str, severity: str, was: Proposal | None) -> Line:
    def make(words: str) -> Proposal:
        if not words.strip():
            raise ValueError("Type what you noticed.")
        return Proposal(FindingAdded.kind.name, job, {"text": words, "severity": severity}, {})

    value = str(was.payload["text"]) if was else ""
    return Line(f"{named(severity).capitalize()} finding on {id_of(job)}", "In your words", value, make, "finding")


def _follow_up_line(name: str, parent: str, asset: str, priority: str, was: Proposal | None) -> Line:
    def make(words: str) -> Proposal:
        if not words.strip():
            raise ValueError("Type what has to be done.")
        payload: dict[str, JsonValue] = {"title": words, "asset": asset, "priority": priority, "parent": parent}
        return Proposal(WorkOrderCreated.kind.name, name, payload, {})

    value = str(was.payload["title"]) if was else ""
    return Line(f"A job to follow {id_of(parent)}", "What has to be done", value, make, "follow-up")


async def _field_value(app: "TailboardApp", record: Record, name: str, value: JsonValue) -> Proposal | None:
    def make(words: str) -> Proposal:
        entered = None if name.endswith("_on") and not words.strip() else _like(value, words)
        return Proposal(FieldUpdated.kind.name, record.ref, {"field": name, "value": entered}, {})

    title = f"{named(name)} of {id_of(record.ref)}"
    if kind_of(record.ref) == "work_order" and name in _CHOICES:
        choices = [Choice(each, named(each)) for each in _CHOICES[name]]
        picked = await app.ask(Pick(title, choices, at=str(value)))
        return make(picked) if picked else None
    label = "as 2026-11-30; empty for none" if name.endswith("_on") else "new value"
    return await typed(
        app, record.ref, Line(title, label, "" if value is None else str(value), make, f"field {name}")
    )


def _like(value: JsonValue, words: str) -> JsonValue:
    return int(words) if isinstance(value, int) and words.strip().isdecimal() else words


# -- small things


def limits_of(asset: Record) -> dict[str, Limit]:
    """What is normal for an asset, by quantity."""
    listed = asset.value("limits")
    assert isinstance(listed, list), "an asset's limits are a list"
    return {limit.quantity.value: limit for limit in map(Limit.model_validate, listed)}


def _quantities(limits: dict[str, Limit]) -> list[Choice]:
    own = [Choice(name, f"{named(name):<18} {limit.unit}{_range(limit)}") for name, limit in limits.items()]
    return own + [Choice(each, named(each)) for each in Quantity if each not in limits]


def _range(limit: Limit | None) -> str:
    return f", normal {normal(limit)}" if normal(limit) else ""


def _stock_label(item: Record) -> str:
    fields = item.fields
    return f"{id_of(item.ref):<12} {fields['name']}  ({fields['on_hand']} {fields['unit']} in {fields['bin'] or '?'})"
