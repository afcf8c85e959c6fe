"""What the screen called saved is on the laptop in the end, with the words that its author said."""

from collections.abc import Iterator
from json import loads

from simulators.checkers.base import Checker, Evidence, Finding, says


def judge(evidence: Evidence) -> Iterator[Finding]:
    """Everything said is in the outbox where it was said, in order, and nothing else is."""
    for name, device in evidence.devices.items():
        here = {sent.id: sent for sent in device.outbox}
        said = [command for command, each in evidence.said.items() if each.device == name]
        for command in said:
            if command not in here:
                yield Finding(command, f"was called saved on {name} and is not there")
                continue
            kept, meant = loads(here[command].payload), evidence.said[command]
            if (kept["kind"], kept["record"]) != (meant.kind, meant.record) or not says(kept["payload"], meant):
                yield Finding(command, "is not what was said")
        if [each for each in here if each in evidence.said] != [each for each in said if each in here]:
            yield Finding(name, "the order of confirmation is not kept")


CHECKER = Checker("saved-is-saved", judge)
