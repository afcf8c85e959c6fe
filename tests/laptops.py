"""A laptop for tests of routes: real keys, store, workbench, routes and client; a scripted cluster and model."""

import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx

from device.assist import Assistant
from device.cluster_client import ASSIST_PATH, CAPABILITIES_PATH, EVENTS, ClusterClient
from device.keys import DeviceKeys
from device.model.port import Generation, ModelError, Watch
from device.routes import Routes
from device.transport import Meter
from shared.assist import Answer, AssistRequest
from shared.envelope import CAPABILITY_TYPE, SigningKey, seal
from shared.ports import Ports
from shared.problems import MEDIA_TYPE, Code, problem
from shared.routing import Capabilities, Capability, DataClass, Route, Tier
from tests.builders import Counting, StillClock
from tests.served import in_place
from tests.tui.world import SERVER_KEY, World, build

KEYS = DeviceKeys(b"k" * 32, SigningKey(b"\x01" * 32), SigningKey(b"\x02" * 32))
JOB = "work_order/WO-1042"


@dataclass
class Writes:
    """A model that writes what it is told to, or fails."""

    text: str = '{"answer": "Use filter 22-118."}'
    fails: bool = False
    asked: list[str] = field(default_factory=list)
    name: str = "small-q4"
    sha256: str = "ab" * 32
    context_tokens: int = 2048

    def generate(
        self, prompt: str, schema: Mapping[str, Any] | None, *, tokens_max: int, watch: Watch | None = None
    ) -> Generation:
        self.asked.append(prompt)
        if self.fails:
            raise ModelError("The model fell over; forms still work.")
        if watch is not None:
            watch.piece(self.text)
        return Generation(self.text, 9, 0.1, 0.5)


def events(*pairs: tuple[str, Any]) -> bytes:
    return b"".join(f"event: {name}\ndata: {json.dumps(data)}\n\n".encode() for name, data in pairs)


class Pieces(httpx.AsyncByteStream):
    """A stream in small pieces."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for start in range(0, len(self._content), 7):
            yield self._content[start : start + 7]


class Broken(httpx.AsyncByteStream):
    """A stream that ends in the middle."""

    def __init__(self, first: bytes) -> None:
        self._first = first

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._first
        raise httpx.ReadError("reset")


@dataclass
class Elsewhere:
    """The places behind the server. `answers` takes the question and says what comes back, or raises."""

    clock: StillClock
    tenant: str = "riverside"
    answers: Callable[[AssistRequest], httpx.Response] | None = None
    down: bool = False
    forged: bool = False
    silent: bool = False
    asked: list[AssistRequest] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    raw_bytes: int = 0

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        self.calls.append(request.url.path)
        if self.down:
            raise httpx.ConnectError("no route")
        assert "signature" in request.headers, "every request is signed"
        if request.url.path == CAPABILITIES_PATH:
            return httpx.Response(404) if self.silent else httpx.Response(200, content=self.capabilities())
        assert request.url.path == ASSIST_PATH
        raw = await request.aread()
        self.raw_bytes += len(raw)
        asked = AssistRequest.model_validate_json(raw)
        self.asked.append(asked)
        return (self.answers or self.answered)(asked)

    def capabilities(self) -> bytes:
        now = self.clock.now()
        place = Capability(
            model="large-70b",
            tier=Tier.HIGH,
            context_tokens=32_768,
            tokens_per_s=40,
            measured_at=now,
            expires_at=now + timedelta(seconds=30),
        )
        told = Capabilities(
            tenant=self.tenant,
            places={Route.PRIVATE_CLUSTER: place},
            told_at=now,
            expires_at=now + timedelta(seconds=30),
        )
        key = SigningKey(b"\x09" * 32) if self.forged else SERVER_KEY
        return seal(CAPABILITY_TYPE, told.to_bytes(), key).wire_json.encode()

    def answered(self, asked: AssistRequest, **other: Any) -> httpx.Response:
        pieces = ["Use filter ", "22-118."]
        done = self.answer(asked, text="".join(pieces), **other)
        deltas = [("delta", {"text": each}) for each in pieces]
        return self.stream(events(*deltas, ("done", done)))

    def answer(self, asked: AssistRequest, **other: Any) -> dict[str, Any]:
        said: dict[str, Any] = {
            "task": asked.task,
            "text": "Use filter 22-118.",
            "route": Route.PRIVATE_CLUSTER,
            "model": "large-70b",
            "runtime": "vllm",
            "tier": Tier.HIGH,
            "data_class": asked.data_class or DataClass.RESTRICTED,
            "decision": asked.decision,
            "bundle_version": asked.bundle_version,
            "took_s": 1.0,
            "tokens": 5,
            "disclosure": "",
            **other,
        }
        return Answer.model_validate(said).model_dump(mode="json")

    @staticmethod
    def stream(content: bytes) -> httpx.Response:
        return httpx.Response(200, headers={"content-type": f"{EVENTS}; charset=utf-8"}, stream=Pieces(content))

    @staticmethod
    def refused(code: Code, detail: str = "so it is") -> httpx.Response:
        body = problem(code, detail)
        return httpx.Response(body.status, headers={"content-type": MEDIA_TYPE}, content=body.to_bytes())


@dataclass
class Place:
    """A laptop, what it is told, and what it did."""

    world: World
    elsewhere: Elsewhere
    model: Writes
    assistant: Assistant
    meter: Meter
    load: Callable[[], Writes]
    cluster: ClusterClient

    @property
    def routes(self) -> Routes:
        return self.world.device.workbench.routes

    @property
    def clock(self) -> StillClock:
        return self.world.clock


def place(folder: Path, *, online: bool = True, loads: bool = True) -> Place:
    """A laptop with the sample records; its model is loaded when it is needed, unless it does not load."""
    world = build(folder, KEYS, with_model=False, online=online)
    device, elsewhere, model, meter = world.device, Elsewhere(world.clock), Writes(), Meter()
    ports = Ports(world.clock, Counting())
    cluster = ClusterClient(device.client, httpx.MockTransport(elsewhere), meter, KEYS, ports)

    def load() -> Writes:
        if not loads:
            raise ModelError("There is no model file; forms still work.")
        device.workbench.routes.laptop.tried(model, model.generate("try", {}, tokens_max=8))
        model.asked.clear()
        device.workbench.model = model
        return model

    bench = device.workbench
    bench.routes.laptop = replace_machine(bench.routes.laptop)
    assistant = Assistant(bench, device.store, cluster, load, ports, in_place, device.answering())
    return Place(world, elsewhere, model, assistant, meter, load, cluster)


def replace_machine(laptop: Any) -> Any:
    """The same laptop on a machine that says nothing of itself, so that a test does not depend on ours."""
    from device.capability import Machine

    laptop._machine = Machine
    return laptop
