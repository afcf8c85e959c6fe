"""What the assistant and the process of its model say to each other over two pipes.

A frame is its length (4 bytes, big-endian) and that many bytes of JSON: ``[kind, {field: value}]``. Either side
refuses what is not exactly one of the messages below: the other one may have been led astray by a hostile file, and
nothing that can carry code crosses.
"""

import json
from dataclasses import asdict, dataclass, fields
from typing import Any, BinaryIO

from shared.strict_json import BadJson, parse

BYTES_MAX = 1 << 20
_LENGTH_BYTES = 4


class BadFrame(Exception):
    """What came is no frame of ours, or only a part of one."""


@dataclass(frozen=True, slots=True)
class Load:
    """To the model: load the file at `path`, on up to `threads` processors, with up to `memory_bytes` of its own."""

    path: str
    threads: int
    context_tokens: int
    memory_bytes: int


@dataclass(frozen=True, slots=True)
class Ask:
    """To the model: continue `prompt`, held to `grammar` if there is one. Numbers rise."""

    number: int
    prompt: str
    grammar: str | None
    tokens_max: int


@dataclass(frozen=True, slots=True)
class Stop:
    """To the model: question `number` is not wanted any more."""

    number: int


@dataclass(frozen=True, slots=True)
class Ready:
    """From the model: it is loaded, and uses so many processors."""

    threads: int


@dataclass(frozen=True, slots=True)
class Reading:
    """From the model: so many tokens of the prompt are worked out now, `kept` of them from before."""

    number: int
    tokens: int
    kept: int


@dataclass(frozen=True, slots=True)
class Piece:
    """From the model: one more token, as text; it may be empty where a sign spans several."""

    number: int
    text: str


@dataclass(frozen=True, slots=True)
class Done:
    """From the model: the answer ends here, after `tokens`; `stopped` if that was wanted."""

    number: int
    tokens: int
    stopped: bool


@dataclass(frozen=True, slots=True)
class Refused:
    """From the model: a sentence why not. `number` 0 is the loading."""

    number: int
    sentence: str


Message = Load | Ask | Stop | Ready | Reading | Piece | Done | Refused
_KINDS: dict[str, type[Message]] = {
    each.__name__.lower(): each for each in (Load, Ask, Stop, Ready, Reading, Piece, Done, Refused)
}


def pack(message: Message) -> bytes:
    """`message` as a frame. Raises `BadFrame` if it is too long for one."""
    body = json.dumps([type(message).__name__.lower(), asdict(message)], ensure_ascii=False, separators=(",", ":"))
    raw = body.encode("utf-8", "replace")
    if len(raw) > BYTES_MAX:
        raise BadFrame(f"{len(raw)} bytes")
    return len(raw).to_bytes(_LENGTH_BYTES, "big") + raw


def read(stream: BinaryIO) -> Message | None:
    """The next message; None where the stream ends between two. Raises `BadFrame`."""
    head = _exactly(stream, _LENGTH_BYTES)
    if not head:
        return None
    length = int.from_bytes(head, "big")
    if len(head) < _LENGTH_BYTES or not 0 < length <= BYTES_MAX:
        raise BadFrame("no length")
    raw = _exactly(stream, length)
    if len(raw) < length:
        raise BadFrame("cut short")
    return _message(raw)


def _exactly(stream: BinaryIO, count: int) -> bytes:
    """`count` bytes, or fewer at the end."""
    raw = b""
    while len(raw) < count and (more := stream.read(count - len(raw))):
        raw += more
    return raw


def _message(raw: bytes) -> Message:
    try:
        value = parse(raw, bytes_max=BYTES_MAX, depth_max=3)
    except BadJson as error:
        raise BadFrame(str(error)) from error
    if not (isinstance(value, list) and len(value) == 2 and isinstance(value[1], dict)):
        raise BadFrame("no message")
    kind = _KINDS.get(value[0]) if isinstance(value[0], str) else None
    if kind is None or not _fits(kind, value[1]):
        raise BadFrame("no message that is known here")
    return kind(**value[1])


def _fits(kind: type[Message], values: dict[str, Any]) -> bool:
    declared = {each.name: each.type for each in fields(kind)}
    return values.keys() == declared.keys() and all(_is(values[name], of) for name, of in declared.items())


def _is(value: object, of: Any) -> bool:
    return isinstance(value, bool) is (of is bool) and isinstance(value, of)
