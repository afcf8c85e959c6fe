"""Whom and what the audit mentions, gone through behind it: by every sweep, and by whoever asks.

Nobody's round waits for it: a transaction goes through `LINKS` links at most, one call through `TURNS` times that.
"""

from functools import partial

from sync_server.store import Store, Tx

LINKS, TURNS = 500, 40


def mention(store: Store, tenant: str) -> None:
    """Go through what was not gone through yet. Raises `Refused`: `busy`, `store_full`."""
    with store.reading() as tx:
        if tx.mentioned(tenant) >= tx.head(tenant).audit_position:
            return
    for _ in range(TURNS):
        if not store.attempt(partial(_some, tenant=tenant)):
            return


def _some(tx: Tx, tenant: str) -> bool:
    return tx.mention_more(tenant, LINKS)
