"""What a screen ever showed as received or settled is in the server's ledger in the end."""

from collections.abc import Iterator

from simulators.checkers.base import Checker, Evidence, Finding


def judge(evidence: Evidence) -> Iterator[Finding]:
    """An acknowledgement that people saw, or that a laptop still holds, outlives every crash of the server."""
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


CHECKER = Checker("acknowledged-is-kept", judge)
