"""A server that was set back gets back what it lacks, and gives no id and no place in history a second meaning."""

from collections.abc import Iterator
from itertools import combinations

from simulators.checkers.base import Checker, Evidence, Finding
from simulators.evidence import Received, ServerFile

#: The number of a life of the server's database, and a place in its audit.
_Place = tuple[int, int]


def judge(evidence: Evidence) -> Iterator[Finding]:
    """By the ledgers of all its lives."""
    for life in evidence.lives:
        for command, before in life.received.items():
            now = evidence.here(command)
            if now is None and command in life.ledger:
                yield Finding(
                    command, "was in the ledger before the server was set back, and is not there in the end"
                )
            elif now is not None and now.hash != before.hash:
                yield Finding(command, "has other bytes than before the server was set back")
    yield from _two_meanings(evidence)


def _two_meanings(evidence: Evidence) -> Iterator[Finding]:
    lives = [_places(life) for life in (*evidence.lives, evidence.server)]
    for one, other in combinations(lives, 2):
        for place in sorted(one.keys() & other.keys()):
            if one[place].receipt != other[place].receipt:
                yield Finding(other[place].id, f"has the place in history that {one[place].id} had: life {place[0]}")


def _places(life: ServerFile) -> dict[_Place, Received]:
    settled = [(each.answer, each) for each in life.received.values()]
    return {(answer["incarnation"], answer["audit_position"]): each for answer, each in settled if answer}


CHECKER = Checker("restored-is-known", judge)
