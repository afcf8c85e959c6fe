"""What technicians do: out of coverage most of the time, saying what there is to say, looking at the screen."""

import asyncio
import functools
from collections.abc import Sequence

from device.bootstrap import Device
from device.core.interpret import Proposal
from device.errors import LocalError, StoreError
from device.store import State
from simulators.evidence import Said
from simulators.loop import current_loop
from simulators.streams import Stream
from simulators.trace import Trace
from simulators.workload import proposal, question
from simulators.world import questions
from simulators.world.options import Spoken
from simulators.world.stage import Seat, Stage

#: How often somebody takes back what they just said.
TAKES_BACK = 0.08


async def work(stage: Stage, seat: Seat) -> None:
    """Work until everything is said; then go home."""
    if stage.options.part is not None:
        await play(stage, seat, stage.options.part)
        return
    dice, trace = stage.streams.of(f"technician/{seat.name}"), stage.around.trace
    curiosity = stage.streams.of(f"questions/{seat.name}")
    wonder = stage.streams.of(f"wonders/{seat.name}")
    left, habits = stage.options.fewer.get(seat.name, stage.options.commands), stage.options.habits
    if absent_s := habits.absent_s.get(seat.name):
        await say_some(stage, seat, dice, left, apart_s=absent_s / max(1, left))
        left = 0
    while left > 0:
        away = dice.chance(habits.away)
        if away:
            await seat.until(lambda device: device.workbench.go(online=False))
            trace.note(seat.name, "leaves coverage")
        for _ in range(1 + dice.below(3)):
            await asyncio.sleep(dice.between(60.0, habits.away_s_max) if away else dice.between(1.0, 40.0))
            burst = [
                proposal(dice, f"{seat.name} says {left - n}", habits.jobs)
                for n in range(min(left, 1 + dice.below(3)))
            ]
            left -= len(burst)
            await seat.until(functools.partial(_say, trace, seat, burst))
            if curiosity.chance(habits.asks):
                await seat.until(functools.partial(_ask, trace, seat, curiosity))
            if dice.chance(TAKES_BACK):
                await seat.until(functools.partial(_take_back, trace, seat))
        if away:
            await seat.until(lambda device: device.workbench.go(online=True))
            trace.note(seat.name, "is back in coverage")
        if wonder.chance(habits.wonders):
            await questions.wonder(stage, seat, wonder)
        await asyncio.sleep(dice.between(5.0, 60.0))
    await seat.until(lambda device: device.workbench.go(online=False))
    trace.note(seat.name, "leaves coverage, and has said everything")


async def play(stage: Stage, seat: Seat, part: Sequence[Spoken]) -> None:
    """Say what is written down, when it is written down; then wait for the end of the part."""
    trace, loop = stage.around.trace, current_loop()
    for each in part:
        await asyncio.sleep(each.at_s - loop.time())
        proposal = Proposal(each.kind, each.record, dict(each.payload), {})
        await seat.until(functools.partial(_say, trace, seat, [proposal]))
    await asyncio.sleep(stage.options.length_s - loop.time())
    trace.note(seat.name, "has said everything")


async def say_some(stage: Stage, seat: Seat, dice: Stream, number: int, *, apart_s: float | None = None) -> None:
    """Say a few things, one after the other, out of coverage; `apart_s` seconds apart, or a few minutes."""
    await seat.until(lambda device: device.workbench.go(online=False))
    for n in range(number):
        await asyncio.sleep(apart_s or dice.between(60.0, 600.0))
        say = functools.partial(
            _say, stage.around.trace, seat, [proposal(dice, f"{seat.name} says {n}", stage.options.habits.jobs)]
        )
        await seat.until(say)


def send_now(device: Device) -> None:
    """A person wants it sent."""
    device.workbench.go(online=True)
    device.agent.session.send_now()


def _say(trace: Trace, seat: Seat, burst: list[Proposal], device: Device) -> None:
    """Confirm, and remember what the screen said: saved, or that it makes no sense."""
    if not burst:
        return
    told = seat.told
    meant = [Said(each.kind, each.record, each.payload, seat.name) for each in burst]
    told.tried += meant
    try:
        commands = device.workbench.confirm(burst, sentence=str(burst[0].payload), source="form")
    except StoreError:
        del told.tried[-len(meant) :]
        raise
    except LocalError as error:
        del told.tried[-len(meant) :]
        told.refused.append(str(error))
        trace.note(seat.name, f"was told: {error}")
        return
    del told.tried[-len(meant) :]
    told.saved |= dict(zip((command.id for command in commands), meant, strict=True))
    trace.note(seat.name, f"saw saved {' '.join(command.id for command in commands)}")


def _ask(trace: Trace, seat: Seat, dice: Stream, device: Device) -> None:
    """Leave a question for the cluster."""
    _say(trace, seat, [question(dice, device.ports.clock.now())], device)


def _take_back(trace: Trace, seat: Seat, device: Device) -> None:
    """Take back what was said last, with all that rests on it, unless it has left."""
    waiting = device.store.items(states=[State.SAVED])
    if not waiting:
        return
    try:
        going = device.workbench.withdraw([waiting[-1].command.id])
    except LocalError as error:
        trace.note(seat.name, f"was told: {error}")
        return
    seat.told.taken_back |= {item.command.id for item in going}
    trace.note(seat.name, f"took back {' '.join(item.command.id for item in going)}")
