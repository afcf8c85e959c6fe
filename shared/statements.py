"""What is signed beside commands: each statement travels in an envelope of its own payload type (`shared.envelope`).

A statement has no place in a chain and no outcome of its own.
"""

from collections.abc import Iterable
from typing import Annotated

from pydantic import Field

from shared.commands.base import Command
from shared.contract import CommandId, Contract, Hash, Instant, KeyId, Name
from shared.envelope import Envelope
from shared.ids import sha256_hex

RawKey = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Place = Annotated[int, Field(ge=0)]


class Withdrawal(Contract):
    """The author takes a command back (`WITHDRAWAL_TYPE`). It counts unless the command is settled already.

    `hash` names the exact envelope, so that nothing else under the same id is meant.
    """

    tenant: Name
    device: Name
    actor: Name
    command: CommandId
    hash: Hash
    at: Instant


def withdraws(withdrawal: Withdrawal, command: Command, envelope_hash: str) -> bool:
    """Whether `withdrawal` takes back exactly this command, in its own author's name."""
    named = (withdrawal.tenant, withdrawal.device, withdrawal.actor, withdrawal.command, withdrawal.hash)
    return named == (command.tenant, command.device, command.actor, command.id, envelope_hash)


class ReceiptsRoot(Contract):
    """The server's one signature over the `size` receipts of a unit of work (`shared.merkle`)."""

    tenant: Name
    incarnation: int
    size: Annotated[int, Field(ge=1)]
    root: Hash
    at: Instant


class Head(Contract):
    """How far the server is: the ends of its sequences, and of the asking device's chain.

    `received` is the last place taken in `epoch`, with the hash of the envelope there. `settled` certifies that every
    command of this epoch up to that number has its one outcome.
    """

    tenant: Name
    device: Name
    incarnation: int
    audit_position: Place
    audit_hash: Hash
    change_seq: Place
    epoch: Annotated[int, Field(ge=1)]
    received: Place
    received_hash: Hash | None
    settled: Place
    at: Instant


class WholeAnswer(Contract):
    """All that an answer file holds for one device (`WHOLE_ANSWER_TYPE`): how many rounds, and the hash over them.

    Each round is signed by itself, which does not show that one was taken out or put elsewhere: see `hash_of_all`.
    """

    tenant: Name
    device: Name
    rounds: Place
    hash: Hash


def hash_of_all(rounds: Iterable[Envelope]) -> str:
    """One hash over the envelopes of an answer file, in their order."""
    return sha256_hex("".join(each.hash for each in rounds).encode())


class TimeTold(Contract):
    """The server's time, for a request with this nonce and no other."""

    nonce: Annotated[str, Field(max_length=64)]
    at: Instant


class Succession(Contract):
    """The receipt key in force hands over to a new one (raw public key, hexadecimal)."""

    tenant: Name
    key: RawKey
    key_id: KeyId
    at: Instant
