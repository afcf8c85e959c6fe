"""What `tailboard ready` does. Exit codes: 0 ready, warnings included; 1 not ready."""

import argparse
from dataclasses import asdict

from device.bootstrap import Device
from device.commands import teller, with_device_async
from device.core.readiness import Check, Verdict, headline, worst
from device.plain import plain
from device.readiness import fetch, look
from shared.commandline import Report


def ready(arguments: argparse.Namespace) -> Report:
    """Look, after fetching what is missing if that was asked for."""

    async def work(device: Device) -> Report:
        ended = await fetch(device, teller(arguments)) if arguments.fetch else None
        checks = look(device)
        whole = worst(checks)
        data = {"verdict": whole, "checks": [asdict(each) for each in checks], "fetch_error": ended}
        lines = [line for each in checks for line in _lines(each)]
        stopped = [plain(f"Fetching ended early: {ended}")] if ended else []
        return Report("tailboard.ready.v1", data, [*lines, *stopped, headline(checks)], ok=whole is not Verdict.FAIL)

    return with_device_async(arguments, work)


def _lines(check: Check) -> list[str]:
    line = f"{check.verdict:<5} {check.name:<9} {plain(check.said)}"
    return [line, f"                next: {check.next_step}"] if check.next_step else [line]
