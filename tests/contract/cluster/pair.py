"""A real laptop before the real gateway, with the queue behind both: what they share in several tests."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from device import bootstrap
from device.bootstrap import Device
from device.settings import NO_MODEL, Settings
from shared.commands.assist_request import task_ref
from shared.records import AssistTask
from sync_server.cluster.policy import shipped_policies
from sync_server.cluster.queue.by_gateway import GatewayEngine
from sync_server.cluster.queue.desk import TaskDesk
from sync_server.cluster.queue.in_force import policy_in_force
from sync_server.cluster.queue.port import Engine
from sync_server.cluster.queue.steps import Limits
from sync_server.cluster.queue.worker import Worker
from sync_server.office import Office
from tests.contract.cluster.stage import Stage, staged, upstream
from tests.served import TENANT, Server, in_place

JOB, PIN = "work_order/WO-1", "2468"
SUMMARY = "Summarise: the pump ran at 4.2 bar for three weeks. " * 12
PERSONAL = "Ms Harrington was injured at the pump. What now?"


@dataclass
class Pair:
    """The gateway and the laptop."""

    stage: Stage
    device: Device

    async def ask(self, text: str, **more: object) -> object:
        return await self.device.assistant().ask(text, **more)  # type: ignore[arg-type]

    async def sync(self) -> None:
        """Everything that can be exchanged now."""
        self.device.agent.session.send_now()
        await self.device.agent.settle()

    def link(self, *, up: bool) -> None:
        """Whether the laptop works online."""
        self.device.store.set_meta("link", "online" if up else "offline")

    def worker(self, engine: Engine | None = None) -> Worker:
        """One of the server's workers."""
        service = self.stage.office.service
        desk = TaskDesk(service, policy_in_force(service.publisher), "worker", Limits())
        return Worker(engine or GatewayEngine(self.stage.parts.gateway), desk, service.ports.clock, in_place)

    async def work(self) -> bool:
        """One look of a worker at what waits."""
        return await self.worker().step(self.stage.office.service.ports.clock.now())

    def task(self, command: str) -> AssistTask:
        """What the server knows of a question that was left."""
        return AssistTask.model_validate(self.stage.office.record(TENANT, task_ref(command)).fields)

    def audit(self, act: str) -> list[dict[str, Any]]:
        """The links of the audit about `act`."""
        with self.stage.office.service.store.transaction() as tx:
            bodies = [json.loads(body) for _, _, _, body in tx.audit(TENANT)]
        return [body for body in bodies if body.get("act") == act]


@pytest.fixture
async def pair(office: Office, server: Server, tmp_path: Path) -> AsyncIterator[Pair]:
    policies = shipped_policies()
    policies.read(office.service)
    async with staged(office, upstream("one"), upstream("two"), policies=policies) as stage:
        settings, ports = Settings(tmp_path / "laptop", NO_MODEL), office.service.ports
        way = stage.http._transport
        code = office.enrol_code(TENANT, "a.okafor")
        await bootstrap.enrol(settings, "http://server", code, PIN, "test", ports, transport=way)
        device = bootstrap.open_device(settings, PIN, ports, transport=way, run_blocking=in_place)
        await device.agent.settle()
        yield Pair(stage, device)
        await device.close()
