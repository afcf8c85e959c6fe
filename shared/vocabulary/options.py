"""What a word may stand for: what it stood for before, and guesses where that is little or nothing.

Rules
1. A word that was seen often is what it was before. One that was seen seldom, or that has figures in it, may be
   something else as well; one that was never seen is guessed from its look and from the words of normal text.
2. Nothing is judged here. Each option says of which `kinds` it is; what a kind is worth is learned (`learning`).
3. No option says a number that the word does not say.
"""

from collections.abc import Iterator
from typing import NamedTuple

from shared.vocabulary.compounds import merged, taken_apart, two_words
from shared.vocabulary.forms import DATE, ID, MASKS, NUM, SENSITIVE, WORD_CHARS_MAX, has_digit, invents
from shared.vocabulary.lexicon import OFTEN, SELDOM, Lexicon
from shared.vocabulary.names import NAMES


class Option(NamedTuple):
    """A normal form that a word may have.

    `guess` is the sort of guess that it is, empty if the word stood for it before; `seen` says whether it did.
    """

    output: str
    kinds: tuple[str, ...]
    guess: str
    seen: bool


class _Collected:
    """Options as they are found; each output once, with everything that speaks for it."""

    def __init__(self, word: str, times: int) -> None:
        self.found: dict[str, list[str]] = {}
        self.guesses: dict[str, str] = {}
        self.seen: set[str] = set()
        self._word, self._rank = word, f"r{bucket(times)}"

    def guess(self, output: str | None, sort: str, *more: str) -> None:
        if output is None or invents(self._word, output):
            return
        kinds = self.found.get(output)
        if kinds is None:
            self.found[output] = [self._rank + sort, *more]
        else:
            kinds += (self._rank + sort, *more)
        self.guesses.setdefault(output, sort)

    def add(self, output: str, *kinds: str) -> None:
        if output in self.found:
            self.found[output].extend(kinds)

    def options(self) -> tuple[Option, ...]:
        return tuple(
            Option(output, tuple(kinds), self.guesses.get(output, ""), output in self.seen)
            for output, kinds in self.found.items()
        )


def bucket(count: int) -> int:
    """How much `count` is, roughly: doubling is one more, up to six."""
    return min(6, (count + 1).bit_length() - 1)


def options(lexicon: Lexicon, word: str) -> tuple[Option, ...]:
    """What `word` may stand for, whatever is around it. There is always one."""
    low = word.lower()
    known = lexicon.forms.get(low, ())
    times = sum(each for _, each in known)
    collected = _Collected(word, times)
    for rank, (form, each) in enumerate(known):
        if not invents(word, form):
            sort = MASKS.get(form, "" if form else "e")
            collected.found[form] = [
                f"k{sort}{bucket(each)}/{bucket(times)}",
                *([f"top{bucket(times)}"] * (not rank)),
            ]
            collected.seen.add(form)
    figures = has_digit(word)
    if len(word) > WORD_CHARS_MAX:
        collected.guess(low, "lower")
    elif figures:
        _with_figures(collected, lexicon, word)
    elif times > SELDOM and collected.found:
        if times < OFTEN and low in lexicon.words and low not in collected.found and len(low) > 2:
            collected.guess(low, "lower")
    else:
        _without_figures(collected, lexicon, word, low, times)
    return collected.options()


def _with_figures(collected: _Collected, lexicon: Lexicon, word: str) -> None:
    for output, sort in ((ID, "id"), (NUM, "num"), (DATE, "date"), ("", "empty")):
        collected.guess(output, sort)
    collected.guess(taken_apart(lexicon, word), "comp")


def _without_figures(collected: _Collected, lexicon: Lexicon, word: str, low: str, times: int) -> None:
    collected.guess(low, "lower")
    if low != word:
        collected.guess(word, "asis")
    collected.guess(ID, "id")
    if len(low) < 5:
        collected.guess("", "empty")
    if not low.isalpha():
        _compound(collected, lexicon, word, low)
        return
    if not times:
        collected.guess(SENSITIVE, "sens", *(["name"] if low in NAMES else []))
    if low in lexicon.words:
        collected.add(low, f"word{bucket(lexicon.words[low])}")
    _spelled(collected, lexicon, low)
    _shortened(collected, lexicon, word, low)


def _compound(collected: _Collected, lexicon: Lexicon, word: str, low: str) -> None:
    collected.guess(taken_apart(lexicon, word), "comp")
    first, slash, second = low.partition("/")
    if slash and first.isalpha() and second.isalpha():
        size = min(6, len(second))
        collected.guess(lexicon.around(first, second), "sand", f"sd{size}")
        pair = lexicon.pair_like(first, second)
        collected.guess(pair and pair[0], "bigr", f"br{size}")


def _spelled(collected: _Collected, lexicon: Lexicon, low: str) -> None:
    """The word as it stands, and words of which it may be a slip."""
    near = lexicon.respelled(low) if len(low) > 2 else []
    for rank, each in enumerate(near):
        how = "del" if len(each) > len(low) else "ins" if len(each) < len(low) else "sub"
        size, often = min(9, len(low)), bucket(lexicon.words[each])
        collected.guess(each, f"fix{rank}", f"fl{size}", f"ff{often}", f"fk{how}", f"f{int(each[0] == low[0])}")
    for rank, each in enumerate(lexicon.like_shorthand(low)):
        collected.guess(each, f"rfix{rank}")
    if _is_inflected(low, lexicon):
        collected.add(low, "infl")
    often = max((lexicon.words[each] for each in near), default=0)
    collected.add(low, f"hf{bucket(often)},{min(8, len(low))}")


def _is_inflected(low: str, lexicon: Lexicon) -> bool:
    """Whether it is a known word with an ending."""
    words = lexicon.words
    if low.endswith("s"):
        return len(low) > 4 and low[:-1] in words
    if low.endswith("ed"):
        return low[:-1] in words or low[:-2] in words
    return low.endswith("ing") and (low[:-3] in words or low[:-3] + "e" in words)


def _shortened(collected: _Collected, lexicon: Lexicon, word: str, low: str) -> None:
    """Words that it may be short for."""
    size, words = min(9, len(low)), lexicon.words
    if len(low) == 2 and (pair := lexicon.pair_like(low[0], low[1])):
        collected.guess(pair[0], "ini", f"if{bucket(pair[1])}")
    for rank, each in enumerate(lexicon.continued(low) if len(low) > 1 else ()):
        collected.guess(
            each, f"pre{rank}", f"pf{bucket(words[each])}", f"pm{min(5, len(each) - len(low))}", f"pl{size}"
        )
    for rank, each in enumerate(lexicon.filled(low) if len(low) < 6 else ()):
        last = int(each[-1] == low[-1])
        collected.guess(each, f"abbr{rank}", f"af{bucket(words[each])}", f"al{size}", f"ae{last}")
    collected.guess(two_words(lexicon, word), "two")
    for rank, each in enumerate(lexicon.same_skeleton(low)):
        collected.guess(each, f"skel{rank}", f"sf{bucket(words[each])}", f"sl{size}")


_BEGINNINGS = frozenset({"re", "pre", "anti", "non"})


def merging(lexicon: Lexicon, word: str, following: str, usual: str | None) -> Iterator[Option]:
    """Options that take in the word `following`, whose usual normal form is `usual`. Both words in small letters."""
    for joined in merged(lexicon, word, following, usual):
        hyphen = ["mrg-"] if "-" in joined else []
        yield Option(joined, ("r0merge", f"mrg{bucket(lexicon.words[joined])}", *hyphen), "merge", seen=False)
    if word in _BEGINNINGS and following.isalpha():
        yield Option(word + following, ("r0merge1",), "merge", seen=False)
        yield Option(f"{word}-{following}", ("r0merge0",), "merge", seen=False)
