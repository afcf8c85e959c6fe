"""One outcome a command: what screens showed over time, what the laptop keeps, the ledger and the audit all agree."""

from collections import defaultdict
from collections.abc import Iterator

from simulators.checkers.audit_verifies import outcomes_in
from simulators.checkers.base import Checker, Evidence, Finding


def judge(evidence: Evidence) -> Iterator[Finding]:
    """The same everywhere, and never another before."""
    yield from _shown(evidence)
    yield from _kept(evidence)
    yield from _audited(evidence)


def _shown(evidence: Evidence) -> Iterator[Finding]:
    for command, ever in evidence.shown.items():
        here = evidence.here(command)
        final = here.answer["outcome"] if here and here.answer else None
        # a server that was set back does not remember the first
        words = ever[-1:] if command in evidence.redone else ever
        if len(words) > 1:
            yield Finding(command, f"was shown as {', then as '.join(words)}")
        elif words and final and words[0] != final:
            yield Finding(command, f"was shown as {words[0]} and is {final}")


def _kept(evidence: Evidence) -> Iterator[Finding]:
    for name, device in evidence.devices.items():
        for sent in device.outbox:
            here = evidence.here(sent.id)
            if sent.receipt is not None and (here is None or sent.receipt != here.receipt):
                yield Finding(sent.id, f"{name} and the server hold different receipts")


def _audited(evidence: Evidence) -> Iterator[Finding]:
    links: defaultdict[str, list[str]] = defaultdict(list)
    for body in outcomes_in(evidence.server.audit):
        links[body["command"]].append(body["outcome"])
    for command, each in evidence.everything().items():
        answers = [each.answer["outcome"]] if each.answer else []
        if links.pop(command, []) != answers:
            yield Finding(command, "ledger and audit disagree about its outcome")
    for command in links:
        if command not in evidence.start.received:
            yield Finding(command, "has an outcome in the audit and is not in the ledger")


CHECKER = Checker("one-outcome", judge)
