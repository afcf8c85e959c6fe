"""The program of a laptop's process: the real client over its real encrypted home, and somebody who types.

What the person does comes as one JSON object a line on standard input, and what the screen says goes back as one line
each: `{"do": "say", "proposals": [[kind, record, payload], …]}` is answered by the ids that were saved, or by the
sentence that says why not; `look` by the state of every command; `go` and `send_now` by nothing much. A laptop whose
standard input ends is switched off.

    python -m simulators.rig.laptop HOME [--enrol URL CODE] [--network N] [--plant MODULE:FUNCTION]
"""

import argparse
import asyncio
import json
import os
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from device import bootstrap
from device.bootstrap import Device, on_thread
from device.core.interpret import Proposal
from device.errors import LocalError, StoreError, TransportError
from device.settings import Settings
from device.store import State
from shared.ports import Ports, system_ports
from simulators.processes import plant
from simulators.rig.ground import live_in, stay_here

T = TypeVar("T")
Asked = Mapping[str, Any]
PIN = "2468"
REST_S_MAX = 10.0
AGAIN_S = 0.3
WAITING = (State.SAVED, State.SENT, State.HELD)


def main(argv: Sequence[str] | None = None) -> None:
    """Run until standard input ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("home", type=Path)
    parser.add_argument("--enrol", nargs=2, metavar=("URL", "CODE"))
    parser.add_argument("--network", type=int)
    parser.add_argument("--plant")
    arguments = parser.parse_args(argv)
    stay_here()
    if arguments.network is not None:
        live_in(arguments.network)
    if arguments.plant:
        plant(arguments.plant)
    asyncio.run(_live(Settings(arguments.home), arguments.enrol, system_ports()))


async def _live(settings: Settings, enrol: tuple[str, str] | None, ports: Ports) -> None:
    if enrol and not settings.keys.exists():
        await bootstrap.enrol(settings, *enrol, PIN, settings.home.name, ports)
    person = asyncio.StreamReader(limit=1 << 20)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(person), sys.stdin)
    device = await _until_open(lambda: bootstrap.open_device(settings, PIN, ports))
    program = Program(device, ports)
    _tell(ready=True)
    syncing = asyncio.create_task(program.sync())
    syncing.add_done_callback(_die_of)
    while line := await person.readline():
        _tell(**await program.act(json.loads(line)))
    syncing.cancel()
    with suppress(asyncio.CancelledError):
        await syncing
    await device.close()


def _die_of(syncing: "asyncio.Task[None]") -> None:
    """A laptop whose sync died must not look as if it lived."""
    if not syncing.cancelled() and (error := syncing.exception()):
        traceback.print_exception(error)
        os._exit(1)


def _tell(**what: Any) -> None:
    print(json.dumps(what), flush=True)


async def _until_open(open_it: Callable[[], T]) -> T:
    """A person who is told that the disk is full tries again."""
    while True:
        try:
            return await on_thread(open_it)
        except StoreError as error:
            _tell(trouble=str(error))
            await asyncio.sleep(AGAIN_S)


class Program:
    """A laptop that is switched on: it syncs, and a person types."""

    def __init__(self, device: Device, ports: Ports) -> None:
        self._device, self._ports = device, ports
        self._bell = asyncio.Event()

    async def sync(self) -> None:
        """Sync for ever."""
        agent = self._device.agent
        while True:
            wait_s = REST_S_MAX
            try:
                step = await agent.step()
                if not step.rested:
                    continue
                if step.rest_until:
                    wait_s = (step.rest_until - self._ports.clock.now()).total_seconds()
            except StoreError as error:
                _tell(trouble=str(error))
                wait_s = AGAIN_S
            await self._rest(wait_s)

    async def _rest(self, seconds: float) -> None:
        self._bell.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(min(max(seconds, 0.01), REST_S_MAX)):
                await self._bell.wait()

    async def act(self, asked: Asked) -> dict[str, Any]:
        """Do what a person does; what the screen says then."""
        try:
            said = await self._do(asked)
        except StoreError as error:
            said = {"failed": str(error)}
        except LocalError as error:
            said = {"refused": str(error)}
        self._bell.set()
        return said

    async def _do(self, asked: Asked) -> dict[str, Any]:
        device = self._device
        match asked:
            case {"do": "say", "proposals": list(meant)}:
                proposals = [Proposal(kind, record, payload, {}) for kind, record, payload in meant]
                saved = await on_thread(
                    lambda: device.workbench.confirm(proposals, sentence=str(meant[0][2]), source="form")
                )
                return {"saved": [command.id for command in saved]}
            case {"do": "go", "online": bool(online)}:
                await on_thread(lambda: device.workbench.go(online=online))
                device.agent.session.go(online=online)
            case {"do": "send_now"}:
                device.agent.session.send_now()
            case {"do": "look"}:
                return await on_thread(self._look)
            case _:
                raise AssertionError(f"no word of ours: {asked}")
        return {"done": True}

    def _look(self) -> dict[str, Any]:
        """What the screen shows of each command: whether the server has it, and what became of it."""
        store = self._device.store
        items = store.items()
        here = [item for item in items if item.state is State.HELD or item.receipt]
        return {
            "there": [[item.command.id, item.receipt.outcome if item.receipt else None] for item in here],
            "waiting": [f"{item.command.kind} {item.state}" for item in items if item.state in WAITING],
            "cursor": store.meta("cursor"),
        }


if __name__ == "__main__":
    try:
        main()
    except (LocalError, TransportError) as error:
        sys.exit(f"laptop: {error}")
