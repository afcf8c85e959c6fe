"""A command as somebody types it: a kind, a record and a payload in JSON. Both command lines read it here.

Rules
1. What is typed is what is confirmed: nothing is guessed, and a field that the kind does not have is a mistake.
2. A mistake is one sentence that says what to write instead.
3. Files are not typed: their bytes would be missing.
"""

from pydantic import JsonValue, TypeAdapter, ValidationError

from shared import strict_json
from shared.commands import CATALOGUE
from shared.commands.base import Payload
from shared.commands.work_order_created import WorkOrderCreated, fresh_ref
from shared.contract import RecordRef
from shared.ids import record_ref
from shared.records import check_value

#: In place of a record: a work order that is not there yet.
NEW = "new"


_REF: TypeAdapter[str] = TypeAdapter(RecordRef)


class Mistyped(ValueError):
    """What was typed is no command; the message says what to write."""


def typed_value(kind: str, name: str, text: str) -> JsonValue:
    """The text as the field's own type: as it stands if the field takes it so, else as JSON, else the text."""
    try:
        return check_value(kind, name, text)
    except ValueError:
        try:
            value: JsonValue = strict_json.parse(text.encode(errors="replace"))
        except strict_json.BadJson:
            return text
        return value


def typed_payload(kind: str, text: str) -> Payload:
    """The payload of `kind` in the JSON `text`. Raises `Mistyped`."""
    known = CATALOGUE.get(kind)
    if known is None:
        raise Mistyped(f"There is no command kind {kind}. The kinds: {', '.join(CATALOGUE)}.")
    try:
        value = strict_json.parse(text.encode(errors="replace"))
    except strict_json.BadJson as error:
        raise Mistyped(f"The payload is not JSON: {error}. {_shape(known)}") from error
    if not isinstance(value, dict):
        raise Mistyped(f"The payload is a JSON object. {_shape(known)}")
    try:
        payload = known.model_validate(value)
    except ValidationError as error:
        faults = "; ".join(_fault(each["loc"], each["msg"]) for each in error.errors()[:5])
        raise Mistyped(f"This is no {kind}: {faults}. {_shape(known)}") from error
    if payload.attachments():
        raise Mistyped("A file goes along with its bytes; on the laptop, use: tailboard attach JOB FILE")
    return payload


def typed_record(payload: Payload, named: str, new_id: str) -> str:
    """The record that a person means by `named`: a reference, or a bare id of what the kind is about.

    Where a kind can be about several kinds of record, a bare id is a work order's.

    Args:
        payload: of the command.
        named: ``new`` stands for a work order that the command creates.
        new_id: a fresh id, from which such a work order takes its name.

    Raises:
        Mistyped: it cannot be the name of a record; ``new`` where nothing is created.
    """
    if named == NEW:
        if not isinstance(payload, WorkOrderCreated):
            raise Mistyped(
                f"{payload.kind.name} is about a record that is there; name it, such as work_order/WO-1042."
            )
        return fresh_ref(new_id)
    ref = named if "/" in named else record_ref(payload.kind.subject or "work_order", named)
    try:
        return _REF.validate_python(ref)
    except ValidationError:
        raise Mistyped(f"{named!r} cannot be a record. Write KIND/ID, such as work_order/WO-1042.") from None


def _shape(known: type[Payload]) -> str:
    needed = [name for name, field in known.model_fields.items() if field.is_required()]
    other = [name for name in known.model_fields if name not in needed]
    lines = [f"It takes {', '.join(needed)}"] if needed else ["It takes nothing that must be said"]
    return "; ".join(lines + [f"may say {', '.join(other)}"] * bool(other)) + "."


def _fault(place: tuple[int | str, ...], what: str) -> str:
    where = ".".join(map(str, place))
    return f"{where}: {what}" if where else what
