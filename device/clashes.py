"""A conflict for the person whose values did not get in: who said what, what stands now, what was decided.

Facts only, from the conflict's own record and the records of this laptop. The person's own value is always among
them: nothing that was entered here is ever dropped.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from pydantic import JsonValue

from device.plain import plain
from device.words import CHOSEN, moment, named, value_of
from shared.ids import id_of
from shared.records import Clash, Conflict, Record, SettledEntry, Side


@dataclass(frozen=True, slots=True)
class FieldTold:
    """One field of a conflict.

    Args:
        place: record and field, in words.
        sides: (who, value, when and where), in the order in which they are read.
        fate: what became of it, in a sentence.
        settled: whether somebody decided.
    """

    place: str
    sides: tuple[tuple[str, str, str], ...]
    fate: str
    settled: bool


@dataclass(frozen=True, slots=True)
class ConflictTold:
    """A conflict: its fields, those that wait first; what the office asks about it; whether a question is open."""

    title: str
    head: str
    fields: tuple[FieldTold, ...]
    questions: tuple[str, ...]
    asks: bool


def told(conflict: Record, records: Mapping[str, Record], now: datetime) -> ConflictTold:
    """The conflict in words; `records` are those that this laptop shows."""
    body = Conflict.model_validate(conflict.fields)
    settled = body.standing()
    fields = [_field(each, settled.get((each.record, each.field)), records, now, body) for each in body.clashes]
    waiting = sum(not each.settled for each in fields)
    verb = "waits" if waiting == 1 else "wait"
    head = f"{waiting} of {len(fields)} {verb} for the office." if waiting else "The office has decided all of it."
    answered = {each.question for each in body.answers}
    return ConflictTold(
        title=f"{id_of(body.record)}: two people changed the same",
        head=head,
        fields=tuple(sorted(fields, key=lambda each: each.settled)),
        questions=tuple(_questions(body)),
        asks=bool(waiting) and any(each.id not in answered for each in body.questions),
    )


def lines(conflict: ConflictTold) -> list[str]:
    """The same, line by line."""
    found = [conflict.title, conflict.head]
    for field in conflict.fields:
        found.append(f"  {field.place}: {field.fate}")
        found += [f"    {who:<12} {value:<16} {when}".rstrip() for who, value, when in field.sides]
    return [*found, *(f"  {each}" for each in conflict.questions)]


def _field(
    clash: Clash, entry: SettledEntry | None, records: Mapping[str, Record], now: datetime, body: Conflict
) -> FieldTold:
    record = records.get(clash.record)
    sides = [
        ("you saw", value_of(clash.field, clash.base), ""),
        ("you", value_of(clash.field, clash.mine.value), _when(clash.mine, now)),
        (clash.theirs.actor, value_of(clash.field, clash.theirs.value), _when(clash.theirs, now)),
    ]
    if record is not None:
        sides.append(("stands now", value_of(clash.field, record.fields.get(clash.field)), ""))
    return FieldTold(
        f"{id_of(clash.record)} {named(clash.field)}",
        tuple((plain(who), value, when) for who, value, when in sides),
        _fate(entry, body, clash.field),
        entry is not None,
    )


def _when(side: Side, now: datetime) -> str:
    where = "at the office" if side.device == "office" else f"on {side.device}"
    return plain(f"{moment(side.at, now)}, {where}")


def _fate(entry: SettledEntry | None, body: Conflict, field: str) -> str:
    if entry is None:
        return "the office decides; your value is kept until then"
    value: JsonValue = entry.value
    by = f" by {entry.author}" if entry.author else ""
    reason = entry.reason or body.reason
    why = f" “{reason}”" if reason else ""
    return plain(f"decided{by}: {CHOSEN[entry.choice]}, {value_of(field, value)}.{why}")


def _questions(body: Conflict) -> list[str]:
    found = []
    for question in body.questions:
        answers = "; ".join(f"“{each.text}”" for each in body.answers if each.question == question.id)
        found.append(
            plain(f"{question.author} asks: “{question.text}” {f'You: {answers}' if answers else ''}".rstrip())
        )
    return found
