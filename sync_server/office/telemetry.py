"""What laptops told of their decisions, for the people who look after policies."""

from datetime import datetime

from policies.traces import recorded
from shared.evidence import Decided, read_told
from shared.routing import Decision
from sync_server.office.base import OfficePart


class Telemetry(OfficePart):
    """Traces, and how complete they are."""

    def decisions_told(self, tenant: str, since: datetime | None = None) -> list[Decision]:
        """The decisions of laptops that came since then, of their present persons, as they came."""
        with self.service.store.transaction() as tx:
            traces = tx.traces(tenant, "decision", since)
            actors = {device.id: device.actor for device in tx.devices(tenant)}
        return [
            recorded(told, tenant, device, actors[device])
            for device, text in traces
            if isinstance(told := read_told("decision", text), Decided)
        ]
