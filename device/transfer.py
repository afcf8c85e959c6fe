"""The outbox on a USB stick: what is not settled goes into a file, and the office's answer comes back in another.

Rules
1. The file holds the same signed bytes that a round would carry, each round sealed by the device key. What goes into
   it is in doubt from then on, and is marked before the file is written.
2. What is in doubt is asked about and also sent along, in this order: the way back is long, and the server answers
   from its ledger what it has already.
3. The answer is sealed by the receipt key and is believed exactly as far as one from the network. An older one
   settles what it settles and moves nothing back.
4. Its changes count only if the server signs that the file is whole: nobody would miss a page that was taken out.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from device.agent import REVOCATIONS_MAX, carrying, issue_now
from device.core.belief import believe
from device.core.rounds import one_body
from device.core.trust import Trust
from device.errors import LocalError, TransportError
from device.intake import Intake
from device.keys import DeviceKeys
from device.store import UNSETTLED, DeviceStore, Identity, Issue, Outgoing, State
from device.transport import read_reply
from shared import strict_json
from shared.envelope import (
    ANSWER_TYPE,
    TRANSFER_TYPE,
    WHOLE_ANSWER_TYPE,
    BadSignature,
    Envelope,
    WireEnvelope,
    seal,
)
from shared.ports import Ports
from shared.problems import Problem
from shared.statements import WholeAnswer, hash_of_all
from shared.sync import COMMANDS_MAX, PROTOCOL, SyncRequest

OUTBOX_FILE, ANSWER_FILE = "outbox.v1", "answer.v1"
FILE_BYTES_MAX = 512 << 20
_NOT_OURS = "This answer is not from your server, or not for this laptop. Nothing was taken."


@dataclass(frozen=True, slots=True)
class Imported:
    """What an answer file brought: commands settled by it, records, and how many of its rounds were old news.

    `refused` is the office's sentence where it took nothing, or kept what came for review.
    """

    rounds: int
    settled: int
    changes: int
    older: int
    refused: str | None = None


@dataclass(frozen=True, slots=True)
class _Answers:
    """An answer file, of which nothing is believed yet."""

    rounds: tuple[WireEnvelope, ...]
    receipt_keys: tuple[WireEnvelope, ...]
    whole: WireEnvelope | None


class Transfer:
    """Carries the outbox of one device without any network."""

    def __init__(self, store: DeviceStore, keys: DeviceKeys, identity: Identity, ports: Ports) -> None:
        self._store, self._keys, self._ports = store, keys, ports
        self._intake = Intake(store, identity)

    def export(self) -> tuple[bytes, int]:
        """The file for the office, and how many commands are in it. They are marked as sent.

        Raises:
            StoreError: the device's database failed; nothing was marked.
        """
        now = issue_now(self._ports)
        with self._store.transaction():
            queue, cursor = self._store.queue(), self._store.meta("cursor")
            sent = self._store.outgoing([*queue.in_doubt, *queue.saved, *queue.turned])
            requests = list(self._requests(cursor, (*queue.in_doubt, *queue.held), sent, now))
            self._store.mark_sent([each.id for each in sent], now.wall)
            self._store.set_meta("exported_from", cursor or "")
        rounds = [seal(TRANSFER_TYPE, each.to_bytes(), self._keys.device).to_wire() for each in requests]
        file = {"tailboard": OUTBOX_FILE, "rounds": [each.model_dump(mode="json") for each in rounds]}
        return json.dumps(file).encode(), len(sent)

    def _requests(
        self, cursor: str | None, asked: Sequence[str], sent: Sequence[Outgoing], now: Issue
    ) -> Iterator[SyncRequest]:
        bare = SyncRequest(protocol=PROTOCOL, cursor=cursor, sent_at=now.wall)
        head = self._intake.newest_head()
        yield bare.model_copy(update={"head": head, "in_doubt": tuple(asked[:COMMANDS_MAX])})
        for start in range(COMMANDS_MAX, len(asked), COMMANDS_MAX):
            yield bare.model_copy(update={"in_doubt": tuple(asked[start : start + COMMANDS_MAX])})
        _, taken_back = self._store.untold_revocations(REVOCATIONS_MAX)
        if taken_back:
            statements = tuple(WireEnvelope.model_validate_json(each) for each in taken_back)
            yield bare.model_copy(update={"withdrawals": statements})
        left = list(sent)
        while left:
            body = one_body(left[:COMMANDS_MAX])
            yield bare.model_copy(update=carrying(body, now))
            left = left[len(body) :]

    def take(self, raw: bytes) -> Imported:
        """Take the office's answer file.

        Raises:
            LocalError: it is no answer file, or not one for this laptop; nothing was taken.
            StoreError: the device's database failed; nothing was taken.
        """
        at, base = self._ports.clock.now().isoformat(), self._store.meta("exported_from") or None
        settled = changes = older = 0
        refused: str | None = None
        file = _file(raw)
        with self._store.transaction():
            asked = self._unsettled()
            trust = self._intake.trust().extended(file.receipt_keys)
            whole = _is_whole(file, trust)
            for wire in file.rounds:
                try:
                    told = trust.opened(wire, ANSWER_TYPE)
                    if refused := _refusal(told):
                        break
                    answered = read_reply(told)
                    believed = believe(answered.reply, asked, trust, in_order=False)
                except (BadSignature, ValueError, TransportError) as error:
                    raise LocalError(_NOT_OURS) from error
                news = self._intake.take_carried(
                    answered.reply, answered.changes, believed, base, at, with_changes=whole
                )
                settled, older = settled + len(believed.settled), older + (not news)
                changes += len(answered.changes) if news and whole else 0
        return Imported(len(file.rounds), settled, changes, older, refused)

    def _unsettled(self) -> list[Outgoing]:
        return self._store.outgoing(
            [item.command.id for item in self._store.items(states=(*UNSETTLED, State.SETTLED))]
        )


def _refusal(told: bytes) -> str | None:
    """The sentence of a refusal; None if it is a reply. Nothing in a refusal names the laptop: it is only shown."""
    try:
        problem = Problem.model_validate(strict_json.parse(told, bytes_max=FILE_BYTES_MAX))
    except ValueError:
        return None
    return f"{problem.title}: {problem.detail}. {problem.remedy}"


def _is_whole(file: _Answers, trust: Trust) -> bool:
    """Whether the server signs that nothing of the file is missing; no if it says nothing, as older ones do.

    Raises:
        LocalError: it signed another file, or one for another laptop.
    """
    if file.whole is None:
        return False
    try:
        said = WholeAnswer.model_validate(strict_json.parse(trust.opened(file.whole, WHOLE_ANSWER_TYPE)))
        rounds = [Envelope.from_wire(each) for each in file.rounds]
    except (BadSignature, ValueError) as error:
        raise LocalError(_NOT_OURS) from error
    if (said.tenant, said.device) != (trust.tenant, trust.device):
        raise LocalError(_NOT_OURS)
    if (said.rounds, said.hash) != (len(rounds), hash_of_all(rounds)):
        raise LocalError("This answer is not whole any more. Nothing was taken. Ask the office for it again.")
    return True


def _file(raw: bytes) -> _Answers:
    try:
        file: Any = strict_json.parse(raw, bytes_max=FILE_BYTES_MAX)
        if file["tailboard"] != ANSWER_FILE:
            raise LocalError(
                "This is not the office's answer, but what a laptop exports. Ask the office for the answer."
            )
        rounds, keys = (
            tuple(WireEnvelope.model_validate(each) for each in named)
            for named in (file["rounds"], file.get("receipt_keys", ()))
        )
        whole = file.get("whole")
        return _Answers(rounds, keys, None if whole is None else WireEnvelope.model_validate(whole))
    except (strict_json.BadJson, ValidationError, KeyError, TypeError, AttributeError) as error:
        raise LocalError("This is not an answer file, or it is damaged. Ask the office for it again.") from error
