"""What of a proposal its words do not say, in words: how the screen and the command line mark a guess."""

from device.core.interpret import Proposal
from device.words import named, value_of

_FROM_THE_JOB = frozenset({"asset", "field", "parent", "work_order"})


def guesses(proposal: Proposal) -> tuple[str, ...]:
    """Fields that the words do not say: those without any, and numbers from words without a digit.

    What follows from the job itself (`_FROM_THE_JOB`) is no guess.
    """
    found = []
    for name, value in proposal.payload.items():
        said = proposal.words.get(name)
        number = isinstance(value, int | float) and not isinstance(value, bool)
        unsaid = said is None or (number and not any(each.isdigit() for each in said))
        if name not in _FROM_THE_JOB and unsaid:
            found.append(f"{named(name)} {value_of(name, value)}")
    return tuple(found)
