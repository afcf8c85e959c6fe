"""No effect without a signature by a key enrolled for its device and person, and none while that is shut out."""

import json
from collections.abc import Iterator

from shared.envelope import COMMAND_TYPE, BadSignature, Envelope, verify
from simulators.checkers.base import Checker, Evidence, Finding
from simulators.evidence import PublicKey, Received

#: What something came of.
_EFFECT = frozenset({"applied", "merged", "conflict"})


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
    yield from _while_shut_out(evidence)


def _while_shut_out(evidence: Evidence) -> Iterator[Finding]:
    """By the audit: who was shut out when, and what became of what had not come before."""
    shut_out: set[str] = set()
    come: set[str] = set()
    released = frozenset(evidence.stand_ins().values())  # of those a reviewer took it upon themselves
    for link in evidence.server.audit:
        told = json.loads(link.body)
        match told.get("act"):
            case "revoked" | "forked":
                shut_out.add(told["device"])
            case "readmitted":
                shut_out.discard(told["device"])
            case "held":
                come.add(told["command"])
            case "outcome" if told["device"] in shut_out and told["outcome"] in _EFFECT:
                if told["command"] not in come | released:
                    yield Finding(told["command"], f"took effect, and {told['device']} was shut out when it came")


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
