"""What `tailboard trace` does: a recording of queue and link, for the people who test Tailboard."""

import argparse
from pathlib import Path

from device.bootstrap import Device
from device.commands import with_device
from device.core.recording import Confirmed, Recording, recorded
from device.errors import LocalError
from device.store import DeviceStore
from shared.commandline import Report


def recording_of(store: DeviceStore) -> Recording:
    """What stands in a laptop's queue and what its link was like lately."""
    with store.transaction():
        items = store.items()
        issues = {each.id: each.issue for each in store.outgoing([item.command.id for item in items])}
        queue = [Confirmed(item, issues.get(item.command.id)) for item in items]
        return recorded(queue, store.exchanges())


def exported(arguments: argparse.Namespace) -> Report:
    """Write the file."""

    def work(device: Device) -> Report:
        path = Path(arguments.file)
        if path.exists():
            raise LocalError(f"{path} is there already. Give another name.")
        if not path.absolute().parent.is_dir():
            raise LocalError(f"There is no folder {path.parent}. Nothing was exported.")
        trace = recording_of(device.store)
        if not trace.commands and not trace.link:
            raise LocalError(
                "There is nothing to export: nothing was confirmed here, and the server was never asked."
            )
        try:
            path.write_text(trace.model_dump_json(indent=1) + "\n", encoding="utf-8")
        except OSError as error:
            raise LocalError(f"{path} cannot be written: {error.strerror}. Give another folder.") from error
        data = {"file": str(path), "commands": len(trace.commands), "exchanges": len(trace.link)}
        lines = [
            f"{len(trace.commands)} commands and {len(trace.link)} exchanges with the server in {path}.",
            "It holds times, sizes, kinds and outcomes: no words, no names, no addresses. See for yourself.",
        ]
        return Report("tailboard.trace-exported.v1", data | {"length_s": trace.length_s}, lines)

    return with_device(arguments, work)
