"""What people at the office do: organisations, people, laptops, records, and everything that waits for a decision.

The command line and the console are two ways to it.

Rules
1. Records change through commands only, imports and sample data included.
2. What a person decides rests on what that person looked at: if it changed since, the decision is stale.
3. Each act is one unit of work, audited with who did it and why. Each concern has a module; `Office` puts them
   together.
"""

from pydantic import JsonValue

from shared.commands.base import Payload
from shared.commands.field_updated import FieldUpdated
from shared.outcomes import Receipt
from sync_server.office.accounts import ConsoleAccounts
from sync_server.office.approvals import Approvals
from sync_server.office.clients import Clients
from sync_server.office.conflicts import Conflicts, Pick
from sync_server.office.devices import Devices
from sync_server.office.documents import Documents
from sync_server.office.external import ExternalWrites
from sync_server.office.imports import Imports
from sync_server.office.looking import Looks
from sync_server.office.models import Models
from sync_server.office.organisations import Organisations
from sync_server.office.people import People
from sync_server.office.policies import Policies
from sync_server.office.proof import Audits
from sync_server.office.quarantine import Quarantine
from sync_server.office.tasks import AssistTasks
from sync_server.office.telemetry import Telemetry
from sync_server.office.transfer import Transfers
from sync_server.office.vocabularies import Vocabularies
from sync_server.office.waiting import Matters

__all__ = ["Office", "Pick"]


class Office(
    Organisations,
    People,
    ConsoleAccounts,
    Clients,
    Devices,
    Matters,
    Conflicts,
    Approvals,
    Quarantine,
    ExternalWrites,
    Documents,
    AssistTasks,
    Imports,
    Transfers,
    Audits,
    Policies,
    Telemetry,
    Models,
    Vocabularies,
    Looks,
):
    """Everything that a person at the office can do on one server."""

    def set_field(self, tenant: str, actor: str, ref: str, name: str, value: JsonValue) -> Receipt:
        """Set one editable field as `actor`."""
        return self._give(tenant, actor, [(ref, FieldUpdated(field=name, value=value))])[0]

    def give(self, tenant: str, actor: str, ref: str, payload: Payload, *, seen: int | None = None) -> Receipt:
        """Give any command as `actor`. Raises `Refused`, also if it is kept and not settled.

        `seen` is the version of the record that the person looked at; None if that is what stands now.
        """
        return self._give(tenant, actor, [(ref, payload)], None if seen is None else {ref: seen})[0]
