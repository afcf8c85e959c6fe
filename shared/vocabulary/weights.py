"""What every feature is worth, and which of a word's options is worth most in its place.

Rules
1. Weights are whole thousandths: they are stored as they are used.
2. A word that was nearly always one thing, and often, is that: only what is open is weighed.
3. What a word is worth alone is worked out once and remembered, for a bounded number of words; never a whole note.
4. A word that may be an id or a name, likely or not, is marked: a leak costs more than a mark.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from shared.vocabulary import features
from shared.vocabulary.features import LEFT, RIGHT, Around, Sentence, Where
from shared.vocabulary.forms import DATE, ID, NUM, SENSITIVE, masks_in
from shared.vocabulary.lexicon import Lexicon
from shared.vocabulary.options import Option, bucket
from shared.vocabulary.suspects import is_cut_off, is_initial, is_named
from shared.vocabulary.tokens import Mark, Reading

#: Table → template → what fills it → option or guess → thousandths.
Table = Mapping[str, Mapping[str, Mapping[str, int]]]

_REMEMBERED_MAX = 40_000
#: From which probability on a word is marked, though another reading is likelier.
ID_SUSPECTED, SENSITIVE_SUSPECTED = 0.25, 0.35
#: Thousandths below the best from which on no option is likely enough for that.
_HOPELESS = 2000
#: More makes no difference to `bucket`.
_MANY = 63
#: Stands for no option in any table.
_NO_KEY = "\n"
_MARKS = {ID: Mark.ID, SENSITIVE: Mark.SENSITIVE, NUM: Mark.NUMBER, DATE: Mark.DATE}


@dataclass(frozen=True, slots=True)
class Weights:
    """`kinds` by kind; `looks` by template; `words` by word in small letters and then by template."""

    kinds: Mapping[str, int]
    looks: Table
    words: Mapping[str, Table]


class _Offer:
    """Options side by side, with what is asked of each again and again."""

    __slots__ = ("ends", "guesses", "options", "seen", "suspects")

    def __init__(self, options: Sequence[Option]) -> None:
        self.options = options
        self.ends = [features.ends_of(each.output) for each in options]
        #: What each is in the tables of weights: by the word itself, and by its look.
        self.seen = [each.output if each.seen else _NO_KEY for each in options]
        self.guesses = [each.guess or _NO_KEY for each in options]
        self.suspects = [rank for rank, each in enumerate(options) if ID in each.output or SENSITIVE in each.output]


@dataclass(slots=True)
class _Known:
    """A word with what is known of it alone.

    `settled` is the reading where there is nothing to weigh, `only` where there is nothing unless the word before
    took this one in. Else `scores` is what each option of the `offer` is worth, whatever is around.
    """

    low: str
    usual: str
    settled: Reading | None = None
    only: Reading | None = None
    offer: _Offer | None = None
    scores: Sequence[int] = ()
    table: Table | None = None
    is_guessed: bool = False
    is_named: bool = False
    is_cut_off: bool = False


class Judge:
    """Chooses normal forms by a lexicon and its weights."""

    def __init__(self, lexicon: Lexicon, weights: Weights) -> None:
        self._lexicon, self._weights = lexicon, weights
        self._known: dict[str, _Known] = {}
        self._left, self._right = _by_count(weights, LEFT), _by_count(weights, RIGHT)

    def prepare(self) -> None:
        """Work out what known words are worth alone, in capitals and in small letters."""
        for low in list(self._lexicon.forms)[: _REMEMBERED_MAX // 4]:
            for word in (low, low.upper(), low.title()):
                if word not in self._known:
                    self._look_up(word)

    def readings(self, words: Sequence[str]) -> list[Reading]:
        """What each of a note's words is taken for."""
        remembered = self._known
        known = [remembered.get(word) or self._look_up(word) for word in words]
        settled = [each.settled for each in known]
        readings = [each for each in settled if each is not None]
        if len(readings) < len(known):
            readings = self._weighed(words, known)
        _extend(words, readings)
        return readings

    def _weighed(self, words: Sequence[str], known: Sequence[_Known]) -> list[Reading]:
        lows, usual = [each.low for each in known], [each.usual for each in known]
        said = Sentence(words, lows, usual, features.may_be_cut_off(words))
        readings: list[Reading] = []
        before = features.START
        for at, each in enumerate(known):
            reading = each.settled or self._reading(said, at, before, each)
            readings.append(reading)
            before = reading.normal
        return readings

    def _reading(self, said: Sentence, at: int, before: str, known: _Known) -> Reading:
        if known.only is not None:
            taken = at and features.is_doubled(self._lexicon, known.low, before, said.lows[at - 1])
            if not taken:
                return known.only
        return self._weigh(said, at, before, known)

    def _look_up(self, word: str) -> _Known:
        if len(self._known) >= _REMEMBERED_MAX:
            self._known.clear()
        low = word.lower()
        known = _Known(low, features.usual_of(self._lexicon, low))
        settled, single = self._lexicon.settled(low), self._lexicon.single(low)
        if settled is not None:
            known.settled = _plain(settled)
        elif single is not None:
            known.only = _plain(single)
        else:
            self._open(word, known)
        self._known[word] = known
        return known

    def _open(self, word: str, known: _Known) -> _Offer:
        """Work out what there is to weigh about a word."""
        low = known.low
        offer = known.offer = _Offer(features.alone(self._lexicon, word))
        if known.only is None and len(offer.options) == 1 and low not in self._lexicon.beginnings:
            known.only = _plain(offer.options[0].output)
        known.is_guessed = features.is_guessed(self._lexicon, low)
        known.table = self._weights.words.get(low)
        known.scores = self._alone(offer.options, word, known)
        known.is_named = is_named(self._lexicon, low) or (len(low) > 2 and known.usual == SENSITIVE)
        known.is_cut_off = is_cut_off(self._lexicon, low)
        return offer

    def _alone(self, options: Sequence[Option], word: str, known: _Known) -> list[int]:
        """What each option is worth, whatever is around the word."""
        kinds = self._weights.kinds
        by_word = _found(known.table, features.remembered(word)) if known.table else ()
        by_look = _found(self._weights.looks, features.look_of(word)) if known.is_guessed else ()
        scores = []
        for option in options:
            score = sum([kinds.get(kind, 0) for kind in option.kinds])
            if option.seen and by_word:
                score += sum([worth.get(option.output, 0) for worth in by_word])
            if option.guess and by_look:
                score += sum([worth.get(option.guess, 0) for worth in by_look])
            scores.append(score)
        return scores

    def _weigh(self, said: Sentence, at: int, before: str, known: _Known) -> Reading:
        near = features.around(said, at, before)
        alone = known.offer or self._open(said.words[at], known)
        options, doubled = features.offered(self._lexicon, known.low, near, alone.options)
        scores, offer = list(known.scores), alone
        if options is not alone.options:
            offer = _Offer(options)
            self._rescore(scores, known, alone, offer, said.words[at])
        self._add_beside(scores, offer, near)
        if doubled:
            self._add_doubled(scores, options)
        if known.table:
            _add(scores, offer.seen, _found(known.table, features.neighbours(near)))
        if known.is_guessed:
            _add(scores, offer.guesses, _found(self._weights.looks, features.placed(said, at, near)))
        is_named = known.is_named or (known.is_cut_off and said.is_long and at == len(said.words) - 1)
        return _best(offer, scores, is_named=is_named)

    def _rescore(self, scores: list[int], known: _Known, alone: _Offer, here: _Offer, word: str) -> None:
        kinds = self._weights.kinds
        for at, option in enumerate(alone.options):
            more = here.options[at].kinds[len(option.kinds) :]
            scores[at] += sum([kinds.get(kind, 0) for kind in more])
        scores += self._alone(here.options[len(scores) :], word, known)

    def _add_beside(self, scores: list[int], offer: _Offer, near: Around) -> None:
        """Add what the words before and after say, as `features.kinds_here` tells it when it is learned."""
        left, right, pairs = self._left, self._right, self._lexicon.pairs
        behind, first = features.beside(self._lexicon, near)
        for at, ends in enumerate(offer.ends):
            if ends is not None:
                followed, before = pairs.get(ends[1]), behind.get(ends[0], 0)
                after = followed.get(first, 0) if followed else 0
                scores[at] += left[before if before < _MANY else _MANY] + right[after if after < _MANY else _MANY]

    def _add_doubled(self, scores: list[int], options: Sequence[Option]) -> None:
        for at, option in enumerate(options):
            scores[at] += self._weights.kinds.get(features.DOUBLED if option.output else features.TAKEN_IN, 0)


def _by_count(weights: Weights, side: Sequence[str]) -> list[int]:
    """What it is worth that words were seen side by side, by how often, up to `_MANY` times."""
    return [weights.kinds.get(side[bucket(count)], 0) for count in range(_MANY + 1)]


def _found(table: Table, wheres: Sequence[Where]) -> list[Mapping[str, int]]:
    """What stands at the places `wheres` of a table."""
    found = []
    for template, filled in wheres:
        filling = table.get(template)
        worth = filling.get(filled) if filling else None
        if worth:
            found.append(worth)
    return found


def _add(scores: list[int], keys: Sequence[str], found: Sequence[Mapping[str, int]]) -> None:
    """Add to each score what `found` says of its key."""
    for worth in found:
        for rank, key in enumerate(keys):
            if key in worth:
                scores[rank] += worth[key]


def _best(offer: _Offer, scores: Sequence[int], *, is_named: bool) -> Reading:
    """The reading of the option that is worth most, marked for what it may be besides."""
    best = max(scores)
    output = offer.options[scores.index(best)].output
    is_id = is_sensitive = False
    if offer.suspects and not _is_mask(output) and max([scores[at] for at in offer.suspects]) > best - _HOPELESS:
        is_id, is_sensitive = _suspected(offer, scores, best)
    return _reading(output, is_id, is_sensitive or is_named)


def _suspected(offer: _Offer, scores: Sequence[int], best: int) -> tuple[bool, bool]:
    """Whether it is likely enough to be an id, and a name."""
    powers = [math.exp((score - best) / 1000) for score in scores]
    total = sum(powers)
    ids = sum(powers[rank] for rank in offer.suspects if ID in offer.options[rank].output)
    names = sum(powers[rank] for rank in offer.suspects if SENSITIVE in offer.options[rank].output)
    return ids >= ID_SUSPECTED * total, names >= SENSITIVE_SUSPECTED * total


def _is_mask(output: str) -> bool:
    return output[:1] == "<" and (ID in output or SENSITIVE in output)


def _plain(output: str) -> Reading:
    return _reading(output, False, False)


@lru_cache(maxsize=16_384)
def _reading(output: str, is_id: bool, is_sensitive: bool) -> Reading:
    marks = {_MARKS[mask] for mask in masks_in(output)} if "<" in output else set()
    if is_id:
        marks.add(Mark.ID)
    if is_sensitive:
        marks.add(Mark.SENSITIVE)
    return Reading(output, frozenset(marks))


def _extend(words: Sequence[str], readings: list[Reading]) -> None:
    """Give the rest of a name or number its marks, and an initial those of the name behind it."""
    for at in range(1, len(readings)):
        reading = readings[at]
        if not reading.normal and readings[at - 1].marks:
            readings[at] = reading = Reading("", reading.marks | readings[at - 1].marks)
        if reading.marks and Mark.SENSITIVE in reading.marks and is_initial(words[at - 1]):
            readings[at - 1] = _marked(readings[at - 1])


def _marked(reading: Reading) -> Reading:
    return Reading(reading.normal, reading.marks | {Mark.SENSITIVE})
