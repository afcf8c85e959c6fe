"""A believable organisation of some size, so that every page of the console has something to show.

Everything comes as it would come: records by an import, work by laptops' commands, decisions by people. Nothing is
drawn by lot: the same numbers make the same organisation, apart from ids and keys.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import sin

from shared.commands.base import Role, read_command
from shared.ids import record_ref
from shared.records import ApprovalChoice, Choice, Priority
from shared.sync import DeviceReport
from sync_server.mentioning import mention
from sync_server.office import Office
from sync_server.sample.laptops import SampleLaptop
from sync_server.sample.releases import release
from sync_server.sample.told import tell_decisions
from sync_server.store import Person, Tx
from sync_server.systems.desk import Desk
from sync_server.systems.steps import Park, Turned
from sync_server.telemetry.readings import read_store
from sync_server.telemetry.sampling import EVERY, keep, summed

_FIRST = ("Ada", "Bo", "Cleo", "Dev", "Ines", "Jonas", "Kofi", "Lena", "Mara", "Nils", "Odile", "Pia")
_LAST = ("Lind", "Okoro", "Bauer", "Silva", "Moreau", "Haugen", "Rossi", "Novak", "Costa", "Weber", "Dahl", "Kaya")
_SITES = (
    "Ashcombe Works",
    "Brindle Intake",
    "Coldwell Station",
    "Dunmere Reservoir",
    "Eastgate Pumps",
    "Ferrow Weir",
)
_TYPES = ("pump", "compressor", "generator", "chiller", "blower", "valve", "screen", "conveyor")
_TASKS = (
    "Quarterly service", "Replace the seal kit", "Vibration above the limit", "Monthly load test", "Belt check",
    "Clean the strainer", "Calibrate the level sensor", "Oil change", "Bearing temperature rising", "Gland leaks",
)  # fmt: skip
_NOTES = (
    "Seal weeping a bit, pressure steady.", "Guard was loose, tightened it.", "Needs a new gasket next time.",
    "Could not reach the upper valve, ladder missing.", "Noise gone after greasing.", "Waiting for the part.",
)  # fmt: skip
_TEAMS = ("north", "south", "works")


@dataclass(frozen=True, slots=True)
class Size:
    """How much there is of everything."""

    technicians: int = 24
    assets: int = 120
    orders: int = 600
    conflicts: int = 90
    approvals: int = 8
    parked: int = 6
    apart: int = 7
    decisions: int = 240


def fill(office: Office, tenant: str, admin: str, size: Size) -> dict[str, int]:
    """Fill the organisation; what was done, by what it is. Raises `Refused` where it was filled before."""
    technicians = tuple(_people(office, tenant, admin, size))
    _records(office, tenant, admin, technicians, size)
    laptops = [SampleLaptop.enrolled(office, tenant, each) for each in technicians]
    said = _work(laptops, size)
    clashes = _clashes(office, tenant, laptops, size)
    _answered(office, tenant, laptops)
    _approvals(office, tenant, laptops, size)
    _settled(office, tenant, size)
    _writes(office, tenant, laptops, size)
    _refused(laptops)
    release(office, tenant, admin, laptops)
    _apart(office, tenant, admin, laptops, size)
    _seen_long_ago(office, tenant, laptops)
    SampleLaptop.enrolled(office, tenant, technicians[0], waits=True)
    told = tell_decisions(office, tenant, laptops, size.decisions)
    _how_it_went(office, tenant)
    mention(office.service.store, tenant)
    return {
        "people": len(technicians) + 2,
        "laptops": len(laptops) + 1,
        "work_orders": size.orders,
        "commands": said + clashes,
        "conflicts": clashes,
        "decisions": told,
    }


def _people(office: Office, tenant: str, admin: str, size: Size) -> Iterator[str]:
    staff = (("d.park", "D. Park", {Role.DISPATCHER}), ("q.ibarra", "Q. Ibarra", {Role.APPROVER, Role.AUDITOR}))
    for id_, name, roles in staff:
        office.put_person(tenant, Person(id_, name, frozenset(roles)), admin)
    for number in range(size.technicians):
        first, last = _FIRST[number % len(_FIRST)], _LAST[(number * 5 + number // len(_FIRST)) % len(_LAST)]
        id_ = f"{first[0]}.{last}{number // len(_FIRST) or ''}".lower()
        teams = None if number % 4 == 0 else frozenset({_TEAMS[number % len(_TEAMS)]})
        office.put_person(tenant, Person(id_, f"{first} {last}", frozenset({Role.TECHNICIAN}), teams), admin)
        yield id_


def _records(office: Office, tenant: str, admin: str, people: Sequence[str], size: Size) -> None:
    assets = (
        f"{_TYPES[n % len(_TYPES)].upper()}-{100 + n},{_TYPES[n % len(_TYPES)].title()} {100 + n},"
        f"{_TYPES[n % len(_TYPES)]},{_SITES[n % len(_SITES)]}"
        for n in range(size.assets)
    )
    levels = tuple(Priority)
    orders = (
        f"{order(n)},{_TASKS[n % len(_TASKS)]},asset/{_asset(n, size)},{levels[n * 7 % 4]},"
        f"2026-{1 + n % 12:02d}-{1 + n % 28:02d},{people[n % len(people)]},{str(n % 37 == 0).lower()}"
        for n in range(size.orders)
    )
    files = {
        "asset": ("id,name,type,site", assets),
        "work_order": ("id,title,asset,priority,due_on,assignee,safety_critical", orders),
    }
    for kind, (head, lines) in files.items():
        office.apply_import(tenant, admin, office.plan_import(tenant, kind, "\n".join([head, *lines])))


def order(number: int) -> str:
    """The name of the sample's work order of that number."""
    return f"WO-{20000 + number}"


def _asset(number: int, size: Size) -> str:
    at = number % size.assets
    return f"{_TYPES[at % len(_TYPES)].upper()}-{100 + at}"


def _ref(number: int) -> str:
    return record_ref("work_order", order(number))


def _work(laptops: Sequence[SampleLaptop], size: Size) -> int:
    """A first day: jobs are begun, notes are left, some are done."""
    said = 0
    for number in range(0, size.orders, 2):
        laptop = laptops[number % len(laptops)]
        laptop.look(_ref(number))
        laptop.say("note.added", _ref(number), text=_NOTES[number % len(_NOTES)])
        laptop.say("status.changed", _ref(number), to="in_progress")
        said += 2
        if number % 6 == 0 and number % 37:
            laptop.look(_ref(number))
            laptop.send()
            laptop.look(_ref(number))
            laptop.say("status.changed", _ref(number), to="on_hold" if number % 12 else "done", reason="end of shift")
            said += 1
    for laptop in laptops:
        laptop.send()
    return said


def _clashes(office: Office, tenant: str, laptops: Sequence[SampleLaptop], size: Size) -> int:
    """Offices and laptops change the same fields apart; most of it the priority."""
    numbers = [number for number in range(1, size.orders, 2) if number % 37][: size.conflicts]
    for number in numbers:
        laptops[number % len(laptops)].look(_ref(number))
    for number in numbers:
        name, office_says, laptop_says = _clash(number)
        office.set_field(tenant, "d.park", _ref(number), name, office_says)
        laptops[number % len(laptops)].say("field.updated", _ref(number), field=name, value=laptop_says)
    for laptop in laptops:
        laptop.send()
    return len(numbers)


def _clash(number: int) -> tuple[str, str, str]:
    if number % 3:
        return "priority", "low" if number % 5 else "high", "urgent"
    if number % 5:
        due = ("due_on", "2027-01-15", "2027-02-01")
        return due if number % 4 == 1 else ("title", "Belt check, both sides", "Belt check and guard")
    return "access", "Key at the gatehouse.", "Gate code changed, ask the shift operator."


def _approvals(office: Office, tenant: str, laptops: Sequence[SampleLaptop], size: Size) -> None:
    """Closing safety-critical work waits for a second person."""
    for number in range(37, 37 * (size.approvals + 3), 37):
        if number >= size.orders:
            return
        laptop = laptops[number % len(laptops)]
        for to in ("in_progress", "done", "closed"):
            laptop.look(_ref(number))
            if laptop.seen[_ref(number)].value("status") == to:
                continue
            laptop.say("status.changed", _ref(number), to=to)
            laptop.send()


def _writes(office: Office, tenant: str, laptops: Sequence[SampleLaptop], size: Size) -> None:
    """Orders to the parts store, of which nobody knows for sure what became."""
    stock = [each.ref for each in office.page_of(tenant, "stock_item", limit=size.parked)]
    for number in range(size.parked):
        laptop, item = laptops[number % len(laptops)], stock[number % len(stock)]
        laptop.look(_ref(number * 2), item)
        laptop.say("part.ordered", _ref(number * 2), stock_item=item, quantity=1 + number)
        laptop.send()
    ports = office.service.ports
    desk = Desk(office.service, "parts", ports.new_id())
    for number in range(size.parked):
        now = ports.clock.now()
        entry = desk.lease(now, now + timedelta(minutes=5))
        marked = desk.mark(entry, now, now + timedelta(minutes=5)) if entry else None
        if marked is None:
            return
        turned = Turned("the store says: part 22-118 is no longer sold")
        parked = Park("the store does not answer; it may have taken the order, and cannot be asked")
        desk.settle(marked, turned if number % 3 == 0 else parked)


def _refused(laptops: Sequence[SampleLaptop]) -> None:
    """Steps that a job cannot take."""
    for number in (3, 5, 9):
        laptop = laptops[number % len(laptops)]
        laptop.look(_ref(number))
        laptop.say("status.changed", _ref(number), to="closed")
        laptop.send()


def _answered(office: Office, tenant: str, laptops: Sequence[SampleLaptop]) -> None:
    """Conflicts that were decided, decided and taken back, and asked about; what is open stays as it is."""
    for number in (20, 22, 26):
        laptop = laptops[number % len(laptops)]
        laptop.look(_ref(number))
        office.set_field(tenant, "d.park", _ref(number), "priority", "low")
        laptop.say("field.updated", _ref(number), field="priority", value="urgent")
        command = read_command(laptop.waiting[-1].payload).id
        laptop.send()
        choice, why = (Choice.TAKE_THEIRS, "the part comes next week") if number == 22 else (Choice.KEEP_MINE, "")
        office.resolve(tenant, "d.park", command, choice, why)
    for conflict in office.conflicts(tenant)[-2:]:
        office.ask(tenant, "d.park", conflict.ref, "Was that before or after you spoke to the shift operator?")


def _settled(office: Office, tenant: str, size: Size) -> None:
    """Approvals that were given and refused; those that are wanted stay open."""
    waiting = office.page_of(tenant, "approval", "pending", limit=size.approvals + 2)
    for approval, choice in zip(
        waiting[size.approvals :], (ApprovalChoice.APPROVE, ApprovalChoice.REFUSE), strict=False
    ):
        office.decide_approval(tenant, "q.ibarra", approval.ref.partition("/")[2], choice, "seen on site")


def _apart(office: Office, tenant: str, admin: str, laptops: Sequence[SampleLaptop], size: Size) -> None:
    """One laptop is lost and found, another has two histories: what they bring is kept for review."""
    lost, twice = laptops[-1], laptops[-2]
    office.revoke_device(tenant, lost.name, admin, "left in a taxi")
    for number in range(size.apart):
        lost.look(_ref(number * 2))
        lost.say("note.added", _ref(number * 2), text=_NOTES[number % len(_NOTES)])
    lost.send()
    clone = twice.cloned()
    for laptop in (twice, clone):
        laptop.look(_ref(4))
        laptop.say("note.added", _ref(4), text=_NOTES[0])
        laptop.send()


def _seen_long_ago(office: Office, tenant: str, laptops: Sequence[SampleLaptop]) -> None:
    """What laptops last said of themselves, some of them days ago."""
    now = office.service.ports.clock.now()
    with office.service.store.transaction() as tx:
        for number, laptop in enumerate(laptops):
            seen_at = now - (timedelta(days=number - 18) if number > 19 else timedelta(minutes=7 * number))
            tx.touch(tenant, laptop.name, seen_at, _report(number, seen_at).model_dump_json())
            if number % 12 == 1:
                _key_ends(tx, tenant, laptop.name, now + timedelta(days=3))
            if number % 12 == 2:
                _key_ends(tx, tenant, laptop.name, now - timedelta(days=1))


def _key_ends(tx: Tx, tenant: str, name: str, at: datetime) -> None:
    device = tx.device(tenant, name, lock=True)
    assert device is not None, "it was enrolled"
    tx.put_device(tenant, replace(device, key_expires_at=at))


def _how_it_went(office: Office, tenant: str) -> None:
    """A day of figures that led to those of now: more by day than by night."""
    now = office.service.ports.clock.now()
    told = {(name, labels[1:]): value for (name, labels), value in read_store(office.service, tenant).items()}
    figures = summed(told)
    for quarter in range(1, 100):
        part = 1 - quarter / 100 + 0.04 * sin(quarter / 8)
        values = {key: float(round(value * part)) for key, value in figures.items()}
        keep(office.service, tenant, now - quarter * EVERY, values)


def _report(number: int, seen_at: datetime) -> DeviceReport:
    waiting = number * 3 % 11
    return DeviceReport(
        app="0.1.0" if number % 5 else "0.0.9",
        model="small-q4" if number % 3 else "small-q8",
        bundle="shipped-1",
        waiting=waiting,
        waiting_bytes=waiting * 700,
        oldest_at=seen_at - timedelta(hours=number % 30) if waiting else None,
    )
