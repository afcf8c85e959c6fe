"""Learns a vocabulary from an organisation's history.

Rules
1. Counting comes first: what each word stood for. Then it is learned which option counts where: a part of the history
   is read with what the other parts know, so that words that were never seen are met as they will be met later.
2. Each feature's weight is moved so that what people meant becomes likelier (maximum entropy, by gradient steps that
   grow smaller where there were many); the average over all steps is kept.
3. The same history gives the same bytes: nothing is drawn by chance, and nothing depends on the order of a set.

Source: Collins 2002 (averaging), Duchi et al. 2011 (steps).
"""

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from shared.vocabulary import features
from shared.vocabulary.history import Note, words_of
from shared.vocabulary.lexicon import Lexicon, count
from shared.vocabulary.options import Option
from shared.vocabulary.weights import Weights

PARTS = 5
ROUNDS = 4
_STEP, _FIRST, _DECAY, _LET_GO = 0.25, 0.01, 1e-4, 0.01
#: Thousandths below which a weight is not kept.
_WORTH_KEEPING = 20

#: Table, word, template, what fills it, option or guess.
Feature = tuple[str, str, str, str, str]
#: Which option was meant, and the features of each, by number.
_Instance = tuple[int, list[list[int]]]


@dataclass(slots=True)
class _Lesson:
    """What there is to learn from: the features by number, and the choices that people made."""

    numbers: dict[Feature, int] = field(default_factory=dict)
    instances: list[_Instance] = field(default_factory=list)

    def take(self, lexicon: Lexicon, note: Note) -> None:
        """Take in the choices of a note of which `lexicon` knows nothing."""
        said = features.sentence(lexicon, words_of(note))
        before = features.START
        for at, (_, normal) in enumerate(note):
            if lexicon.settled(said.lows[at]) is None:
                self._take(lexicon, said, at, before, normal)
            before = normal

    def _take(self, lexicon: Lexicon, said: features.Sentence, at: int, before: str, normal: str) -> None:
        near = features.around(said, at, before)
        alone = features.alone(lexicon, said.words[at])
        options, doubled = features.offered(lexicon, said.lows[at], near, alone)
        meant = next((rank for rank, option in enumerate(options) if option.output == normal), None)
        if meant is None or len(options) == 1:
            return
        found = _features(lexicon, said, at, near, options, doubled=doubled)
        numbers = self.numbers
        self.instances.append((meant, [[numbers.setdefault(each, len(numbers)) for each in row] for row in found]))


def _features(
    lexicon: Lexicon,
    said: features.Sentence,
    at: int,
    near: features.Around,
    options: Sequence[Option],
    *,
    doubled: bool,
) -> Iterator[list[Feature]]:
    """The features of each option."""
    word, low = said.words[at], said.lows[at]
    by_word = (*features.remembered(word), *features.neighbours(near))
    by_look = (*features.look_of(word), *features.placed(said, at, near)) if features.is_guessed(lexicon, low) else ()
    here = features.kinds_here(lexicon, options, near, doubled=doubled)
    for option, more in zip(options, here, strict=True):
        kinds = (*option.kinds, *more)
        row: list[Feature] = [("kinds", "", "", kind, "") for kind in kinds]
        if option.seen:
            row += [("words", low, template, filled, option.output) for template, filled in by_word]
        if option.guess:
            row += [("looks", "", template, filled, option.guess) for template, filled in by_look]
        yield row


def learn(notes: Sequence[Note]) -> tuple[Lexicon, Weights]:
    """The lexicon and the weights of a history."""
    lesson = _Lesson()
    for part in range(PARTS):
        lexicon = count(note for at, note in enumerate(notes) if at % PARTS != part)
        for note in notes[part::PARTS]:
            lesson.take(lexicon, note)
    return count(notes), _weights(lesson.numbers, _fitted(lesson))


def _fitted(lesson: _Lesson) -> list[float]:
    """The weight of each feature by number: the average over all steps."""
    size = len(lesson.numbers)
    weights, total, slopes, since = [0.0] * size, [0.0] * size, [_FIRST] * size, [0] * size
    step = 0
    for turn in range(ROUNDS):
        for at in _order(len(lesson.instances), turn):
            step += 1
            meant, rows = lesson.instances[at]
            for rank, miss in enumerate(_misses(weights, meant, rows)):
                if abs(miss) < _LET_GO:
                    continue
                for each in rows[rank]:
                    slopes[each] += miss * miss
                    weight = weights[each]
                    total[each] += weight * (step - since[each])
                    since[each] = step
                    weights[each] = weight * (1 - _DECAY) - _STEP * miss / math.sqrt(slopes[each])
    pairs = zip(total, weights, since, strict=True)
    return [(sum_ + weight * (step - last)) / max(1, step) for sum_, weight, last in pairs]


def _misses(weights: Sequence[float], meant: int, rows: Sequence[Sequence[int]]) -> list[float]:
    """How much likelier each option was thought than it was."""
    scores = [sum([weights[each] for each in row]) for row in rows]
    best = max(scores)
    powers = [math.exp(score - best) for score in scores]
    total = sum(powers)
    return [power / total - (rank == meant) for rank, power in enumerate(powers)]


def _order(size: int, turn: int) -> list[int]:
    """All numbers below `size` in an order that is the same each time and looks like none."""
    return sorted(range(size), key=lambda at: ((at + 1) * 2654435761 + turn * 40503) * 2246822519 >> 7 & 0xFFFFFF)


def _weights(numbers: dict[Feature, int], fitted: Sequence[float]) -> Weights:
    kinds: dict[str, int] = {}
    looks: dict[str, dict[str, dict[str, int]]] = defaultdict(lambda: defaultdict(dict))
    words: dict[str, dict[str, dict[str, dict[str, int]]]] = defaultdict(
        lambda: defaultdict(lambda: defaultdict(dict))
    )
    for (table, word, template, filled, key), number in numbers.items():
        weight = round(fitted[number] * 1000)
        if abs(weight) < _WORTH_KEEPING:
            continue
        if table == "kinds":
            kinds[filled] = weight
        elif table == "looks":
            looks[template][filled][key] = weight
        else:
            words[word][template][filled][key] = weight
    return Weights(kinds, looks, words)
