"""What of the evidence goes up next, sans-I/O.

Rules
1. The server's word where it has got to is the only one that counts. It is kept, and asked for again where it was
   refused what should have followed.
2. What the server has is gone on from, if it is in this laptop's chain. If it is not, this laptop was set back, or
   its chain was written anew; if it is no longer kept here, what lies between is lost. Either way a new strand begins
   with the first entry that is kept, and says why: the server keeps the strand before beside it.
3. Evidence waits for everything that a person waits for, and rests after anything that went wrong.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from shared.evidence import UPLOAD_CHARS, Because, EvidencePlace, Trace

#: After something went wrong. Nobody waits for evidence.
REST = timedelta(minutes=10)
#: What a trace adds to what it tells, in characters, rounded up.
_AROUND = 256


@dataclass(frozen=True, slots=True)
class Kept:
    """What this laptop can tell: the entries behind `base`, whose hash is `base_hash`, up to `number`."""

    base: int
    base_hash: str
    number: int


@dataclass(frozen=True, slots=True)
class From:
    """From where it goes on: behind entry `after`, whose hash is `prev`, in which strand, and why in that."""

    strand: int
    because: Because
    after: int
    prev: str


def next_from(place: EvidencePlace, kept: Kept, hash_at: Callable[[int], str | None]) -> From | None:
    """Where the next upload begins; None if the server has everything.

    Args:
        place: up to where the server has it.
        kept: what can be told.
        hash_at: the hash of an entry of this laptop; None if it is not kept.
    """
    if place.strand == 0:
        return From(1, "first", kept.base, kept.base_hash) if kept.number > kept.base else None
    here = kept.base_hash if place.number == kept.base else hash_at(place.number)
    if place.number >= kept.base and here == place.hash:
        return From(place.strand, "follows", place.number, place.hash) if kept.number > place.number else None
    because: Because = "lost" if place.number < kept.base else "set_back"
    return From(place.strand + 1, because, kept.base, kept.base_hash)


def one_upload(traces: Sequence[Trace]) -> tuple[Trace, ...]:
    """The first of `traces` that fit into one request, at least one."""
    size, fit = 0, 0
    for each in traces:
        size += len(each.told) + _AROUND
        if size > UPLOAD_CHARS and fit:
            break
        fit += 1
    return tuple(traces[:fit])
