"""The kinds of record, and how each field behaves.

A record is a versioned piece of authoritative state. Beside every field stand its two properties that matter when two
people were apart: how concurrent edits of it meet (its `Merge` rule) and how sensitive it is (its `DataClass`).
Nothing else in the product knows a field by name without asking here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from functools import cache
from typing import Annotated, Any, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue, StringConstraints, TypeAdapter
from pydantic.fields import FieldInfo

from shared.assist import Answer
from shared.attachments import Attachment, MediaType
from shared.contract import CommandId, Contract, Hash, Instant, Name, RecordRef, Text, instant_text, to_instant
from shared.ids import kind_of
from shared.outcomes import FieldName
from shared.routing import DataClass, Line, Purpose, Route, Tier


class Merge(StrEnum):
    """How an edit meets a field that changed since its author looked.

    * `REGISTER`: it does not; two different values are a conflict for a person.
    * `NEWEST`: the later one in the server's order stands.
    * `APPEND`: both entries are kept, each once.
    * `ADD`: the edit is a signed amount; amounts add up, never below the field's floor.
    * `MEMBERS`: the edit adds and removes members of a set.
    * `TICKS`: the edit ticks one item of a list, or takes back the ticks that its author saw; no tick gets lost.
    * `TRANSITION`: the edit is a step of a state machine (`reconciliation.lifecycle`), taken if it is still allowed.
    """

    REGISTER = "register"
    NEWEST = "newest"
    APPEND = "append"
    ADD = "add"
    MEMBERS = "members"
    TICKS = "ticks"
    TRANSITION = "transition"


#: Rules under which an edit replaces what stands, so that it rests on the value that its author saw.
REPLACES = frozenset({Merge.REGISTER, Merge.NEWEST, Merge.TRANSITION})

#: Rules under which a field grows by what people did to it; no file is imported over that.
GROWS = frozenset({Merge.APPEND, Merge.TICKS})


@dataclass(frozen=True)
class Rule:
    """What stands beside a field. `floor`: of an amount; `editable`: a person may set it with `field.updated`."""

    merge: Merge
    data_class: DataClass = DataClass.INTERNAL
    floor: int | None = None
    editable: bool = False


#: One word of a work order's tags.
Tag = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")]

#: The short name of a checklist's item, unique in its list.
ItemId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$")]

#: A file's name without a folder.
FileName = Annotated[str, StringConstraints(pattern=r"^[^/\\\x00-\x1f\x7f]{1,120}$")]


class Body(BaseModel):
    """The fields of one record kind, closed and frozen."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class WorkStatus(StrEnum):
    """The life of a work order."""

    OPEN = "open"
    IN_PROGRESS = "in_progress"
    ON_HOLD = "on_hold"
    DONE = "done"
    CLOSED = "closed"
    CANCELLED = "cancelled"


class Priority(StrEnum):
    """How urgent a work order is."""

    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"
    URGENT = "urgent"


class Activity(StrEnum):
    """What kind of maintenance was done: the action code of a work order."""

    NONE = "none"
    REPLACE = "replace"
    REPAIR = "repair"
    INSPECT = "inspect"
    SERVICE = "service"
    DIAGNOSE = "diagnose"
    ADJUST = "adjust"
    CALIBRATE = "calibrate"


class Quantity(StrEnum):
    """What a reading measures. Its unit is the asset's, see `Limit`."""

    PRESSURE = "pressure"
    TEMPERATURE = "temperature"
    VIBRATION = "vibration"
    FLOW = "flow"
    CURRENT = "current"
    VOLTAGE = "voltage"
    LEVEL = "level"
    SPEED = "speed"
    RUN_HOURS = "run_hours"
    TORQUE = "torque"
    RESIDUAL_CHLORINE = "residual_chlorine"
    TURBIDITY = "turbidity"


class Severity(StrEnum):
    """How bad a finding is."""

    MINOR = "minor"
    MAJOR = "major"
    SAFETY = "safety"


class Limit(Body):
    """The range in which an asset's quantity is normal; `low` or `high` may be open."""

    quantity: Quantity
    unit: Annotated[str, Field(min_length=1, max_length=12)]
    low: float | None = None
    high: float | None = None


class NoteEntry(Body):
    """A sentence that somebody left on a work order; `id` is the command that brought it."""

    id: CommandId
    text: Text
    author: Name
    at: Instant


class PartEntry(Body):
    """A part that went into a job; `id` is the command that brought it."""

    id: CommandId
    stock_item: RecordRef
    quantity: Annotated[int, Field(ge=1)]
    author: Name
    at: Instant


class ReasonEntry(Body):
    """Why somebody moved a work order on to the state `to`; `id` is the command that did it."""

    id: CommandId
    to: WorkStatus
    text: Annotated[str, Field(min_length=1, max_length=400)]
    author: Name
    at: Instant


class Tick(Body):
    """One person's tick on an item; `id` is the command that brought it."""

    id: CommandId
    author: Name
    at: Instant


class ChecklistItem(Body):
    """One thing to do. It is done while at least one tick stands, so that two people's ticks are both kept."""

    id: ItemId
    text: Annotated[str, Field(min_length=1, max_length=200)]
    ticks: tuple[Tick, ...] = ()

    @property
    def done_by(self) -> str | None:
        """Who ticked it first."""
        return self.ticks[0].author if self.ticks else None

    @property
    def done_at(self) -> datetime | None:
        """When it was first ticked."""
        return self.ticks[0].at if self.ticks else None


class FindingEntry(Body):
    """Something that somebody noticed; `id` is the command that brought it."""

    id: CommandId
    text: Text
    severity: Severity
    author: Name
    at: Instant


class OrderEntry(Body):
    """A part that somebody asked the parts store for; `id` is the command that did."""

    id: CommandId
    stock_item: RecordRef
    quantity: Annotated[int, Field(ge=1)]
    author: Name
    at: Instant


class AttachmentEntry(Attachment):
    """A file on a work order; `id` is the command that named it, `name` what people call it."""

    id: CommandId
    name: FileName
    author: Name
    at: Instant


class QuestionEntry(Body):
    """A question of the office to the technician; `about` is the clash of a conflict that it is about, if one."""

    id: CommandId
    text: Text
    about: FieldName | None = None
    author: Name
    at: Instant


class AnswerEntry(Body):
    """An answer; `question` is the id of the question's entry."""

    id: CommandId
    question: CommandId
    text: Text
    author: Name
    at: Instant


def _unique_ids(items: tuple[ChecklistItem, ...]) -> tuple[ChecklistItem, ...]:
    if len({item.id for item in items}) < len(items):
        raise ValueError("two items of the checklist have the same id")
    return items


Checklist = Annotated[tuple[ChecklistItem, ...], AfterValidator(_unique_ids), Field(max_length=100)]


class WorkOrder(Body):
    """A job at an asset. `parent` is the work order that it follows up."""

    title: Annotated[str, Rule(Merge.REGISTER, editable=True), Field(min_length=1, max_length=120)]
    asset: Annotated[RecordRef, Rule(Merge.REGISTER)]
    status: Annotated[WorkStatus, Rule(Merge.TRANSITION)] = WorkStatus.OPEN
    priority: Annotated[Priority, Rule(Merge.REGISTER, editable=True)] = Priority.NORMAL
    activity: Annotated[Activity, Rule(Merge.REGISTER, editable=True)] = Activity.NONE
    due_on: Annotated[date | None, Rule(Merge.REGISTER, editable=True)] = None
    description: Annotated[str, Rule(Merge.REGISTER, editable=True), Field(max_length=4000)] = ""
    access: Annotated[str, Rule(Merge.REGISTER, DataClass.PERSONAL, editable=True), Field(max_length=400)] = ""
    assignee: Annotated[Name | None, Rule(Merge.REGISTER, DataClass.PERSONAL)] = None
    team: Annotated[Name | None, Rule(Merge.REGISTER)] = None
    safety_critical: Annotated[bool, Rule(Merge.REGISTER)] = False
    parent: Annotated[RecordRef | None, Rule(Merge.REGISTER)] = None
    tags: Annotated[tuple[Tag, ...], Rule(Merge.MEMBERS), Field(max_length=40)] = ()
    checklist: Annotated[Checklist, Rule(Merge.TICKS, DataClass.PERSONAL)] = ()
    notes: Annotated[tuple[NoteEntry, ...], Rule(Merge.APPEND, DataClass.PERSONAL)] = ()
    reasons: Annotated[tuple[ReasonEntry, ...], Rule(Merge.APPEND, DataClass.PERSONAL)] = ()
    findings: Annotated[tuple[FindingEntry, ...], Rule(Merge.APPEND, DataClass.PERSONAL)] = ()
    parts_used: Annotated[tuple[PartEntry, ...], Rule(Merge.APPEND)] = ()
    parts_ordered: Annotated[tuple[OrderEntry, ...], Rule(Merge.APPEND)] = ()
    attachments: Annotated[tuple[AttachmentEntry, ...], Rule(Merge.APPEND, DataClass.PERSONAL)] = ()
    questions: Annotated[tuple[QuestionEntry, ...], Rule(Merge.APPEND, DataClass.PERSONAL)] = ()
    answers: Annotated[tuple[AnswerEntry, ...], Rule(Merge.APPEND, DataClass.PERSONAL)] = ()


class Asset(Body):
    """A thing that is maintained."""

    name: Annotated[str, Rule(Merge.REGISTER), Field(min_length=1, max_length=80)]
    type: Annotated[str, Rule(Merge.REGISTER), Field(min_length=1, max_length=40)]
    site: Annotated[str, Rule(Merge.REGISTER), Field(max_length=80)] = ""
    location: Annotated[str, Rule(Merge.REGISTER, editable=True), Field(max_length=120)] = ""
    maker: Annotated[str, Rule(Merge.REGISTER), Field(max_length=60)] = ""
    model: Annotated[str, Rule(Merge.REGISTER), Field(max_length=60)] = ""
    serial: Annotated[str, Rule(Merge.REGISTER), Field(max_length=60)] = ""
    installed_on: Annotated[date | None, Rule(Merge.REGISTER)] = None
    manual: Annotated[str, Rule(Merge.REGISTER), Field(max_length=80)] = ""
    limits: Annotated[tuple[Limit, ...], Rule(Merge.REGISTER)] = ()


class Reading(Body):
    """One measured value. It never changes; a wrong one is followed by a right one."""

    asset: Annotated[RecordRef, Rule(Merge.REGISTER)]
    work_order: Annotated[RecordRef | None, Rule(Merge.REGISTER)] = None
    quantity: Annotated[Quantity, Rule(Merge.REGISTER)]
    value: Annotated[float, Rule(Merge.REGISTER)]
    unit: Annotated[str, Rule(Merge.REGISTER), Field(min_length=1, max_length=12)]
    author: Annotated[Name, Rule(Merge.REGISTER, DataClass.PERSONAL)]
    taken_at: Annotated[Instant, Rule(Merge.REGISTER)]


class StockItem(Body):
    """A part on a shelf."""

    name: Annotated[str, Rule(Merge.REGISTER, editable=True), Field(min_length=1, max_length=80)]
    part_no: Annotated[str, Rule(Merge.REGISTER), Field(min_length=1, max_length=40)]
    unit: Annotated[str, Rule(Merge.REGISTER), Field(min_length=1, max_length=12)] = "pcs"
    on_hand: Annotated[int, Rule(Merge.ADD, floor=0), Field(ge=0)] = 0
    reorder_at: Annotated[int, Rule(Merge.REGISTER, editable=True), Field(ge=0)] = 0
    bin: Annotated[str, Rule(Merge.NEWEST, editable=True), Field(max_length=40)] = ""


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


#: The longest question that may wait for the cluster, and the longest answer that a laptop is given, in characters:
#: both lie in a record that is carried to every laptop in its scope.
QUESTION_CHARS_MAX, ANSWER_CHARS_MAX = 16_000, 32_000
#: So many pages an answer may rest on, at most.
CITATIONS_MAX = 32


class TaskStatus(StrEnum):
    """The life of a question that waits for the cluster. `RUNNING` may go back to `QUEUED`: it is tried again."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    EXPIRED = "expired"
    REFUSED = "refused"
    CANCELLED = "cancelled"


#: From these a question goes nowhere any more.
TASK_ENDS = frozenset(TaskStatus) - {TaskStatus.QUEUED, TaskStatus.RUNNING}


def _fits(answer: Answer) -> Answer:
    if len(answer.text) > ANSWER_CHARS_MAX or len(answer.citations) > CITATIONS_MAX:
        raise ValueError(f"an answer has at most {ANSWER_CHARS_MAX} characters and {CITATIONS_MAX} citations")
    return answer


class AssistTask(Body):
    """A question that waits for the cluster, about `record`; its id is the id of the command that asked it.

    `data_class` is what its author's laptop found it to be, None if nobody could tell. `decision`, `bundle_version`
    and `route` are the server's last decision about it, with `detail` for its author where it did not run: why, and
    what can be done. `attempts` counts how often it went to the cluster. A `truncated` answer was longer than a
    record may be.
    """

    record: Annotated[RecordRef, Rule(Merge.REGISTER)]
    command: Annotated[CommandId, Rule(Merge.REGISTER)]
    question: Annotated[
        str, Rule(Merge.REGISTER, DataClass.PERSONAL), Field(min_length=1, max_length=QUESTION_CHARS_MAX)
    ]
    purpose: Annotated[Purpose, Rule(Merge.REGISTER)]
    data_class: Annotated[DataClass | None, Rule(Merge.REGISTER)] = None
    conversation: Annotated[Name | None, Rule(Merge.REGISTER)] = None
    tier: Annotated[Tier, Rule(Merge.REGISTER)] = Tier.BASIC
    output_tokens: Annotated[int, Rule(Merge.REGISTER), Field(ge=1)] = 256
    asked_by: Annotated[Name, Rule(Merge.REGISTER, DataClass.PERSONAL)]
    asked_at: Annotated[Instant, Rule(Merge.REGISTER)]
    status: Annotated[TaskStatus, Rule(Merge.TRANSITION)] = TaskStatus.QUEUED
    attempts: Annotated[int, Rule(Merge.REGISTER), Field(ge=0)] = 0
    decision: Annotated[Hash | None, Rule(Merge.REGISTER)] = None
    bundle_version: Annotated[Line, Rule(Merge.REGISTER)] = ""
    route: Annotated[Route | None, Rule(Merge.REGISTER)] = None
    detail: Annotated[Line, Rule(Merge.REGISTER)] = ""
    answer: Annotated[Annotated[Answer, AfterValidator(_fits)] | None, Rule(Merge.REGISTER, DataClass.PERSONAL)] = (
        None
    )
    truncated: Annotated[bool, Rule(Merge.REGISTER)] = False
    team: Annotated[Name | None, Rule(Merge.REGISTER)] = None


class DocumentStatus(StrEnum):
    """Whether a document may be answered from."""

    IN_FORCE = "in_force"
    WITHDRAWN = "withdrawn"


class Document(Body):
    """A manual, a drawing's text or a procedure that laptops carry and answer from. Its bytes travel apart.

    `sha256` and `size` (bytes) name the bytes of `revision`; `data_class` is that of every word in it. Past
    `valid_until`, the last day on which it counts, it is still shown, and said to be out of date. `reason` says why
    it was withdrawn.
    """

    title: Annotated[str, Rule(Merge.REGISTER), Field(min_length=1, max_length=120)]
    file: Annotated[FileName, Rule(Merge.REGISTER)]
    media_type: Annotated[MediaType, Rule(Merge.REGISTER)]
    sha256: Annotated[Hash, Rule(Merge.REGISTER)]
    size: Annotated[int, Rule(Merge.REGISTER), Field(ge=1)]
    revision: Annotated[str, Rule(Merge.REGISTER), Field(min_length=1, max_length=40)]
    data_class: Annotated[DataClass, Rule(Merge.REGISTER)] = DataClass.INTERNAL
    valid_until: Annotated[date | None, Rule(Merge.REGISTER)] = None
    status: Annotated[DocumentStatus, Rule(Merge.TRANSITION)] = DocumentStatus.IN_FORCE
    reason: Annotated[str, Rule(Merge.NEWEST), Field(max_length=400)] = ""
    team: Annotated[Name | None, Rule(Merge.REGISTER)] = None


KINDS: Mapping[str, type[Body]] = {
    "work_order": WorkOrder,
    "asset": Asset,
    "reading": Reading,
    "stock_item": StockItem,
    "conflict": Conflict,
    "approval": Approval,
    "external_write": ExternalWrite,
    "assist_task": AssistTask,
    "document": Document,
}


@dataclass(frozen=True, slots=True)
class Stamp:
    """Which command gave a field its value, and who stood behind it. `version` is the record's, at that change."""

    version: int
    command: str
    device: str
    actor: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Record:
    """A versioned piece of state.

    `stamps` names only the fields that changed since the record was `born`; every other field has the birth stamp.
    """

    ref: str
    version: int
    fields: Mapping[str, JsonValue]
    born: Stamp
    stamps: Mapping[str, Stamp] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """The record's kind, a key of `KINDS`."""
        return kind_of(self.ref)

    def stamp(self, name: str) -> Stamp:
        """Who last changed the field `name`."""
        return self.stamps.get(name, self.born)

    def changed(self, fields: Mapping[str, JsonValue], stamp: Stamp) -> "Record":
        """The next version: `fields` set and stamped, even those that keep their value."""
        stamps = {**self.stamps, **dict.fromkeys(fields, stamp)}
        return Record(self.ref, stamp.version, {**self.fields, **fields}, self.born, stamps)

    def value(self, name: str) -> JsonValue:
        """What the field `name` holds: its default, if the record is older than the field; None for no field."""
        return self.fields[name] if name in self.fields else default_of(self.kind, name)


class WireStamp(Contract):
    """A `Stamp` as JSON."""

    version: int
    command: str
    device: str
    actor: str
    at: Instant


class WireRecord(Contract):
    """A `Record` as JSON."""

    ref: RecordRef
    version: int
    fields: dict[str, JsonValue]
    born: WireStamp
    stamps: dict[str, WireStamp]


def record_to_json(record: Record) -> dict[str, Any]:
    """The record as plain JSON values, in the shape of `WireRecord`."""
    return {
        "ref": record.ref,
        "version": record.version,
        "fields": dict(record.fields),
        "born": _stamp_to_json(record.born),
        "stamps": {name: _stamp_to_json(stamp) for name, stamp in record.stamps.items()},
    }


def record_from_json(value: Mapping[str, Any]) -> Record:
    """The record behind trusted JSON (a store's own row, or a message that a contract has validated)."""
    return Record(
        value["ref"],
        value["version"],
        value["fields"],
        _stamp_from_json(value["born"]),
        {name: _stamp_from_json(stamp) for name, stamp in value["stamps"].items()},
    )


@cache
def rule_of(kind: str, name: str) -> Rule:
    """The rule beside a field. Raises `ValueError` for a kind or field that does not exist."""
    return next(item for item in _field(kind, name).metadata if isinstance(item, Rule))


@cache
def editable_fields(kind: str) -> tuple[str, ...]:
    """The fields of `kind` that a person may set directly, in the order of its declaration; none for no kind."""
    fields = KINDS[kind].model_fields if kind in KINDS else ()
    return tuple(name for name in fields if rule_of(kind, name).editable)


@cache
def default_of(kind: str, name: str) -> JsonValue:
    """What a field holds in a record that does not name it (JSON form); None for no such field, or no default."""
    info = KINDS[kind].model_fields.get(name) if kind in KINDS else None
    if info is None or info.is_required():
        return None
    default: JsonValue = _adapter(kind, name).dump_python(info.get_default(call_default_factory=True), mode="json")
    return default


def check_value(kind: str, name: str, value: JsonValue) -> JsonValue:
    """`value` as the field would store it (JSON form). Raises `ValueError` if the field cannot hold it."""
    adapter = _adapter(kind, name)
    stored: JsonValue = adapter.serializer.to_python(adapter.validator.validate_python(value), mode="json")
    return stored


def check_entry(kind: str, name: str, entry: JsonValue) -> JsonValue:
    """One `entry` of a list field as the field would store it. Raises `ValueError` if the field cannot hold it."""
    adapter = _entry_adapter(kind, name)
    stored: JsonValue = adapter.serializer.to_python(adapter.validator.validate_python(entry), mode="json")
    return stored


def check_fields(kind: str, fields: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """A whole new record's fields, defaults filled in (JSON form). Raises `ValueError` if they do not fit."""
    return KINDS[kind].model_validate(fields).model_dump(mode="json")


def _field(kind: str, name: str) -> FieldInfo:
    body = KINDS.get(kind)
    if body is None or name not in body.model_fields:
        raise ValueError(f"there is no field {name} of a {kind}")
    return body.model_fields[name]


@cache
def _adapter(kind: str, name: str) -> TypeAdapter[Any]:
    info = _field(kind, name)
    constraints = tuple(item for item in info.metadata if not isinstance(item, Rule))
    shape: Any = Annotated[(info.annotation, *constraints)] if constraints else info.annotation
    return TypeAdapter(shape)


@cache
def _entry_adapter(kind: str, name: str) -> TypeAdapter[Any]:
    entry, *_ = get_args(_field(kind, name).annotation)
    return TypeAdapter(entry)


def _stamp_to_json(stamp: Stamp) -> dict[str, Any]:
    return {
        "version": stamp.version,
        "command": stamp.command,
        "device": stamp.device,
        "actor": stamp.actor,
        "at": instant_text(stamp.at),
    }


def _stamp_from_json(value: Mapping[str, Any]) -> Stamp:
    at = to_instant(value["at"])
    return Stamp(value["version"], value["command"], value["device"], value["actor"], at)
