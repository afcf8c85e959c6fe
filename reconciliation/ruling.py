"""What a decision is made of: the facts that go in, and the five things that can come out.

A `Ruling` is final. The other four say that there is none yet, and what it takes: commands that must be settled first
(`Wait`), bytes that have not arrived (`Lacks`), an approval (`Defer`), a look by the office (`Doubt`). Whoever called
holds the command and asks again when that has changed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from reconciliation.draft import Draft
from shared.commands.base import Command, Outgoing, Records, Role
from shared.outcomes import FieldName, Outcome, Reason
from shared.records import Record, Stamp
from shared.values import value

#: Words of a refusal beyond this are cut: a receipt is not the place for somebody's megabyte.
DETAIL_CHARS_MAX = 500


@dataclass(frozen=True, slots=True)
class Past:
    """What is known of a command that this one rests on.

    `known` is False if it was never received; what it needs comes before a command in its chain, so it never will be.
    `outcome` is None while it is not settled. `resolved` says of a conflict that a person has settled it; `versions`
    are then those that the settlement produced.
    """

    outcome: Outcome | None = None
    resolved: bool = False
    known: bool = True
    versions: Mapping[str, int] = field(default_factory=dict)


@value(frozen=True, slots=True)
class Facts:
    """Everything a ruling depends on.

    Args:
        command: what is to be decided.
        roles: of its author, as they are now.
        records: every record in `refs_of(command)` and its bases, as far as they exist.
        past: of every command in `command.needs`.
        received_at: the server's time at first receipt.
        hash: of the command's envelope; an approval binds it.
        draft: the command read already, if the caller has done so.
        withdrawn: its author has taken it back with a signed statement.
        in_scope: whether its author may still see its records.
        doubtful: the device's clock stepped, or the device rebooted, since it was issued.
        lacks: SHA-256 of the attachments that it names and whose bytes are not here.
        approval: the approval record of this command, if there is one.
        now: the server's time of effect; None at first receipt.
        offset: the device's time minus the server's, as the server measured it.
        full: records that would become too large to hand out, were anything added to them.
        newest: ``record_kind.field`` of the registers that the organisation settles by the server's order.
        guarded: the organisation's policy asks for somebody else's yes, whatever the kind says.
        stands_for: the command in whose place a reviewer gave this one.
    """

    command: Command
    roles: frozenset[Role]
    records: Records
    past: Mapping[str, Past]
    received_at: datetime
    hash: str = ""
    draft: Draft | None = None
    withdrawn: bool = False
    in_scope: bool = True
    doubtful: bool = False
    lacks: tuple[str, ...] = ()
    approval: Record | None = None
    now: datetime | None = None
    offset: timedelta = timedelta(0)
    full: frozenset[str] = frozenset()
    newest: frozenset[str] = frozenset()
    guarded: bool = False
    stands_for: str | None = None

    @property
    def effect_at(self) -> datetime:
        """The server's time at which the command would take effect."""
        return self.now or self.received_at

    def stamp(self, version: int) -> Stamp:
        """The author's stamp on a record that becomes `version`."""
        return Stamp(version, self.command.id, self.command.device, self.command.actor, self.received_at)


@value(frozen=True, slots=True)
class Ruling:
    """What becomes of a command.

    `writes` are the new states of every record it changes; `external` is what it writes to a system of record.
    """

    outcome: Outcome
    reason: Reason | None = None
    detail: str = ""
    writes: tuple[Record, ...] = ()
    applied: tuple[FieldName, ...] = ()
    conflicting: tuple[FieldName, ...] = ()
    conflict: str | None = None
    external: Outgoing | None = None


@dataclass(frozen=True, slots=True)
class Wait:
    """Held waiting: the commands that must be settled first."""

    needs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Lacks:
    """Held waiting: the SHA-256 of attachments whose bytes are not here yet."""

    sha256s: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Defer:
    """Held deferred: the approval record as it shall stand; it is `Facts.approval` itself if nothing changed."""

    approval: Record


@dataclass(frozen=True, slots=True)
class Doubt:
    """Held quarantined because of the device's clock; `detail` is for the reviewer."""

    detail: str


#: What is no ruling yet.
Pending = Wait | Lacks | Defer | Doubt


def rejected(reason: Reason, detail: str) -> Ruling:
    """A refusal in words of bounded length."""
    return Ruling(Outcome.REJECTED, reason, detail[:DETAIL_CHARS_MAX])
