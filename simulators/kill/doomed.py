"""What runs in the child processes: a server, and a device, either of which may die at a point.

They are the real programs. What is added is a group that a power cut ends at once, the point (`points.arm`), and, for
the tests of the campaign itself, a fault that somebody planted: `module:function`, called before anything else.
"""

import asyncio
import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from device import bootstrap
from device.bootstrap import Device
from device.core.interpret import Proposal
from device.settings import Settings
from shared.ports import system_ports
from simulators.kill.points import BY_NAME, arm
from simulators.processes import plant as plant_it
from sync_server.cli import main as serve_program

__all__ = ["PIN", "PROGRAMS", "WARM"]

PIN = "2468"
#: What both sides import only when they need it: imported once, so that every child finds it.
WARM = (
    "anyio._backends._asyncio",
    "httpcore",
    "policies.default",
    "sqlalchemy.dialects.postgresql.psycopg",
    "sync_server.api.app",
    "sync_server.commands",
    "uvicorn.lifespan.off",
    "uvicorn.loops.auto",
    "uvicorn.protocols.http.auto",
    "uvicorn.protocols.websockets.auto",
)

Act = Sequence[tuple[str, str, Mapping[str, Any]]]


def serve(home: str, database: str, point: str | None = None, plant: str | None = None) -> None:
    """`tailboard-server serve`; its URL is the first line that it prints."""
    os.setpgid(0, 0)
    _prepare(plant)
    if point:
        arm(BY_NAME[point])
    serve_program(["serve", "--home", home, "--database", database, "--port", "0", "--json", "--log-level", "error"])


def work(
    home: str, url: str, group: int, acts: Sequence[Act], point: str | None = None, plant: str | None = None
) -> None:
    """Confirm `acts`, each all or none, saying the ids of each after it was saved; then sync until nothing is left.

    The last line says in how many rounds, and what went wrong in the last of them.
    """
    os.setpgid(0, group)
    _prepare(plant)
    device = bootstrap.open_device(Settings(Path(home)), PIN, system_ports())
    device.move_to(url)
    where = BY_NAME[point] if point else None
    for number, act in enumerate(acts):
        if where and where.confirming and number == len(acts) - 1:
            arm(where)
        _confirm(device, act)
    if where and not where.confirming:
        arm(where)
    asyncio.run(_settle(device))


def _confirm(device: Device, act: Act) -> None:
    proposals = [Proposal(kind, record, payload, {}) for kind, record, payload in act]
    saved = device.workbench.confirm(proposals, sentence="", source="cli")
    print(json.dumps({"saved": [command.id for command in saved]}), flush=True)


async def _settle(device: Device) -> None:
    device.agent.session.send_now()
    steps = await device.agent.settle()
    await device.close()
    print(json.dumps({"rounds": len(steps), "error": steps[-1].error if steps else None}), flush=True)


def _prepare(fault: str | None) -> None:
    if fault:
        plant_it(fault)


PROGRAMS: Mapping[str, Callable[..., None]] = {"serve": serve, "work": work}
