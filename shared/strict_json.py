"""A JSON reader for bytes from outside: it refuses what two readers could understand differently.

Refused before anything is believed: more bytes or deeper nesting than allowed, text that is not UTF-8 or holds half a
surrogate pair, duplicate keys, NaN and infinities, integers of absurd length. Source: RFC 8259, sections 4, 6 and 8
(what an interoperable document avoids).

A document whose bytes are those that we would write for what it says has one meaning, and is read the quick way.
Anything else (spaces, another spelling of a number, a key that stands twice) takes the slow way, which can say why.
"""

import json
import math
from collections import Counter
from typing import Any, Never

from pydantic_core import from_json, to_json

BYTES_MAX = 1 << 20
DEPTH_MAX = 24
DIGITS_MAX = 64
_NESTING = (dict, list)
_ALL_DIGITS_ZERO = bytes.maketrans(b"123456789", b"0" * 9)
_NO_BRACKETS = bytes(set(range(256)) - set(b'[]{}"'))
_OF_ONE_KIND = bytes.maketrans(b"{}", b"[]")
_TOO_MANY_DIGITS = b"0" * (DIGITS_MAX + 1)


class BadJson(ValueError):
    """The bytes are not one acceptable JSON document; the message says why, in words for a person."""


def parse(raw: bytes, *, bytes_max: int = BYTES_MAX, depth_max: int = DEPTH_MAX) -> Any:
    """The document in `raw`.

    Raises:
        BadJson: too large (over `bytes_max` bytes), too deep (over `depth_max` levels), malformed or ambiguous.
    """
    if len(raw) > bytes_max:
        raise BadJson(f"document of {len(raw)} bytes; at most {bytes_max} are read")
    value = _as_we_write(raw)
    if value is None:
        value = _word_by_word(raw)
    if raw.count(b"[") + raw.count(b"{") > depth_max and _is_deeper(raw, value, depth_max):
        raise BadJson(f"document nested deeper than {depth_max} levels")
    return value


def _as_we_write(raw: bytes) -> Any:
    """The document, if writing it gives the same bytes again; None for any other, and for `null`."""
    try:
        value = from_json(raw, allow_inf_nan=False, cache_strings="keys")  # names come again, words seldom
        same = to_json(value) == raw
    except ValueError:
        return None
    return value if same and _TOO_MANY_DIGITS not in raw.translate(_ALL_DIGITS_ZERO) else None


def _word_by_word(raw: bytes) -> Any:
    """The document, with a look at every object and number. Raises `BadJson`."""
    try:
        value = json.loads(
            raw.decode("utf-8"),
            object_pairs_hook=_unique,
            parse_constant=_no_constant,
            parse_float=_finite,
            parse_int=_short_int,
        )
        if b"\\u" in raw and (b"\\ud" in raw or b"\\uD" in raw):
            json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise BadJson("half a surrogate pair is no text") from error
    except UnicodeDecodeError as error:
        raise BadJson("document is not UTF-8") from error
    except json.JSONDecodeError as error:
        raise BadJson(f"malformed JSON at byte {error.pos}: {error.msg}") from error
    except RecursionError as error:  # what opens and never closes has no depth above
        raise BadJson("document nested deeper than can be read") from error
    return value


def _is_deeper(raw: bytes, value: Any, depth_max: int) -> bool:
    """Whether lists and objects nest deeper than `depth_max`: by the brackets alone, if none of them is in a word."""
    brackets = _brackets(raw)
    if b'"' in brackets:
        return _deeper(value, depth_max)
    for _ in range(depth_max):
        brackets = brackets.replace(b"[]", b"")
    return bool(brackets)


def _brackets(raw: bytes) -> bytes:
    """The brackets of a document in their order, all of one kind; of words that hold some, their quotes as well."""
    if b"\\" in raw:
        raw = raw.replace(rb"\\", b"").replace(rb"\"", b"")
    return raw.translate(_OF_ONE_KIND, _NO_BRACKETS).replace(b'""', b"")


def _deeper(value: Any, depth_max: int) -> bool:
    """Whether lists and objects nest deeper than `depth_max`, looked at level by level."""
    level = [value]
    for _ in range(depth_max):
        inside = (each.values() if type(each) is dict else each for each in level)
        level = [each for children in inside for each in children if type(each) in _NESTING]
        if not level:
            return False
    return True


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    seen = dict(pairs)
    if len(seen) != len(pairs):
        twice, _ = Counter(name for name, _ in pairs).most_common(1)[0]
        raise BadJson(f"the key {twice[:40]!r} stands twice in one object")
    return seen


def _no_constant(word: str) -> Never:
    raise BadJson(f"{word} is not a JSON number")


def _finite(text: str) -> float:
    number = float(text)
    if len(text) > DIGITS_MAX or not math.isfinite(number):
        raise BadJson("a number out of range")
    return number


def _short_int(text: str) -> int:
    if len(text) > DIGITS_MAX:
        raise BadJson("a number out of range")
    return int(text)
