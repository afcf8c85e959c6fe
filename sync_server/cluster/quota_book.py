"""The book of quotas in the database, which every server process over it shares.

Shares are drawn and brought back in units of work of their own, on whatever thread `run_blocking` gives; a task waits
for one only when its process has used up what it holds.
"""

from collections.abc import Sequence
from datetime import datetime

from shared.ports import RunBlocking
from sync_server.cluster.quota import Given, Spent, Wanted, added, share_of
from sync_server.store import Store, Tx


class StoredBook:
    """Windows in the store."""

    def __init__(self, store: Store, run_blocking: RunBlocking) -> None:
        self._store, self._run = store, run_blocking

    async def draw(self, wanted: Sequence[Wanted], now: datetime) -> Sequence[Given] | Spent:
        """A share for each, or for none of them. Raises `Refused`: `busy`, `store_full`."""
        return await self._run(lambda: self._store.attempt(lambda tx: _draw(tx, wanted, now)))

    async def bring_back(self, unused: Sequence[Given]) -> None:
        """What is not used; of a window that ended it is worth nothing. Raises `Refused`: `busy`, `store_full`."""
        if unused:
            await self._run(lambda: self._store.attempt(lambda tx: _bring_back(tx, unused)))


def _draw(tx: Tx, wanted: Sequence[Wanted], now: datetime) -> Sequence[Given] | Spent:
    drawn: list[tuple[Given | None, Given]] = []
    for each in sorted(wanted, key=lambda each: each.who):  # two processes wait for each other in one order
        counted = _counted(tx, each.who)
        share = share_of(each, counted, now)
        if isinstance(share, Spent):
            return share
        drawn.append((counted, share))
    for counted, share in drawn:
        known = counted if counted and counted.ends_at == share.ends_at else Given(share.who, share.ends_at, 0, 0)
        _put(tx, added(known, share))
    return [share for _, share in drawn]


def _bring_back(tx: Tx, unused: Sequence[Given]) -> None:
    for each in sorted(unused, key=lambda each: each.who):
        known = _counted(tx, each.who)
        if known and known.ends_at == each.ends_at:
            _put(tx, added(known, Given(each.who, each.ends_at, -each.requests, -each.tokens)))


def _counted(tx: Tx, who: str) -> Given | None:
    found = tx.quota_window(who)
    return Given(who, *found) if found else None


def _put(tx: Tx, window: Given) -> None:
    tx.put_quota_window(window.who, window.ends_at, window.requests, window.tokens)
