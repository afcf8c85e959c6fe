"""The audit is one chain, over every prefix: each end that was ever seen is still a place in it."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from typing import Any

from simulators.checkers.base import Checker, Evidence, Finding
from simulators.evidence import Link

_NOTHING = (0, "0" * 64)


def judge(evidence: Evidence) -> Iterator[Finding]:
    """The chain holds, and nothing of what was seen was written anew."""
    server = evidence.server
    yield from breaks(server.audit, (server.audit_position, server.audit_hash))
    kept = (server, *evidence.lives)  # what was seen of a life that was set back stands in that life's audit
    places = {_NOTHING} | {(link.position, link.hash) for life in kept for link in life.audit}
    ends = (*evidence.heads, (evidence.start.audit_position, evidence.start.audit_hash))
    for position, digest in ends:
        if (position, digest) not in places:
            yield Finding(f"audit {position}", "was seen, and is another one now")


def breaks(links: Sequence[Link], head: tuple[int, str]) -> Iterator[Finding]:
    """Where the chain does not hold: each link covers the one before, and the head is the last."""
    end = _NOTHING
    for link in links:
        fits = hashlib.sha256(f"{end[1]}\n{link.body}".encode()).hexdigest()
        if (link.position, link.prev, link.hash) != (end[0] + 1, end[1], fits):
            yield Finding(f"audit {link.position}", "does not follow from the link before it")
        end = (link.position, link.hash)
    if end != head:
        yield Finding("audit", f"ends at {end[0]}, its head is at {head[0]}")


def outcomes_in(links: Sequence[Link]) -> Iterator[dict[str, Any]]:
    """The links that say what became of a command."""
    bodies = (json.loads(link.body) for link in links)
    return (body for body in bodies if body.get("act") == "outcome")


CHECKER = Checker("audit-verifies", judge)
