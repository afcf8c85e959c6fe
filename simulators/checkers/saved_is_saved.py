"""What the screen called saved is on the laptop in the end, with the words that its author said."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from json import loads

from simulators.checkers.base import Checker, Evidence, Finding, says

#: What laptops promise to keep after it was settled.
KEPT_FOR = timedelta(days=35)


def judge(evidence: Evidence) -> Iterator[Finding]:
    """Everything said is in the outbox where it was said, in order, and nothing else is."""
    for name, device in evidence.devices.items():
        here = {sent.id: sent for sent in device.outbox}
        said = [command for command, each in evidence.said.items() if each.device == name]
        for command in said:
            if command not in here:
                if _long_settled(evidence, command):
                    continue
                yield Finding(command, f"was called saved on {name} and is not there")
                continue
            kept, meant = loads(here[command].payload), evidence.said[command]
            if (kept["kind"], kept["record"]) != (meant.kind, meant.record) or not says(kept["payload"], meant):
                yield Finding(command, "is not what was said")
        if [each for each in here if each in evidence.said] != [each for each in said if each in here]:
            yield Finding(name, "the order of confirmation is not kept")


def _long_settled(evidence: Evidence, command: str) -> bool:
    """Whether its author had the answer for so long that the laptop need not keep it any more."""
    here = evidence.here(command)
    if here is None or here.answer is None:
        return False
    settled = [datetime.fromisoformat(each.answer["settled_at"]) for each in evidence.brought() if each.answer]
    return max(settled) - datetime.fromisoformat(here.answer["settled_at"]) > KEPT_FOR


CHECKER = Checker("saved-is-saved", judge)
