"""The picture for the README: the product's own screen over the sample organisation, drawn by the product itself."""

import asyncio
from pathlib import Path

from device.errors import LocalError
from device.tui.picture import export_picture
from shared.ports import Ports
from simulators.demo.stage import Stage, enrol_laptop, open_laptop, prepare_server
from simulators.processes import server

JOB = "work_order/WO-1042"
SENTENCE = "replaced inlet filter, 4.2 bar now, done"


async def draw(stage: Stage, path: Path, ports: Ports) -> None:
    """Write `path` (SVG): what the assistant makes of a sentence; without a model, the work order itself."""
    await asyncio.to_thread(prepare_server, stage)
    with server(stage.server) as url:
        await enrol_laptop(stage, url, ports)
        device = open_laptop(stage, ports, model=None)
        try:
            await device.agent.settle()
            try:
                device.load_model()
                await export_picture(device, path, job=JOB, sentence=SENTENCE)
            except LocalError:
                await export_picture(device, path, view="order", job=JOB)
        finally:
            await device.close()
