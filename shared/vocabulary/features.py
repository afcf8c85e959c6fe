"""What speaks for an option: the words around, how the word looks, and of which kinds the option is.

Rules
1. A feature is a place in one of three tables of weights: by kind of option; by the look of a word and what is around
   it, for guesses; by the word itself and what is around it, for what it stood for before.
2. Learning and normalising ask the same functions, so that they cannot differ.
3. Of the words before, the normal forms are known; of the words after, the usual ones are taken.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from shared.vocabulary.forms import case, has_digit, outline, shape
from shared.vocabulary.lexicon import Lexicon
from shared.vocabulary.options import Option, bucket, merging, options

#: Stand for what is before the first and after the last word.
START, END = "^", "$"
#: Systems of record cut notes off about here, often inside a word.
CUT_CHARS = 38
_VOWELS = frozenset("aeiouy")
#: Kinds, by how often the words before and after were seen beside an option.
LEFT, RIGHT = tuple(f"bgL{size}" for size in range(7)), tuple(f"bgR{size}" for size in range(7))
#: Kinds of an option that says something, and of one that says nothing, after a word that was taken in already.
DOUBLED, TAKEN_IN = "dup", "dupe"
_NOTHING: Mapping[str, int] = {}

#: A template and what fills it.
Where = tuple[str, str]


class Sentence(NamedTuple):
    """A note's words, the same in small letters, and the usual normal form of each."""

    words: Sequence[str]
    lows: Sequence[str]
    usual: Sequence[str]
    is_long: bool


def sentence(lexicon: Lexicon, words: Sequence[str]) -> Sentence:
    """`words` with what is known of each alone."""
    lows = [word.lower() for word in words]
    return Sentence(words, lows, [usual_of(lexicon, low) for low in lows], may_be_cut_off(words))


def may_be_cut_off(words: Sequence[str]) -> bool:
    """Whether a note may have been cut off."""
    return sum(map(len, words)) + len(words) > CUT_CHARS


def usual_of(lexicon: Lexicon, low: str) -> str:
    """What a word stands for most often, or what sort of unknown word it is."""
    known = lexicon.usual.get(low)
    if known is not None:
        return known
    if has_digit(low):
        return "?9" if low.isdigit() else "?A9"
    return low if low in lexicon.words else "?"


class Around(NamedTuple):
    """What stands around one word: `before` is the normal form of the word before."""

    previous: str
    following: str
    before: str
    after: str
    before_that: str
    after_that: str


def around(said: Sentence, at: int, before: str) -> Around:
    """What stands around the word at `at`."""
    lows, usual = said.lows, said.usual
    end = len(lows)
    return Around(
        lows[at - 1] if at else START,
        lows[at + 1] if at + 1 < end else END,
        before,
        usual[at + 1] if at + 1 < end else END,
        usual[at - 2] if at > 1 else START,
        usual[at + 2] if at + 2 < end else END,
    )


def look_of(word: str) -> tuple[Where, ...]:
    """How a word looks, whatever is around it."""
    low = word.lower()
    vowels = "1" if not _VOWELS.isdisjoint(low) else "0"
    return (
        ("b", ""),
        ("s", shape(word)),
        ("S", outline(word)),
        ("n", str(min(12, len(word)))),
        ("a", low[:1]),
        ("z", low[-2:]),
        ("v", vowels + case(word)),
    )


def placed(said: Sentence, at: int, near: Around) -> tuple[Where, ...]:
    """How a word looks together with what is around it."""
    word, last = said.words[at], len(said.words) - 1
    place = "0" if at == 0 else "$" if at == last else "1" if at == 1 else "m"
    outlined = outline(word)
    return (
        ("o", outlined + place),
        ("U", f"{outlined}|{near.before}"),
        ("V", f"{outlined}|{near.after}"),
        ("W", place + near.after),
        ("P", near.before),
        ("Q", near.after),
        ("C", case(word) + ("$" if at == last and said.is_long else "")),
    )


def remembered(word: str) -> tuple[Where, ...]:
    """What speaks for what a word stood for before, whatever is around it."""
    return (("b", ""), ("c", word))


def neighbours(near: Around) -> tuple[Where, ...]:
    """What speaks for what a word stood for before, by what is around it."""
    return (
        ("p", near.previous),
        ("q", near.following),
        ("P", near.before),
        ("Q", near.after),
        ("B", f"{near.before}|{near.after}"),
        ("2", near.after_that),
        ("1", near.before_that),
    )


def is_doubled(lexicon: Lexicon, low: str, before: str, previous: str) -> bool:
    """Whether the normal form of the word before seems to have taken this word in."""
    if previous in (before, START) or not before or before[0] == "<":
        return False
    small = before.lower()
    if small == previous:
        return False
    if len(low) > 1 and len(small) > len(low) and small.endswith(low):
        return True
    spoken = lexicon.spoken.get(low)
    return spoken is not None and spoken != before and small.endswith(spoken.lower())


def offered(lexicon: Lexicon, low: str, near: Around, alone: Sequence[Option]) -> tuple[Sequence[Option], bool]:
    """The options of a word in its place, `alone` being those that it always has; and whether it is doubled."""
    more = (
        {each.output: each for each in merging(lexicon, low, near.following, near.after)}
        if low in lexicon.beginnings
        else {}
    )
    doubled = is_doubled(lexicon, low, near.before, near.previous)
    if doubled and all(each.output for each in alone):
        more[""] = Option("", ("r0empty",), "empty", seen=False)
    if not more:
        return alone, doubled
    here = {each.output for each in alone}
    joined = [_with(each, more.get(each.output)) for each in alone]
    return [*joined, *(each for output, each in more.items() if output not in here)], doubled


def _with(option: Option, merge: Option | None) -> Option:
    if merge is None:
        return option
    return Option(option.output, option.kinds + merge.kinds[1:], option.guess, option.seen)


@lru_cache(maxsize=16_384)
def ends_of(output: str) -> tuple[str, str] | None:
    """The first and the last word of a normal form; None for a mask or nothing."""
    words = output.split()
    return (words[0], words[-1]) if words and output[0] != "<" else None


def kinds_here(
    lexicon: Lexicon, options: Sequence[Option], near: Around, *, doubled: bool
) -> Iterator[tuple[str, ...]]:
    """The kinds that each option is of because of what is around."""
    behind, first = beside(lexicon, near)
    for option in options:
        more = ((DOUBLED,) if option.output else (TAKEN_IN,)) if doubled else ()
        ends = ends_of(option.output)
        if ends:
            left, right = behind.get(ends[0], 0), lexicon.pairs.get(ends[1], _NOTHING).get(first, 0)
            more = (*more, LEFT[bucket(left)], RIGHT[bucket(right)])
        yield more


def beside(lexicon: Lexicon, near: Around) -> tuple[Mapping[str, int], str]:
    """How often each word was seen behind the one before, and the first of the words after."""
    last = near.before.rpartition(" ")[2] or START
    return lexicon.pairs.get(last, _NOTHING), near.after.partition(" ")[0] or END


def is_guessed(lexicon: Lexicon, low: str) -> bool:
    """Whether the look of a word counts: it was never seen, or has figures."""
    return low not in lexicon.forms or has_digit(low)


def alone(lexicon: Lexicon, word: str) -> tuple[Option, ...]:
    """The options that a word has wherever it stands."""
    return options(lexicon, word)
