"""A small OpenAI-compatible server around llama.cpp, on loopback, for the model that ships: a process of its own.

    python -m sync_server.cluster.llama_server --model FILE --name NAME --port PORT --context TOKENS

Rules
1. It listens on loopback only, takes one task at a time, and lets the others wait.
2. Its first line of input is the key that requests must carry. When its input ends, it ends: it never outlives the
   server that started it, however that one ended.
3. Whoever hangs up stops the model after the token that it is at.

Why not `python -m llama_cpp.server`: see docs/adr/0025-a-gateway-of-our-own.md.
"""

import argparse
import asyncio
import hmac
import os
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, MutableMapping
from typing import Any

import anyio.to_thread
from pydantic_core import from_json, to_json

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
#: What of a request the model is asked; everything else is this server's own business.
ASKED = (
    "messages", "max_tokens", "temperature", "top_p", "stop", "seed", "presence_penalty", "frequency_penalty",
    "response_format", "tools", "tool_choice",
)  # fmt: skip
TOKENS_DEFAULT = 256
BODY_BYTES_MAX = 4 << 20


class NotTaken(Exception):
    """A request that the model cannot take; the message is for the log of whoever asked."""


class LlamaServer:
    """The ASGI application over a loaded model."""

    def __init__(self, model: Any, name: str, key: str) -> None:
        self._model, self._name, self._key = model, name, key
        self._turn = asyncio.Lock()

    async def __call__(
        self, scope: Scope, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
    ) -> None:
        """One request."""
        if scope["type"] != "http":
            return
        given = dict(scope["headers"]).get(b"authorization", b"")
        if not hmac.compare_digest(given, b"Bearer " + self._key.encode()):
            await _whole(send, 401, {"error": {"message": "no key"}})
        elif (scope["method"], scope["path"]) == ("GET", "/v1/models"):
            await _whole(send, 200, {"object": "list", "data": [{"id": self._name, "object": "model"}]})
        elif (scope["method"], scope["path"]) == ("POST", "/v1/chat/completions"):
            await self._chat(receive, send)
        else:
            await _whole(send, 404, {"error": {"message": "no such thing"}})

    async def _chat(
        self, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
    ) -> None:
        gone = asyncio.Event()
        try:
            request = await _read(receive)
        except ValueError:
            await _whole(send, 400, {"error": {"message": "not a request"}})
            return
        watch = asyncio.create_task(_watch(receive, gone))
        try:
            async with self._turn:
                await (_events if request.get("stream") else _at_once)(send, self._answer(request, gone))
        except NotTaken as error:
            await _whole(send, 400, {"error": {"message": str(error)}})
        finally:
            watch.cancel()

    async def _answer(self, request: dict[str, Any], gone: asyncio.Event) -> AsyncIterator[dict[str, Any]]:
        """The model's chunks, the last one with the count of tokens. Raises `NotTaken` before the first."""
        asked = {name: request[name] for name in ASKED if request.get(name) is not None}
        asked.setdefault("max_tokens", TOKENS_DEFAULT)
        tokens = 0
        chunks: Iterator[dict[str, Any]] | None = None
        while not gone.is_set():
            try:
                if chunks is None:
                    chunks = self._model.create_chat_completion(**asked, stream=True)
                chunk = await anyio.to_thread.run_sync(next, chunks, None)
            except (ValueError, TypeError, KeyError) as error:
                raise NotTaken(f"the model does not take it ({type(error).__name__})") from error
            if chunk is None:
                break
            tokens += any((each.get("delta") or {}).get("content") for each in chunk["choices"])
            yield {**chunk, "model": self._name}
        seen = int(self._model.n_tokens)
        counted = {"prompt_tokens": max(seen - tokens, 0), "completion_tokens": tokens, "total_tokens": seen}
        last = {"id": "end", "object": "chat.completion.chunk", "created": 0, "model": self._name, "choices": []}
        yield {**last, "usage": counted}


async def _events(send: Callable[[Message], Awaitable[None]], chunks: AsyncIterator[dict[str, Any]]) -> None:
    begun = False
    async for chunk in chunks:
        if not begun:
            begun = True
            await _begin(send, 200, b"text/event-stream")
        await _part(send, b"data: " + to_json(chunk) + b"\n\n")
    await _part(send, b"data: [DONE]\n\n", more=False)


async def _at_once(send: Callable[[Message], Awaitable[None]], chunks: AsyncIterator[dict[str, Any]]) -> None:
    said: dict[str, Any] = {}
    parts: list[str] = []
    message: dict[str, Any] = {"role": "assistant"}
    finish = "stop"
    async for chunk in chunks:
        said = {**{name: value for name, value in chunk.items() if name not in {"choices", "object"}}, **said}
        for choice in chunk["choices"]:
            delta = choice.get("delta") or {}
            parts.append(delta.get("content") or "")
            message |= {name: value for name, value in delta.items() if name not in {"content", "role"}}
            finish = choice.get("finish_reason") or finish
    message["content"] = "".join(parts)
    choices = [{"index": 0, "message": message, "finish_reason": finish}]
    await _whole(send, 200, {**said, "object": "chat.completion", "choices": choices})


async def _read(receive: Callable[[], Awaitable[Message]]) -> dict[str, Any]:
    """The request. Raises `ValueError` if it is none."""
    body, more = b"", True
    while more and len(body) <= BODY_BYTES_MAX:
        message = await receive()
        body += message.get("body", b"")
        more = bool(message.get("more_body"))
    request = from_json(body)
    if not isinstance(request, dict) or not isinstance(request.get("messages"), list):
        raise ValueError("no messages")
    return request


async def _watch(receive: Callable[[], Awaitable[Message]], gone: asyncio.Event) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    gone.set()


async def _whole(send: Callable[[Message], Awaitable[None]], status: int, said: dict[str, Any]) -> None:
    await _begin(send, status, b"application/json")
    await _part(send, to_json(said), more=False)


async def _begin(send: Callable[[Message], Awaitable[None]], status: int, kind: bytes) -> None:
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", kind)]})


async def _part(send: Callable[[Message], Awaitable[None]], part: bytes, *, more: bool = True) -> None:
    await send({"type": "http.response.body", "body": part, "more_body": more})


def _end_with_input() -> None:
    """End this process when its input ends, whatever it is doing."""
    sys.stdin.buffer.read()
    os._exit(0)


def main() -> None:
    """Load the model and serve until the input ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", required=True)
    parser.add_argument("--name", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--context", type=int, required=True)
    told = parser.parse_args()
    key = sys.stdin.readline().strip()
    threading.Thread(target=_end_with_input, daemon=True).start()

    import uvicorn  # noqa: PLC0415  # the input is watched first
    from llama_cpp import Llama  # noqa: PLC0415

    model = Llama(
        model_path=told.model, n_ctx=told.context, n_threads=max((os.cpu_count() or 2) - 1, 1), verbose=False
    )
    app = LlamaServer(model, told.name, key)
    config = uvicorn.Config(app, host="127.0.0.1", port=told.port, log_config=None, access_log=False, lifespan="off")
    uvicorn.Server(config).run()


if __name__ == "__main__":
    main()
