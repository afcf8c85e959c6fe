"""A server with a gateway in front of engines that misbehave on demand, over its real HTTP surface."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import httpx

from shared.assist import Answer
from shared.consent import Consent, ConsentRevocation
from shared.envelope import CONSENT_TYPE, REVOCATION_TYPE, SigningKey, seal
from shared.ids import sha256_hex
from shared.request_signature import sign_request
from shared.routing import (
    Boundary,
    DataClass,
    Decision,
    Obstacle,
    Refusal,
    Route,
    RouteRequest,
    Tier,
    highest,
)
from simulators.engine import Engine, EngineLink
from sync_server.api.app import build_app
from sync_server.bootstrap import build_cluster
from sync_server.cluster.keeping import write_down
from sync_server.cluster.parts import ClusterParts
from sync_server.cluster.policy import Policies
from sync_server.cluster.through_httpx import ThroughHttpx
from sync_server.cluster.upstreams import Cluster, QuotaSettings, Upstream, UpstreamSettings
from sync_server.office import Office
from tests.served import TENANT, Laptop, in_place

PRIVATE: Boundary = Route.PRIVATE_CLUSTER
CLOUD: Boundary = Route.MANAGED_CLOUD


@dataclass
class PlainPolicies:
    """A rule book of three lines.

    What says SECRET is restricted, what says PHONE is personal, the rest internal. The private cluster takes up to
    internal, and personal with a consent; the cloud takes public only. `decided` is every request that was asked.
    """

    decided: list[RouteRequest] = field(default_factory=list)
    closed: bool = False

    def heed(self, _tx: object, _tenant: str) -> None:
        """Nothing is rolled out here."""

    def classify(self, tenant: str, text: str) -> DataClass | None:
        if "PICTURE" in text:
            return None
        if "SECRET" in text:
            return DataClass.RESTRICTED
        return DataClass.PERSONAL if "PHONE" in text else DataClass.PUBLIC

    def choose(self, request: RouteRequest, at: datetime) -> Decision:
        self.decided.append(request)
        found = highest(request.data_class or DataClass.RESTRICTED, request.conversation_class)
        whys = {place: self._why(request, found, place) for place in (PRIVATE, CLOUD)}
        free = [place for place, why in whys.items() if why is None]
        return Decision(
            decided_at=at,
            request=request,
            data_class=found,
            route=free[0] if free else Route.REFUSE,
            fallbacks=tuple(free[1:]),
            bundle_version="plain-1",
            policies=("plain",),
            reason="plain",
            why_not=tuple(
                Refusal(route=place, obstacle=why, reason=f"plain says {why}") for place, why in whys.items() if why
            ),
            consents=tuple(each.id for each in request.consents),
            disclosure="Answered elsewhere.",
            hash=sha256_hex(request.to_bytes()),
        )

    def _why(self, request: RouteRequest, found: DataClass, place: Boundary) -> Obstacle | None:
        if self.closed:
            return Obstacle.NOT_PERMITTED
        limit = {PRIVATE: DataClass.INTERNAL, CLOUD: DataClass.PUBLIC}[place]
        if any(each.target == place and each.data_class.rank >= found.rank for each in request.consents):
            limit = DataClass.PERSONAL
        if found.rank > limit.rank:
            return Obstacle.NEEDS_CONSENT if found is DataClass.PERSONAL else Obstacle.NOT_PERMITTED
        return None if place in request.known else Obstacle.UNKNOWN


def upstream(name: str, boundary: Any = PRIVATE, **told: Any) -> Upstream:
    settings = {"model": "m", "tier": Tier.STANDARD, "context_tokens": 4096, "slots": 2, "queue_max": 2, **told}
    return Upstream(name, UpstreamSettings(url=f"http://{name}", boundary=boundary, **settings), key="engine-key")


@dataclass
class Stage:
    """The gateway under test, its engines by name, and everything a test looks at."""

    office: Office
    parts: ClusterParts
    policies: PlainPolicies
    link: EngineLink
    engines: dict[str, Engine]
    http: httpx.AsyncClient

    async def signed(
        self, laptop: Laptop, method: str, path: str, raw: bytes = b"", **headers: str
    ) -> httpx.Response:
        request = self.http.build_request(method, path, content=raw, headers=headers)
        ports = self.office.service.ports
        sign_request(request, raw, laptop.device_key, ports.clock.now(), ports.randomness.draw(16).hex())
        return await self.http.send(request)

    async def ask(self, laptop: Laptop, prompt: str = "Which filter?", **more: Any) -> httpx.Response:
        return await self.signed(laptop, "POST", "/v1/assist", self.question(prompt, **more))

    def question(self, prompt: str, **more: Any) -> bytes:
        body = {
            "task": self.office.service.ports.new_id(),
            "purpose": "answer",
            "prompt": prompt,
            "data_class": "internal",
            "decision": "0" * 64,
            "bundle_version": "1",
            "stream": False,
            **more,
        }
        return json.dumps(body).encode()

    async def chat(self, key: str, words: str = "Which filter?", /, **more: Any) -> httpx.Response:
        body = {"model": "m", "messages": [{"role": "user", "content": words}], **more}
        return await self.http.post("/v1/chat/completions", json=body, headers={"authorization": f"Bearer {key}"})

    async def audited(self) -> list[dict[str, Any]]:
        """The audit's entries about inference, as they are written."""
        await write_down(self.parts.gateway, self.parts.reception, in_place)
        with self.office.service.store.transaction() as tx:
            bodies = [json.loads(body) for _, _, _, body in tx.audit(TENANT)]
        return [body for body in bodies if body.get("act") == "inference"]

    def reached(self) -> int:
        """How many tasks reached any engine."""
        return sum(len(engine.asked) for engine in self.engines.values())

    def idle(self) -> bool:
        """Whether no place in any line is taken."""
        seats = self.parts.gateway.seats.values()
        return not any(seat.line.running or seat.line.waiting for seat in seats)

    def consent(self, laptop: Laptop, task: str, **other: Any) -> dict[str, Any]:
        """A consent of the laptop's person for one task, in its wire form."""
        now = self.office.service.ports.clock.now()
        key: SigningKey = other.pop("key", laptop.technician_key)
        told = {
            "id": "C-1",
            "tenant": TENANT,
            "device": laptop.name,
            "actor": laptop.actor,
            "target": PRIVATE,
            "data_class": "personal",
            "purpose": "answer",
            "reach": "once",
            "conversation": task,
            "given_at": now - timedelta(minutes=1),
            "expires_at": now + timedelta(hours=1),
            "told": "It goes to the private cluster.",
            "bundle_version": "1",
            **other,
        }
        return seal(CONSENT_TYPE, Consent.model_validate(told).to_bytes(), key).to_wire().model_dump(mode="json")

    def taken_back(self, laptop: Laptop, consent: str) -> dict[str, Any]:
        now = self.office.service.ports.clock.now()
        said = ConsentRevocation(consent=consent, tenant=TENANT, device=laptop.name, actor=laptop.actor, at=now)
        return seal(REVOCATION_TYPE, said.to_bytes(), laptop.technician_key).to_wire().model_dump(mode="json")


@asynccontextmanager
async def staged(
    office: Office, *upstreams: Upstream, quota: QuotaSettings | None = None, policies: Policies | None = None
) -> AsyncIterator[Stage]:
    """A gateway before engines that are named like their hosts."""
    engines = {each.name: Engine(each.told.model) for each in upstreams}
    link, plain = EngineLink(engines), PlainPolicies()
    cluster = replace(Cluster(upstreams), quota=quota or QuotaSettings())
    parts = build_cluster(office.service, cluster, policies or plain, in_place, ThroughHttpx(link))
    app = build_app(office.service, in_place, cluster=parts)
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://server") as http:
        yield Stage(office, parts, plain, link, engines, http)


def answer_of(response: httpx.Response) -> Answer:
    assert response.status_code == 200, response.text
    return Answer.model_validate_json(response.content)


def events_of(response: httpx.Response) -> list[tuple[str, Any]]:
    """The events of a device's stream: name and data."""
    assert response.headers["content-type"].startswith("text/event-stream"), response.text
    found = []
    for block in response.text.strip().split("\n\n"):
        name, data = block.split("\n")
        found.append((name.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
    return found
