"""The last exchanges with the server, in a ring: what the link was like, for whoever replays it."""

from collections.abc import Iterable
from typing import Any

from device.store.base import Part
from device.store.exchange import Exchange
from device.store.items import Issue
from shared.contract import to_instant

#: So many are kept; of an online laptop at rest that is almost two days.
KEPT = 5000


#: One exchange a row; `boot`, `elapsed_s` and `wall` are the device's clocks when the request left.
TABLES = (
    (
        "CREATE TABLE exchange (number INTEGER NOT NULL PRIMARY KEY, boot VARCHAR NOT NULL, elapsed_s FLOAT NOT NULL,"
        " wall VARCHAR NOT NULL, took_s FLOAT NOT NULL, up INTEGER NOT NULL, down INTEGER NOT NULL,"
        " what VARCHAR NOT NULL)"
    ),
)
_ADD = "INSERT INTO exchange (boot, elapsed_s, wall, took_s, up, down, what) VALUES (?, ?, ?, ?, ?, ?, ?)"
_DROP = "DELETE FROM exchange WHERE number <= (SELECT max(number) FROM exchange) - ?"
_LATEST = """SELECT boot, elapsed_s, wall, took_s, up, down, what FROM (
    SELECT * FROM exchange ORDER BY number DESC LIMIT ?) ORDER BY number"""
_ALL = "SELECT boot, elapsed_s, wall, took_s, up, down, what FROM exchange ORDER BY number"


class Exchanges(Part):
    """The ring."""

    def add_exchanges(self, met: Iterable[Exchange]) -> None:
        """Keep these and drop what is older than the last `KEPT`, in a transaction that happens anyway."""
        rows = [(*_clocks(each.began), each.took_s, each.up, each.down, each.what) for each in met]
        if rows:
            self._write_all(_ADD, rows)
            self._write(_DROP, (KEPT,))

    def exchanges(self) -> list[Exchange]:
        """What is kept, oldest first."""
        return [_exchange(row) for row in self._rows(_ALL)]

    def latest_exchanges(self, count: int) -> list[Exchange]:
        """The last `count` of them, oldest first."""
        return [_exchange(row) for row in self._rows(_LATEST, (count,))]


def _exchange(row: Any) -> Exchange:
    boot, elapsed_s, wall, took_s, up, down, what = row
    return Exchange(Issue(boot, elapsed_s, to_instant(wall)), took_s, up, down, what)


def _clocks(issue: Issue) -> tuple[str, float, str]:
    return issue.boot, issue.elapsed_s, issue.wall.isoformat()
