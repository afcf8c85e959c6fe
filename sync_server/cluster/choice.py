"""Which upstream of several equal ones: the least loaded, unless the one that knows this beginning is nearly as free.

An engine keeps what it worked out for the beginning of a prompt (its prefix cache). The same beginning therefore goes
to the same upstream, found by rendezvous hashing, so that an upstream that comes or goes moves only its own share;
but never to one that is more than `SLACK` loads behind the least loaded, and never to a queue while another is free.

Source: Thaler and Ravishankar, "Using name-based mappings to increase hit rates" (1998), highest random weight.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

#: How much more loaded, in tickets per slot, the upstream that knows the beginning may be.
SLACK = 0.25


@dataclass(frozen=True, slots=True)
class Candidate:
    """An upstream that could take the task: its tickets per slot, and whether one could begin at once."""

    name: str
    load: float
    free: bool


def order(candidates: Sequence[Candidate], prefix: bytes) -> list[str]:
    """The candidates' names, best first, for a task whose prompt begins with `prefix`."""
    if len(candidates) < 2:
        return [each.name for each in candidates]
    by_load = sorted(candidates, key=lambda each: (not each.free, each.load, each.name))
    least = by_load[0]
    known = max(candidates, key=lambda each: _weight(prefix, each.name))
    if (known.free or not least.free) and known.load <= least.load + SLACK:
        by_load.remove(known)
        by_load.insert(0, known)
    return [each.name for each in by_load]


def _weight(prefix: bytes, name: str) -> tuple[bytes, str]:
    return blake2b(prefix, digest_size=8, key=name.encode()[:64]).digest(), name
