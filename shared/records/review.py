"""What waits for a person at the office: conflicts, approvals, writes to other systems."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, Field, JsonValue

from shared.contract import CommandId, Hash, Instant, Name, RecordRef
from shared.records.rules import Body, Merge, Rule
from shared.records.work import AnswerEntry, QuestionEntry
from shared.routing import DataClass


class Side(Body):
    """One side of a clash: the value wanted, and who wanted it when."""

    value: JsonValue
    actor: Name
    device: Name
    at: Instant


class Clash(Body):
    """One field that two people changed apart. `base` is what the losing command's author saw.

    `group` names the fields that its kind declares atomic with this one; clashes of one group are settled together.
    """

    record: RecordRef
    field: Name
    base: JsonValue
    mine: Side
    theirs: Side
    version: int
    group: str = ""


class ConflictStatus(StrEnum):
    """Whether a person has decided yet."""

    OPEN = "open"
    RESOLVED = "resolved"


class Choice(StrEnum):
    """What a resolver does with a clash; `ASK` leaves it open and asks the technician."""

    KEEP_MINE = "keep_mine"
    TAKE_THEIRS = "take_theirs"
    EDIT = "edit"
    ASK = "ask"


def _settles(choice: Choice) -> Choice:
    if choice is Choice.ASK:
        raise ValueError("asking the technician settles nothing")
    return choice


class Settlement(Body):
    """How one clash was settled: the choice, and the value that stands because of it."""

    record: RecordRef
    field: Name
    choice: Annotated[Choice, AfterValidator(_settles)]
    value: JsonValue


class SettledEntry(Settlement):
    """A settlement as its conflict keeps it, or the undoing of one.

    `before` is what stood in the field when it was settled; `command` settled it. An entry that undoes says `undone`
    and names the command that took the settlement back.
    """

    id: str = ""
    before: JsonValue = None
    command: CommandId | None = None
    undone: bool = False
    reason: Annotated[str, Field(max_length=400)] = ""
    author: Name | None = None
    at: Instant | None = None


class Conflict(Body):
    """Values that could not both stand. Its id is the id of the command whose values did not get in.

    `settled` is a history: of the entries about one clash the last one counts. The conflict is resolved when every
    clash is settled.
    """

    record: Annotated[RecordRef, Rule(Merge.REGISTER)]
    command: Annotated[CommandId, Rule(Merge.REGISTER)]
    clashes: Annotated[tuple[Clash, ...], Rule(Merge.REGISTER, DataClass.PERSONAL)]
    status: Annotated[ConflictStatus, Rule(Merge.TRANSITION)] = ConflictStatus.OPEN
    settled: Annotated[tuple[SettledEntry, ...], Rule(Merge.APPEND, DataClass.PERSONAL)] = ()
    reason: Annotated[str, Rule(Merge.NEWEST, DataClass.PERSONAL), Field(max_length=400)] = ""
    questions: Annotated[tuple[QuestionEntry, ...], Rule(Merge.APPEND, DataClass.PERSONAL)] = ()
    answers: Annotated[tuple[AnswerEntry, ...], Rule(Merge.APPEND, DataClass.PERSONAL)] = ()
    team: Annotated[Name | None, Rule(Merge.REGISTER)] = None

    def standing(self) -> "dict[tuple[str, str], SettledEntry]":
        """The settlement of each clash that is settled, by record and field."""
        last = {(entry.record, entry.field): entry for entry in self.settled}
        return {place: entry for place, entry in last.items() if not entry.undone}

    def unsettled(self) -> tuple[Clash, ...]:
        """The clashes that wait for a decision."""
        settled = self.standing()
        return tuple(clash for clash in self.clashes if (clash.record, clash.field) not in settled)


class ApprovalStatus(StrEnum):
    """What became of a request for approval; `EXPIRED` says that its command was settled without an answer."""

    PENDING = "pending"
    APPROVED = "approved"
    REFUSED = "refused"
    EXPIRED = "expired"


class ApprovalChoice(StrEnum):
    """What an approver does with a command."""

    APPROVE = "approve"
    REFUSE = "refuse"


class FieldChange(Body):
    """One field as the approver is shown it, before and after; `old` is None for a new record."""

    record: RecordRef
    field: Name
    old: JsonValue
    new: JsonValue


class Approval(Body):
    """A command that waits for somebody else's yes. Its id is the command's id.

    The answer binds exactly what was shown: the command by the hash of its envelope, its effect, the versions of the
    records that it rests on and the version of its schema. If any of these differs when the answer is used, the
    question is asked again, as a new version of this record.
    """

    record: Annotated[RecordRef, Rule(Merge.REGISTER)]
    command: Annotated[CommandId, Rule(Merge.REGISTER)]
    command_hash: Annotated[Hash, Rule(Merge.REGISTER)]
    effect: Annotated[tuple[FieldChange, ...], Rule(Merge.REGISTER, DataClass.PERSONAL)]
    versions: Annotated[dict[RecordRef, int], Rule(Merge.REGISTER)]
    schema_version: Annotated[int, Rule(Merge.REGISTER), Field(ge=1)]
    status: Annotated[ApprovalStatus, Rule(Merge.TRANSITION)] = ApprovalStatus.PENDING
    requested_by: Annotated[Name, Rule(Merge.REGISTER, DataClass.PERSONAL)]
    requested_at: Annotated[Instant, Rule(Merge.REGISTER)]
    expires_at: Annotated[Instant, Rule(Merge.REGISTER)]
    decided_by: Annotated[Name | None, Rule(Merge.REGISTER, DataClass.PERSONAL)] = None
    reason: Annotated[str, Rule(Merge.REGISTER, DataClass.PERSONAL), Field(max_length=400)] = ""
    team: Annotated[Name | None, Rule(Merge.REGISTER)] = None


class WriteStatus(StrEnum):
    """The life of a write to a system of record. `PARKED` and an undecided `REFUSED` wait for a person."""

    QUEUED = "queued"
    SENDING = "sending"
    DONE = "done"
    REFUSED = "refused"
    PARKED = "parked"


class WriteVerdict(StrEnum):
    """What a person says of a write that the server could not settle alone."""

    IT_HAPPENED = "it_happened"
    IT_DID_NOT = "it_did_not"
    RETRY = "retry"


class ExternalWrite(Body):
    """What became of a command in a system of record. Its id is the command's.

    `attempts` counts how often the write was sent; `reference` is the system's own name for what it did; `detail` is
    why it is not done. `decided_by` is the person who settled it, None while nobody had to.
    """

    command: Annotated[CommandId, Rule(Merge.REGISTER)]
    system: Annotated[Name, Rule(Merge.REGISTER)]
    record: Annotated[RecordRef, Rule(Merge.REGISTER)]
    status: Annotated[WriteStatus, Rule(Merge.TRANSITION)] = WriteStatus.QUEUED
    reference: Annotated[str, Rule(Merge.REGISTER), Field(max_length=200)] = ""
    detail: Annotated[str, Rule(Merge.REGISTER), Field(max_length=400)] = ""
    attempts: Annotated[int, Rule(Merge.REGISTER), Field(ge=0)] = 0
    decided_by: Annotated[Name | None, Rule(Merge.REGISTER, DataClass.PERSONAL)] = None
    reason: Annotated[str, Rule(Merge.REGISTER, DataClass.PERSONAL), Field(max_length=400)] = ""
    team: Annotated[Name | None, Rule(Merge.REGISTER)] = None


def waits_for_a_person(write: Mapping[str, JsonValue]) -> bool:
    """Whether the fields of an ``external_write`` say that only a person can settle it."""
    refused = write["status"] == WriteStatus.REFUSED and write["decided_by"] is None
    return refused or write["status"] == WriteStatus.PARKED


#: The state of an ``external_write`` that a system refused, and that nobody has settled yet.
REFUSED_UNSETTLED = "refused_unsettled"
#: Kinds whose lists are asked for by state, and the states in which one waits for a person.
WAITING_STATES: Mapping[str, tuple[str, ...]] = {
    "conflict": (ConflictStatus.OPEN.value,),
    "approval": (ApprovalStatus.PENDING.value,),
    "external_write": (WriteStatus.PARKED.value, REFUSED_UNSETTLED),
    "work_order": (),
}


def state_of(kind: str, fields: Mapping[str, JsonValue]) -> str | None:
    """By what a list of `kind` is asked for; None if it is by nothing."""
    if kind not in WAITING_STATES:
        return None
    status = str(fields["status"])
    refused = kind == "external_write" and status == WriteStatus.REFUSED and waits_for_a_person(fields)
    return REFUSED_UNSETTLED if refused else status
