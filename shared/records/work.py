"""What technicians work on: work orders, assets, readings, stock."""

from datetime import date
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, Field

from shared.attachments import Attachment
from shared.contract import CommandId, Instant, Name, RecordRef, Text
from shared.outcomes import FieldName
from shared.records.rules import Body, FileName, ItemId, Merge, Rule, Tag
from shared.routing import DataClass


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
