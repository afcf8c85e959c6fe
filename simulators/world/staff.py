"""What the office's people do, again and again while the server is up."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from shared.problems import Refused
from shared.records import Choice
from simulators.streams import Stream
from simulators.world.options import TENANT
from simulators.world.stage import Stage
from sync_server.office import Office


async def rounds(stage: Stage) -> None:
    """Everybody at the office does their rounds, for ever."""
    async with asyncio.TaskGroup() as everybody:
        everybody.create_task(_round(stage, "dispatcher", _resolve_all))


async def _round(stage: Stage, who: str, turn: Callable[[Stream, Office], None]) -> None:
    dice = stage.streams.of(who)
    while True:
        await asyncio.sleep(dice.between(60.0, 600.0))
        stage.in_office(partial(turn, dice))


def _resolve_all(dice: Stream, office: Office) -> None:
    """Somebody settles conflicts, one side or the other."""
    for conflict in office.conflicts(TENANT):
        choice = dice.choice((Choice.KEEP_MINE, Choice.TAKE_THEIRS))
        _, body = office.conflict(TENANT, conflict.ref)
        seen = max(office.record(TENANT, clash.record).version for clash in body.unsettled())
        with suppress(Refused):
            office.resolve(TENANT, "m.reyes", conflict.ref, choice, "looked at it", seen=seen)
