"""The parts of a reply that are written without a contract are what the contract would write."""

import json
from datetime import UTC, datetime

import pytest

from shared.envelope import HEAD_TYPE, SigningKey, seal
from shared.ids import uuid7
from shared.merkle import Inclusion
from shared.sync import Settled, SyncReply, Unknown, WireProof, settled_json, with_changes

NOW = datetime(2026, 11, 21, 8, tzinfo=UTC)
COMMAND = uuid7(NOW, b"0123456789")
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
