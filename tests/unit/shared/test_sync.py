"""The parts of a reply that are written without a contract are what the contract would write."""

import json
from datetime import UTC, datetime

import pytest

from shared.envelope import HEAD_TYPE, SigningKey, seal
from shared.ids import uuid7
from shared.merkle import Inclusion, proves
from shared.receipts import Proof, seal_all, verify_root
from shared.statements import ReceiptsRoot
from shared.sync import Proofs, Settled, SyncReply, Unknown, WireProof, settled_json, with_changes

NOW = datetime(2026, 11, 21, 8, tzinfo=UTC)
COMMAND = uuid7(NOW, b"0123456789")
SIGNER = SigningKey(b"\x07" * 32)
PLACE = Inclusion(1, 3, (b"\x01" * 32, b"\xff" * 32))


@pytest.mark.parametrize("place", [None, PLACE])
def test_a_settled_answer_is_what_its_contract_would_write(place: Inclusion | None) -> None:
    proof = WireProof(root=2)
    if place is not None:
        proof = WireProof(root=2, index=place.index, size=place.size, path=tuple(each.hex() for each in place.path))
    receipt = '{"detail":"„quoted\\" – and\\n"}'
    assert (
        settled_json(COMMAND, receipt.encode(), 2, place)
        == Settled(id=COMMAND, receipt=receipt, proof=proof).to_bytes()
    )


def told_whole(size: int) -> tuple[list[Settled], list[Proof]]:
    """All answers about a unit of `size` receipts, none with a path, and their proofs as the server has them."""
    payloads = [b'{"n":%d}' % n for n in range(size)]
    root = ReceiptsRoot(tenant="t", incarnation=1, size=1, root="0" * 64, at=NOW)
    proofs = seal_all(payloads, root, SIGNER)
    told = [
        Settled.model_validate_json(settled_json(COMMAND, payload, 0, proof.inclusion, whole=True))
        for payload, proof in zip(payloads, proofs, strict=True)
    ]
    return told, proofs


@pytest.mark.parametrize("size", [1, 2, 5])
def test_all_receipts_under_a_root_prove_each_other(size: int) -> None:
    told, sealed = told_whole(size)
    proofs, signed = Proofs([sealed[0].envelope], told[::-1]), verify_root(sealed[0].envelope, SIGNER.public)
    assert signed is not None
    for answer in told:
        assert answer.proof.path == ()
        place = proofs.of(answer.proof).inclusion
        assert place is not None
        assert proves(answer.receipt.encode(), place, bytes.fromhex(signed.root))
        assert not proves(answer.receipt.encode() + b" ", place, bytes.fromhex(signed.root))


def test_a_receipt_that_is_changed_or_changes_places_is_not_proved_by_the_others() -> None:
    told, sealed = told_whole(3)
    signed = verify_root(sealed[0].envelope, SIGNER.public)
    assert signed is not None
    changed = told[1].model_copy(update={"receipt": '{"n":7}'})
    swapped = [
        told[0].model_copy(update={"proof": told[1].proof}),
        told[1].model_copy(update={"proof": told[0].proof}),
    ]
    for answers in ([told[0], changed, told[2]], [*swapped, told[2]]):
        proofs = Proofs([sealed[0].envelope], answers)
        places = [proofs.of(answer.proof).inclusion for answer in answers]
        for answer, place in zip(answers, places, strict=True):
            assert place is not None
            assert not proves(answer.receipt.encode(), place, bytes.fromhex(signed.root))


def test_a_second_receipt_for_a_place_is_not_proved_by_the_first() -> None:
    told, sealed = told_whole(3)
    signed = verify_root(sealed[0].envelope, SIGNER.public)
    assert signed is not None
    forged = told[1].model_copy(update={"receipt": '{"n":7}'})
    proofs = Proofs([sealed[0].envelope], [forged, *told])
    place = proofs.of(forged.proof).inclusion
    assert place is not None
    assert proves(told[1].receipt.encode(), place, bytes.fromhex(signed.root))
    assert not proves(forged.receipt.encode(), place, bytes.fromhex(signed.root))


@pytest.mark.parametrize("size", [2, 4, 10**15])
def test_without_a_path_every_receipt_under_the_root_must_be_there(size: int) -> None:
    told, sealed = told_whole(3)
    spoiled = told[0].proof.model_copy(update={"size": size})
    proofs = Proofs([sealed[0].envelope], told)
    with pytest.raises(ValueError, match="does not hold all"):
        proofs.of(spoiled)
    with pytest.raises(ValueError, match="does not hold all"):
        Proofs([sealed[0].envelope], told[1:]).of(told[1].proof)
    with pytest.raises(ValueError, match="no root"):
        proofs.of(told[0].proof.model_copy(update={"root": 1}))


@pytest.mark.parametrize("more", [(), (Unknown(id=COMMAND),)])
@pytest.mark.parametrize("written", [[], [settled_json(COMMAND, b"{}", 0, PLACE)] * 2])
def test_what_is_written_already_is_put_into_the_reply(written: list[bytes], more: tuple[Unknown, ...]) -> None:
    head = seal(HEAD_TYPE, b"{}", SigningKey(b"k" * 32)).to_wire()
    reply = SyncReply(
        changes=(),
        protocol=2,
        answers=more,
        cursor="1:2:0",
        more=False,
        head=head,
        epoch=1,
        server_time=NOW,
        incarnation=1,
    )
    told = json.loads(with_changes(reply, ['{"ref":"a/1"}', '{"ref":"a/2"}'], written))
    assert told.pop("changes") == [{"ref": "a/1"}, {"ref": "a/2"}]
    assert told.pop("answers") == [*map(json.loads, written), *(each.model_dump(mode="json") for each in more)]
    bare = json.loads(reply.to_bytes())
    assert told == {name: bare[name] for name in bare if name not in ("changes", "answers")}
