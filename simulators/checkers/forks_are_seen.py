"""A device's chain has one command at each place, each covering the one before; another one there has no effect."""

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence

from simulators.checkers.base import Checker, Evidence, Finding
from simulators.evidence import Link, Received

_Epoch = tuple[str, int]


def judge(evidence: Evidence) -> Iterator[Finding]:
    """Of what was not set apart for review, the places and the hashes fit, and nobody took effect early."""
    first, set_apart = first_heard_of(evidence.server.audit), evidence.set_apart()
    chains: defaultdict[_Epoch, dict[int, Received]] = defaultdict(dict)
    for each in evidence.brought():
        if each.id in set_apart or (each.answer and each.answer["reason"] == "withdrawn"):
            continue  # what its author took back needs nobody's review, wherever it stands
        chain, place = chains[each.device, each.command["epoch"]], each.command["seq"]
        if place in chain:
            yield Finding(each.id, f"stands at place {place} of its device, as {chain[place].id} does")
        chain[place] = each
    for chain in chains.values():
        for place, each in chain.items():
            before = chain.get(place - 1)
            if before and each.effective and each.answer and first.get(before.id, 0) > each.answer["audit_position"]:
                yield Finding(each.id, f"took effect before {before.id} had come, which its device gave before it")
            if before and each.command["prev"] != before.hash:
                yield Finding(each.id, f"has another history than {before.id} at the place before it")


def first_heard_of(links: Sequence[Link]) -> dict[str, int]:
    """Where the audit first names each command: held, or with its outcome."""
    first: dict[str, int] = {}
    for link in links:
        if command := json.loads(link.body).get("command"):
            first.setdefault(command, link.position)
    return first


CHECKER = Checker("forks-are-seen", judge)
