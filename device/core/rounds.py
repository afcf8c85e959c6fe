"""What one round carries of a backlog: the beginning of it, as far as it goes together.

Rules
1. Commands go up in the order of the chain, whatever they are about: each names the one before it, and the server
   takes them only in that order.
2. What is about safety is sent first as far as rule 1 lets it: the round ends with it, so that its answer waits for
   nothing that was confirmed later. A few that follow it go along: a round of their own would take longer.
3. A round is no larger than one request's body.
"""

from collections.abc import Sequence
from itertools import accumulate

from device.store.items import Outgoing
from shared.sync import BODY_BYTES_MAX

#: What an envelope adds to its payload on the wire, rounded up.
ENVELOPE_BYTES = 512
#: So many commands may follow what is about safety in the same round.
ALONG_MAX = 20


def one_round(items: Sequence[Outgoing]) -> list[Outgoing]:
    """The first items that go together, at least one if there is one."""
    return up_to_safety(one_body(items))


def up_to_safety(items: Sequence[Outgoing]) -> list[Outgoing]:
    """The items up to the last one about safety, if more than a few follow it; else all of them."""
    end = max((place for place, item in enumerate(items, start=1) if item.safety), default=0)
    return list(items[:end] if end and len(items) - end > ALONG_MAX else items)


def one_body(items: Sequence[Outgoing]) -> list[Outgoing]:
    """The first items that fit into one request body, at least one. Base64 and JSON make bytes a third longer."""
    sizes = accumulate(map(_wire_bytes, items))
    fit = [item for item, size in zip(items, sizes, strict=True) if size < BODY_BYTES_MAX * 0.9]
    return fit or list(items[:1])


def _wire_bytes(item: Outgoing) -> int:
    payloads = len(item.envelope.payload) + (len(item.withdrawal.payload) if item.withdrawal else 0)
    return payloads * 4 // 3 + (2 if item.withdrawal else 1) * ENVELOPE_BYTES
