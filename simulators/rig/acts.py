"""Carries out what is planned: each act does something to somebody, and undoes it when its time is over.

Rules
1. An act counts when it happened: a toxic once for every piece that it touched, everything else once.
2. What the machine does not allow is left out; `Stage.missing` says why.
"""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress

import psycopg

from device.bootstrap import on_thread
from simulators.rig.plan import Act
from simulators.rig.stage import Stage
from simulators.rig.toxics import Toxic, toxic_of


async def carry_out(stage: Stage, act: Act) -> None:
    """Wait for its time, do it, and undo it."""
    await asyncio.sleep(act.at_s)
    if act.kind in stage.missing:
        return
    if toxic := toxic_of(act):
        await _poison(stage, act, toxic)
    elif await _DOERS[act.kind](stage, act):
        stage.hits[act.kind] += 1


async def heal(stage: Stage) -> None:
    """Put right whatever is left, and let everybody go online; returns when every laptop has heard of it."""
    for seat in stage.seats.values():
        seat.link.heal()
        seat.freeze(frozen=False)
        if seat.disk:
            seat.disk.make_room()
    for slot in stage.slots.values():
        slot.send(signal.SIGCONT)
    for _ in range(2):  # the second answer comes after everything that was under way before the first
        await asyncio.gather(*(seat.until_done({"do": "go", "online": True}) for seat in stage.seats.values()))
    stage.timeline.note("rig", "everything is healed")


async def _poison(stage: Stage, act: Act, toxic: Toxic) -> None:
    link = stage.seats[act.target].link
    stage.timeline.note(act.target, f"{act.kind} on the way {act.way}, {act.for_s:.1f} s")
    link.put(act.way, toxic)
    await asyncio.sleep(act.for_s)
    link.take(act.way, toxic.name)


async def _plug_out(stage: Stage, act: Act) -> bool:
    network = stage.seats[act.target].network
    assert network, "it is not missing"
    stage.timeline.note(act.target, f"its network is down, {act.for_s:.1f} s")
    network.plug(up=False)
    await asyncio.sleep(act.for_s)
    network.plug(up=True)
    return True


async def _kill_laptop(stage: Stage, act: Act) -> bool:
    seat = stage.seats[act.target]
    stage.timeline.note(act.target, f"kill -9, down for {act.for_s:.1f} s")
    await seat.kill()
    await asyncio.sleep(act.for_s)
    seat.begin()
    return True


async def _stop_laptop(stage: Stage, act: Act) -> bool:
    seat = stage.seats[act.target]
    stage.timeline.note(act.target, f"stands still, {act.for_s:.1f} s")
    frozen = seat.freeze(frozen=True)
    await asyncio.sleep(act.for_s)
    seat.freeze(frozen=False)
    return frozen


async def _fill_disk(stage: Stage, act: Act) -> bool:
    seat = stage.seats[act.target]
    assert seat.disk, "it is not missing"
    stage.timeline.note(act.target, f"its disk is full, {act.for_s:.1f} s")
    seat.disk.fill()
    stage.were_full.add(act.target)
    await asyncio.sleep(act.for_s)
    seat.disk.make_room()
    return True


async def _kill_server(stage: Stage, act: Act) -> bool:
    slot = stage.slots[act.target]
    stage.timeline.note(act.target, f"kill -9, down for {act.for_s:.1f} s")
    killed = await slot.kill()
    await asyncio.sleep(act.for_s)
    if killed:  # else whoever killed it starts it again
        await slot.begin()
    return killed


async def _stop_server(stage: Stage, act: Act) -> bool:
    slot = stage.slots[act.target]
    stage.timeline.note(act.target, f"stands still, {act.for_s:.1f} s")
    frozen = slot.send(signal.SIGSTOP)
    await asyncio.sleep(act.for_s)
    slot.send(signal.SIGCONT)
    return frozen


async def _crash_database(stage: Stage, _act: Act) -> bool:
    stage.timeline.note("database", "kill -9 of one of its processes: all of it recovers")
    return await on_thread(lambda: _kill_a_backend(stage.database))


def _kill_a_backend(database: str) -> bool:
    """The others leave as well, and PostgreSQL recovers from its log."""
    with suppress(psycopg.OperationalError):
        connection = psycopg.connect(database.replace("+psycopg", ""))
        os.kill(connection.info.backend_pid, signal.SIGKILL)
        return True
    return False


_DOERS: Mapping[str, Callable[[Stage, Act], Awaitable[bool]]] = {
    "link_down": _plug_out,
    "laptop_killed": _kill_laptop,
    "laptop_stopped": _stop_laptop,
    "disk_full": _fill_disk,
    "server_killed": _kill_server,
    "server_stopped": _stop_server,
    "database_crash": _crash_database,
}
