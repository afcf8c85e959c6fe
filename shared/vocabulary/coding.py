"""A vocabulary as bytes, and back: what the office signs and a laptop reads.

Rules
1. The same vocabulary is the same bytes. A format's number stands in front; another format is refused by name.
2. Bytes from outside are untrusted: packed and unpacked size, nesting, doubled keys, every type, length and count is
   looked at before anything is used.
3. A normal form that says a number which its word does not say is refused: a vocabulary cannot invent.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic_core import to_json

from shared.compression import pack, unpack
from shared.strict_json import BadJson, parse
from shared.vocabulary.forms import invents
from shared.vocabulary.lexicon import FORMS_MAX, Lexicon
from shared.vocabulary.weights import Weights

FORMAT = 1
_HEAD = b"tailboard-vocabulary-%d\n"
#: Packed and unpacked.
VOCABULARY_BYTES_MAX = 8 << 20
_UNPACKED_BYTES_MAX = 48 << 20
_ENTRIES_MAX = 2_000_000
_CHARS_MAX = 800
_COUNT_MAX = 1_000_000_000
_WEIGHT_MAX = 1_000_000
_DEPTH_MAX = 6


class BadVocabulary(ValueError):
    """The bytes are no vocabulary that this program can use; the message says why, in words for a person."""


def encode(lexicon: Lexicon, weights: Weights) -> bytes:
    """The bytes of a vocabulary."""
    document = {
        "forms": {word: [list(form) for form in forms] for word, forms in lexicon.forms.items()},
        "pairs": lexicon.pairs,
        "kinds": weights.kinds,
        "looks": weights.looks,
        "words": weights.words,
    }
    return _HEAD % FORMAT + pack(to_json(_in_order(document)))


def _in_order(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _in_order(value[key]) for key in sorted(value)}
    return value


def decode(raw: bytes) -> tuple[Lexicon, Weights]:
    """The vocabulary in `raw`.

    Raises:
        BadVocabulary: it is none, of another format, too large, or holds what a vocabulary cannot hold.
    """
    if len(raw) > VOCABULARY_BYTES_MAX:
        raise BadVocabulary(f"it has {len(raw):,} bytes; at most {VOCABULARY_BYTES_MAX:,} are read")
    head, line, packed = raw.partition(b"\n")
    if head + line != _HEAD % FORMAT:
        known = head.startswith(b"tailboard-vocabulary-") and len(head) < 40
        raise BadVocabulary(f"it is of another format ({head.decode(errors='replace')})" if known else "it is none")
    try:
        document = parse(unpack(packed, _UNPACKED_BYTES_MAX), bytes_max=_UNPACKED_BYTES_MAX, depth_max=_DEPTH_MAX)
    except (BadJson, ValueError) as error:
        raise BadVocabulary(str(error)) from error
    if not isinstance(document, dict) or set(document) != {"forms", "pairs", "kinds", "looks", "words"}:
        raise BadVocabulary("it has not the agreed parts")
    counted = [0]
    forms = {word: _forms(word, each) for word, each in _entries(document["forms"], counted)}
    pairs = {word: _numbers(each, counted, 1, _COUNT_MAX) for word, each in _entries(document["pairs"], counted)}
    kinds = _numbers(document["kinds"], counted, -_WEIGHT_MAX, _WEIGHT_MAX)
    looks = _table(document["looks"], counted)
    words = {word: _table(each, counted) for word, each in _entries(document["words"], counted)}
    return Lexicon(forms, pairs), Weights(kinds, looks, words)


def _entries(value: Any, counted: list[int]) -> Iterator[tuple[str, Any]]:
    if not isinstance(value, dict):
        raise BadVocabulary("a table of it is none")
    counted[0] += len(value)
    if counted[0] > _ENTRIES_MAX:
        raise BadVocabulary(f"it has more than {_ENTRIES_MAX:,} entries")
    for key, each in value.items():
        if len(key) > _CHARS_MAX:
            raise BadVocabulary("a word of it is too long")
        yield key, each


def _forms(word: str, value: Any) -> list[tuple[str, int]]:
    if not isinstance(value, list) or not 1 <= len(value) <= FORMS_MAX:
        raise BadVocabulary(f"the forms of {word[:40]!r} are none")
    forms: list[tuple[str, int]] = []
    for each in value:
        match each:
            case [str() as form, int() as times] if len(form) <= _CHARS_MAX and _is_count(times):
                forms.append((form, times))
            case _:
                raise BadVocabulary(f"a form of {word[:40]!r} is none")
    if len({form for form, _ in forms}) != len(forms):
        raise BadVocabulary(f"a form of {word[:40]!r} stands twice")
    if any(invents(word, form) for form, _ in forms):
        raise BadVocabulary(f"a form of {word[:40]!r} says a number that the word does not say")
    return forms


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= _COUNT_MAX


def _numbers(value: Any, counted: list[int], least: int, most: int) -> dict[str, int]:
    numbers = dict(_entries(value, counted))
    for each in numbers.values():
        if not isinstance(each, int) or isinstance(each, bool) or not least <= each <= most:
            raise BadVocabulary("a number of it is none, or out of range")
    return numbers


def _table(value: Any, counted: list[int]) -> dict[str, dict[str, dict[str, int]]]:
    return {
        template: {
            filled: _numbers(worth, counted, -_WEIGHT_MAX, _WEIGHT_MAX)
            for filled, worth in _entries(filling, counted)
        }
        for template, filling in _entries(value, counted)
    }
