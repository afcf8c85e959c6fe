"""Whom and what the audit mentions, gone through behind it: by every sweep, and by whoever asks.

Nobody's round waits for it: a transaction goes through `LINKS` links at most, one call through `CALL_LINKS`. A page's
share is `PAGE_LINKS`, and it says how many are left: it is shown at once after a burst, too.
"""

from functools import partial

from sync_server.store import Store, Tx

LINKS, CALL_LINKS, PAGE_LINKS = 500, 20_000, 100


def mention(store: Store, tenant: str, most: int = CALL_LINKS) -> None:
    """Go through what was not gone through yet, `most` links at most. Raises `Refused`: `busy`, `store_full`."""
    with store.reading() as tx:
        if tx.mentioned(tenant) >= tx.head(tenant).audit_position:
            return
    for done in range(0, most, LINKS):
        if not store.attempt(partial(_some, tenant=tenant, links=min(LINKS, most - done))):
            return


def _some(tx: Tx, tenant: str, links: int) -> bool:
    return tx.mention_more(tenant, links)
