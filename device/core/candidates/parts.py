"""Which stock items a note says were used, and how many."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby

from device.core.candidates import words
from device.core.candidates.spans import CANDIDATES_MAX, CONTEXT_CHARS, Span, after, before, overlaps, span_of
from shared.ids import id_of
from shared.records import Record


@dataclass(frozen=True, slots=True)
class Part:
    """A stock item that the words point to, how many, and the words that say how many."""

    span: Span
    item: Record
    quantity: int
    counted: Span


_WORD = re.compile(r"[A-Za-z]+\d*|\d+")
#: A code in a name, not what the thing is called: VG, XPB, DN150.
_CODE = re.compile(r"[A-Z]{1,4}\d*")
_COUNT = rf"(?:^|[ (,])(?P<count>[0-9]{{1,3}}|{'|'.join(words.SPELLED)})"
_PIECES_BEFORE = re.compile(rf"{_COUNT}(?: ?(?:x|×|off|no|pcs?|sets?))?(?: of)?(?: [A-Za-z]+)?[ -]?$", re.IGNORECASE)
_AMOUNT_BEFORE = re.compile(
    rf"{_COUNT} ?(?:l|lit(?:re|er)s?|ltrs?|kg|kilos?|m|met(?:re|er)s?)(?: of)? $", re.IGNORECASE
)
#: Units of stock that is poured or cut; everything else is counted in pieces.
_AMOUNTS = frozenset({"l", "L", "kg", "m"})
_COUNT_AFTER = re.compile(
    r"(?: [A-Za-z]+)? ?(?:[x×] ?(?P<count>[0-9]{1,3})|\((?:x ?)?(?P<other>[0-9]{1,3})(?: ?x| off)?\))(?!\w)",
    re.IGNORECASE,
)


def parts(text: str, stock: Sequence[Record], asset: Record | None) -> tuple[Part, ...]:
    """The stock items that `text` says were used.

    Args:
        text: plain, see `plain`.
        stock: the items in view.
        asset: what is worked on; of items that fit the words equally well, those made for it come first.

    Items that neither the words nor the asset tell apart are rivals: they stand on the same words.
    """
    tokens = [token for match in _WORD.finditer(text) for token in _tokens(match)]
    fields = (asset.fields[name] for name in ("name", "type", "model")) if asset else ()
    about = _all_stems(" ".join(map(str, fields)))
    found = [part for item, span in _mentions(text, tokens, stock, about) for part in _used(text, span, item)]
    return tuple(found[:CANDIDATES_MAX])


def _used(text: str, span: Span, item: Record) -> Iterator[Part]:
    """The part behind a mention, if the words say that it was used and how many or how much."""
    if item.fields["unit"] in _AMOUNTS:
        count = None if words.NOT_DONE.search(before(text, span)) else _counted(text, span, _AMOUNT_BEFORE)
    else:
        count = _pieces(text, span) if _was_used(text, span) else None
    if count is not None:
        yield Part(span, item, *count)


@dataclass(frozen=True, slots=True)
class _Token:
    """A word of the note, or of what its shorthand stands for, and where it stands."""

    stem: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class _Name:
    """What a stock item is called: its words, its nouns, and the words of the noun phrase that it begins with."""

    stems: frozenset[str]
    heads: frozenset[str]
    phrase: frozenset[str]


#: How well an item is named: words that name it, whether its whole phrase stands there, whether it fits the asset,
#: words of it elsewhere in the note.
_Score = tuple[int, bool, bool, int]


def _mentions(
    text: str, tokens: Sequence[_Token], stock: Sequence[Record], about: frozenset[str]
) -> list[tuple[Record, Span]]:
    """Each item that some words of the note name, with those words; of items on the same words only the best."""
    stems = frozenset(token.stem for token in tokens)
    scored = [(*best, item) for item in stock for best in _best(text, tokens, stems, item, about)]
    kept = []
    for score, span, item in scored:
        if score == max(other for other, other_span, _ in scored if overlaps(span, [other_span])):
            kept.append((item, span))
    return sorted(kept, key=lambda each: each[1].start)


def _best(
    text: str, tokens: Sequence[_Token], stems: frozenset[str], item: Record, about: frozenset[str]
) -> Iterator[tuple[_Score, Span]]:
    """The words that name an item best, and how well: by its number, or by its noun with what describes it."""
    for number in (id_of(item.ref), str(item.fields["part_no"])):
        if match := _numbered(text, number):
            yield (99, True, True, 0), span_of(text, *match.span())
            return
    name = _name(str(item.fields["name"]))
    if name.heads.isdisjoint(stems):
        return
    if good := [run for run in _runs(tokens, name.stems) if _names(text, run, name)]:
        run = max(good, key=lambda run: len({token.stem for token in run}))
        matched = {token.stem for token in run}
        whole = len(matched) > 1 and name.phrase <= matched
        fits = not about.isdisjoint(name.stems - name.phrase)
        yield (len(matched), whole, fits, len(name.stems & stems)), span_of(text, run[0].start, run[-1].end)


def _numbered(text: str, number: str) -> re.Match[str] | None:
    if number.casefold() not in text.casefold():
        return None
    return re.search(rf"(?<![\w-]){re.escape(number)}(?![\w-])", text, re.IGNORECASE)


def _names(text: str, run: Sequence[_Token], name: _Name) -> bool:
    """Whether the words name the thing itself, and neither a part of it nor another kind of it."""
    span = span_of(text, run[0].start, run[-1].end)
    if name.heads.isdisjoint(token.stem for token in run):
        return False
    if words.PART_OF.match(after(text, span)):
        return False
    return len(run) > 1 or bool(words.DESCRIBING.search(before(text, span)))


def _runs(tokens: Sequence[_Token], stems: frozenset[str]) -> Iterator[list[_Token]]:
    """The unbroken rows of tokens that are among `stems`."""
    for is_named, run in groupby(tokens, lambda token: token.stem in stems):
        if is_named:
            yield list(run)


@lru_cache(maxsize=4096)
def _name(name: str) -> _Name:
    first = re.split(r"[,(;/–]|\bfor\b|\b\d", name)[0]
    nouns = [word for word in _WORD.findall(first) if not _CODE.fullmatch(word)]
    stems = [stem for noun in nouns for stem in _stems(noun) if stem not in words.PLAIN_NAME_WORDS]
    heads = stems[-2:] if stems and stems[-1] in words.BUNDLES else stems[-1:]
    return _Name(_all_stems(name) - words.PLAIN_NAME_WORDS, frozenset(heads), frozenset(stems))


def _all_stems(text: str) -> frozenset[str]:
    return frozenset(stem for word in _WORD.findall(text) for stem in _stems(word))


def _tokens(match: re.Match[str]) -> Iterator[_Token]:
    return (_Token(stem, *match.span()) for stem in _stems(match[0]))


def _stems(word: str) -> tuple[str, ...]:
    """A word without its plural, or the words that it is short for."""
    low = word.casefold()
    if len(low) > 3 and low.endswith("s") and not low.endswith("ss") and low not in words.SHORTHAND:
        low = low[:-3] + "y" if low.endswith("ies") else low[:-1]
    return tuple(words.SHORTHAND.get(low, low).split())


def _was_used(text: str, span: Span) -> bool:
    """Whether the clause around says that the thing was used, and not only where something was."""
    lead, tail = before(text, span), after(text, span)
    use = list(words.USED.finditer(lead))
    if use and not words.ELSEWHERE.search(lead, use[-1].end()):
        return not words.NOT_DONE.search(lead[: use[-1].start()])
    later = words.USED.search(tail)
    if later is None or len(tail[: later.start()].split()) > 2 or words.NOT_DONE.search(tail[: later.start()]):
        return False
    return not words.ELSEWHERE.search(lead)


def _pieces(text: str, span: Span) -> tuple[int, Span] | None:
    """How many, and the words that say so; None if there are several and nobody says how many."""
    if match := _COUNT_AFTER.match(text, span.end):
        group = "count" if match["count"] else "other"
        return int(match[group]), span_of(text, *match.span(group))
    if found := _counted(text, span, _PIECES_BEFORE):
        return found
    last = span.text.split()[-1].casefold()
    plural = last.endswith("s") and not last.endswith("ss")
    return None if plural else (1, span)


def _counted(text: str, span: Span, pattern: re.Pattern[str]) -> tuple[int, Span] | None:
    """The number just before a thing, as `pattern` has it, and its words."""
    start = max(0, span.start - CONTEXT_CHARS)
    match = pattern.search(text[start : span.start])
    if match is None:
        return None
    number = span_of(text, start + match.start("count"), start + match.end("count"))
    count = int(number.text) if number.text.isdigit() else words.SPELLED[number.text.casefold()]
    return count, number
