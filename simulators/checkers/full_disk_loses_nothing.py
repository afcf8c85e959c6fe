"""A full disk takes nothing that was saved and keeps nothing that was not, and works again when there is room."""

from collections.abc import Iterator
from json import loads

from simulators.checkers.base import Checker, Evidence, Finding, fits
from simulators.evidence import DeviceFile


def judge(evidence: Evidence) -> Iterator[Finding]:
    """Each file is whole; a laptop whose disk was full has exactly what its technician was told is saved."""
    for name, count in evidence.failed_late.items():
        if count:
            yield Finding(name, f"could not write {count} times after everything healed")
    for flaw in evidence.server.flaws:
        yield Finding("server", f"has a damaged file: {flaw}")
    for name, device in evidence.devices.items():
        for flaw in device.flaws:
            yield Finding(name, f"has a damaged file: {flaw}")
        yield from _twice(name, device)
        if name in evidence.were_full:
            yield from _gone(evidence, name, device)
            yield from _untold(evidence, name, device)


def _twice(name: str, device: DeviceFile) -> Iterator[Finding]:
    ids = [sent.id for sent in device.outbox]
    if len(ids) != len(set(ids)):
        yield Finding(name, "has a command twice in its outbox")


def _gone(evidence: Evidence, name: str, device: DeviceFile) -> Iterator[Finding]:
    here = {sent.id for sent in device.outbox}
    for command, said in evidence.said.items():
        if said.device == name and command not in here:
            yield Finding(command, f"was called saved on {name}, whose disk was full, and is not there")


def _untold(evidence: Evidence, name: str, device: DeviceFile) -> Iterator[Finding]:
    """Who is told that something cannot be saved says it again; so what was not saved must not be there."""
    unheard = [said for said in evidence.tried if said.device == name]
    for sent in device.outbox:
        if sent.id in evidence.said:
            continue
        match = next((said for said in unheard if fits(loads(sent.payload), said)), None)
        if match is None:
            yield Finding(sent.id, f"is on {name}, whose disk was full, and nobody was told that it is saved")
        else:
            unheard.remove(match)


CHECKER = Checker("full-disk-loses-nothing", judge)
