"""The best answer that stands in passages as it is: units of them, quoted, or none.

Rules
1. A unit is judged by how much of the question it covers, in what it says itself, in its table's header and heading,
   and, counting less, in what stands beside it. A rare word of the question counts more than a frequent one.
2. What names one thing (a model, a part, an alarm) must stand with the answer, or at least in its document.
3. An answer is given only if nearly all of the question is covered; a word that no manual knows is not.
4. Where steps are asked for, the steps of a list are given together, in their order.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log

from device.core.library.kinds import SHAPES, WORDLESS
from device.core.library.passages import SEPARATOR, Unit, units_of
from device.core.library.quotes import Claim, Quote
from device.core.library.terms import Asked, Term, all_forms, tokens

#: So much of the question, by weight, must be covered; and so much near the answer itself.
COVERED_MIN, NEAR_MIN = 0.72, 0.5
#: Other units are given along if they are nearly as good.
ALSO = 0.94
UNITS_MAX, STEPS_MAX, _SENTENCES_MAX = 3, 12, 5
#: What a word's place counts.
_UNIT, _HEADER, _SECTION, _BESIDE, _TITLE = 1.0, 0.92, 0.85, 0.55, 0.6
_SIMILAR = 0.8
#: The least that a word counts, and what it counts less if it is something that is done with everything.
_WEIGHT_MIN, _ACT = 0.3, 0.5
#: What it counts, where steps are asked for, that the nearest heading says it all.
_STEPS_HEADED = 0.3
_OF_KIND, _CAUSE_THERE, _PREFERRED = 0.3, 0.25, 0.1


_CAUSE = re.compile(r"\b(?:causes?|reasons?|remed(?:y|ies)|what to do)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A passage that may hold the answer.

    Args:
        document, revision, page: its place, as a citation names it.
        title: what the document is called.
        section: the headings above it.
        body: its text.
        holds: the names of the question that stand anywhere in its document.
    """

    document: str
    revision: str
    page: int
    title: str
    section: str
    body: str
    holds: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Weighed:
    """A term of the question, and how much it counts. `also` are other names of the same thing, as forms."""

    term: Term
    weight: float
    also: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Scored:
    """A unit and what it is worth: `covered` of the question in all, `score` for choosing.

    `fits`: it has all that the question names, and is of the kind that alone can answer it.
    """

    candidate: Candidate
    unit: Unit
    covered: float
    score: float
    fits: bool = True


def extract(
    question: Asked,
    terms: Sequence[Weighed],
    candidates: Sequence[Candidate],
    prefer: frozenset[str] = frozenset(),
) -> tuple[Claim, ...]:
    """The claims that answer the question, the best first; none if nothing does.

    Args:
        question: what is asked.
        terms: its terms, weighed.
        candidates: passages, the likeliest first.
        prefer: names of what the job is about: of equals, the one that names it.
    """
    scored = ranked(question, terms, candidates, prefer)
    if not scored or not sufficient(scored[0]):
        return ()
    best = scored[0]
    if question.steps and (steps := _steps(best)):
        return tuple(_claim(best.candidate, unit) for unit in steps)
    near = [
        each
        for each in scored
        if each.score >= best.score * ALSO
        and each.candidate.page == best.candidate.page
        and each.candidate.document == best.candidate.document
    ]
    if question.causes and (rows := _causes(best)):
        return tuple(_claim(best.candidate, unit) for unit in rows)
    return tuple(_claim(each.candidate, each.unit) for each in near[:UNITS_MAX])


def sufficient(best: Scored) -> bool:
    """Whether a unit covers enough of the question to be its answer."""
    return best.fits and best.covered >= COVERED_MIN and best.score >= NEAR_MIN


def ranked(
    question: Asked,
    terms: Sequence[Weighed],
    candidates: Sequence[Candidate],
    prefer: frozenset[str] = frozenset(),
) -> list[Scored]:
    """Every unit of the candidates, the best first; of equals, that of the likelier passage."""
    total = sum(each.weight for each in terms)
    if not total:
        return []
    scored = [each for candidate in candidates for each in _scored(question, terms, candidate, total, prefer)]
    return sorted(scored, key=lambda each: (not each.fits, -each.score))


def _scored(
    question: Asked, terms: Sequence[Weighed], candidate: Candidate, total: float, prefer: frozenset[str]
) -> list[Scored]:
    beside = all_forms(candidate.body)
    headed = _headed(terms, candidate.section, total) * _STEPS_HEADED if question.steps else 0.0
    section, title = all_forms(candidate.section), all_forms(f"{candidate.title} {candidate.document}")
    found: list[Scored] = []
    for unit in units_of(candidate.body):
        own, header = all_forms(f"{unit.quote} {unit.label}"), all_forms(unit.header)
        places = ((own, _UNIT), (header, _HEADER), (section, _SECTION), (title, _TITLE), (beside, _BESIDE))
        covered = score = 0.0
        named = True
        for each in terms:
            best, there = _credit(each, places, candidate.holds)
            score += each.weight * best
            covered += each.weight * there
            named = named and (bool(there) or not each.term.named)
        liked = _PREFERRED if prefer & (own | header | section) else 0.0
        kind = _kind(question, unit)
        fits = named and not (question.measured and not kind.covered)
        covered, score = (covered + kind.covered * total) / kind.whole, (score + kind.covered * total) / kind.whole
        found.append(Scored(candidate, unit, covered / total, score / total + kind.bonus + liked + headed, fits))
    return found


def _headed(terms: Sequence[Weighed], section: str, total: float) -> float:
    """How much of the question the nearest heading says."""
    last = all_forms(section.rpartition(SEPARATOR)[2])
    return sum(each.weight for each in terms if (each.term.forms | each.also) & last) / total


def _credit(
    each: Weighed, places: Sequence[tuple[frozenset[str], float]], holds: frozenset[str]
) -> tuple[float, float]:
    """What a term is worth at its best place, and whether it is covered at all."""
    wanted = each.term.forms | each.also
    score = there = 0.0
    for forms, weight in places:
        if wanted & forms:
            score, there = max(score, weight), 1.0
        elif each.term.similar & forms:
            score, there = max(score, weight * _SIMILAR), max(there, _SIMILAR)
    if each.term.named and not there and each.term.word in holds:
        return 0.3, 0.8
    return score, there


@dataclass(frozen=True, slots=True)
class _Kind:
    """What the kind of a unit counts: `covered` of what is asked, which is `whole` with it; and a `bonus`."""

    covered: float = 0.0
    whole: float = 1.0
    bonus: float = 0.0


def _kind(question: Asked, unit: Unit) -> _Kind:
    """Whether what stands there is of the kind that is asked for: that is a part of the question like its words."""
    if question.causes:
        return _Kind(bonus=_CAUSE_THERE if _CAUSE.search(unit.header) else 0.0)
    if not question.wants:
        return _Kind()
    fits = bool(SHAPES[question.wants].search(f"{unit.quote} {unit.header}"))
    lacks = question.wants not in WORDLESS and not any(token[0].isdigit() for token in tokens(unit.quote))
    return _Kind(_OF_KIND if fits and not lacks else 0.0, 1 + _OF_KIND)


def _steps(best: Scored) -> list[Unit]:
    """The steps of the list beside the best unit; the first sentences, if there is no list."""
    units = units_of(best.candidate.body)
    steps = [unit for unit in units if unit.step]
    if len(steps) > 1:
        return steps[:STEPS_MAX]
    return [unit for unit in units if not unit.header][:_SENTENCES_MAX] if len(units) > 1 else []


def _causes(best: Scored) -> list[Unit]:
    """All rows of the table that the best unit is from, if each row is a cause."""
    first = next((cell for cell in best.unit.header.strip("| ").split("|")), "")
    if "cause" not in first.lower():
        return []
    return [unit for unit in units_of(best.candidate.body) if unit.header == best.unit.header][:STEPS_MAX]


def _claim(candidate: Candidate, unit: Unit) -> Claim:
    place = candidate.document, candidate.revision, candidate.page
    header = (Quote(*place, unit.header),) if unit.header else ()
    return Claim(unit.said, (Quote(*place, unit.quote), *header))


def weigh(
    terms: Sequence[Term], counts: Mapping[str, int], size: int, also: Mapping[str, frozenset[str]]
) -> list[Weighed]:
    """The terms with their weights.

    Args:
        terms: of a question.
        counts: for each term's word, in how many passages it stands.
        size: how many passages there are.
        also: for each term's word, other names of the same thing.
    """
    return [
        Weighed(term, _weight(term, counts.get(term.word, 0), size), also.get(term.word, frozenset()))
        for term in terms
    ]


def _weight(term: Term, count: int, size: int) -> float:
    return max(log((size + 1) / (count + 0.5)), _WEIGHT_MIN) * (_ACT if term.act else 1)
