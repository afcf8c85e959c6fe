"""A unit of work: commands are received, settled and released in memory, then everything is written at once.

    receive ──▶ Places ──▶ Settling ──▶ Decided ──▶ writing
                   │           │           │
                   └───────────┴─ Known ───┘

| module | owns |
|---|---|
| `unit` | `Batch`: the words in which the rest of the server speaks to a unit of work |
| `places` | where a device's command stands in its chain: taken, early, adrift, forked; epochs |
| `withdrawals` | what authors take back |
| `settling` | ruling or hold, and deciding again what waited |
| `facts` | what a decision depends on, gathered for one command |
| `known` | what the store holds, read once each, as this unit has changed it since |
| `decided` | what this unit decided and has not written yet |
| `writing` | records, outcomes, audit and receipts, in one go |

Rules
1. Ledger first: an id that is known gets its recorded answer, and nothing happens twice.
2. A validly signed envelope always takes its place: settled, or held with a reason.
3. A device's commands are received in the order of its chain (`sync_server.chain`); what comes early waits for the
   gap to close. From a device that is forked or revoked nothing is received: what it sends is kept apart for review.
4. What waits for a command, a decision or bytes is decided again in the unit in which that comes.
5. The tenant's head is taken last, and gives out places in the changes feed and the audit in one range; records,
   outcomes, audit and receipts are written together or not at all.
6. One signature covers all receipts of the unit (`shared.receipts`).
"""

from sync_server.batch.unit import Batch
from sync_server.batch.writing import Seal, link_hash

__all__ = ["Batch", "Seal", "link_hash"]
