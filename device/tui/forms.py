"""Forms: one command at a time, asked for step by step, without any model.

Each form gives back a proposal, or None if the person left it. Esc in a later step goes one step back. What a form
gives is shown and confirmed like everything else; no form saves anything.
"""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import JsonValue

from device.core.interpret import Proposal
from device.tui.draft import note as note_proposal
from device.tui.screens.dialogs import Ask, Choice, Pick
from device.words import named, value_of
from reconciliation.lifecycle import steps
from shared.commands.field_updated import FieldUpdated
from shared.commands.note_added import NoteAdded
from shared.commands.part_consumed import PartConsumed
from shared.commands.reading_recorded import ReadingRecorded
from shared.commands.status_changed import StatusChanged
from shared.ids import id_of, kind_of
from shared.records import Activity, Limit, Priority, Quantity, Record, editable_fields

if TYPE_CHECKING:
    from device.tui.app import TailboardApp

#: The app to ask through, the record that it is about, and the proposal to start from, if there is one.
Form = Callable[["TailboardApp", str, Proposal | None], Awaitable[Proposal | None]]

_CHOICES: dict[str, tuple[str, ...]] = {"priority": tuple(Priority), "activity": tuple(Activity)}
_NUMBER = re.compile(r"\s*([+-]?\d+(?:[.,]\d+)?)\s*(\S{0,12})\s*")


@dataclass(frozen=True, slots=True)
class _Line:
    """One typed line: how it is asked for, and what it means. `make` raises `ValueError` with a sentence."""

    title: str
    label: str
    value: str
    make: Callable[[str], Proposal]


# -- the five forms


async def note(app: "TailboardApp", job: str, was: Proposal | None = None) -> Proposal | None:
    """A sentence."""
    text = str(was.payload["text"]) if was else ""
    return await _typed(app, _Line(f"Note on {id_of(job)}", "In your words", text, lambda typed: _note(job, typed)))


async def status(app: "TailboardApp", job: str, was: Proposal | None = None) -> Proposal | None:
    """The next state, of those that the present one allows."""
    order = await app.record(job)
    now = str(order.fields["status"])
    allowed = steps("work_order", "status", now)
    if not allowed:
        app.say(f"{id_of(job)} is {named(now)}: no step leads on from there.")
        return None
    choices = [Choice(state, named(state)) for state in allowed]
    at = str(was.payload["to"]) if was else None
    to = await app.ask(Pick(f"{id_of(job)} is {named(now)}. It becomes:", choices, at=at))
    return Proposal(StatusChanged.kind.name, job, {"to": to}, {}) if to else None


async def reading(app: "TailboardApp", job: str, was: Proposal | None = None) -> Proposal | None:
    """What was measured, then the value; the asset's own quantities come first, with their normal range."""
    order = await app.record(job)
    asset = await app.record(str(order.fields["asset"]))
    limits = _limits(asset)
    at = str(was.payload["quantity"]) if was else None
    while at := await app.ask(Pick(f"Reading at {id_of(asset.ref)}: what?", _quantities(limits), at=at)):
        line = _reading_line(job, asset, Quantity(at), limits.get(at), was)
        if proposal := await _typed(app, line):
            return proposal
    return None


async def part(app: "TailboardApp", job: str, was: Proposal | None = None) -> Proposal | None:
    """Which part went in, then how many."""
    stock = await app.of_kind("stock_item")
    if not stock:
        app.say("There is no stock list on this laptop yet. It comes with the first contact.")
        return None
    choices = [Choice(item.ref, _stock_label(item)) for item in stock]
    at = str(was.payload["stock_item"]) if was else None
    while at := await app.ask(Pick(f"Part used on {id_of(job)}: which?", choices, at=at)):
        if proposal := await _typed(app, _part_line(job, at, was)):
            return proposal
    return None


async def field(app: "TailboardApp", job: str, was: Proposal | None = None) -> Proposal | None:
    """A field of the job, then its new value."""
    if was is not None:
        return await _field_value(app, await app.record(was.record), str(was.payload["field"]), was.payload["value"])
    order = await app.record(job)
    names = editable_fields(order.kind)
    choices = [Choice(name, f"{named(name):<12} {value_of(name, order.fields[name])}") for name in names]
    at: str | None = None
    while at := await app.ask(Pick(f"Change which field of {id_of(job)}?", choices, at=at)):
        if proposal := await _field_value(app, order, at, order.fields[at]):
            return proposal
    return None


@dataclass(frozen=True, slots=True)
class Answered:
    """What somebody would answer to a question of the office; `words` shows both."""

    question: str
    text: str
    words: str


async def answer(app: "TailboardApp") -> Answered | None:
    """Which question, if there are several, then the answer. Nothing is saved yet."""
    asked = await app.desk.do(app.device.workbench.questions)
    open_ones = [each for each in asked if not each.answers] or asked
    if not open_ones:
        app.say("The office asks nothing.")
        return None
    at: str | None = open_ones[0].question.id
    several = len(open_ones) > 1
    labels = {each.question.id: f"{id_of(each.record)}  {each.question.text}" for each in open_ones}
    choices = [Choice(key, label) for key, label in labels.items()]
    while True:
        if several:
            at = await app.ask(Pick("Answer which question?", choices, at=at))
        if at is None:
            return None
        typed = await app.ask(Ask("Answer the office", labels[at], value="", check=_said_something))
        if typed is not None:
            return Answered(at, typed, f"{labels[at]}\n\n“{typed}”")
        if not several:
            return None


async def _said_something(typed: str) -> str | None:
    return None if typed.strip() else "Type the answer."


FORMS: dict[str, tuple[str, Form]] = {
    ReadingRecorded.kind.name: ("Reading", reading),
    StatusChanged.kind.name: ("Status", status),
    PartConsumed.kind.name: ("Part", part),
    FieldUpdated.kind.name: ("Field", field),
    NoteAdded.kind.name: ("Note", note),
}


async def any_of_them(app: "TailboardApp", job: str) -> Proposal | None:
    """Pick a form, then fill it."""
    choices = [Choice(kind, title) for kind, (title, _) in FORMS.items()]
    at: str | None = None
    while at := await app.ask(Pick("Add what?", choices, at=at)):
        _, form = FORMS[at]
        if proposal := await form(app, job, None):
            return proposal
    return None


async def edit(app: "TailboardApp", proposal: Proposal) -> Proposal | None:
    """The form for a proposal, filled with what it says."""
    if proposal.kind not in FORMS:
        app.say("There is no form for this kind; drop it and enter it another way.")
        return None
    _, form = FORMS[proposal.kind]
    return await form(app, proposal.record, proposal)


# -- their lines


def _note(job: str, typed: str) -> Proposal:
    if not typed.strip():
        raise ValueError("Type what was done.")
    return note_proposal(job, typed)


def _reading_line(job: str, asset: Record, what: Quantity, limit: Limit | None, was: Proposal | None) -> _Line:
    unit = limit.unit if limit else ""

    def make(typed: str) -> Proposal:
        value, typed_unit = _number(typed)
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
    value = f"{was.payload['value']:g} {was.payload['unit']}" if was and was.payload["quantity"] == what else ""
    return _Line(f"Reading at {id_of(asset.ref)}", label, value, make)


def _part_line(job: str, item: str, was: Proposal | None) -> _Line:
    def make(typed: str) -> Proposal:
        if not typed.strip().isdecimal():
            raise ValueError("Type a whole number, for example 1.")
        return Proposal(PartConsumed.kind.name, job, {"stock_item": item, "quantity": int(typed)}, {})

    value = str(was.payload["quantity"]) if was and was.payload["stock_item"] == item else "1"
    return _Line(f"Part used on {id_of(job)}", f"How many of {id_of(item)}", value, make)


async def _field_value(app: "TailboardApp", record: Record, name: str, value: JsonValue) -> Proposal | None:
    def make(typed: str) -> Proposal:
        entered = None if name.endswith("_on") and not typed.strip() else _like(value, typed)
        return Proposal(FieldUpdated.kind.name, record.ref, {"field": name, "value": entered}, {})

    title = f"{named(name)} of {id_of(record.ref)}"
    if kind_of(record.ref) == "work_order" and name in _CHOICES:
        choices = [Choice(each, named(each)) for each in _CHOICES[name]]
        picked = await app.ask(Pick(title, choices, at=str(value)))
        return make(picked) if picked else None
    label = "as 2026-11-30; empty for none" if name.endswith("_on") else "new value"
    return await _typed(app, _Line(title, label, "" if value is None else str(value), make))


def _like(value: JsonValue, typed: str) -> JsonValue:
    return int(typed) if isinstance(value, int) and typed.strip().isdecimal() else typed


async def _typed(app: "TailboardApp", line: _Line) -> Proposal | None:
    """Ask until the line makes a proposal that could be confirmed as things stand."""

    async def check(typed: str) -> str | None:
        try:
            proposal = line.make(typed)
        except ValueError as error:
            return str(error)
        return await app.obstacle(proposal)

    typed = await app.ask(Ask(line.title, line.label, value=line.value, check=check))
    return line.make(typed) if typed is not None else None


# -- small things


def _number(typed: str) -> tuple[float, str]:
    found = _NUMBER.fullmatch(typed)
    if found is None:
        raise ValueError("Type a number, for example 4.2.")
    return float(found[1].replace(",", ".")), found[2]


def _limits(asset: Record) -> dict[str, Limit]:
    listed = asset.fields["limits"]
    assert isinstance(listed, list), "an asset's limits are a list"
    return {limit.quantity.value: limit for limit in map(Limit.model_validate, listed)}


def _quantities(limits: dict[str, Limit]) -> list[Choice]:
    own = [Choice(name, f"{named(name):<18} {limit.unit}{_range(limit)}") for name, limit in limits.items()]
    return own + [Choice(each, named(each)) for each in Quantity if each not in limits]


def _range(limit: Limit | None) -> str:
    if limit is None or (limit.low is None and limit.high is None):
        return ""
    if limit.low is None:
        return f", normal up to {limit.high:g}"
    return f", normal from {limit.low:g}" + (f" to {limit.high:g}" if limit.high is not None else "")


def _stock_label(item: Record) -> str:
    fields = item.fields
    return f"{id_of(item.ref):<12} {fields['name']}  ({fields['on_hand']} {fields['unit']} in {fields['bin'] or '?'})"
