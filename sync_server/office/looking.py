"""What the office looks at: how much waits, and the audit by record, person or device.

Rules
1. Looking holds up nobody: it reads as of one instant and locks nothing.
2. Lists come a page at a time; what comes next is asked for by where the last page ended.
3. What the audit mentions is gone through behind it (`sync_server.store.mentions`): by the sweep, and by
   whoever asks.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.contract import to_instant
from shared.outcomes import Hold
from shared.records import Record
from shared.sync import DeviceReport
from sync_server.mentioning import PAGE_LINKS, mention
from sync_server.office.accounts import over, token_hash
from sync_server.office.base import OfficePart
from sync_server.standing import stopped
from sync_server.store import Device, Entry, Link, Tx
from sync_server.store.mentions import body_in

_END = 2**62


@dataclass(frozen=True, slots=True)
class Waiting:
    """How much waits for a person, by what it is; `change_seq` and `audit_position` say as of when."""

    conflicts: int
    approvals: int
    parked: int
    quarantined: int
    devices: int
    change_seq: int
    audit_position: int


@dataclass(frozen=True, slots=True)
class DeviceLine:
    """A laptop in a list: `held` counts what the server holds of it, `report` is what it last said of itself."""

    device: Device
    held: Mapping[str, int]
    report: DeviceReport | None

    @property
    def oldest_at(self) -> datetime | None:
        """When its oldest unsettled command was confirmed, as it last said."""
        return self.report.oldest_at if self.report else None


@dataclass(frozen=True, slots=True)
class Linked:
    """A link of the audit, and the command that it is about, if the ledger still has it."""

    position: int
    hash: str
    body: Mapping[str, Any]
    entry: Entry | None = None

    @property
    def at(self) -> datetime | None:
        """When it was written; None if somebody spoilt it, which a check of the chain tells."""
        return to_instant(str(self.body["at"])) if "at" in self.body else None


class Looks(OfficePart):
    """Lists and counts."""

    def waiting(self, tenant: str) -> Waiting:
        """How much waits for a person."""
        with self.service.store.reading() as tx:
            return waiting_in(tx, tenant)

    def watching(self, token: str) -> Waiting | None:
        """The same for whoever is signed in with `token`, which keeps nobody signed in; None if nobody is."""
        now = self.service.ports.clock.now()
        with self.service.store.reading() as tx:
            session = tx.session(token_hash(token)) if token else None
            return None if session is None or over(session, now) else waiting_in(tx, session.tenant)

    def stopped_because(self, tenant: str) -> str:
        """Why the server accepts nothing for an organisation; empty if it does."""
        with self.service.store.reading() as tx:
            return stopped(tx).get(tenant, "")

    def seen(self, tenant: str, refs: Iterable[str]) -> dict[str, Record]:
        """Those of `refs` that are there, by reference."""
        with self.service.store.reading() as tx:
            return tx.records_seen(tenant, refs)

    def page_of(
        self, tenant: str, kind: str, state: str | None = None, *, after: str = "", limit: int = 50
    ) -> list[Record]:
        """Records of a kind behind `after`, by reference; only those in `state`, if it is named."""
        with self.service.store.reading() as tx:
            return tx.records_page(tenant, kind, state, after=after, limit=limit)

    def neighbours(self, tenant: str, ref: str, state: str) -> tuple[str | None, str | None]:
        """The records of the same kind in `state` right before and behind `ref`."""
        kind = ref.partition("/")[0]
        with self.service.store.reading() as tx:
            before = tx.records_before(tenant, kind, state, before=ref)
            behind = tx.records_page(tenant, kind, state, after=ref, limit=1)
        return (before[0].ref if before else None), (behind[0].ref if behind else None)

    def place_among(self, tenant: str, ref: str, state: str) -> int:
        """The place of a record among those of its kind in `state`, in the order of their lists; the first is 1."""
        with self.service.store.reading() as tx:
            return tx.records_through(tenant, ref.partition("/")[0], state, ref)

    def state_counts(self, tenant: str, kind: str) -> Mapping[str, int]:
        """How many records of a kind are in each state."""
        with self.service.store.reading() as tx:
            return tx.state_counts(tenant, kind)

    def device_lines(self, tenant: str) -> list[DeviceLine]:
        """Every laptop, by id."""
        with self.service.store.reading() as tx:
            held = tx.held_by_device(tenant)
            return [_line(each, held.get(each.id, {})) for each in tx.devices(tenant)]

    def audit_page(
        self, tenant: str, about: str | None = None, *, before: int | None = None, limit: int = 50
    ) -> tuple[list[Linked], int]:
        """Links of the audit before a position, newest first, with their commands; and how many are not gone through.

        `about` says which, such as ``record work_order/WO-1`` or ``person m.reyes``; None for all.
        """
        if about is not None:
            mention(self.service.store, tenant, PAGE_LINKS)
        with self.service.store.reading() as tx:
            links = tx.newest_links(tenant, _END if before is None else before, limit, about)
            bodies = [body_in(body) for *_, body in links]
            named = {str(body["command"]) for body in bodies if "command" in body}
            entries = tx.entries(tenant, named)
            left = tx.head(tenant).audit_position - tx.mentioned(tenant) if about is not None else 0
        found = [
            Linked(position, digest, body, entries.get(str(body.get("command"))))
            for (position, _, digest, _), body in zip(links, bodies, strict=True)
        ]
        return found, max(0, left)

    def audit_links(
        self, tenant: str, about: str | None = None, *, before: int | None = None, limit: int = 50
    ) -> tuple[list[Link], int]:
        """The same links as they stand, without their commands."""
        if about is not None:
            mention(self.service.store, tenant)
        with self.service.store.reading() as tx:
            links = tx.newest_links(tenant, _END if before is None else before, limit, about)
            return links, max(0, tx.head(tenant).audit_position - tx.mentioned(tenant))

    def settled_of(self, tenant: str, device: str) -> Mapping[str, int]:
        """How many commands of a laptop were settled here, by outcome."""
        with self.service.store.reading() as tx:
            return tx.outcomes_of(tenant, device)

    def held_of(self, tenant: str, device: str, limit: int) -> list[tuple[Entry, frozenset[str]]]:
        """What is held of a laptop and is not in quarantine, each with what it waits for."""
        others = tuple(hold for hold in Hold if hold is not Hold.QUARANTINED)
        with self.service.store.reading() as tx:
            held = tx.held(tenant, *others, device=device, limit=limit)
            needs = tx.needs_of_each(tenant, [each.command.id for each in held])
        return [(each, needs.get(each.command.id, frozenset())) for each in held]

    def quarantine_page(self, tenant: str, device: str | None, limit: int) -> list[Entry]:
        """What waits for review, in the order of receipt; only one laptop's if it is named."""
        with self.service.store.reading() as tx:
            return tx.held(tenant, Hold.QUARANTINED, device=device, limit=limit)


def waiting_in(tx: Tx, tenant: str) -> Waiting:
    """The same, inside a transaction."""
    counts, head = tx.waiting_counts(tenant), tx.head(tenant)
    held = tx.held_by_hold(tenant)
    return Waiting(
        conflicts=counts["conflict"],
        approvals=counts["approval"],
        parked=counts["external_write"],
        quarantined=held.get(Hold.QUARANTINED, 0),
        devices=tx.devices_wanting(tenant),
        change_seq=head.change_seq,
        audit_position=head.audit_position,
    )


def _line(device: Device, held: Mapping[str, int]) -> DeviceLine:
    report = DeviceReport.model_validate_json(device.report) if device.report else None
    return DeviceLine(device, held, report)
