"""A bare engine for the gateway's bench: a process that answers at once, with as little work as Python allows.

    python -m simulators.bench.upstream

It prints its port, answers every chat completion with the same bytes, and ends with its input.
"""

import asyncio
import json
import sys
import threading
from functools import cache
from os import _exit

MODEL = "bench"
WORDS = ("Replace", " the", " inlet", " filter", ",", " then", " check", " the", " coupling", ".")
_META = {"id": "c", "created": 0, "model": MODEL}


def _event(delta: dict[str, str], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return (
        b"data: " + json.dumps({**_META, "object": "chat.completion.chunk", "choices": [choice]}).encode() + b"\n\n"
    )


@cache
def whole() -> bytes:
    """The answer to a task that wants it whole."""
    message = {"role": "assistant", "content": "".join(WORDS)}
    usage = {"prompt_tokens": 9, "completion_tokens": len(WORDS), "total_tokens": 9 + len(WORDS)}
    choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
    body = json.dumps({**_META, "object": "chat.completion", "choices": choices, "usage": usage}).encode()
    return b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)


@cache
def streamed() -> bytes:
    """The answer to a task that wants it as a stream."""
    events = [_event({"role": "assistant", "content": WORDS[0]}), *(_event({"content": word}) for word in WORDS[1:])]
    events += [_event({}, "stop"), b"data: [DONE]\n\n"]
    parts = b"".join(b"%x\r\n%b\r\n" % (len(event), event) for event in events)
    return (
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n%b0\r\n\r\n" % parts
    )


class Bare(asyncio.Protocol):
    """One connection."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where to answer."""
        assert isinstance(transport, asyncio.Transport), "a socket's"
        self._transport, self._rest = transport, b""

    def data_received(self, data: bytes) -> None:
        """Answer every request that is whole."""
        self._rest += data
        while (end := self._rest.find(b"\r\n\r\n")) >= 0:
            head = self._rest[:end].lower()
            place = head.find(b"content-length:")
            size = int(head[place + 15 :].split(b"\r\n", 1)[0]) if place >= 0 else 0
            if len(self._rest) < end + 4 + size:
                return
            body, self._rest = self._rest[end + 4 : end + 4 + size], self._rest[end + 4 + size :]
            self._transport.write(streamed() if b'"stream":true' in body else whole())


async def serve() -> None:
    """Listen, say where, go on until the input ends."""
    server = await asyncio.get_running_loop().create_server(Bare, "127.0.0.1", 0, backlog=512)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def _end_with_input() -> None:
    sys.stdin.buffer.read()
    _exit(0)


if __name__ == "__main__":
    threading.Thread(target=_end_with_input, daemon=True).start()
    asyncio.run(serve())
