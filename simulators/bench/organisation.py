"""The organisation that benches work in, and the work that is done there.

Records come by an import, as an office would bring them. The work is a mix as technicians leave it: notes, readings,
status changes, parts, set fields.
"""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import JsonValue

from shared.commands.base import Role
from shared.ids import record_ref
from shared.records import KINDS, Record
from simulators.demo.notes import shipped
from sync_server.bootstrap import initialise
from sync_server.office import Office
from sync_server.settings import Settings
from sync_server.store import Person

TECHNICIAN, DISPATCHER = "a.okafor", "m.reyes"
ASSETS, STOCK = 40, 40
#: Of a hundred commands: 40 notes, 25 readings, 15 steps, 10 parts, 10 set fields.
MIX = ("note", "reading", "note", "status", "note", "reading", "part", "note", "field", "reading")
STEPS = ("in_progress", "on_hold")

Work = tuple[str, str, dict[str, JsonValue]]


@dataclass
class Organisation:
    """One or more tenants on one server."""

    home: Path
    database: str
    office: Office

    def close(self) -> None:
        """Give the database back."""
        self.office.service.store.close()


def found(home: Path, database: str | None = None) -> Organisation:
    """A server in `home`, without tenants; its database is SQLite there, or at the URL `database`."""
    home.mkdir(parents=True, exist_ok=True)
    url = database or f"sqlite:///{home / 'server.db'}"
    return Organisation(home, url, initialise(Settings(home, url)))


def settle_in(organisation: Organisation, tenant: str, jobs: int) -> None:
    """Give `tenant` its people, assets, stock and `jobs` open work orders, WO-00000 and on."""
    office = organisation.office
    office.add_tenant(tenant, tenant.title())
    office.put_person(tenant, Person(TECHNICIAN, "A. Okafor", frozenset({Role.TECHNICIAN})))
    office.put_person(tenant, Person(DISPATCHER, "M. Reyes", frozenset({Role.DISPATCHER, Role.RESOLVER})))
    for kind, text in _files(jobs).items():
        office.apply_import(tenant, DISPATCHER, office.plan_import(tenant, kind, text))


def _files(jobs: int) -> Mapping[str, str]:
    orders = (
        f"WO-{n:05d},Service pump {n % ASSETS} and log pressures,asset/PUMP-{n % ASSETS:02d},normal,2026-11-06,"
        "Quarterly service by the check list in section 6 of the manual. Clean the strainer."
        for n in range(jobs)
    )
    return {
        "asset": "id,name,type\n" + "\n".join(f"PUMP-{n:02d},Pump {n},pump" for n in range(ASSETS)),
        "stock_item": "id,name,part_no,on_hand\n"
        + "\n".join(f"SEAL-{n:02d},Seal {n},S-{n},1000000" for n in range(STOCK)),
        "work_order": "id,title,asset,priority,due_on,description\n" + "\n".join(orders),
    }


def all_records(organisation: Organisation, tenant: str) -> dict[str, Record]:
    """Every record that the server's database holds now."""
    office = organisation.office
    return {record.ref: record for kind in KINDS for record in office.records(tenant, kind)}


def mix(jobs: int, first: int = 0) -> Iterator[Work]:
    """Endless work over the work orders from number `first`: (kind, record, payload), the same every time."""
    chance = random.Random(20)  # noqa: S311 - variety, not secrecy
    sentences = [each.text for each in shipped().notes]
    turn = 0
    while True:
        for number in range(first, first + jobs):
            record = record_ref("work_order", f"WO-{number:05d}")
            yield _piece(MIX[(turn + number) % len(MIX)], record, number, turn, chance, sentences)
        turn += 1


def _piece(what: str, record: str, number: int, turn: int, chance: random.Random, sentences: list[str]) -> Work:
    match what:
        case "note":
            return "note.added", record, {"text": " ".join(chance.choices(sentences, k=2))}
        case "reading":
            value = round(chance.uniform(1, 9), 2)
            asset = record_ref("asset", f"PUMP-{number % ASSETS:02d}")
            return "reading.recorded", record, {"asset": asset, "quantity": "pressure", "value": value, "unit": "bar"}
        case "status":
            return "status.changed", record, {"to": STEPS[turn // len(MIX) % 2]}
        case "part":
            item = record_ref("stock_item", f"SEAL-{chance.randrange(STOCK):02d}")
            return "part.consumed", record, {"stock_item": item, "quantity": chance.randint(1, 4)}
        case _:
            return "field.updated", record, {"field": "access", "value": f"Key {chance.randrange(1000)} at the gate."}
