"""A JSON reader for bytes from outside: it refuses what two readers could understand differently.

Refused before anything is believed: more bytes or deeper nesting than allowed, text that is not UTF-8 or holds half a
surrogate pair, duplicate keys, NaN and infinities, integers of absurd length. Source: RFC 8259, sections 4, 6 and 8
(what an interoperable document avoids).
"""

import json
import math
import re
from collections import Counter
from typing import Any, Never

BYTES_MAX = 1 << 20
DEPTH_MAX = 24
DIGITS_MAX = 64

#: A string, or the rest of the document if it never ends: were that no match, every quote in it would be tried as the
#: beginning of another, which takes hours on a body that anybody may send.
_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)', re.DOTALL)
_OPENING = frozenset(b"[{")
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


class BadJson(ValueError):
    """The bytes are not one acceptable JSON document; the message says why, in words for a person."""


def parse(raw: bytes, *, bytes_max: int = BYTES_MAX, depth_max: int = DEPTH_MAX) -> Any:
    """The document in `raw`.

    Raises:
        BadJson: too large (over `bytes_max` bytes), too deep (over `depth_max` levels), malformed or ambiguous.
    """
    if len(raw) > bytes_max:
        raise BadJson(f"document of {len(raw)} bytes; at most {bytes_max} are read")
    if raw.count(b"[") + raw.count(b"{") > depth_max and _depth(raw) > depth_max:
        raise BadJson(f"document nested deeper than {depth_max} levels")
    try:
        value = json.loads(
            raw.decode("utf-8"),
            object_pairs_hook=_unique,
            parse_constant=_no_constant,
            parse_float=_finite,
            parse_int=_short_int,
        )
        if b"\\ud" in raw or b"\\uD" in raw:
            json.dumps(value, ensure_ascii=False).encode()
        return value
    except UnicodeEncodeError as error:
        raise BadJson("half a surrogate pair is no text") from error
    except UnicodeDecodeError as error:
        raise BadJson("document is not UTF-8") from error
    except json.JSONDecodeError as error:
        raise BadJson(f"malformed JSON at byte {error.pos}: {error.msg}") from error
    except RecursionError as error:  # unreachable below depth_max; kept because the limit is a parameter
        raise BadJson("document nested too deeply") from error


def _depth(raw: bytes) -> int:
    level = deepest = 0
    for bracket in _STRING.sub(b"", raw).translate(None, _NO_BRACKETS):
        if bracket in _OPENING:
            level += 1
            deepest = max(deepest, level)
        else:
            level -= 1
    return deepest


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
