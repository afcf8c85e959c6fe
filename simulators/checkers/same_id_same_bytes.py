"""Under one id there is one command: what the laptop signed is what the server decided, byte for byte."""

from collections.abc import Iterator

from shared.envelope import COMMAND_TYPE, Envelope
from simulators.checkers.base import Checker, Evidence, Finding

#: Where a laptop believes that the server has its command.
TAKEN = frozenset({"held", "settled"})


def judge(evidence: Evidence) -> Iterator[Finding]:
    """Laptop, ledger and receipt mean the same bytes."""
    for name, device in evidence.devices.items():
        for sent in device.outbox:
            here = evidence.here(sent.id)
            if here and here.payload != sent.payload and sent.state in TAKEN:
                yield Finding(sent.id, f"{name} signed other bytes than the server decided")
    for each in evidence.server.received.values():
        fits = Envelope(COMMAND_TYPE, each.payload, ((each.keyid, each.signature),)).hash
        if each.command["id"] != each.id or fits != each.hash:
            yield Finding(each.id, "is filed under another id or hash than its bytes have")
        if each.answer and (each.answer["command"], each.answer["envelope_hash"]) != (each.id, each.hash):
            yield Finding(each.id, "its receipt is for other bytes")


CHECKER = Checker("same-id-same-bytes", judge)
