"""Can this device's chain go on? The server's signed head is compared with the outbox before anything is pushed.

Rules
1. If the server has seen more of an epoch than the outbox remembers, or something else at its end, then this laptop's
   image is older than what it once sent: the epoch ends as *restored*.
2. If bytes that the server has not seen are missing or damaged here, what follows them could never be received: the
   epoch ends as *bytes_lost*, naming the places.
3. If the server cannot read what stands at a place, it never will: the epoch ends as *unreadable*.
4. If the server does not know an epoch that it once opened here, it was set back: the one that it knows ends, so that
   it opens the next one again.
5. Only the server opens an epoch. What is saved in an older one is still sent, with the same bytes.
"""

from dataclasses import dataclass

from shared.statements import Head
from shared.sync import COMMANDS_MAX, EpochEnd


@dataclass(frozen=True, slots=True)
class Ours:
    """What this outbox holds of the epoch that the server's head is about.

    Args:
        epoch: where this device's next command goes.
        last: the last number; 0 if there is none.
        hash: of the envelope at the head's number; None if that is not here any more.
        missing: numbers beyond the head's whose bytes are lost.
        unreadable: numbers that hold what the server cannot read.
    """

    epoch: int
    last: int
    hash: str | None = None
    missing: tuple[int, ...] = ()
    unreadable: tuple[int, ...] = ()


def why_ended(head: Head, ours: Ours) -> EpochEnd | None:
    """Why the epoch of `head` cannot go on; None if it can."""
    other = head.received > 0 and ours.hash is not None and ours.hash != head.received_hash
    if head.received > ours.last or other or head.epoch < ours.epoch:
        return EpochEnd(epoch=head.epoch, reason="restored")
    if ours.missing:
        return EpochEnd(epoch=head.epoch, reason="bytes_lost", missing=ours.missing[:COMMANDS_MAX])
    if ours.unreadable:
        return EpochEnd(epoch=head.epoch, reason="unreadable", missing=ours.unreadable[:COMMANDS_MAX])
    return None
