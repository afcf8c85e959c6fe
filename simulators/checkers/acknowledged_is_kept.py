"""What a screen ever showed as received or settled is in the server's ledger in the end."""

from collections.abc import Iterator, Mapping

from simulators.checkers.base import Checker, Evidence, Finding
from simulators.evidence import Received


def judge(evidence: Evidence) -> Iterator[Finding]:
    """An acknowledgement that people saw, or that a laptop still holds, outlives every crash of the server."""
    first, last = _newest_life(evidence.start.received), _newest_life(evidence.server.received)
    if last > first and not evidence.lives:
        yield Finding("server", f"began life {last} though nobody set it back: it had lost what it acknowledged")
    for command in sorted(evidence.taken):
        if evidence.here(command) is None:
            yield Finding(command, "was shown as received, and the server does not know it")
    for command, words in evidence.shown.items():
        here = evidence.here(command)
        if words and (here is None or here.receipt is None):
            yield Finding(command, f"was shown as {words[0]}, and the server has not settled it")
    for name, device in evidence.devices.items():
        for sent in device.outbox:
            here = evidence.here(sent.id)
            if sent.receipt is not None and (here is None or here.receipt is None):
                yield Finding(sent.id, f"has a receipt on {name} and none on the server")


def _newest_life(received: Mapping[str, Received]) -> int:
    """The newest life of the server's database that a receipt is of; 1 if there is none."""
    return max((each.answer["incarnation"] for each in received.values() if each.answer), default=1)


CHECKER = Checker("acknowledged-is-kept", judge)
