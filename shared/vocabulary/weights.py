"""What every feature is worth, and which of a word's options is worth most in its place.

Rules
1. Weights are whole thousandths: they are stored as they are used.
2. A word that was nearly always one thing, and often, is that: only what is open is weighed.
3. What a word is worth alone is worked out once and remembered, for a bounded number of words.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from shared.vocabulary import features
from shared.vocabulary.features import Around, Sentence, Where
from shared.vocabulary.forms import ID, SENSITIVE
from shared.vocabulary.lexicon import Lexicon
from shared.vocabulary.options import Option

#: Table → template → what fills it → option or guess → thousandths.
Table = Mapping[str, Mapping[str, Mapping[str, int]]]

_REMEMBERED_MAX = 40_000
#: From which probability on a word is marked, though another reading is likelier: a leak costs more than a mark.
#: Thousandths below the best from which on no option is likely enough for that.
_HOPELESS = 2000
ID_SUSPECTED, SENSITIVE_SUSPECTED = 0.25, 0.35


@dataclass(frozen=True, slots=True)
class Weights:
    """`kinds` by kind; `looks` by template; `words` by word in small letters and then by template."""

    kinds: Mapping[str, int]
    looks: Table
    words: Mapping[str, Table]


@dataclass(frozen=True, slots=True)
class Choice:
    """A word's normal form, and whether it may be an id or a name, likely or not."""

    output: str
    may_be_id: bool = False
    may_be_sensitive: bool = False


@dataclass(frozen=True, slots=True)
class _Known:
    """A word's options with what they are worth alone.

    `settled` is the choice where there is nothing to weigh, `only` where there is nothing unless the word before took
    this one in.
    """

    settled: Choice | None
    only: Choice | None = None
    options: Sequence[Option] = ()
    scores: Sequence[int] = ()
    table: Table | None = None
    is_guessed: bool = False


class Judge:
    """Chooses normal forms by a lexicon and its weights."""

    def __init__(self, lexicon: Lexicon, weights: Weights) -> None:
        self._lexicon, self._weights = lexicon, weights
        self._known: dict[str, _Known] = {}

    def prepare(self) -> None:
        """Work out what known words are worth alone, in capitals and in small letters."""
        for low in list(self._lexicon.forms)[: _REMEMBERED_MAX // 4]:
            for word in (low, low.upper(), low.title()):
                if word not in self._known:
                    self._look_up(word)

    def choices(self, words: Sequence[str]) -> list[Choice]:
        """The normal form of each of a note's words."""
        said = features.sentence(self._lexicon, words)
        chosen: list[Choice] = []
        before = features.START
        for at, word in enumerate(words):
            known = self._known.get(word) or self._look_up(word)
            choice = known.settled
            if choice is None:
                taken = (
                    known.only and at and features.is_doubled(self._lexicon, said.lows[at], before, said.lows[at - 1])
                )
                choice = known.only if known.only and not taken else self._weigh(said, at, before, known)
            chosen.append(choice)
            before = choice.output
        return chosen

    def _look_up(self, word: str) -> _Known:
        if len(self._known) >= _REMEMBERED_MAX:
            self._known.clear()
        low = word.lower()
        usual, single = self._lexicon.settled(low), self._lexicon.single(low)
        if usual is not None:
            known = _Known(_choice(usual))
        elif single is not None:
            known = _Known(None, _choice(single))
        else:
            known = self._open(word, low)
        self._known[word] = known
        return known

    def _open(self, word: str, low: str) -> _Known:
        """A word about which there is something to weigh."""
        options = features.alone(self._lexicon, word)
        only = len(options) == 1 and low not in self._lexicon.beginnings
        looks = features.look_of(word) if features.is_guessed(self._lexicon, low) else ()
        table = self._weights.words.get(low)
        scores = [self._alone(option, word, table, looks) for option in options]
        return _Known(None, _choice(options[0].output) if only else None, options, scores, table, bool(looks))

    def _alone(self, option: Option, word: str, table: Table | None, looks: Sequence[Where]) -> int:
        """What an option is worth, whatever is around the word."""
        kinds = self._weights.kinds
        score = 0
        for kind in option.kinds:
            score += kinds.get(kind, 0)
        if option.seen and table:
            score += _worth(table, features.remembered(word), option.output)
        if option.guess and looks:
            score += _worth(self._weights.looks, looks, option.guess)
        return score

    def _weigh(self, said: Sentence, at: int, before: str, known: _Known) -> Choice:
        low, near = said.lows[at], features.around(said, at, before)
        if not known.options:
            known = self._open(said.words[at], low)
        options, doubled = features.offered(self._lexicon, low, near, known.options)
        scores = list(known.scores)
        if options is not known.options:
            self._rescore(scores, known, options, said.words[at])
        self._add_kinds(scores, options, near, doubled=doubled)
        if known.table:
            outputs = [option.output if option.seen else None for option in options]
            _add(scores, outputs, _found(known.table, features.neighbours(near)))
        if known.is_guessed:
            guesses = [option.guess or None for option in options]
            _add(scores, guesses, _found(self._weights.looks, features.placed(said, at, near)))
        choice = _best(options, scores)
        if len(low) > 2 and self._lexicon.usual.get(low) == SENSITIVE:  # a leak costs more than a mark
            return replace(choice, may_be_sensitive=True)
        return choice

    def _rescore(self, scores: list[int], known: _Known, options: Sequence[Option], word: str) -> None:
        kinds = self._weights.kinds
        looks = features.look_of(word) if known.is_guessed else ()
        for at, option in enumerate(options):
            if at >= len(scores):
                scores.append(self._alone(option, word, known.table, looks))
            else:
                scores[at] += sum(kinds.get(kind, 0) for kind in option.kinds[len(known.options[at].kinds) :])

    def _add_kinds(self, scores: list[int], options: Sequence[Option], near: Around, *, doubled: bool) -> None:
        kinds = self._weights.kinds
        for at, more in enumerate(features.kinds_here(self._lexicon, options, near, doubled=doubled)):
            for kind in more:
                scores[at] += kinds.get(kind, 0)


def _worth(table: Table, wheres: Sequence[Where], key: str) -> int:
    return sum([each.get(key, 0) for each in _found(table, wheres)])


def _found(table: Table, wheres: Sequence[Where]) -> list[Mapping[str, int]]:
    """What stands at the places `wheres` of a table."""
    found = []
    for template, filled in wheres:
        filling = table.get(template)
        worth = filling.get(filled) if filling else None
        if worth:
            found.append(worth)
    return found


def _add(scores: list[int], keys: Sequence[str | None], found: Sequence[Mapping[str, int]]) -> None:
    """Add to each score what `found` says of its key."""
    for worth in found:
        for rank, key in enumerate(keys):
            if key is not None and key in worth:
                scores[rank] += worth[key]


def _best(options: Sequence[Option], scores: Sequence[int]) -> Choice:
    best = max(scores)
    output = options[scores.index(best)].output
    if output and output[0] == "<" and (ID in output or SENSITIVE in output):
        return _choice(output)
    pairs = zip(options, scores, strict=True)
    if not any(score > best - _HOPELESS and _is_suspect(option.output) for option, score in pairs):
        return _choice(output)
    powers = [math.exp((score - best) / 1000) for score in scores]
    total = sum(powers)
    ids = sum(power for power, option in zip(powers, options, strict=True) if ID in option.output)
    names = sum(power for power, option in zip(powers, options, strict=True) if SENSITIVE in option.output)
    return Choice(
        output,
        ID in output or ids >= ID_SUSPECTED * total,
        SENSITIVE in output or names >= SENSITIVE_SUSPECTED * total,
    )


def _is_suspect(output: str) -> bool:
    return "<" in output and (ID in output or SENSITIVE in output)


@lru_cache(maxsize=16_384)
def _choice(output: str) -> Choice:
    return Choice(output, ID in output, SENSITIVE in output)
