"""The database's side of the gateway: who asks, was it asked before, what holds, and the audit. Blocking, all of it.

Rules
1. A device's task is authenticated, claimed and classified in one transaction, before anything else happens to it.
   The same task in other bytes is refused; a task whose own time is too far from ours is not taken, so that what is
   forgotten after a while cannot come again.
2. A program's key is looked up by its hash, and remembered for a few seconds: a revoked key ends within those.
3. What the audit keeps goes into the tenant's own chain.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from pydantic import ValidationError

from shared import strict_json
from shared.assist import AssistRequest
from shared.envelope import CAPABILITY_TYPE, seal
from shared.ids import sha256_hex
from shared.problems import Code, Refused
from shared.request_signature import Message
from shared.routing import Boundary, Capabilities, Capability, Consented, highest
from sync_server.authentication import Caller, Seen
from sync_server.cluster import consents
from sync_server.cluster.account import Use
from sync_server.cluster.policy import Policies
from sync_server.cluster.task import Asker, Task, question
from sync_server.letting_in import refuse_unless_let_in
from sync_server.server_keys import RECEIPT_KEY
from sync_server.service import Service
from sync_server.store import Client, Tx

log = logging.getLogger("tailboard.server")
TASK_AGE_MAX = timedelta(days=1)
CONVERSATION_KEPT = timedelta(days=120)
CLIENT_KNOWN_S = 5.0
CLIENTS_KNOWN_MAX = 1024
BODY_BYTES_MAX = 2 << 20
_TOO_LONG = "string_too_long"


@dataclass(frozen=True, slots=True)
class Claimed:
    """A device's task, ready to be decided about; `digest` tells its bytes from others."""

    task: Task
    digest: str


class Reception:
    """What the gateway asks of the server's database."""

    def __init__(self, service: Service, policies: Policies) -> None:
        self.service, self.policies = service, policies
        self.store = service.store
        self._clients: dict[str, tuple[float, Client]] = {}

    # -- devices

    def claim(self, message: Message, body: bytes) -> Claimed:
        """The task in a device's signed request. Raises `Refused`."""
        request, seen, digest = _question(body), Seen(), sha256_hex(body)
        now = self.service.ports.clock.now()
        _check_age(request.task, now)

        def work(tx: Tx) -> Task:
            caller = self._active(tx, message, body, seen)
            if not tx.claim_task(caller.tenant, request.task, digest, now):
                raise Refused(Code.ID_REUSED, f"task {request.task} came before and said something else")
            tx.forget_tasks(now - 2 * TASK_AGE_MAX)
            self.policies.heed(tx, caller.tenant)
            asker = Asker(caller.tenant, caller.device, caller.actor, "device")
            notes: list[consents.Note] = []
            held = consents.hold(tx, caller, request, now, notes.append)
            self._audit(tx, caller.tenant, notes)
            task = question(asker, request, held, laptop_approved=True)  # it is active, as was seen just now
            return self._remembered(tx, task.classified(self.policies.classify(caller.tenant, task.text)), now)

        return Claimed(self.store.attempt(work), digest)

    def caller(self, message: Message, body: bytes) -> Caller:
        """The active device behind any other request. Raises `Refused`."""
        seen = Seen()
        return self.store.attempt(lambda tx: self._active(tx, message, body, seen))

    def _active(self, tx: Tx, message: Message, body: bytes, seen: Seen) -> Caller:
        caller = self.service.caller(tx, message, body, seen)
        refuse_unless_let_in(tx, caller, self.service.ports.clock.now(), "it may ask nothing")
        return caller

    def _remembered(self, tx: Tx, task: Task, now: datetime) -> Task:
        """The task with what was said in its conversation before; what it says now is remembered there."""
        if task.conversation is None:
            return task
        assert task.data_class is not None, "it was classified"
        tx.forget_conversations(now - CONVERSATION_KEPT)
        risen = tx.raise_conversation(task.asker.tenant, task.conversation, task.data_class, now)
        return replace(task, conversation_class=risen, data_class=highest(task.data_class, risen))

    def still_given(self, task: Task) -> tuple[Consented, ...]:
        """Those of a task's consents that were not taken back since it came."""
        who = task.asker
        with self.store.transaction() as tx:
            return tuple(each for each in task.consents if not tx.consent_revoked(who.tenant, who.actor, each.id))

    # -- programs

    def client(self, key: str) -> Client:
        """The program whose key that is, looked up now. Raises `Refused`: `not_authentic`."""
        digest = sha256_hex(key.encode())
        with self.store.transaction() as tx:
            found = tx.client_by_key(digest)
        if found is None or found.revoked_at is not None:
            self._clients.pop(digest, None)
            raise Refused(Code.NOT_AUTHENTIC, "no such key, or it was revoked")
        if len(self._clients) >= CLIENTS_KNOWN_MAX:
            self._clients.clear()
        self._clients[digest] = (self.service.ports.clock.monotonic_s() + CLIENT_KNOWN_S, found)
        return found

    def known_client(self, key: str) -> Client | None:
        """The same, if it was looked up a moment ago; never blocks.

        Of several who ask at the end of that moment one is told None and looks again; the others go on meanwhile.
        """
        digest, now_s = sha256_hex(key.encode()), self.service.ports.clock.monotonic_s()
        until_s, found = self._clients.get(digest, (0.0, None))
        if found is None or now_s < until_s:
            return found
        self._clients[digest] = (now_s + CLIENT_KNOWN_S, found)
        return None

    # -- what is told, and kept

    def capabilities(self, caller: Caller, places: dict[Boundary, Capability]) -> bytes:
        """What the places can do, signed by the tenant's receipt key, as JSON."""
        now = self.service.ports.clock.now()
        ends = min((each.expires_at for each in places.values()), default=now + timedelta(seconds=30))
        told = Capabilities(tenant=caller.tenant, places=places, told_at=now, expires_at=ends)
        with self.store.transaction() as tx:
            key = self.service.ring.active(tx, caller.tenant, RECEIPT_KEY)
        return seal(CAPABILITY_TYPE, told.to_bytes(), key).wire_json.encode()

    def write(self, tenant: str, uses: Iterable[Use]) -> None:
        """Audit `uses` in the tenant's chain, all or none. Raises `Refused`."""
        self.store.attempt(lambda tx: self._write(tx, tenant, uses))

    def _write(self, tx: Tx, tenant: str, uses: Iterable[Use]) -> None:
        self._audit(tx, tenant, [use.note() for use in uses])

    def _audit(self, tx: Tx, tenant: str, notes: Sequence[Mapping[str, Any]]) -> None:
        if notes:
            batch = self.service.batch(tx, tenant)
            for note in notes:
                batch.note(**note)
            batch.flush()


def _question(body: bytes) -> AssistRequest:
    """The contract in a body. Raises `Refused`: `malformed`, `too_large`, `prompt_too_large`."""
    try:
        return AssistRequest.model_validate(strict_json.parse(body, bytes_max=BODY_BYTES_MAX))
    except strict_json.BadJson as error:
        raise Refused(Code.MALFORMED, str(error)) from error
    except ValidationError as error:
        first = error.errors(include_input=False, include_context=False)[0]
        if first["loc"] == ("prompt",) and first["type"] == _TOO_LONG:
            raise Refused(Code.PROMPT_TOO_LARGE, first["msg"]) from None
        raise Refused(Code.MALFORMED, f"{'.'.join(map(str, first['loc'])) or 'message'}: {first['msg']}") from None


def _check_age(task: str, now: datetime) -> None:
    """Raises `Refused` if the task was made too long before or after `now`. Source: RFC 9562, section 5.7."""
    made_s = int(task[:8] + task[9:13], 16) / 1000
    if abs(now.timestamp() - made_s) > TASK_AGE_MAX.total_seconds():
        raise Refused(Code.MALFORMED, "task: made more than a day away from now; ask again under a new id")
