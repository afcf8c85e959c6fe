"""What a planted bug is, and how it gets into a running program."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from simulators.explore import Campaign


@dataclass(frozen=True, slots=True)
class Mutant:
    """A bug that somebody could write, and who has to find it.

    Args:
        name: what is wrong, in two or three words.
        checker: the promise that it breaks, as the judge that has to find it is called.
        plant: puts it into the program of this process, before the first world is built.
        campaign: the worlds in which it is looked for; their number is the limit.
    """

    name: str
    checker: str
    plant: Callable[[], None]
    campaign: Campaign


def put(owner: Any, name: str, fault: Any) -> None:
    """Replace what `owner` calls `name`. It has to be there: a bug in nothing would never be found."""
    assert hasattr(owner, name), f"{owner} has no {name}; the mutant is out of date"
    setattr(owner, name, fault)
