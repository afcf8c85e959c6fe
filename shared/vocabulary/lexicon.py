"""What an organisation wrote, counted: the normal forms of each word, the words of normal text and their neighbours.

Rules
1. Words are found without case. Of a word's normal forms the most frequent `FORMS_MAX` are kept.
2. Everything else is worked out from two tables, so that these are all that is stored: `forms` (word → normal form →
   count) and `pairs` (normal word → the word after it → count).
3. What is looked up is as large as the word that is asked for and as short as its list of answers: nothing is
   searched through.
"""

import re
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from itertools import pairwise
from typing import TypeVar

from shared.vocabulary.forms import MASKS, has_digit, invents, one_left_out, shape, skeleton
from shared.vocabulary.history import Note

FORMS_MAX = 8
#: Words seen more often than `SELDOM` are what they were; from `OFTEN` on without a doubt.
SELDOM, OFTEN = 3, 30
#: So many guesses of one sort are looked at.
GUESSES_MAX = 3
_PREFIXES_MAX = 200
_LAST_CHAR = "\U0010ffff"
_NUMBERED_UNIT = re.compile(r"\d+([a-z]+)")
_NUMBERED_NAME = re.compile(r"([a-z#/]+)\d+")

#: A word that stood for one thing so often, and in such a share, stands for it.
_CLEAR_TIMES, _CLEAR_SHARE = 20, 0.985

T = TypeVar("T")
Forms = Mapping[str, Sequence[tuple[str, int]]]
Pairs = Mapping[str, Mapping[str, int]]


def count(notes: Iterable[Note]) -> "Lexicon":
    """The lexicon of a history."""
    forms: dict[str, Counter[str]] = defaultdict(Counter)
    pairs: dict[str, Counter[str]] = defaultdict(Counter)
    for note in notes:
        for word, normal in note:
            forms[word.lower()][normal] += 1
        said = ["^", *(each for _, normal in note for each in normal.split()), "$"]
        for first, second in pairwise(said):
            pairs[first][second] += 1
    kept = {word: _kept(word, each) for word, each in sorted(forms.items())}
    return Lexicon(kept, pairs)


def _kept(word: str, forms: Mapping[str, int]) -> list[tuple[str, int]]:
    """The most frequent forms that say no number which the word does not say; the word itself if none is left."""
    true = [(form, times) for form, times in _ranked(forms) if not invents(word, form)]
    return true[:FORMS_MAX] or [(word, sum(forms.values()))]


def _ranked(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda each: (-each[1], each[0]))


class Lexicon:
    """The counts, and the indexes over them that guesses are made with."""

    def __init__(self, forms: Forms, pairs: Pairs) -> None:
        self.forms, self.pairs = forms, pairs

    def prepare(self) -> None:
        """Make every index now, rather than when it is first asked for."""
        for name, each in vars(type(self)).items():
            if isinstance(each, cached_property):
                getattr(self, name)

    # -- words as they are written

    @cached_property
    def usual(self) -> dict[str, str]:
        """The most frequent normal form of each word."""
        return {word: forms[0][0] for word, forms in self.forms.items()}

    @cached_property
    def spoken(self) -> dict[str, str]:
        """The most frequent normal form that is not empty, of words that have one."""
        first = ((word, next((form for form, _ in forms if form), "")) for word, forms in self.forms.items())
        return {word: form for word, form in first if form}

    # -- words of normal text

    @cached_property
    def words(self) -> Counter[str]:
        """How often each word stands in normal text."""
        words: Counter[str] = Counter()
        for forms in self.forms.values():
            for form, times in forms:
                for word in form.split():
                    words[word] += times
        return words

    @cached_property
    def _plain(self) -> list[str]:
        return sorted(word for word in self.words if word.isalpha() and word.islower() and len(word) > 2)

    @cached_property
    def _by_rank(self) -> list[str]:
        return sorted(self.words, key=lambda word: (-self.words[word], word))

    @cached_property
    def _rank(self) -> dict[str, int]:
        """How many words are likelier than each."""
        return {word: rank for rank, word in enumerate(self._by_rank)}

    @cached_property
    def _plain_ranks(self) -> list[int]:
        return [self._rank[word] for word in self._plain]

    @cached_property
    def _by_misspelling(self) -> dict[str, list[str]]:
        return _indexed((near, word) for word in self._plain for near in one_left_out(word))

    @cached_property
    def _by_skeleton(self) -> dict[str, list[str]]:
        return _indexed((skeleton(word), word) for word in self._plain)

    @cached_property
    def _by_letters(self) -> dict[str, list[str]]:
        """Words by their first letter, and by it and any other."""
        pairs = ((word[0] + each, word) for word in self._plain for each in ("", *sorted(set(word[1:]))))
        return _indexed(pairs)

    def respelled(self, word: str) -> list[str]:
        """Words of normal text that are one letter away, the most frequent first."""
        near = {each for form in one_left_out(word) for each in self._by_misspelling.get(form, ())}
        return self._likeliest(near - {word})

    def continued(self, word: str) -> list[str]:
        """Words of normal text that begin with `word`."""
        first, end = bisect_left(self._plain, word), bisect_left(self._plain, word + _LAST_CHAR)
        if first < end and self._plain[first] == word:
            first += 1
        ranks = sorted(self._plain_ranks[first : min(end, first + _PREFIXES_MAX)])
        return [self._by_rank[rank] for rank in ranks[:GUESSES_MAX]]

    def same_skeleton(self, word: str) -> list[str]:
        """Words of normal text with the same consonants."""
        return self._likeliest(each for each in self._by_skeleton.get(skeleton(word), ()) if each != word)

    def filled(self, word: str) -> list[str]:
        """Words of normal text that hold the letters of `word` in its order; those with its last letter first."""
        rows: list[Sequence[str]] = [self._by_letters.get(word[0] + each, ()) for each in word[1:] or ("",)]
        near, longer = min(rows, key=len), len(word) + 1
        holding = [each for each in near if len(each) > longer and _holds(each, word)]
        return sorted(holding, key=lambda each: (-self.words[each] * (3 if each[-1] == word[-1] else 1), each))[
            :GUESSES_MAX
        ]

    def _likeliest(self, words: Iterable[str]) -> list[str]:
        return sorted(words, key=self._rank.__getitem__)[:GUESSES_MAX]

    @cached_property
    def beginnings(self) -> frozenset[str]:
        """What words of normal text begin with that some write apart: all that can be merged with the next word."""
        found = set()
        for word in self.words:
            head, hyphen, _ = word.partition("-")
            if hyphen:
                found.add(head.lower())
            elif word.isalpha():
                halves = ((word[:at], word[at:]) for at in range(1, len(word)))
                found.update(first for first, second in halves if first in self.forms and second in self.forms)
        return frozenset(found)

    def settled(self, low: str) -> str | None:
        """The normal form of a word about which there is nothing to weigh; None if there is."""
        forms = self.forms.get(low)
        if has_digit(low):
            form = None if low.isdigit() else self._clear_shapes.get(shape(low))
            return form if forms is None or forms[0][0] == form else None
        if forms is None:
            return None
        form, times = forms[0]
        return form if is_clear(times, sum(each for _, each in forms)) else None

    @cached_property
    def _sorted(self) -> list[str]:
        return sorted(self.forms)

    def begins_only(self, start: str, form: str) -> bool:
        """Whether there are words that go on from `start`, and each of them stands for `form` most often."""
        first, end = bisect_left(self._sorted, start), bisect_left(self._sorted, start + _LAST_CHAR)
        return first < end and all(self.usual[word] == form for word in self._sorted[first:end])

    def single(self, low: str) -> str | None:
        """The one thing that a word can be unless the word before took it in; None if it can be more, or is new."""
        forms = self.forms.get(low)
        if forms is None or len(forms) > 1 or forms[0][1] <= SELDOM or low in self.beginnings or has_digit(low):
            return None
        form, times = forms[0]
        return form if times >= OFTEN or form == low or len(low) < 3 or low not in self.words else None

    @cached_property
    def _clear_shapes(self) -> dict[str, str]:
        """What nearly every word of a shape stood for, where there were many: ``aa999`` is an id, say."""
        found: dict[str, Counter[str]] = defaultdict(Counter)
        for word, forms in self.forms.items():
            if has_digit(word):
                found[shape(word)].update(dict(forms))
        ranked = ((each, _ranked(forms), forms.total()) for each, forms in found.items())
        return {each: forms[0][0] for each, forms, times in ranked if is_clear(forms[0][1], times)}

    # -- shorthand that is one letter away from known shorthand

    @cached_property
    def _shorthand(self) -> dict[str, list[str]]:
        known = (
            word
            for word, form in self.usual.items()
            if word.isalpha() and len(word) > 3 and form and form not in MASKS and form != word
        )
        return _indexed((near, word) for word in known for near in one_left_out(word))

    def like_shorthand(self, word: str) -> list[str]:
        """What shorthand stands for that is one letter away from `word`."""
        found: Counter[str] = Counter()
        for near in one_left_out(word):
            for each in self._shorthand.get(near, ()):
                if each != word:
                    found[self.usual[each]] += self.forms[each][0][1]
        return [form for form, _ in _ranked(found)[:2]]

    # -- parts of compounds

    @cached_property
    def units(self) -> dict[str, str]:
        """What follows a number, as in ``500h``, and what it stands for."""
        return self._parts(_NUMBERED_UNIT, lambda form: form[6:] if form.startswith("<num> ") else "")

    @cached_property
    def numbered(self) -> dict[str, str]:
        """What stands before a number, as in ``pos3``, and what it stands for."""
        return self._parts(_NUMBERED_NAME, lambda form: form[:-6] if form.endswith(" <num>") else "")

    def _parts(self, pattern: re.Pattern[str], part_of: Callable[[str], str]) -> dict[str, str]:
        found: dict[str, Counter[str]] = defaultdict(Counter)
        for word, forms in self.forms.items():
            match, part = pattern.fullmatch(word), part_of(forms[0][0])
            if match and part:
                found[match[1]][part] += forms[0][1]
        return {word: _ranked(parts)[0][0] for word, parts in found.items()}

    @cached_property
    def halves(self) -> dict[str, str]:
        """What stands before or after a slash, and what it stands for there."""
        found: dict[str, Counter[str]] = defaultdict(Counter)
        for word, forms in self.forms.items():
            parts, normal = word.split("/"), forms[0][0].split(" / ")
            if len(parts) == len(normal) > 1:
                for part, form in zip(parts, normal, strict=True):
                    found[part][form] += forms[0][1]
        return {word: _ranked(forms)[0][0] for word, forms in found.items()}

    # -- two words of normal text beside each other

    @cached_property
    def _by_initials(self) -> dict[str, list[tuple[str, str, int]]]:
        found = defaultdict(list)
        for first, following in self.pairs.items():
            if _is_plain(first):
                for second, times in following.items():
                    if times > 1 and _is_plain(second):
                        found[first[0] + second[0]].append((first, second, times))
        return {initials: sorted(each, key=lambda pair: (-pair[2], pair)) for initials, each in found.items()}

    def pair_like(self, first: str, second: str) -> tuple[str, int] | None:
        """The most frequent two words that begin so, and how often they stand together."""
        for one, two, times in self._by_initials.get(first[:1] + second[:1], ()):
            if one.startswith(first) and two.startswith(second):
                return f"{one} {two}", times
        return None

    def around(self, start: str, end: str) -> str | None:
        """The most frequent word that begins and ends so."""
        found = (word for word in [*self.continued(start), *self._between(start)] if word.endswith(end))
        return next((word for word in found if len(word) >= len(start) + len(end)), None)

    def _between(self, start: str) -> list[str]:
        at = bisect_left(self._plain, start)
        return [word for word in self._plain[at : at + _PREFIXES_MAX] if word.startswith(start)]


def _holds(word: str, part: str) -> bool:
    """Whether `word` has the letters of `part` in its order."""
    at = -1
    for each in part:
        at = word.find(each, at + 1)
        if at < 0:
            return False
    return True


def _indexed(pairs: Iterable[tuple[str, T]]) -> dict[str, list[T]]:
    index: dict[str, list[T]] = {}
    for key, value in pairs:
        index.setdefault(key, []).append(value)
    return index


def _is_plain(word: str) -> bool:
    return len(word) > 2 and word.isalpha() and word.islower()


def is_clear(times: int, of: int) -> bool:
    """Whether `times` of `of` says that there is nothing to weigh."""
    return times >= _CLEAR_TIMES and times >= _CLEAR_SHARE * of
