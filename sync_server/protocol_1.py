"""The reply as devices of protocol 1 read it: each receipt in an envelope of its own, and nothing that came later."""

import json
from collections.abc import Sequence
from typing import Any

from shared.envelope import RECEIPT_TYPE, SigningKey, seal
from shared.sync import Answer, Settled, SyncReply

PROTOCOL = 1


def reply(told: SyncReply, records: Sequence[str], key: SigningKey) -> bytes:
    """`told` with `records` (JSON) in the older form; receipts are signed one by one."""
    since_shown = ":".join(told.cursor.split(":")[:2])
    body = {
        "protocol": PROTOCOL,
        "answers": [_answer(answer, key) for answer in told.answers],
        "changes": [json.loads(record) for record in records],
        "cursor": since_shown,
        "more": told.more,
        "server_time": told.server_time.isoformat(),
        "incarnation": told.incarnation,
    }
    return json.dumps(body, ensure_ascii=False).encode()


def _answer(answer: Answer, key: SigningKey) -> dict[str, Any]:
    if isinstance(answer, Settled):
        receipt = seal(RECEIPT_TYPE, answer.receipt.encode(), key).to_wire()
        return {"status": "settled", "id": answer.id, "receipt": receipt.model_dump(mode="json")}
    return answer.model_dump(mode="json", exclude_none=True)
