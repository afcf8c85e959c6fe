"""A stick instead of a network: the same signed rounds, carried in a file, and the answers carried back.

Rules
1. A round in a file is signed as a whole by the device key, and the code that serves the network works on it. What
   the file says again, the ledger answers again: bringing a file twice changes nothing.
2. The clock that the device showed when it wrote the file says nothing about the offset now, so it is not believed.
3. Everything that a device is told is signed by the receipt key, refusals included: whoever carries the stick can
   lose the answer, and not change it, nor a part of it.
4. A file is read as a whole before anything of it is done.
"""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from shared import strict_json
from shared.contract import Contract
from shared.envelope import (
    ANSWER_TYPE,
    TRANSFER_TYPE,
    WHOLE_ANSWER_TYPE,
    BadSignature,
    Envelope,
    WireEnvelope,
    seal,
    verify,
)
from shared.problems import Code, Refused
from shared.request_signature import NotAuthentic
from shared.statements import WholeAnswer, hash_of_all
from shared.sync import PROTOCOL, PROTOCOLS_UNDERSTOOD, SyncReply, SyncRequest
from sync_server import protocol_1
from sync_server.authentication import Caller, caller_of, device_key
from sync_server.office.base import OfficePart
from sync_server.reading import envelope_of, read
from sync_server.round import successions
from sync_server.server_keys import RECEIPT_KEY
from sync_server.store import Tx

#: Refusals that are this server's trouble of the moment, and no word to a device.
_TRY_AGAIN = frozenset({Code.BUSY, Code.STORE_FULL, Code.INTERNAL})
FILE_BYTES_MAX = 512 << 20
ROUNDS_MAX = 100_000


class _Outbox(Contract):
    """The file that a device writes."""

    tailboard: Literal["outbox.v1"]
    rounds: Annotated[tuple[WireEnvelope, ...], Field(min_length=1, max_length=ROUNDS_MAX)]


class AnswerFile(Contract):
    """The file that goes back: each of `rounds` signs a `SyncReply`, or the `Problem` that ended it.

    `whole` signs that these are all of them. `receipt_keys` say how the key came to sign, to a device that may not
    have heard of it: what is in `rounds` can only be read when the key is believed.
    """

    tailboard: Literal["answer.v1"] = "answer.v1"
    rounds: tuple[WireEnvelope, ...]
    receipt_keys: tuple[WireEnvelope, ...]
    whole: WireEnvelope


@dataclass(frozen=True, slots=True)
class Carried:
    """What a file did: the device that wrote it, the answers, and the refusals among them."""

    tenant: str
    device: str
    answers: AnswerFile
    settled: int
    held: int
    refusals: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Round:
    caller: Caller
    request: SyncRequest


@dataclass(frozen=True, slots=True)
class _Answered:
    """One round's answer, under the receipt key's signature; `reply` is None where the round was refused."""

    sealed: Envelope
    reply: SyncReply | None
    refusal: str = ""


class Transfers(OfficePart):
    """Files from devices without a network."""

    def import_outbox(self, raw: bytes) -> Carried:
        """Do what the file `raw` of a device says.

        Raises:
            Refused: `malformed`, `bad_signature`, `unknown_key`: it is not such a file, or was changed; nothing of it
                was done.
        """
        rounds = self._read(raw)
        answered = [answer for each in rounds for answer in self._answers(each, last=each is rounds[-1])]
        replies = [each.reply for each in answered if each.reply]
        told = [answer.status for reply in replies for answer in reply.answers]
        return Carried(
            rounds[0].caller.tenant,
            rounds[0].caller.device,
            self._file(rounds[0].caller, [each.sealed for each in answered]),
            settled=told.count("settled"),
            held=told.count("held"),
            refusals=tuple(each.refusal for each in answered if each.refusal),
        )

    def _file(self, caller: Caller, rounds: list[Envelope]) -> AnswerFile:
        said = WholeAnswer(tenant=caller.tenant, device=caller.device, rounds=len(rounds), hash=hash_of_all(rounds))
        with self.service.store.transaction() as tx:
            key, handed_on = self.service.ring.active(tx, caller.tenant, RECEIPT_KEY), successions(tx, caller.tenant)
        whole = seal(WHOLE_ANSWER_TYPE, said.to_bytes(), key)
        return AnswerFile(
            rounds=tuple(each.to_wire() for each in rounds), receipt_keys=handed_on, whole=whole.to_wire()
        )

    def _read(self, raw: bytes) -> list[_Round]:
        try:
            file = _Outbox.model_validate(strict_json.parse(raw, bytes_max=FILE_BYTES_MAX))
        except (strict_json.BadJson, ValidationError) as error:
            said = "this is not what tailboard outbox export writes, or it was damaged on the way; write it again"
            raise Refused(Code.MALFORMED, said) from error
        with self.service.store.transaction() as tx:
            rounds = [_round(tx, envelope_of(wire), number) for number, wire in enumerate(file.rounds, 1)]
        if len({each.caller for each in rounds}) > 1:
            raise Refused(Code.MALFORMED, "the file holds rounds of several devices; bring one file for each")
        return rounds

    def _answers(self, each: _Round, *, last: bool) -> list[_Answered]:
        """The answer to one round, and after the last all the pages of changes that are still to come."""
        answers = [self._answer(each.caller, each.request)]
        while last and (reply := answers[-1].reply) and reply.more:
            answers.append(
                self._answer(each.caller, SyncRequest(protocol=each.request.protocol, cursor=reply.cursor))
            )
        return answers

    def _answer(self, caller: Caller, request: SyncRequest) -> _Answered:
        try:
            said = self.service.store.attempt(lambda tx: self.service.round(tx, caller, request))
        except Refused as refused:
            if refused.problem.code in _TRY_AGAIN:
                raise
            said = refused
        told = said.problem.to_bytes() if isinstance(said, Refused) else said
        with self.service.store.transaction() as tx:
            sealed = seal(ANSWER_TYPE, told, self.service.ring.active(tx, caller.tenant, RECEIPT_KEY))
        if isinstance(said, Refused):
            return _Answered(sealed, None, str(said))
        return _Answered(sealed, SyncReply.model_validate_json(said))


def _round(tx: Tx, envelope: Envelope, number: int) -> _Round:
    """The round that one envelope of a file holds. Raises `Refused`."""
    try:
        key = device_key(tx, envelope.keyid)
        verify(envelope, TRANSFER_TYPE, key.public)
    except NotAuthentic as error:
        raise Refused(Code.UNKNOWN_KEY, f"round {number} is signed by {envelope.keyid}, no device here") from error
    except BadSignature as error:
        raise Refused(Code.BAD_SIGNATURE, f"round {number} was changed on the way: {error}") from error
    request = read(SyncRequest, envelope.payload)
    if request.protocol not in PROTOCOLS_UNDERSTOOD - {protocol_1.PROTOCOL}:  # which knew no files
        raise Refused(Code.PROTOCOL_UNSUPPORTED, f"round {number}: protocol {request.protocol}, here {PROTOCOL}")
    return _Round(caller_of(key), request.model_copy(update={"sent_at": None}))
