"""What people work on and say, in simulated worlds and on the rig alike: an organisation, and one thing to say next.

Rules
1. What is said depends on the dice and on the words given, and on nothing else.
2. Every text is its author's own: who looks at a note in the end can tell who said it, and when.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from device.core.interpret import Proposal
from shared.commands.assist_request import TaskRequested
from shared.commands.base import Role
from simulators.streams import Stream
from sync_server.store import Person

ADMIN, RESOLVER = "root", "m.reyes"
APPROVERS = ("a.one", "a.two")
#: How many jobs are open, at least and at most, and how many of the things said are about the first.
JOBS, JOBS_MAX, HOT = 8, 500, 0.35
#: Jobs that are done, and that nobody may close alone.
GUARDED = range(11, 16)
FILES = {
    "asset": "id,name,type\n" + "".join(f"PUMP-{n},Pump {n},pump\n" for n in range(1, 4)),
    "stock_item": "id,name,part_no,on_hand\nSEAL-1,Seal,S-1,6\nFILTER-1,Filter,F-1,200\n",
    "work_order": "id,title,asset,status,safety_critical\n"
    + "".join(f"WO-{n},Job {n},asset/PUMP-{1 + n % 3},open,no\n" for n in range(1, JOBS + 1))
    + "".join(f"WO-{n},Job {n},asset/PUMP-1,done,yes\n" for n in GUARDED),
}


def job(n: int) -> str:
    """The id of the `n`-th open job, from 1 to `JOBS_MAX`: more than `JOBS` are numbered behind the guarded ones."""
    return f"WO-{n if n <= JOBS else n - JOBS - 1 + GUARDED.stop}"


def pump_of(n: int) -> str:
    """The asset of the `n`-th open job."""
    return f"asset/PUMP-{1 + int(job(n).removeprefix('WO-')) % 3}"


def files(jobs: int = JOBS) -> dict[str, str]:
    """What is imported in the beginning, by kind of record, with so many open jobs."""
    more = "".join(f"{job(n)},Job {n},{pump_of(n)},open,no\n" for n in range(JOBS + 1, jobs + 1))
    return FILES | {"work_order": FILES["work_order"] + more}


def people(technicians: int) -> Iterator[Person]:
    """Everybody: an administrator, a resolver, two approvers, and ``tech.1`` up to ``tech.N``."""
    yield Person(ADMIN, "Root", frozenset({Role.ADMIN}))
    yield Person(RESOLVER, "M. Reyes", frozenset({Role.DISPATCHER, Role.RESOLVER}))
    for approver in APPROVERS:
        yield Person(approver, approver, frozenset({Role.APPROVER}))
    for n in range(1, technicians + 1):
        yield Person(f"tech.{n}", f"Technician {n}", frozenset({Role.TECHNICIAN}))


def proposal(dice: Stream, text: str, jobs: int = JOBS) -> Proposal:
    """One thing that a technician may want to say of one of so many jobs, in the words `text` where it needs any."""
    place = 1 if dice.chance(HOT) else 1 + dice.below(jobs)
    ref, pump = f"work_order/WO-{place}", f"asset/PUMP-{1 + place % 3}"
    kinds: list[tuple[str, dict[str, Any]]] = [
        ("note.added", {"text": text}),
        ("reading.recorded", {"asset": pump, "quantity": "pressure", "value": float(dice.below(9)), "unit": "bar"}),
        ("part.consumed", {"stock_item": dice.choice(("stock_item/SEAL-1", "stock_item/FILTER-1")), "quantity": 1}),
        ("field.updated", {"field": "description", "value": text}),
        ("status.changed", {"to": dice.choice(("in_progress", "on_hold", "done"))}),
        ("finding.added", {"text": text}),
        ("part.ordered", {"stock_item": "stock_item/SEAL-1", "quantity": 1 + dice.below(3)}),
    ]
    if dice.chance(0.08):
        return Proposal("status.changed", f"work_order/WO-{dice.choice(GUARDED)}", {"to": "closed"}, {})
    kind, payload = dice.choice(kinds)
    return Proposal(kind, ref, payload, {})


def question(dice: Stream, now: datetime) -> Proposal:
    """A question that somebody leaves for the cluster at `now`, by their laptop's clock.

    Some are about more than may leave, some ask for more than one may ask for alone, some are soon of no use.
    """
    asked: dict[str, Any] = {
        "question": f"which seal fits the pump, and why not number {dice.below(100)}?",
        "data_class": dice.choice(("public", "internal", "internal", "internal", "personal", None)),
        "output_tokens": dice.choice((256, 256, 4096)),
    }
    if dice.chance(0.4):
        asked["needed_by"] = now + timedelta(seconds=dice.between(60.0, 3600.0))
    told = TaskRequested.model_validate(asked).to_json()
    return Proposal(TaskRequested.kind.name, f"work_order/WO-{1 + dice.below(JOBS)}", {n: told[n] for n in asked}, {})
