"""A device's chain has one command at each place, each covering the one before; another one there has no effect."""

from collections import defaultdict
from collections.abc import Iterator

from simulators.checkers.base import Checker, Evidence, Finding
from simulators.evidence import Received

_Epoch = tuple[str, int]


def judge(evidence: Evidence) -> Iterator[Finding]:
    """Of everything that was not set apart for review, the places and the hashes fit."""
    set_apart = evidence.set_apart()
    chains: defaultdict[_Epoch, dict[int, Received]] = defaultdict(dict)
    for each in evidence.brought():
        if each.id in set_apart:
            continue
        chain, place = chains[each.device, each.command["epoch"]], each.command["seq"]
        if place in chain:
            yield Finding(each.id, f"stands at place {place} of its device, as {chain[place].id} does")
        chain[place] = each
    for chain in chains.values():
        for place, each in chain.items():
            before = chain.get(place - 1)
            if before and each.command["prev"] != before.hash:
                yield Finding(each.id, f"has another history than {before.id} at the place before it")


CHECKER = Checker("forks-are-seen", judge)
