"""Rounds of one server and one laptop, each with a death in it at a point that the seed chose.

Rules
1. The homes live through the whole campaign: what an earlier death left behind is there in every later round.
2. What is expected is what the laptop's process had printed as saved before it died, kept here and nowhere else.
3. Points and payloads follow from the seed. Ids and keys are drawn as ever.
"""

import asyncio
import hashlib
import json
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from device import bootstrap
from device import keys as device_keys
from device.settings import Settings as DeviceSettings
from shared.commands.base import Role
from shared.ports import system_ports
from simulators.evidence import DeviceFile, Said, ServerFile, read_device, read_server
from simulators.kill import verdict
from simulators.kill.doomed import PIN
from simulators.kill.nursery import Child, ChildFailed, Nursery
from simulators.kill.points import Point
from simulators.kill.verdict import Finding, Harm, Start
from sync_server.bootstrap import initialise
from sync_server.settings import Settings as ServerSettings
from sync_server.store import Person

TENANT, TECHNICIAN, OFFICE = "kill", "a.okafor", "m.reyes"
JOBS, ITEMS, ON_HAND = 24, 6, 1_000_000
#: Rounds that the device may need after a restart before something is wrong.
TRIES = 5

Act = list[tuple[str, str, dict[str, Any]]]
#: What was said, how it began, and what is on the two disks.
Evidence = tuple[dict[str, Said], Start, ServerFile, DeviceFile]


@dataclass
class Tally:
    """What the rounds at one point came to. `recovered` is the most sync rounds that it took to settle everything."""

    point: Point
    rounds: int = 0
    lost: int = 0
    doubled: int = 0
    broken: int = 0
    recovered: int = 0

    @property
    def harmed(self) -> bool:
        """Whether anything at all is wrong."""
        return bool(self.lost or self.doubled or self.broken)


@dataclass
class Result:
    """A campaign: one tally a point, every finding in words, and what it was judged by in the end."""

    tallies: list[Tally]
    evidence: Evidence
    findings: list[str] = field(default_factory=list)

    @property
    def saved(self) -> int:
        """How many commands were called saved."""
        return len(self.evidence[0])


@dataclass(frozen=True, slots=True)
class Order:
    """How a campaign is to be played; `plants` names a fault for the ``server`` or the ``device``."""

    points: Sequence[Point]
    rounds: int = 200
    seed: int = 0
    database: str | None = None
    plants: "dict[str, str]" = field(default_factory=dict)


class Chance:
    """Numbers that follow from a seed and a place, whatever was drawn before."""

    def __init__(self, *seed: object) -> None:
        self._seed, self._drawn = ":".join(map(str, seed)), 0

    def below(self, limit: int) -> int:
        """A number from 0 up to, but not with, `limit`."""
        self._drawn += 1
        digest = hashlib.sha256(f"{self._seed}:{self._drawn}".encode()).digest()
        return int.from_bytes(digest[:8]) % limit

    def shuffled(self, things: Sequence[Point]) -> list[Point]:
        """The same things in another order."""
        left, order = list(things), []
        while left:
            order.append(left.pop(self.below(len(left))))
        return order


def points_of(order: Order) -> Iterator[Point]:
    """The point of each round: every one of them before any comes again."""
    for number in range(0, order.rounds, len(order.points)):
        turn = Chance(order.seed, "points", number).shuffled(order.points)
        yield from turn[: order.rounds - number]


def acts_of(order: Order, number: int) -> list[Act]:
    """What the technician confirms in a round: three to five acts, at least one of each kind, one of them double.

    A step stands in the first, which is always saved: so a job's next step is always one from where it stands.
    """
    chance = Chance(order.seed, "acts", number)
    job = f"work_order/WO-{number % JOBS:02d}"
    asset, item = f"asset/PUMP-{number % JOBS:02d}", f"stock_item/SEAL-{chance.below(ITEMS)}"
    step = ("in_progress", "on_hold")[number // JOBS % 2]
    value = round(1 + chance.below(900) / 100, 2)
    pool: Act = [
        ("note.added", job, {"text": f"Round {number}: {chance.below(10**6)} litres pumped, strainer clean."}),
        ("reading.recorded", job, {"asset": asset, "quantity": "pressure", "value": value, "unit": "bar"}),
        ("part.consumed", job, {"stock_item": item, "quantity": 1 + chance.below(4)}),
        ("field.updated", job, {"field": "access", "value": f"Key {number}-{chance.below(1000)} at the gate."}),
        ("note.added", job, {"text": f"Round {number}: one more, {chance.below(10**6)}."}),
    ]
    acts: list[Act] = [[("status.changed", job, {"to": step})]]
    first = chance.below(len(pool))
    turned = pool[first:] + pool[:first]
    singles = 1 + chance.below(3)
    acts += [[each] for each in turned[:singles]]
    return [*acts, turned[singles : singles + 2]]


class Campaign:
    """The homes, the running server, and what the technician was told."""

    def __init__(self, home: Path, order: Order, nursery: Nursery) -> None:
        self._home, self._order, self._nursery = home, order, nursery
        self._database = order.database or f"sqlite:///{home / 'server' / 'server.db'}"
        self._server: Child | None = None
        self._url = ""
        self._said: dict[str, Said] = {}
        self._known: set[Finding] = set()

    # -- before the first round

    def found(self) -> None:
        """Make the organisation, and enrol the laptop."""
        settings = ServerSettings(self._home / "server", self._database)
        office = initialise(settings)
        office.add_tenant(TENANT, "Kill")
        office.put_person(TENANT, Person(TECHNICIAN, "A. Okafor", frozenset({Role.TECHNICIAN})))
        office.put_person(TENANT, Person(OFFICE, "M. Reyes", frozenset({Role.DISPATCHER, Role.ADMIN})))
        for kind, text in _files().items():
            office.apply_import(TENANT, OFFICE, office.plan_import(TENANT, kind, text))
        code = office.enrol_code(TENANT, TECHNICIAN)
        office.service.store.close()
        laptop = DeviceSettings(self._home / "laptop")
        self._serve(None)
        identity = asyncio.run(bootstrap.enrol(laptop, self._url, code, PIN, "laptop", system_ports()))
        self._device = laptop.database
        self._key = device_keys.unlock(laptop.keys, PIN).database
        self._recover()  # the first copy of the records
        self._start = Start(read_server(self._database, TENANT).records, bytes.fromhex(identity.receipt_key))

    # -- a round

    def play(self, number: int, point: Point) -> tuple[int, list[Finding]]:
        """One round: the sync rounds that it took to settle, and what is newly wrong.

        Raises:
            ChildFailed: a program did not die where it should, or does not run again.
        """
        acts = acts_of(self._order, number)
        if point.side == "server":
            self._serve(point)
        device = self._work(acts, point if point.side == "device" else None)
        self._check_deaths(point, device)
        self._hear(device, acts, point)
        found = verdict.after_death(*self.evidence())
        if point.side == "server" or point.both:
            self._serve(None)
        rounds, unsettled = self._recover()
        return rounds, self._new([*found, *unsettled, *verdict.after_all(*self.evidence())])

    def _check_deaths(self, point: Point, device: Child) -> None:
        """Wait until whoever was to die is dead. Without an error the laptop got through, so nobody died."""
        left = device.wait()
        missed = left != (-signal.SIGKILL if point.both or point.side == "device" else 0)
        missed = missed or (left == 0 and json.loads(device.lines[-1])["error"] is None)
        if not missed and (point.both or point.side == "server"):
            assert self._server is not None, "a server runs in every round"
            missed = self._server.wait() != -signal.SIGKILL
        if missed:
            raise ChildFailed(
                f"{point.name} was not reached; see {self._nursery.log}. If nothing is wrong there, the names in "
                "simulators/kill/points.py are out of date."
            )

    def _hear(self, device: Child, acts: Sequence[Act], point: Point) -> None:
        """Take down what was called saved, and what was committed in the moment before that could be said."""
        told = [command for line in device.lines for command in json.loads(line).get("saved", ())]
        if point.name == "device-after-commit":
            known = {*self._said, *told}
            unsaid = [sent.id for sent in self._device_file().outbox if sent.id not in known]
            told += unsaid if len(unsaid) == len(acts[-1]) else []
        flat = [Said(*each) for act in acts for each in act]
        self._said |= dict(zip(told, flat, strict=False))

    def _recover(self) -> tuple[int, list[Finding]]:
        """Start the laptop again and let it sync; in how many rounds it was done."""
        device = self._work([], None)
        if device.wait() != 0:
            raise ChildFailed(f"the laptop does not run again; see {self._nursery.log}")
        told = json.loads(device.lines[-1])
        wrong = []
        if told["error"]:
            wrong.append(Finding(Harm.BROKEN, f"recovery after {len(self._said)} commands", told["error"]))
        if told["rounds"] > TRIES:
            wrong.append(
                Finding(Harm.BROKEN, f"recovery after {len(self._said)} commands", f"took {told['rounds']} rounds")
            )
        return told["rounds"], wrong

    def evidence(self) -> Evidence:
        """What was said, how it began, and what is on the two disks now."""
        return self._said, self._start, read_server(self._database, TENANT), self._device_file()

    def _new(self, found: list[Finding]) -> list[Finding]:
        new = list(dict.fromkeys(each for each in found if each not in self._known))
        self._known.update(new)
        return new

    # -- programs

    def close(self) -> None:
        """End the server that still runs."""
        if self._server:
            self._server.kill()

    def _serve(self, point: Point | None) -> None:
        """Put a fresh server in the place of the running one."""
        self.close()
        self._server = self._nursery.begin(
            "serve",
            home=str(self._home / "server"),
            database=self._database,
            point=point and point.name,
            plant=self._order.plants.get("server"),
        )
        self._url = json.loads(self._server.line())["url"]

    def _work(self, acts: Sequence[Act], point: Point | None) -> Child:
        assert self._server is not None, "a server runs in every round"
        return self._nursery.begin(
            "work",
            home=str(self._home / "laptop"),
            url=self._url,
            group=self._server.pid,
            acts=acts,
            point=point and point.name,
            plant=self._order.plants.get("device"),
        )

    def _device_file(self) -> DeviceFile:
        return read_device(self._device, self._key)


def play(home: Path, order: Order, say: Callable[[str], None], nursery: Nursery | None = None) -> Result:
    """The whole campaign in `home`; `say` hears of every round. `nursery` makes the children, or one of its own.

    Raises:
        ChildFailed: a program did not die where it should, or does not run again.
    """
    home.mkdir(parents=True, exist_ok=True)
    tallies = {point.name: Tally(point) for point in order.points}
    findings: list[str] = []
    with ExitStack() as stack:
        made = nursery or stack.enter_context(Nursery(home / "children.log"))
        campaign = stack.enter_context(closing(Campaign(home, order, made)))
        campaign.found()
        for number, point in enumerate(points_of(order)):
            rounds, found = campaign.play(number, point)
            _count(tallies[point.name], rounds, found)
            say(f"round {number + 1}/{order.rounds} {point.name}: settled in {rounds}, {len(found)} findings")
            told = [f"round {number + 1}, {point.name}: {each}" for each in found]
            findings += told
            for each in told:  # at once: what ends the campaign must not take them along
                say(each)
        return Result(list(tallies.values()), campaign.evidence(), findings)


def _count(tally: Tally, rounds: int, found: Sequence[Finding]) -> None:
    tally.rounds += 1
    tally.recovered = max(tally.recovered, rounds)
    tally.lost += sum(each.harm is Harm.LOST for each in found)
    tally.doubled += sum(each.harm is Harm.DOUBLED for each in found)
    tally.broken += sum(each.harm is Harm.BROKEN for each in found)


def _files() -> dict[str, str]:
    return {
        "asset": "id,name,type\n" + "\n".join(f"PUMP-{n:02d},Pump {n},pump" for n in range(JOBS)),
        "stock_item": "id,name,part_no,on_hand\n"
        + "\n".join(f"SEAL-{n},Seal {n},S-{n},{ON_HAND}" for n in range(ITEMS)),
        "work_order": "id,title,asset\n"
        + "\n".join(f"WO-{n:02d},Service pump {n},asset/PUMP-{n:02d}" for n in range(JOBS)),
    }
