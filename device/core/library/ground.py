"""A model's own words, each sentence beside the words of a passage that it can only come from.

A model is not asked where it has something from: what it says of that is as made up as the rest. Each of its
sentences gets the unit of the passages that says most of the same, with all of its numbers; one that finds none is
not said.
"""

from collections.abc import Sequence

from device.core.library.extract import Candidate
from device.core.library.passages import Unit, sentences, units_of
from device.core.library.quotes import Claim, Quote, numbers
from device.core.library.terms import Term, all_forms, asked

#: So much of a sentence must stand in the unit that it comes from.
SAME_MIN = 0.6


def ground(written: str, candidates: Sequence[Candidate]) -> tuple[Claim, ...]:
    """The sentences of `written` that stand in the candidates, each with its quote."""
    claims = (_grounded(sentence, candidates) for line in written.splitlines() for sentence in sentences(line))
    return tuple(claim for claim in claims if claim is not None)


def _grounded(sentence: str, candidates: Sequence[Candidate]) -> Claim | None:
    terms, wanted = asked(sentence).terms, numbers(sentence)
    if not terms:
        return None
    best: tuple[float, Candidate, Unit] | None = None
    for candidate in candidates:
        around = all_forms(candidate.section)
        for unit in units_of(candidate.body):
            if not wanted <= numbers(f"{unit.quote} {unit.header}"):
                continue
            same = _share(terms, all_forms(f"{unit.quote} {unit.header}") | around)
            if same >= SAME_MIN and (best is None or same > best[0]):
                best = same, candidate, unit
    if best is None:
        return None
    _, candidate, unit = best
    place = candidate.document, candidate.revision, candidate.page
    header = (Quote(*place, unit.header),) if unit.header else ()
    return Claim(sentence, (Quote(*place, unit.quote), *header))


def _share(terms: Sequence[Term], there: frozenset[str]) -> float:
    return sum(1 for term in terms if term.forms & there or term.similar & there) / len(terms)
