"""What the end of an answer says before the rest of it is read."""

from typing import Any

import pytest

from device.core.belief import all_settled
from device.core.trust import Trust
from device.store import Outgoing
from shared.envelope import COMMAND_TYPE, HEAD_TYPE, Envelope, SigningKey, seal
from shared.statements import Head
from shared.sync import SyncReply, cursor_at
from tests.builders import NOW

SERVER, OTHER = SigningKey(b"\x07" * 32), SigningKey(b"\x08" * 32)
TRUST = Trust("t", "d", (SERVER.public.hex(),))
SENT = [
    Outgoing(f"id-{seq}", 1, seq, "", Envelope(COMMAND_TYPE, b"", ()), f"{seq:064x}", None, None) for seq in (4, 5)
]


def ending(key: SigningKey = SERVER, **told: Any) -> SyncReply:
    head = {"received": 5, "received_hash": f"{5:064x}", "settled": 5, "epoch": 1, "incarnation": 1, "device": "d"}
    signed = Head(tenant="t", audit_position=9, audit_hash="0" * 64, change_seq=9, at=NOW, **{**head, **told})
    return SyncReply(
        changes=(),
        protocol=2,
        answers=(),
        cursor=cursor_at(1, 9),
        more=False,
        head=seal(HEAD_TYPE, signed.to_bytes(), key).to_wire(),
        epoch=1,
        server_time=NOW,
        incarnation=1,
    )


def test_all_is_settled_when_the_server_signs_it() -> None:
    assert all_settled(ending(), SENT, TRUST, incarnation=1)
    assert all_settled(ending(received=7), [], TRUST, incarnation=1)


@pytest.mark.parametrize(
    "told",
    [
        {"key": OTHER},
        {"device": "e"},
        {"incarnation": 2},
        {"epoch": 2},
        {"received": 4},
        {"received": 6},
        {"received_hash": "0" * 64},
        {"settled": 4},
    ],
)
def test_anything_else_must_be_looked_at_first(told: dict[str, Any]) -> None:
    assert not all_settled(ending(**told), SENT, TRUST, incarnation=1)
