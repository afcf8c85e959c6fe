"""What the verbs of `tailboard task` do: from parsed arguments to a `Report`."""

import argparse
from typing import Any

from device.bootstrap import Device
from device.commands import with_device
from device.plain import plain
from device.tasks import Left, cancel, left
from shared.commandline import Report
from shared.ids import id_of


def listed(arguments: argparse.Namespace) -> Report:
    """Questions that were left for the cluster."""

    def work(device: Device) -> Report:
        found = left(device.workbench, everything=arguments.all)
        lines = [
            plain(f"{each.id}  {id_of(each.task.record)}: “{each.task.question}” {each.words()}") for each in found
        ]
        return Report(
            "tailboard.tasks.v1", {"tasks": [_data(each) for each in found]}, lines or ["No question waits."]
        )

    return with_device(arguments, work)


def cancelled(arguments: argparse.Namespace) -> Report:
    """Give one up."""

    def work(device: Device) -> Report:
        how = cancel(device.workbench, arguments.task)
        said = {
            "withdrawn": "Taken back. Nothing of it left this laptop.",
            "cancelled": "Saved on this device. It is cancelled as soon as the server hears of it: tailboard sync",
        }[how]
        return Report("tailboard.task-cancelled.v1", {"task": arguments.task, "how": how}, [said])

    return with_device(arguments, work)


def _data(question: Left) -> dict[str, Any]:
    settled = question.item is None
    told = {"command": question.id, "settled": settled, "words": question.words()}
    return told | {"task": question.task.model_dump(mode="json")}
