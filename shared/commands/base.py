"""What every command is, and what a kind of command declares about itself.

A command is a proposal that a person confirmed. A *kind* is one module beside this one: a payload class that says
which records and fields the command touches. How those touches meet other people's edits is decided by the rule
beside each field (`shared.records`), so a kind contains no merging code.

What a kind declares is on `Kind`; what depends on the payload or on the records (who can settle this one, how
pressing it is, what goes to another system, which files belong to it) is a method of `Payload`, whose default is what
the kind declares.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any, ClassVar

from pydantic import Field, JsonValue

from shared import strict_json
from shared.attachments import Attachment
from shared.contract import CommandId, Contract, Hash, Instant, Name, ReadJson, RecordRef
from shared.ids import kind_of
from shared.records import Record, check_value
from shared.routing import DataClass
from shared.values import value

#: The device name in commands that a signed-in person gives at the office; such commands have no chain.
OFFICE = "office"

#: The person in whose name the server itself records what other systems answered. The only one who is a service.
SERVICE_PERSON = "tailboard"

#: The largest whole number that every JSON reader and every store holds exactly. Source: RFC 8259, section 6.
NUMBER_MAX = 2**53 - 1

#: The largest number of an epoch, which only a server gives out; every database's plain integer holds it.
EPOCH_MAX = 2**31 - 1


_NOTHING = frozenset[str]()


class Role(StrEnum):
    """What a person may be."""

    TECHNICIAN = "technician"
    DISPATCHER = "dispatcher"
    RESOLVER = "resolver"
    APPROVER = "approver"
    ADMIN = "admin"
    AUDITOR = "auditor"
    SERVICE = "service"


class Authority(StrEnum):
    """Who can settle a kind: `LOCAL_SAFE` may be confirmed offline for its whole lifetime; `CENTRAL` may not."""

    LOCAL_SAFE = "local_safe"
    CENTRAL = "central"


class Urgency(StrEnum):
    """How pressing a command is: `SAFETY` has a reserve in the outbox and is sent first, `LOW` is refused first."""

    SAFETY = "safety"
    NORMAL = "normal"
    LOW = "low"


class Base(Contract):
    """What the author saw in one field when confirming.

    `version` is the record's version in the author's replica. If the value came from an earlier, still pending
    command of the same author, `command` names it, and the command depends on it.
    """

    record: RecordRef
    field: Name
    value: ReadJson
    version: int = Field(ge=0, le=NUMBER_MAX)
    command: CommandId | None = None


class Command(Contract):
    """The payload of a command envelope.

    `epoch`, `seq` and `prev` place it in its device's chain; office commands have none. `base_version` is the version
    of `record` that the author saw, 0 for a record that the command creates.
    """

    id: CommandId
    kind: Name
    schema_version: int = Field(ge=1, le=NUMBER_MAX)
    tenant: Name
    device: Name
    epoch: int | None = Field(default=None, ge=1, le=EPOCH_MAX)
    seq: int | None = Field(default=None, ge=1, le=NUMBER_MAX)
    prev: Hash | None = None
    actor: Name
    record: RecordRef
    base_version: int = Field(ge=0, le=NUMBER_MAX)
    bases: Annotated[tuple[Base, ...], Field(max_length=64)] = ()
    issued_at: Instant
    expires_at: Instant
    depends_on: Annotated[tuple[CommandId, ...], Field(max_length=64)] = ()
    data_class: DataClass
    policy_version: Annotated[str, Field(max_length=40)]
    payload: dict[str, ReadJson]

    @property
    def needs(self) -> frozenset[str]:
        """The commands that must take effect before this one: named, or implied by a base."""
        if not self.depends_on and not self.bases:
            return _NOTHING
        return frozenset([*self.depends_on, *(base.command for base in self.bases if base.command)])


def read_command(payload: bytes) -> Command:
    """The command in an envelope's payload: the one reader, for admission, storage and the device alike.

    Raises:
        BadJson: not one acceptable JSON document.
        ValueError: not a command (pydantic's error is one).
    """
    return Command.model_validate(strict_json.parse(payload))


@value(frozen=True, slots=True)
class Edit:
    """One touched field. What `value` means is the field's merge rule's business.

    `decided` marks a value that a person chose having seen both sides of a clash: it replaces what stands.
    """

    record: str
    field: str
    value: JsonValue
    decided: bool = False

    @property
    def place(self) -> str:
        """``record_kind.field``, as atomic groups and settings name it."""
        return f"{kind_of(self.record)}.{self.field}"


@value(frozen=True, slots=True)
class Creation:
    """A new record. It carries the label of the record `under`, if that is named: who sees the one sees the other."""

    record: str
    fields: Mapping[str, JsonValue]
    under: str | None = None


@dataclass(frozen=True, slots=True)
class Outgoing:
    """What a command writes to a system of record; the command's id is the write's idempotency key."""

    command: str
    system: str
    body: Mapping[str, JsonValue]


Effect = Edit | Creation
Records = Mapping[str, Record]


@dataclass(frozen=True)
class Kind:
    """What a kind declares.

    Args:
        name: noun and past participle, for example ``note.added``.
        version: of the payload's schema; older ones are brought up by upcasters.
        subject: the record kind that `Command.record` names.
        verb: what the screen calls the act.
        roles: who may give it.
        lifetime: from confirmation to expiry, unless the author chooses less.
        atomic: groups of ``record_kind.field`` that take effect together or not at all.
        authority: who can settle it, where the payload does not say otherwise.
        window: how long after its device's last contact a `CENTRAL` command may still be confirmed.
        priority: how pressing it is, when the outbox has little room and when it is sent.
        system: the system of record that it writes to; None for none.
        timely: its time is judged again when it would take effect, as that of a `CENTRAL` one always is.
    """

    name: str
    version: int
    subject: str
    verb: str
    roles: frozenset[Role]
    lifetime: timedelta = timedelta(days=90)
    atomic: tuple[frozenset[str], ...] = ()
    authority: Authority = Authority.LOCAL_SAFE
    window: timedelta = timedelta(hours=24)
    priority: Urgency = Urgency.NORMAL
    system: str | None = None
    timely: bool = False


#: Brings a payload from one schema version to the next. Pure and total: any object in, an object out, never an error;
#: whether the result fits is the payload class's business.
Upcaster = Callable[[dict[str, JsonValue]], dict[str, JsonValue]]


class Payload(Contract):
    """The base of every kind's payload. Subclasses set `kind` and say what they touch.

    `upcasters` maps an older schema version to the function that brings its payloads to the next one; the two
    versions before the present one are understood.
    """

    kind: ClassVar[Kind]
    upcasters: ClassVar[Mapping[int, Upcaster]] = {}

    def effects(self, command: Command) -> tuple[Effect, ...]:
        """The touched fields and created records, from the payload and the command around it alone."""
        raise NotImplementedError

    def summary(self, label: str) -> str:
        """One line for a person; `label` is what the subject record is called."""
        raise NotImplementedError

    def misplaced(self, record: str) -> str | None:
        """Why the kind cannot be about `record`; None if it can."""
        subject = self.kind.subject
        return (
            f"{self.kind.name} is about a {subject}, not {record}" if subject and kind_of(record) != subject else None
        )

    def objection(self, command: Command, records: Records) -> str | None:
        """Why the command makes no sense against `records`, in words for its author; None if it does."""
        return None

    def reads(self, command: Command) -> frozenset[str]:
        """The records that `objection` looks at besides the touched ones; they need not exist."""
        return frozenset()

    def authority(self, command: Command, records: Records) -> Authority:
        """Who can settle this command, given the records that it reads."""
        return self.kind.authority

    def urgency(self, command: Command, records: Records) -> Urgency:
        """How pressing this command is, given the records that it reads."""
        return self.kind.priority

    def external(self, command: Command) -> dict[str, JsonValue] | None:
        """The body of the write to `Kind.system`; None if there is nothing to write."""
        return None

    def attachments(self) -> tuple[Attachment, ...]:
        """The files that the command names; their bytes travel apart."""
        return ()

    def to_json(self) -> dict[str, Any]:
        """The payload as it stands in a command."""
        return self.model_dump(mode="json")


def authority_over(record: Record | None, changes: Mapping[str, JsonValue]) -> Authority:
    """Who can settle `changes` of a record: closing a safety-critical job is not for one person alone.

    Nor is saying that a job is not safety-critical after all, which would be the way around it.
    """
    if record is None or record.value("safety_critical") is not True:
        return Authority.LOCAL_SAFE
    guarded = {"status": "closed", "safety_critical": False}
    asked = {name: check_value(kind_of(record.ref), name, changes[name]) for name in guarded.keys() & changes.keys()}
    return Authority.CENTRAL if any(guarded[name] == value for name, value in asked.items()) else Authority.LOCAL_SAFE


STAFF = frozenset({Role.DISPATCHER, Role.RESOLVER, Role.ADMIN})
FIELD_AND_STAFF = STAFF | {Role.TECHNICIAN}
