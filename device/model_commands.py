"""What the verbs about models do: from parsed arguments to a `Report`."""

import argparse
from pathlib import Path
from typing import Any

from device.bootstrap import Device
from device.commands import with_device
from device.errors import LocalError
from device.model.evals.gate import EvalReport
from device.model.models import Known
from device.plain import plain
from shared.commandline import Report


def listed(arguments: argparse.Namespace) -> Report:
    """The models that this laptop knows of."""

    def work(device: Device) -> Report:
        known = device.models.known()
        return Report("tailboard.models.v1", {"models": [_told(each) for each in known]}, list(map(_line, known)))

    return with_device(arguments, work)


def added(arguments: argparse.Namespace) -> Report:
    """Copy a file in."""

    def work(device: Device) -> Report:
        known = device.models.add(Path(arguments.file))
        lines = [f"{plain(known.name)} is here, and not used yet. Next: tailboard model eval {known.sha256[:12]}"]
        return Report("tailboard.model-added.v1", {"model": _told(known)}, lines)

    return with_device(arguments, work)


def evaluated(arguments: argparse.Namespace) -> Report:
    """Run the suites; no is the answer if a figure is outside its limit."""

    def work(device: Device) -> Report:
        chosen = _used(device) if arguments.model is None else device.models.find(arguments.model)
        report = device.evaluate_model(chosen.sha256)
        data = {"report": report.model_dump(mode="json"), "passed": report.passed}
        return Report("tailboard.model-eval.v1", data, _report_lines(report), ok=report.passed)

    return with_device(arguments, work)


def promoted(arguments: argparse.Namespace) -> Report:
    """Use a model from now on."""

    def work(device: Device) -> Report:
        chosen = device.models.find(arguments.model)
        device.models.promote(chosen.sha256)
        known = device.models.find(chosen.sha256)
        return Report("tailboard.model.v1", {"model": _told(known)}, [f"{plain(known.name)} is used from now on."])

    return with_device(arguments, work)


def rolled_back(arguments: argparse.Namespace) -> Report:
    """Use the last good model again."""

    def work(device: Device) -> Report:
        name = device.models.roll_back()
        return Report("tailboard.model.v1", {"model": _told(_used(device))}, [f"{plain(name)} is used again."])

    return with_device(arguments, work)


def _used(device: Device) -> Known:
    used = next((each for each in device.models.known() if each.standing == "used"), None)
    if used is None:
        raise LocalError("The model that is used is not known any more. See: tailboard model list")
    return used


def _told(known: Known) -> dict[str, Any]:
    return {
        "name": known.name,
        "sha256": known.sha256,
        "number": known.number,
        "here": known.here,
        "standing": known.standing,
        "size_bytes": known.size_bytes,
        "licence": known.licence,
        "tier": known.tier,
        "report": known.report.model_dump(mode="json") if known.report else None,
    }


def _line(known: Known) -> str:
    where = "" if known.here else ", not here yet"
    number = f"{known.number} " if known.number else ""
    size = f"{known.size_bytes >> 20:,} MiB" if known.size_bytes else ""
    told = f"{number}{plain(known.name)}  {size}  {known.tier}  {plain(known.licence)}"
    return f"{known.standing:<14} {told.rstrip()}{where}"


def _report_lines(report: EvalReport) -> list[str]:
    lines = [f"{plain(report.model)}, prompts {report.prompts}, suites {report.suites}"]
    for suite, figures in report.figures.items():
        lines.append(f"  {suite:<12} {', '.join(f'{name} {value}' for name, value in figures.items())}")
    lines += [f"  ! {plain(each)}" for each in report.failed]
    next_step = f"Next: tailboard model promote {report.sha256[:12]}" if report.passed else "It is not to be used."
    return [*lines, next_step]
