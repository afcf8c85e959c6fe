"""The gateway over HTTP: ``/v1/assist`` and ``/v1/capabilities`` for devices, chat completions for programs.

It stands in front of the application as plain ASGI: a framework's layers would take more time than everything that is
done here, and a stream that nobody reads any more must end at once.

Rules
1. A device is known by the signature of its request, a program by its key. No other header is believed, and none is
   passed on.
2. An error is a problem document with its own code; for a program it also has the members that OpenAI's clients read.
   In a stream that has begun it is the last event.
3. Whoever hangs up cancels the work.
4. A program's answer is passed on as the engine wrote it, event by event.

Source: RFC 9457; WHATWG HTML, server-sent events; OpenAI API reference, chat completions and errors.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from typing import Any

from pydantic_core import from_json, to_json
from starlette.requests import Request

from shared import strict_json
from shared.assist import Answer
from shared.ports import RunBlocking
from shared.problems import MEDIA_TYPE, Code, Problem, Refused, problem
from sync_server.api.requests import message_of
from sync_server.cluster.engine import EngineFault, Exchange, Fault
from sync_server.cluster.gateway import Gateway, Run
from sync_server.cluster.recent import Recent
from sync_server.cluster.reception import BODY_BYTES_MAX, Reception
from sync_server.cluster.task import ANY_MODEL, Asker, Task, completion
from sync_server.logs import where
from sync_server.store import Client

log = logging.getLogger("tailboard.server")
Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

_JSON = b"application/json"
_EVENTS: Headers = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]
#: Texts up to this length are classified where they stand; longer ones beside the loop.
_AT_ONCE_CHARS = 8192


class Gone(Exception):
    """Whoever asked has hung up."""


class ClusterApi:
    """Answers the gateway's paths, and passes everything else to `app`."""

    def __init__(self, app: App, gateway: Gateway, reception: Reception, run_blocking: RunBlocking) -> None:
        self._app, self._gateway, self._reception, self._run_blocking = app, gateway, reception, run_blocking
        self._recent = Recent()
        self._ways = {
            ("POST", "/v1/assist"): self._assist,
            ("POST", "/v1/chat/completions"): self._chat,
            ("GET", "/v1/models"): self._models,
            ("GET", "/v1/capabilities"): self._capabilities,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        way = self._ways.get((scope["method"], scope["path"])) if scope["type"] == "http" else None
        if way is None:
            await self._app(scope, receive, send)
            return
        out = Out(send, openai=way in (self._chat, self._models))
        try:
            await way(scope, receive, out)
        except Gone:
            return
        except Refused as refused:
            await out.refuse(refused.problem)
        except Exception as error:  # noqa: BLE001  # whoever asks is told that the fault is ours, and no more
            log.error("fault", extra={"path": scope["path"], **where(error)})
            await out.refuse(problem(Code.INTERNAL, "the fault is in the server's log"))

    # -- devices

    async def _assist(self, scope: Scope, receive: Receive, out: "Out") -> None:
        body = await _body(receive)
        message = message_of(Request(scope))
        claimed = await self._run_blocking(lambda: self._reception.claim(message, body))
        task, now_s = claimed.task, self._gateway.ports.clock.monotonic_s
        tenant = task.asker.tenant
        answer = self._recent.begin(tenant, task.id, now_s())
        if answer is not None:
            await _again(task, answer, out)
            return
        try:
            async with Presence(receive):
                answer = await (self._stream(task, out) if task.stream else self._whole(task))
        finally:
            self._recent.end(tenant, task.id, now_s(), answer)
        if answer is not None and not task.stream:
            await out.whole(answer.to_bytes())

    async def _whole(self, task: Task) -> Answer:
        return await self._gateway.run(task)

    async def _stream(self, task: Task, out: "Out") -> Answer | None:
        """The answer, once it went out; None if it ended in a problem."""
        run = await self._gateway.open(task)
        parts: list[str] = []

        async def say(event: bytes) -> None:
            if text := _text(event):
                parts.append(text)
                await out.event(b"delta", to_json({"text": text}))

        await out.begin(_EVENTS)
        refused, events = await self._pump(run, say)
        if refused is not None:
            await out.event(b"problem", refused.problem.to_bytes())
            await out.end()
            return None
        answer = self._gateway.answer(run, "".join(parts), events)
        await out.event(b"done", answer.to_bytes())
        await out.end()
        return answer

    async def _capabilities(self, scope: Scope, receive: Receive, out: "Out") -> None:
        body = await _body(receive)
        message = message_of(Request(scope))
        caller = await self._run_blocking(lambda: self._reception.caller(message, body))
        known = self._gateway.known(self._gateway.ports.clock.now())
        await out.whole(await self._run_blocking(lambda: self._reception.capabilities(caller, known)))

    # -- programs

    async def _chat(self, scope: Scope, receive: Receive, out: "Out") -> None:
        client = await self._client(scope)
        raw = await _body(receive)
        task = await self._classified(self._completion(client, raw))
        async with Presence(receive):
            if not task.stream:
                run = await self._gateway.relay(task)
                await out.whole(run.got.raw, _told(run))
                return
            await self._pass_on(await self._gateway.open(task), out)

    def _completion(self, client: Client, raw: bytes) -> Task:
        try:
            body = strict_json.parse(raw, bytes_max=BODY_BYTES_MAX)
        except strict_json.BadJson as error:
            raise Refused(Code.MALFORMED, str(error)) from error
        asker = Asker(client.tenant, client.id, client.id, "client")
        task = completion(asker, self._gateway.ports.new_id(), raw, body, client.data_class)
        if task.raw_model != ANY_MODEL and task.raw_model not in self._served():
            raise Refused(
                Code.NOT_FOUND, f"no such model here; say one of {', '.join(sorted(self._served()))}, or auto"
            )
        return task

    def _served(self) -> set[str]:
        return {seat.told.model for seat in self._gateway.seats.values()}

    async def _classified(self, task: Task) -> Task:
        tenant, text, classify = task.asker.tenant, task.text, self._gateway.policies.classify
        if len(text) <= _AT_ONCE_CHARS:
            return task.classified(classify(tenant, text))
        return task.classified(await self._run_blocking(lambda: classify(tenant, text)))

    async def _pass_on(self, run: Run[Exchange], out: "Out") -> None:
        async def say(event: bytes) -> None:
            await out.send_part(b"data: " + event + b"\n\n")

        await out.begin([*_EVENTS, *_told(run)])
        refused, _ = await self._pump(run, say)
        last = b"data: [DONE]\n\n" if refused is None else b"data: " + _openai(refused.problem) + b"\n\n"
        await out.send_part(last)
        await out.end()

    async def _models(self, scope: Scope, receive: Receive, out: "Out") -> None:
        await self._client(scope)
        listed = [
            {"id": name, "object": "model", "created": 0, "owned_by": "tailboard"} for name in sorted(self._served())
        ]
        await out.whole(to_json({"object": "list", "data": listed}))

    async def _client(self, scope: Scope) -> Client:
        key = _bearer(scope["headers"])
        known = self._reception.known_client(key)
        return known if known is not None else await self._run_blocking(lambda: self._reception.client(key))

    # -- both

    async def _pump(self, run: Run[Exchange], say: Callable[[bytes], Awaitable[None]]) -> tuple[Refused | None, int]:
        """Say every event of a stream; what it broke off with, if it did, and how many events there were."""
        events, how = 0, "cancelled"
        exchange = run.got
        try:
            for event in exchange.early:
                await say(event)
            while (following := await exchange.event()) is not None:
                events += 1
                await say(following)
            how = "answered"
        except EngineFault as error:
            code = Code.UPSTREAM_SILENT if error.fault is Fault.SILENT else Code.UPSTREAM_FAILED
            how = code.value
            return Refused(code, str(error)), events
        finally:
            await self._gateway.close(run, how, events + 1)
        return None, events + 1


class Presence:
    """A block that ends with `Gone` as soon as whoever asked hangs up."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._gone = False

    async def __aenter__(self) -> "Presence":
        task = asyncio.current_task()
        assert task is not None, "a request is a task"
        self._task = task
        self._watch = asyncio.create_task(self._look(task))
        return self

    async def _look(self, task: "asyncio.Task[Any]") -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._gone = True
        task.cancel()

    async def __aexit__(self, kind: type[BaseException] | None, _error: object, _trace: object) -> None:
        task, watch = self._task, self._watch
        del self._task, self._watch  # or it would stand in a ring with its watch until the collector looks
        watch.cancel()
        if self._gone and kind is not None and issubclass(kind, asyncio.CancelledError) and task.uncancel() == 0:
            raise Gone


class Out:
    """What goes back to whoever asked. After the first bytes an error can only end the stream."""

    def __init__(self, send: Send, *, openai: bool) -> None:
        self._send, self._openai = send, openai
        self._begun = False

    async def whole(self, body: bytes, more: Iterable[tuple[bytes, bytes]] = (), status: int = 200) -> None:
        """One whole answer."""
        headers = [(b"content-type", _JSON), (b"content-length", str(len(body)).encode()), *more]
        await self.begin(headers, status)
        await self._send({"type": "http.response.body", "body": body})

    async def begin(self, headers: Headers, status: int = 200) -> None:
        """The head of an answer."""
        self._begun = True
        await self._send({"type": "http.response.start", "status": status, "headers": headers})

    async def event(self, name: bytes, data: bytes) -> None:
        """One event of a stream; `data` is on one line."""
        await self.send_part(b"event: " + name + b"\ndata: " + data + b"\n\n")

    async def send_part(self, part: bytes) -> None:
        """A piece of a stream."""
        await self._send({"type": "http.response.body", "body": part, "more_body": True})

    async def end(self) -> None:
        """The end of a stream."""
        await self._send({"type": "http.response.body", "body": b""})

    async def refuse(self, told: Problem) -> None:
        """A problem, as a document, or as the end of what had begun."""
        if self._begun:
            await self.end()
            return
        body = _openai(told) if self._openai else told.to_bytes()
        headers = [(b"content-type", MEDIA_TYPE.encode()), (b"content-length", str(len(body)).encode())]
        if told.retry_after_s is not None:
            headers.append((b"retry-after", str(told.retry_after_s).encode()))
        if told.status == 401 and self._openai:
            headers.append((b"www-authenticate", b"Bearer"))
        await self.begin(headers, told.status)
        await self._send({"type": "http.response.body", "body": body})


async def _again(task: Task, answer: Answer, out: Out) -> None:
    """An answer that was there already, in the form that is asked for now."""
    if not task.stream:
        await out.whole(answer.to_bytes())
        return
    await out.begin(_EVENTS)
    await out.event(b"delta", to_json({"text": answer.text}))
    await out.event(b"done", answer.to_bytes())
    await out.end()


async def _body(receive: Receive) -> bytes:
    """The whole body. Raises `Refused` as soon as it is over the limit, `Gone` if it never ends."""
    message = await receive()
    body: bytes = message.get("body", b"")
    while message.get("more_body"):
        message = await receive()
        body += message.get("body", b"")
        if len(body) > BODY_BYTES_MAX:
            break
    if message["type"] == "http.disconnect":
        raise Gone
    if len(body) > BODY_BYTES_MAX:
        raise Refused(Code.PROMPT_TOO_LARGE, f"a body of more than {BODY_BYTES_MAX} bytes")
    return body


def _bearer(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """The key in the one authorization header. Raises `Refused`."""
    found = [value for name, value in headers if name == b"authorization"]
    scheme, _, key = found[0].partition(b" ") if len(found) == 1 else (b"", b"", b"")
    if scheme.lower() != b"bearer" or not 16 <= len(key) <= 200 or not key.isascii():
        raise Refused(
            Code.NOT_AUTHENTIC, "say Authorization: Bearer KEY, with a key from: tailboard-server client add"
        )
    return key.decode()


def _told(run: Run[Any]) -> Headers:
    """Where it ran and by which decision, for whoever looks at headers."""
    return [
        (b"tailboard-task", run.task.id.encode()),
        (b"tailboard-route", run.route.value.encode()),
        (b"tailboard-decision", run.decision.hash.encode()),
    ]


def _openai(told: Problem) -> bytes:
    """A problem with the members that OpenAI's clients read."""
    words = f"{told.title}: {told.detail} {told.remedy}"
    error = {"message": words, "type": "tailboard_problem", "param": None, "code": told.code.value}
    document: Mapping[str, Any] = told.model_dump(mode="json", exclude_none=True)
    return to_json({**document, "error": error})


def _text(event: bytes) -> str:
    """The text that an event adds to the first choice."""
    try:
        said = from_json(event)
        choices = said["choices"]
        text = choices[0]["delta"].get("content") if choices else ""
    except (ValueError, KeyError, TypeError, AttributeError, IndexError):
        return ""
    return text if isinstance(text, str) else ""
