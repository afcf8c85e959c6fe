"""What happens to whole machines, besides crashes: clocks, lids, older images, copies, revocations, restores, purges.

Rules
1. An incident comes by chance, at a minute of its own, as the `FaultProfile` says; once people have said everything,
   there are no more.
2. People know what was done and say so: what was only on a laptop that was set back is nobody's to keep any more, and
   who put an older database in place knows what was in it. What they do not know, the program has to find out.
3. An archivist keeps what a purge removes, for the judges.
"""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import assert_never

from device.store import State
from reconciliation.expiry import Limits
from simulators.evidence import Received, ServerFile, server_in
from simulators.hosts import Host, Incarnation
from simulators.loop import current_loop
from simulators.wire import Spell
from simulators.world import technicians
from simulators.world.machines import patiently, server_settings
from simulators.world.options import SERVER, TENANT, Act, Event
from simulators.world.staff import revoke
from simulators.world.stage import Seat, Stage
from simulators.world.template import server_file
from sync_server.backup import raise_incarnation
from sync_server.office import Office
from sync_server.retention import purge
from sync_server.standing import stopped

MINUTE_S = 60.0
IMAGE_EVERY_MINUTES = 30
#: As short as these worlds: nobody stays away for longer than a purge waits.
SHORT = Limits(
    offline_max=timedelta(minutes=235),
    ledger_retention=timedelta(hours=4),
    resubmit_window=timedelta(minutes=235),
    backup_age_max=timedelta(hours=1),
)


async def keep(stage: Stage, host: Host) -> None:
    """Start a host again after each crash."""
    while True:
        host.boot()
        await host.down.wait()
        dice = stage.chaos.apart(f"down/{host.fell_by}")
        await asyncio.sleep(dice.between(1.0, stage.chaos.profile.down_s_max))
        await asyncio.sleep(stage.closed_until_s.get(host.name, 0.0) - current_loop().time())


async def arrange(stage: Stage, event: Event) -> None:
    """Make an event of a scenario happen."""
    await asyncio.sleep(event.at_s)
    now_s = current_loop().time()
    match event.act:
        case Act.SERVER_DOWN:
            stage.closed_until_s[SERVER] = now_s + event.for_s
            stage.server.crash("switched off", power_cut=False)
        case Act.NO_COVERAGE:
            for seat in _whom(stage, event):
                stage.wire.weather[seat.name] = Spell("partition", now_s, now_s + event.for_s, arranged=True)
        case Act.LINK:
            for seat in _whom(stage, event):
                spell = Spell(event.link, now_s, now_s + event.for_s, arranged=True, latency_s=event.latency_s)
                stage.wire.weather[seat.name] = spell
                stage.around.trace.note(seat.name, f"link {event.link} for {event.for_s:.3f} s")
        case Act.OFFLINE:
            await asyncio.gather(*[_work_offline(stage, seat, event.for_s) for seat in _whom(stage, event)])
        case Act.REVOKED:
            for seat in _whom(stage, event):
                stage.in_office(partial(revoke, seat.device))
        case _:
            assert_never(event.act)


def _whom(stage: Stage, event: Event) -> list[Seat]:
    return [stage.seats[event.who]] if event.who else [*stage.seats.values()]


async def _work_offline(stage: Stage, seat: Seat, for_s: float) -> None:
    await seat.until(lambda device: device.workbench.go(online=False))
    stage.around.trace.note(seat.name, "leaves coverage")
    await asyncio.sleep(for_s)
    await seat.until(technicians.send_now)
    stage.around.trace.note(seat.name, "is back in coverage")


async def befall_laptop(stage: Stage, seat: Seat) -> None:
    """What happens to a laptop, minute by minute."""
    chaos, host, name = stage.chaos, seat.host, seat.name
    image, minute = _Images(stage, seat), 0
    while True:
        await asyncio.sleep(MINUTE_S)
        minute += 1
        for fault, sign in (("clock_jump", 1), ("clock_back", -1)):
            if chaos.strikes(fault, name):
                by_s = chaos.about(fault, name).between(1.0, chaos.profile.clock_jump_s_max)
                host.clock.jump(sign * timedelta(seconds=by_s))
        if chaos.strikes("suspend", name):
            host.suspend(chaos.about("suspend", name).between(60.0, chaos.profile.suspend_s_max))
        if chaos.strikes("revoked", name):
            stage.in_office(partial(revoke, seat.device))
        if chaos.profile.restored_image and minute % IMAGE_EVERY_MINUTES == 0:
            image.take()
        if chaos.strikes("restored_image", name):
            image.restore()
        if chaos.strikes("cloned", name):
            stage.begin(_live_as_copy(stage, seat))


@dataclass
class _Images:
    """The images of one laptop's disk, the newest last, each with what had been said by then."""

    stage: Stage
    seat: Seat
    taken: list[tuple[Path, frozenset[str]]] = field(default_factory=list)

    def take(self) -> None:
        """Copy the disk as it is."""
        target = self.stage.scratch(f"{self.seat.name}-image")
        self.seat.host.backup(target)
        self.taken.append((target, frozenset(self.seat.told.saved)))

    def restore(self) -> None:
        """Put the newest one back. What was said since and never sent went with the disk, as its author knows."""
        if not self.taken:
            return
        image, known = self.taken[-1]
        self.seat.host.crash("to be set back", power_cut=False)
        self.seat.host.restore(image)
        told = self.seat.told
        told.disk_was_copied = True
        lost = [command for command in told.saved if command not in known]
        _give_up(self.seat, lost, server_file(self.stage.server.home))


async def _live_as_copy(stage: Stage, original: Seat) -> None:
    """A copy of a laptop's disk in another machine: somebody works with it for a while, then it is put away."""
    seat = stage.copy_of(original)
    original.told.disk_was_copied = True
    keeper = stage.begin(keep(stage, seat.host))
    dice = stage.streams.of(f"copy/{seat.name}")
    await technicians.say_some(stage, seat, dice, 1 + dice.below(3))
    await patiently(stage.centre.hurry, dice.between(60.0, 3600.0))
    while not (seat.done(technicians.send_now) and _brought(seat)):  # noqa: ASYNC110  # people look again
        await asyncio.sleep(30.0)
    keeper.cancel()
    seat.host.crash("it is put away", power_cut=False)
    stage.copies.remove(seat)


def _brought(seat: Seat) -> bool:
    device = seat.program.device
    return device is not None and not device.store.items(states=[State.SAVED, State.SENT])


async def befall_server(stage: Stage) -> None:
    """What happens to the server, minute by minute."""
    chaos = stage.chaos
    backups: list[Path] = []
    minute = 0
    while True:
        await asyncio.sleep(MINUTE_S)
        minute += 1
        if (chaos.profile.restored_server or chaos.profile.wrong_restore) and minute % IMAGE_EVERY_MINUTES == 0:
            backups.append(stage.scratch("server-backup"))
            stage.server.backup(backups[-1])
        if backups and chaos.strikes("restored_server", SERVER):
            _set_back(stage, backups[-1])
            stage.centre.begins_anew = True
        if backups and chaos.strikes("wrong_restore", SERVER):
            _set_back(stage, backups[-1])
        if chaos.strikes("purge", SERVER):
            _purge(stage)


def _set_back(stage: Stage, backup: Path) -> None:
    stage.server.crash("to be restored", power_cut=False)
    before = server_file(stage.server.home)
    stage.lives.append(before)
    stage.centre.cluster.life += 1
    stage.server.restore(backup)
    after = server_file(stage.server.home)
    stage.heads = [head for head in stage.heads if head[0] <= after.audit_position]
    stage.archive = {name: each for name, each in stage.archive.items() if name not in after.received}
    stage.redone |= {c for c, receipt in before.ledger.items() if receipt != after.ledger.get(c)}
    for seat in stage.retired:
        if seat not in stage.copies:  # it was put away with what it had brought
            _give_up(seat, [command for command in seat.told.saved if command not in after.ledger], after)


def _give_up(seat: Seat, commands: Iterable[str], server: ServerFile) -> None:
    """The disk that had them is gone. What the server does not have either was the last copy."""
    told = seat.told
    for command in commands:
        told.tried.append(replace(told.saved.pop(command), device=""))
        if command not in server.ledger:
            told.taken.discard(command)
            told.shown.pop(command, None)


def _purge(stage: Stage) -> None:
    stage.archive |= stage.in_office(_purged) or {}


def _purged(office: Office) -> dict[str, Received]:
    """What a purge removed."""
    before = _held_by(office)
    purge(office.service, SHORT)
    kept = _held_by(office)
    return {name: each for name, each in before.items() if name not in kept}


def _held_by(office: Office) -> Mapping[str, Received]:
    with office.service.store.connected() as connection:
        return server_in(connection, TENANT).received


async def operate(stage: Stage) -> None:
    """Somebody looks after the server: if it stopped because it was set back, they begin a new life of it."""
    dice = stage.streams.of("operator")
    while True:
        await asyncio.sleep(dice.between(60.0, 600.0))
        life = stage.server.incarnation
        if life is None or not stage.in_office(_stopped):
            continue
        stage.in_office(partial(_go_on, life))


def _go_on(life: Incarnation, _office: Office) -> None:
    raise_incarnation(server_settings(life.home), "somebody put older files there", ports=life.ports)


def _stopped(office: Office) -> bool:
    with office.service.store.transaction() as tx:
        return bool(stopped(tx))
