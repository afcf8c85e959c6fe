"""A command as people read it: who gave it, when and where, what it would do, what became of it."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from reconciliation.decide import draft_of
from reconciliation.explain import explain
from shared.commands import CATALOGUE, UnknownKind
from shared.commands.base import Command
from shared.ids import id_of
from sync_server.console.blocks import (
    Facts,
    Mono,
    Note,
    Quoted,
    Said,
    Section,
    Several,
    Small,
    State,
    Table,
    Tone,
    said,
)
from sync_server.console.pages import label
from sync_server.console.states import held_as, settled_as
from sync_server.console.ways import device_link, record_link
from sync_server.store import Entry

#: A laptop's clock further off than this is worth a word.
_CLOCK_NOTED = timedelta(minutes=2)


def summary_of(command: Command) -> str:
    """One line: what it does."""
    try:
        return draft_of(command).payload.summary(id_of(command.record))
    except (UnknownKind, ValueError):
        return f"{command.kind} {id_of(command.record)}"


def verb_of(kind: str) -> str:
    """What people call a kind of command."""
    known = CATALOGUE.get(kind)
    return known.kind.verb if known else kind


def standing_of(entry: Entry) -> State:
    """How a command stands."""
    if entry.outcome:
        return settled_as(entry.outcome)
    assert entry.hold is not None, "what is not settled is held"
    return held_as(entry.hold)


def command_facts(entry: Entry) -> Iterator[Any]:
    """Everything about one command, as blocks."""
    command, receipt = entry.command, entry.receipt
    yield Facts(
        (
            (Said("What"), summary_of(command)),
            (Said("Record"), record_link(command.record)),
            (Said("By"), Several((command.actor, device_link(command.device)))),
            (Said("Confirmed"), command.issued_at),
            (Said("Received"), entry.received_at),
            (Said("Place in its laptop's chain"), _place(command)),
            (Said("State"), standing_of(entry)),
            *(((Said("Why"), Quoted(entry.problem.detail)),) if entry.problem else ()),
            *(((Said("What became of it"), Quoted(receipt.detail or explain(receipt))),) if receipt else ()),
        )
    )
    yield from _doubts(entry)
    rows = tuple((label(name), value) for name, value in command.payload.items())
    yield Table(Said("Its arguments"), (Said("Name"), Said("Value")), rows, Said("It takes no arguments."))
    bases = tuple((label(base.field), record_link(base.record), base.value, base.version) for base in command.bases)
    if bases:
        columns = (Said("Field"), Said("Record"), Said("Value"), Said("Version"))
        yield Table(Said("What its author saw"), columns, bases, Said("Nothing."))


def _place(command: Command) -> Any:
    if command.seq is None:
        return Said("none: given at the office")
    return said("epoch {epoch}, number {seq}", epoch=command.epoch, seq=command.seq)


def _doubts(entry: Entry) -> Iterator[Note]:
    if entry.doubtful:
        yield Note(Said("The laptop's clock was changed after this was confirmed."), Tone.NEEDS)
    if abs(entry.offset_s) > _CLOCK_NOTED.total_seconds():
        words = said("The laptop's clock was {seconds} s off when this came.", seconds=round(entry.offset_s))
        yield Note(words, Tone.NEEDS)


def entry_row(entry: Entry) -> tuple[Any, ...]:
    """A command as a table's row: what, by whom, when, how it stands."""
    command = entry.command
    return (
        summary_of(command),
        Several((command.actor, Small(device_link(command.device)))),
        command.issued_at,
        standing_of(entry),
        Small(Mono(command.id)),
    )


ENTRY_COLUMNS = (Said("What"), Said("By"), Said("Confirmed"), Said("State"), Said("Command"))


def waiting_section(waiting: tuple[Entry, ...]) -> Section:
    """What waits for the same decision."""
    rows = tuple(map(entry_row, waiting))
    empty = Said("No other command waits for this decision.")
    return Section(Said("What is held by it"), (Table(Said("Held commands"), ENTRY_COLUMNS, rows, empty),))
