"""The system of record of a world: an ERP for parts on a host of its own, as trustworthy as it is configured.

Rules
1. What it booked outlives its crashes: it is somebody else's.
2. It keeps to what the server was told of it. One that enforces keys never books twice; one whose lookups are
   current hides nothing. Within that it does what it can to confuse.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from simulators.erp import Duplicates, Erp, Memory, Mood, build_erp, wait_for_hang_up
from simulators.erp import Said as Answer
from simulators.faults import Chaos
from simulators.hosts import Incarnation
from simulators.wire import Wire

SUPPLIER, SUPPLIER_ADDRESS = "supplier", "erp.example"
#: Longer than anything stays on the way in these worlds, the supplier's own pauses included.
IN_FLIGHT_S_MAX = 900.0
#: For how long a lookup may not show what was done.
STALE_S_MAX = 600.0


@dataclass(frozen=True, slots=True)
class Terms:
    """What the supplier promises, and the server is told: see `sync_server.systems.port.Guarantees`."""

    enforces_keys: bool
    lookups_are_current: bool


_MOODS = (("system_busy", Mood.BUSY), ("system_silent", Mood.SILENT_AFTER))
TERMS = (Terms(True, True), Terms(True, False), Terms(False, True), Terms(False, False))


@dataclass
class Supplier(Erp):
    """The business itself, in the moods that chance gives it."""

    terms: Terms = TERMS[0]
    chaos: Chaos | None = None
    #: What was ordered under which key, as often as it was asked.
    orders: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)

    def order(self, key: str, body: Mapping[str, Any]) -> Answer:
        """Deal with an order as `Erp` does."""
        self.orders.append((key, dict(body)))
        terms = self.terms
        self.mood = next((mood for fault, mood in _MOODS if self._strikes(fault)), Mood.HONEST)
        hides = not terms.lookups_are_current and self._strikes("system_stale")
        self.memory = Memory.STALE if hides else Memory.HONEST
        self.duplicates = Duplicates.SAME_ANSWER if terms.enforces_keys else Duplicates.SECOND_ORDER
        if key in self.references and terms.enforces_keys and self._strikes("system_again"):
            self.duplicates = Duplicates.CONFLICT
        return super().order(key, body)

    def _strikes(self, fault: str) -> bool:
        return self.chaos is not None and self.chaos.strikes(fault, SUPPLIER)

    def happened(self, command: str) -> str | None:
        """What somebody who telephones is told: the reference under which it was booked, if it was."""
        return self.references.get(command)

    def told_to(self, home: Path) -> None:
        """Tell the server in `home` how this supplier is spoken to, and what it promises."""
        absence = "" if self.terms.enforces_keys else 'absent_field = "code"\nabsent_value = "unknown_key"\n'
        (home / "systems.toml").write_text(
            f"""[systems.parts]
url = "https://{SUPPLIER_ADDRESS}"
hosts = ["{SUPPLIER_ADDRESS}"]
execute_path = "/orders"
lookup_path = "/orders/by-key/{{key}}"
key_field = "key"
duplicate_status = 409
{absence}enforces_keys = {str(self.terms.enforces_keys).lower()}
lookups_are_current = {str(self.terms.lookups_are_current).lower()}
in_flight_max_s = {IN_FLIGHT_S_MAX}
""",
            encoding="utf-8",
        )


@dataclass
class Desk:
    """The supplier's program."""

    wire: Wire
    supplier: Supplier

    async def __call__(self, life: Incarnation) -> None:
        """Take orders for ever."""
        self.wire.listen(SUPPLIER_ADDRESS, build_erp(self.supplier, wait_for_hang_up))
        while True:
            await asyncio.sleep(STALE_S_MAX)
            self.supplier.catch_up()
