"""What would become of the outbox, were it sent now? Judged here against the replica, and online by the server.

Rules
1. Here only what this laptop can know is said: an obstacle in the view, who else changed a value that a command
   rests on since its author looked, and whether its time is over.
2. Nothing is sent for good and nothing changes: the online check is undone at the server.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from device.core.rounds import one_body
from device.errors import TransportError
from device.keys import DeviceKeys
from device.store import DeviceStore, Item, Outgoing
from device.transport import SyncClient
from reconciliation.expiry import expired
from reconciliation.rebase import View
from shared.commands.base import Base, Command
from shared.outcomes import Hold, Outcome
from shared.records import Record
from shared.sync import COMMANDS_MAX, PROTOCOL, CheckRequest, Forecast

_ENDS_OTHERWISE = frozenset({Outcome.CONFLICT, Outcome.REJECTED, Outcome.EXPIRED})
_FOR_REVIEW = frozenset({Hold.QUARANTINED, Hold.UNREADABLE})


@dataclass(frozen=True, slots=True)
class Finding:
    """What this laptop knows of one command: why it cannot be shown, who changed what it rests on, if it is late."""

    id: str
    obstacle: str | None
    changed: tuple[str, ...]
    late: bool


def judge(items: Sequence[Item], replica: Mapping[str, Record], view: View, now: datetime) -> list[Finding]:
    """A finding for each of `items`, given the server's records as they were last seen, and the view on top."""
    return [_finding(item.command, replica, view, now) for item in items]


def fine(found: Finding, forecast: Forecast | None) -> bool:
    """Whether nothing stands in the command's way, as far as this laptop knows and the server foresees."""
    if found.obstacle or found.changed or found.late:
        return False
    return forecast is None or (forecast.outcome not in _ENDS_OTHERWISE and forecast.hold not in _FOR_REVIEW)


def _finding(command: Command, replica: Mapping[str, Record], view: View, now: datetime) -> Finding:
    said = tuple(line for base in command.bases if (line := _changed(base, command, replica)))
    return Finding(command.id, view.blocked.get(command.id), said, expired(command, now))


def _changed(base: Base, command: Command, replica: Mapping[str, Record]) -> str | None:
    record = replica.get(base.record)
    if record is None or record.version <= base.version:
        return None
    stamp = record.stamp(base.field)
    if stamp.version <= base.version or (stamp.actor == command.actor and stamp.device == command.device):
        return None
    value = record.fields.get(base.field)
    return f"{stamp.actor} set {base.field} of {base.record} to {value} at {stamp.at:%Y-%m-%d %H:%M} UTC"


async def ask_server(store: DeviceStore, client: SyncClient, keys: DeviceKeys, ids: Sequence[str]) -> list[Forecast]:
    """What the server says would become of the named commands, one round body after the other.

    Raises:
        TransportError: no usable answer. Nothing is in doubt after it.
        RemoteError: the server refused to say.
    """
    told: list[Forecast] = []
    left: list[Outgoing] = store.outgoing(ids)
    while left:
        body = one_body(left[:COMMANDS_MAX])
        request = CheckRequest(protocol=PROTOCOL, commands=tuple(each.envelope.to_wire() for each in body))
        told += (await client.check(request, keys.device)).forecasts
        left = left[len(body) :]
    if [each.id for each in told] != [each.id for each in store.outgoing(ids)]:
        raise TransportError("The forecast is not about what was asked; it is not believed.")
    return told
