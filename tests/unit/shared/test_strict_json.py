import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import to_json

from shared import strict_json
from shared.strict_json import BadJson

plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)


@given(plain)
def test_what_an_ordinary_writer_writes_is_read(value: object) -> None:
    assert strict_json.parse(json.dumps(value).encode(), depth_max=100) == value


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b'{"a":1,"a":1}', "'a' stands twice"),
        (b'{"b":{"a":1,"c":2,"a":3}}', "'a' stands twice"),
        (b"[NaN]", "NaN"),
        (b"[-Infinity]", "Infinity"),
        (b"[1e999]", "out of range"),
        (b"[" + b"9" * 100 + b"]", "out of range"),
        (b'"\xff"', "UTF-8"),
        (b"{", "malformed"),
        (b"1 2", "malformed"),
        (b"", "malformed"),
    ],
)
def test_what_two_readers_could_understand_differently_is_refused(raw: bytes, why: str) -> None:
    with pytest.raises(BadJson, match=why):
        strict_json.parse(raw)


def test_depth_and_size_have_limits() -> None:
    assert strict_json.parse(b"[" * 24 + b"]" * 24) is not None
    with pytest.raises(BadJson, match="deeper than 24"):
        strict_json.parse(b"[" * 25 + b"]" * 25)
    with pytest.raises(BadJson, match="deeper"):
        strict_json.parse(b"[" * 100_000)
    with pytest.raises(BadJson, match="at most 10"):
        strict_json.parse(b'"0123456789"', bytes_max=10)


def test_brackets_in_words_are_not_depth() -> None:
    text = "[{" * 100 + '"\\'
    assert strict_json.parse(json.dumps([text]).encode()) == [text]


@pytest.mark.parametrize("end", [b"", b"\\"])
def test_a_string_that_never_ends_is_refused(end: bytes) -> None:
    with pytest.raises(strict_json.BadJson):
        strict_json.parse(b"[" * 30 + b'"' + b'\\"' * 1000 + end)


JSON = st.recursive(
    st.text('[]{}"\\ab', max_size=6) | st.integers(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text('[{"\\', max_size=4), inner, max_size=3),
    max_leaves=20,
)


def depth_of(value: Any) -> int:
    if not isinstance(value, list | dict):
        return 0
    return 1 + max(map(depth_of, value.values() if isinstance(value, dict) else value), default=0)


@given(JSON, st.integers(1, 8))
def test_depth_is_counted_exactly(value: Any, limit: int) -> None:
    raw = json.dumps(value).encode()
    if depth_of(value) <= limit:
        assert strict_json.parse(raw, depth_max=limit) == value
        return
    with pytest.raises(strict_json.BadJson, match="nested deeper"):
        strict_json.parse(raw, depth_max=limit)


@given(plain)
def test_the_quick_way_says_what_the_slow_way_says(value: object) -> None:
    written = to_json(value)
    assert strict_json._as_we_write(written) in (None, value)
    assert strict_json.parse(written, depth_max=100) == strict_json._word_by_word(written) == value


@pytest.mark.parametrize(
    "raw",
    [b'{"a":1,"a":1}', b'{"a": 1}', b"[1.0e3]", b"[NaN]", b'["\\ud800"]', b"[" + b"9" * 65 + b"]", b'{"a":1}\n'],
)
def test_only_what_we_would_write_ourselves_is_read_the_quick_way(raw: bytes) -> None:
    assert strict_json._as_we_write(raw) is None
    assert strict_json._as_we_write(b'{"a":[1,-2.5,"\xc3\xa4",null,true]}') == {"a": [1, -2.5, "ä", None, True]}


def test_a_long_number_is_read_up_to_its_limit() -> None:
    assert strict_json.parse(b"[" + b"9" * 64 + b"]") == [10**64 - 1]
    assert strict_json.parse(b'["' + b"9" * 65 + b'"]') == ["9" * 65], "words are not numbers"
