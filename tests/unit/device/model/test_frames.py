import io
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.model.frames import BYTES_MAX, Ask, BadFrame, Done, Load, Message, Piece, Ready, Refused, Stop, pack, read

MESSAGES: list[Message] = [
    Load("/x/y.gguf", 3, 2048, 1 << 33),
    Ask(1, "Note: 泵 \n", None, 60),
    Ask(2, "x", 'root ::= "a"', 1),
    Stop(2),
    Ready(1),
    Piece(1, ""),
    Done(1, 12, stopped=True),
    Refused(0, "No."),
]


def framed(body: bytes) -> bytes:
    return len(body).to_bytes(4, "big") + body


@pytest.mark.parametrize("message", MESSAGES)
def test_what_is_packed_is_read(message: Message) -> None:
    stream = io.BytesIO(pack(message) * 2)
    assert (read(stream), read(stream), read(stream)) == (message, message, None)


def test_there_are_no_other_messages() -> None:
    assert len(get_args(Message)) == 8


@pytest.mark.parametrize("cut", [1, 3, 4, 5, 20])
def test_a_frame_that_is_cut_short_is_none(cut: int) -> None:
    with pytest.raises(BadFrame):
        read(io.BytesIO(pack(Piece(1, "hello, hello"))[:cut]))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"{}",
        b'["piece"]',
        b'["piece",{"number":1}]',
        b'["piece",{"number":1,"text":"a","more":1}]',
        b'["piece",{"number":"1","text":"a"}]',
        b'["piece",{"number":true,"text":"a"}]',
        b'["done",{"number":1,"tokens":1,"stopped":0}]',
        b'["__class__",{}]',
        b'[["piece"],{}]',
        b"\x80\x04\x95",
        b'["piece",{"number":1,"text":"\\ud800"}]',
        b"[" * 500,
    ],
)
def test_what_is_no_message_is_refused(body: bytes) -> None:
    with pytest.raises(BadFrame):
        read(io.BytesIO(framed(body)))


def test_a_length_is_not_believed() -> None:
    with pytest.raises(BadFrame):
        read(io.BytesIO(b"\xff\xff\xff\xff" + b"x" * 100))
    with pytest.raises(BadFrame):
        pack(Ask(1, "x" * BYTES_MAX, None, 1))


@given(st.binary(max_size=60))
def test_any_bytes_are_a_message_or_refused(raw: bytes) -> None:
    try:
        found = read(io.BytesIO(framed(raw)))
    except BadFrame:
        return
    assert found is not None
    assert read(io.BytesIO(pack(found))) == found
