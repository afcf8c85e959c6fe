"""Technicians ask for an answer now, with the real device code, about things more and less sensitive.

Rules
1. What is asked is known to its author, whatever a classifier makes of it: `TEXTS` says the true class of each.
2. A person asks a few questions in a row about one job. They agree only where asked to, take a consent back when they
   have second thoughts, and sometimes while the question is on its way.
3. No laptop of these worlds has a model: what runs, runs elsewhere, and that is what is looked at.
"""

import asyncio
import functools
from dataclasses import dataclass

from device.assist import Assistant, Waiting
from device.bootstrap import Device
from device.errors import DeviceError, LocalError
from device.model.port import LanguageModel
from shared.assist import Answer
from shared.consent import Reach
from shared.routing import DataClass, Link
from simulators.crossings import Asked, Told, TookBack, letters, marked
from simulators.evidence import Said
from simulators.hosts import Incarnation
from simulators.streams import Stream
from simulators.workload import JOBS
from simulators.world.stage import Seat, Stage

#: What is asked, its true class, and what its author says of that, if anything. The people are made up.
TEXTS: tuple[tuple[str, DataClass, DataClass | None], ...] = (
    ("what does cavitation sound like?", DataClass.PUBLIC, DataClass.PUBLIC),
    ("which seal fits the pump?", DataClass.INTERNAL, None),
    ("how tight are the bolts of the cover?", DataClass.INTERNAL, None),
    ("why does the bearing run hot after the new filter?", DataClass.INTERNAL, DataClass.INTERNAL),
    ("may I call the operator under +43 660 5550123 at night?", DataClass.PERSONAL, None),
    ("who reads mail to jana.kovalska@example.org?", DataClass.PERSONAL, DataClass.PUBLIC),
    ("why did jana slip on the stairs last week?", DataClass.PERSONAL, DataClass.PERSONAL),
    ("the panel's password is otter-nine, is that safe?", DataClass.RESTRICTED, None),
)
#: Those that may leave as they are.
OPEN = tuple(each for each in TEXTS if each[1] in {DataClass.PUBLIC, DataClass.INTERNAL})
#: How many of the sensitive questions come with a consent; how many jobs with one end by taking it back.
AGREES, SECOND_THOUGHTS = 0.5, 0.4
LOOKS_AGAIN_S = 5.0
#: How often somebody looks for a link, and how far apart: one that was down counts as such for a minute.
LOOKS, STEADY_S = 3, 65.0


@dataclass(frozen=True, slots=True)
class _Meant:
    """A question as its author means it."""

    text: str
    true_class: DataClass
    declared: DataClass | None
    job: str | None
    consent: Reach | None


async def wonder(stage: Stage, seat: Seat, dice: Stream) -> None:
    """Ask a few questions in a row, about one job or none; without a link, mostly leave it."""
    if not await _linked(seat) and not dice.chance(0.3):
        return
    job = None if dice.chance(0.2) else f"work_order/WO-{1 + dice.below(JOBS)}"
    for _ in range(2 + dice.below(3)):
        await ask(stage, seat, dice, _meant(dice, job))
        if job and dice.chance(AGREES * SECOND_THOUGHTS):
            take_back(stage, seat, job)
        seat.done(_send_now)
        await asyncio.sleep(dice.between(10.0, 60.0) if dice.chance(0.2) else dice.between(STEADY_S, 200.0))


async def _linked(seat: Seat) -> bool:
    """Somebody who wants an answer sees to it that there is a link, and waits until it counts as one."""
    seen: list[Link] = []
    for _ in range(LOOKS):
        seat.done(_send_now)
        await asyncio.sleep(STEADY_S)
        seat.done(lambda device: seen.append(device.workbench.routes.link()))
        if len(seen) > 1 and Link.DOWN not in seen[-2:]:
            return True
    return False


def _send_now(device: Device) -> None:
    device.workbench.go(online=True)
    device.agent.session.send_now()


def _meant(dice: Stream, job: str | None) -> _Meant:
    text, true_class, declared = dice.choice(TEXTS if dice.chance(0.6) else OPEN)
    reach: Reach = "job" if job and dice.chance(0.6) else "once"
    agrees = dice.chance(AGREES) and true_class in {DataClass.PERSONAL, DataClass.RESTRICTED}
    return _Meant(text, true_class, declared, job, reach if agrees else None)


async def ask(stage: Stage, seat: Seat, dice: Stream, meant: _Meant) -> None:
    """Ask, and wait for what comes of it as long as the laptop lives."""
    life, device = seat.host.incarnation, seat.program.device
    if life is None or not life.alive or life.paused or device is None:
        return
    mark = letters(stage.next_question())
    task = life.start(_asked(stage, seat, life, device, meant, mark))
    if meant.job and meant.consent == "job" and stage.chaos.strikes("consent_taken_back", seat.name):
        await asyncio.sleep(stage.chaos.about("consent_taken_back", seat.name).between(0.0, 2.0))
        take_back(stage, seat, meant.job)
    while _goes_on(life, task):  # noqa: ASYNC110  # it may also be the laptop that ends
        await asyncio.sleep(LOOKS_AGAIN_S)


def _goes_on(life: Incarnation, task: "asyncio.Task[None]") -> bool:
    return life.alive and not task.done()


async def _asked(stage: Stage, seat: Seat, life: Incarnation, device: Device, meant: _Meant, mark: str) -> None:
    words, trace = marked(meant.text, mark), stage.around.trace
    stage.note(Asked(seat.name, mark, meant.job, meant.true_class, "answer", meant.consent, life.ports.clock.now()))
    said = Said("assist.request", str(meant.job), {"question": words}, seat.name)
    seat.told.tried.append(said)
    try:
        came = await _assistant(device).ask(words, job=meant.job, declared=meant.declared, consent=meant.consent)
    except DeviceError as error:
        seat.told.tried.remove(said)
        trace.note(seat.name, f"was told: {error}")
        return
    seat.told.tried.remove(said)
    if isinstance(came, Waiting):
        seat.told.saved[came.command.id] = said
    stage.note(Told(seat.name, mark))
    trace.note(
        seat.name,
        f"was told of {mark}: {type(came).__name__}, {came.decision.reason if not isinstance(came, Answer) else ''}",
    )


def _assistant(device: Device) -> Assistant:
    bench = device.workbench
    return Assistant(bench, device.store, device.cluster, _no_model, device.ports, device.run_blocking)


def _no_model() -> LanguageModel:
    raise LocalError("There is no model here.")


def take_back(stage: Stage, seat: Seat, job: str) -> None:
    """Take back every consent for a job, and remember it once the screen says so."""
    if seat.done(functools.partial(_revoke_all, job)):
        stage.note(TookBack(seat.name, job))


def _revoke_all(job: str, device: Device) -> None:
    consents = device.workbench.routes.consents
    for shown in consents.listed():
        if shown.consent.conversation == job.partition("/")[2] and shown.standing != "revoked":
            consents.revoke(shown.consent.id)
