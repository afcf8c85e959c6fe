"""No effect without a signature by a key that was enrolled for this device and person before the world began."""

from collections.abc import Iterator

from shared.envelope import COMMAND_TYPE, BadSignature, Envelope, verify
from simulators.checkers.base import Checker, Evidence, Finding
from simulators.evidence import PublicKey, Received


def judge(evidence: Evidence) -> Iterator[Finding]:
    """Every command that took effect was signed, and nobody signed in another's name.

    A signature covers its own command and, by the chain's hashes, all before it: one that fits is enough.
    """
    proven: set[str] = set()
    for each in sorted(evidence.brought(), key=_last_first):
        key = evidence.start.keys.get(each.keyid)
        if each.hash in proven or (key and _signed(each, key)):
            proven.add(str(each.command["prev"]))
        elif each.effective:
            yield Finding(each.id, "took effect and its signature proves nothing")
        if each.effective and (key is None or key.device != each.device or key.actor != each.command["actor"]):
            yield Finding(each.id, "took effect under a key that was not enrolled for its device and person")
    meant = evidence.meant()
    for each in evidence.brought():
        if each.effective and each.id not in meant:
            yield Finding(each.id, "took effect though nobody said it")


def _last_first(each: Received) -> tuple[str, int, int]:
    return each.device, -each.command["epoch"], -each.command["seq"]


def _signed(each: Received, key: PublicKey) -> bool:
    envelope = Envelope(COMMAND_TYPE, each.payload, ((each.keyid, each.signature),))
    try:
        verify(envelope, COMMAND_TYPE, bytes.fromhex(key.public))
    except BadSignature:
        return False
    return envelope.hash == each.hash


CHECKER = Checker("only-the-enrolled", judge)
