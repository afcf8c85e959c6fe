"""A device without a database or a screen: it signs commands beforehand and pushes them as fast as the server takes.

It measures the server alone; what a real laptop does beside it is in `simulators.bench.sync`. Two pushers with the
same keys (`again`) can push the same bytes to two servers that were one when the keys were enrolled.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import httpx

from reconciliation.compose import Author, compose
from reconciliation.rebase import View
from shared.commands import CATALOGUE
from shared.envelope import COMMAND_TYPE, ENROLMENT_TYPE, SigningKey, seal
from shared.ids import uuid7
from shared.ports import Ports, system_ports
from shared.records import record_from_json
from shared.request_signature import sign_request
from shared.sync import COMMANDS_MAX, PROTOCOL, Enrolment, EnrolReply, EnrolRequest
from simulators.bench.organisation import Work

TIMEOUT_S = 120.0


class NotSettled(OSError):
    """The server did not settle what was pushed; the message carries its words."""


@dataclass
class Pusher:
    """One enrolled device. `place` is the end of its chain: (seq, hash)."""

    url: str
    ports: Ports
    device_key: SigningKey
    technician_key: SigningKey
    identity: EnrolReply | None = None
    view: View = field(default_factory=lambda: View({}))
    place: tuple[int, str | None] = (0, None)
    cursor: str | None = None

    @classmethod
    async def enrolled(cls, url: str, code: str) -> "Pusher":
        """A new device at `url`, up to date."""
        ports = system_ports()
        made = cls(url, ports, SigningKey(ports.randomness.draw(32)), SigningKey(ports.randomness.draw(32)))
        keys = {"device_key": made.device_key.public.hex(), "technician_key": made.technician_key.public.hex()}
        enrolment = Enrolment(code=code, device_name="pusher", **keys)
        envelope = seal(ENROLMENT_TYPE, enrolment.to_bytes(), made.device_key, made.technician_key)
        async with httpx.AsyncClient(base_url=url, timeout=TIMEOUT_S) as http:
            reply = await made._post(http, "/v1/enrol", EnrolRequest(enrolment=envelope.to_wire()).to_bytes())
            made.identity = EnrolReply.model_validate(reply)
            while await made._round(http, ()):
                pass
        return made

    def again(self, url: str) -> "Pusher":
        """The same device before another server."""
        return replace(self, url=url)

    def sign(self, work: Iterator[Work], number: int) -> list[bytes]:
        """The next `number` commands of `work` as wire envelopes (JSON), at the end of the chain."""
        return [self._signed(*next(work)) for _ in range(number)]

    def _signed(self, kind: str, record: str, payload: dict[str, Any]) -> bytes:
        assert self.identity is not None, "enrolled"
        seq, prev = self.place
        now = self.ports.clock.now()
        who = self.identity
        chain = (who.epoch, seq + 1, prev)
        author = Author(
            uuid7(now, self.ports.randomness.draw(10)), who.tenant, who.device, who.actor, now, "p", chain
        )
        command = compose(CATALOGUE[kind].model_validate(payload), record, author, self.view)
        self.view.add(command)
        envelope = seal(COMMAND_TYPE, command.to_bytes(), self.technician_key)
        self.place = (seq + 1, envelope.hash)
        return envelope.to_wire().to_bytes()

    async def push(self, envelopes: Sequence[bytes]) -> None:
        """Send all, a full round at a time. Raises `NotSettled` unless every one is settled."""
        async with httpx.AsyncClient(base_url=self.url, timeout=TIMEOUT_S) as http:
            for at in range(0, len(envelopes), COMMANDS_MAX):
                await self._round(http, envelopes[at : at + COMMANDS_MAX])

    async def _round(self, http: httpx.AsyncClient, envelopes: Sequence[bytes]) -> bool:
        cursor = json.dumps(self.cursor).encode()
        body = b'{"protocol":%d,"cursor":%b,"commands":[%b]}' % (PROTOCOL, cursor, b",".join(envelopes))
        reply = await self._post(http, "/v1/sync", body)
        unsettled = [answer for answer in reply["answers"] if answer["status"] != "settled"]
        if unsettled:
            raise NotSettled(f"{len(unsettled)} of {len(envelopes)} commands were not settled: {unsettled[0]}")
        self.cursor = reply["cursor"]
        if not envelopes:
            self.view.records.update({each["ref"]: record_from_json(each) for each in reply["changes"]})
        return bool(reply["more"])

    async def _post(self, http: httpx.AsyncClient, path: str, body: bytes) -> Any:
        request = http.build_request("POST", path, content=body, headers={"content-type": "application/json"})
        sign_request(request, body, self.device_key, self.ports.clock.now(), self.ports.randomness.draw(16).hex())
        response = await http.send(request)
        if response.status_code != httpx.codes.OK:
            raise NotSettled(f"the server answered {response.status_code}: {response.text[:300]}")
        return response.json()
