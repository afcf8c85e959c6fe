"""What a reply says, as far as it can be believed.

Rules
1. A receipt counts only if a believed key signed it, in our tenant, for exactly our bytes; one that does not makes
   the whole reply unbelievable. So does a head that is not ours.
2. Each signed root is verified once.
3. An answer about somebody else's command means nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from device.core.trust import Trust
from device.errors import TransportError
from device.store.items import Outgoing
from shared.envelope import BadSignature, Envelope
from shared.outcomes import Receipt
from shared.problems import Problem
from shared.receipts import Proof, read_receipt
from shared.statements import Head, ReceiptsRoot
from shared.sync import Answer, Held, Proofs, Settled, SyncReply, Turned, Unknown


@dataclass(frozen=True, slots=True)
class Believed:
    """A verified reply; `settled` are receipts with their payloads as signed and their proofs."""

    head: Head
    trust: Trust
    settled: tuple[tuple[Receipt, bytes, Proof], ...]
    held: tuple[Held, ...]
    unknown: tuple[str, ...]
    turned: tuple[tuple[str, Problem], ...]

    def check_complete(self, asked: Sequence[Outgoing]) -> None:
        """Every command of the round is answered by name. Raises `TransportError` if the server left one out."""
        answered = {receipt.command for receipt, *_ in self.settled} | {held.id for held in self.held}
        answered |= set(self.unknown) | {command_id for command_id, _ in self.turned}
        if left_out := [each.summary for each in asked if each.id not in answered]:
            raise TransportError(f"The answer leaves {len(left_out)} of our commands out; it is not believed.")


def all_settled(ending: SyncReply, sent: Sequence[Outgoing], trust: Trust, incarnation: int) -> bool:
    """Whether the server signs that all of `sent` is settled and its chain ends there, in the life that is known.

    The receipts themselves need not have been read yet.
    """
    head = trust.extended(ending.receipt_keys).head(ending.head)
    if head is None or head.incarnation != incarnation:
        return False
    if not sent:
        return True
    last = sent[-1]
    return (head.epoch, head.received, head.received_hash, head.settled) == (
        last.epoch,
        last.seq,
        last.hash,
        last.seq,
    )


def believe(reply: SyncReply, asked: Sequence[Outgoing], trust: Trust, *, in_order: bool = True) -> Believed:
    """What `reply` says about what was `asked` or sent.

    Args:
        reply: as it came.
        asked: in the order of the round.
        trust: whose word counts.
        in_order: the round carried exactly these, so that a refusal by number can be read.

    Raises:
        TransportError: it cannot be believed.
    """
    trust = trust.extended(reply.receipt_keys)
    head = trust.head(reply.head)
    if head is None:
        raise TransportError("The answer does not carry the server's signature; it is not believed.")
    known = {each.id: each for each in asked}
    proofs = _Proofs(trust, _envelopes(reply), reply.answers)
    turned = [answer for answer in reply.answers if isinstance(answer, Turned)] if in_order else []
    return Believed(
        head=head,
        trust=trust,
        settled=tuple(_receipt(a, known, proofs, trust) for a in reply.answers if isinstance(a, Settled)),
        held=tuple(a for a in reply.answers if isinstance(a, Held) and a.id in known),
        unknown=tuple(a.id for a in reply.answers if isinstance(a, Unknown) and a.id in known),
        turned=tuple((asked[a.index].id, a.problem) for a in turned if 0 <= a.index < len(asked)),
    )


class _Proofs(Proofs):
    """What proves the receipts of a reply, each root verified once."""

    def __init__(self, trust: Trust, roots: Sequence[Envelope], answers: Sequence[Answer]) -> None:
        super().__init__(roots, answers)
        self._trust = trust
        self._signed: dict[int, ReceiptsRoot | None] = {}

    def signed(self, number: int) -> ReceiptsRoot | None:
        """What a root's envelope signs. Raises as `Trust.root` does."""
        if number not in self._signed:
            self._signed[number] = self._trust.root(self.roots[number])
        return self._signed[number]


def _envelopes(reply: SyncReply) -> list[Envelope]:
    try:
        return [Envelope.from_wire(wire) for wire in reply.roots]
    except ValueError as error:
        raise TransportError("The answer's signatures cannot be read; it is not believed.") from error


def _receipt(
    answer: Settled, known: Mapping[str, Outgoing], proofs: _Proofs, trust: Trust
) -> tuple[Receipt, bytes, Proof]:
    payload = answer.receipt.encode()
    try:
        proof = proofs.of(answer.proof)
        receipt = read_receipt(payload, proof, proofs.signed(answer.proof.root))
    except (BadSignature, ValueError) as error:
        raise TransportError("The answer does not carry the server's signature; it is not believed.") from error
    item = known.get(answer.id)
    ours = item and (trust.tenant, answer.id, item.hash)
    if (receipt.tenant, receipt.command, receipt.envelope_hash) != ours:
        raise TransportError("The answer is about other bytes than ours; it is not believed.")
    return receipt, payload, proof
