"""The outbox as a screen looks at it: what still matters, the latest of the rest, and where single commands stand.

A screen never reads the whole outbox: of what was accepted long ago there may be a hundred thousand.
"""

import json
from collections.abc import Collection, Sequence

from device.store.items import ATTENTION, COLUMNS, DEALT, Item, State, item_of, standing_of
from device.store.outbox import Outbox
from shared.outcomes import Standing

_NAMES = ", ".join(COLUMNS)
_OPEN = f"""
    SELECT {_NAMES} FROM outbox WHERE state IN ('saved', 'sent', 'held', 'turned')
    UNION ALL SELECT {_NAMES} FROM outbox INDEXED BY ix_outbox_attention WHERE {ATTENTION}
    ORDER BY position"""  # noqa: S608 - columns of ours
_OVER = f"""
    SELECT {_NAMES} FROM outbox WHERE +state = 'settled' AND NOT ({ATTENTION}) AND summary LIKE ? ESCAPE '\\'
    ORDER BY position DESC LIMIT ?"""  # noqa: S608 - columns of ours
_STANDING = ("state", "hold", "outcome", "resolved", "earlier_outcome", "dealt")
_GROUP = ", ".join(_STANDING)
_COUNT_REST = f"""
    SELECT {_GROUP}, count(*) FROM outbox WHERE state IN ('saved', 'sent', 'held', 'turned') GROUP BY {_GROUP}
    UNION ALL SELECT {_GROUP}, count(*) FROM outbox INDEXED BY ix_outbox_attention WHERE {ATTENTION} GROUP BY {_GROUP}
    UNION ALL SELECT {_GROUP}, count(*) FROM outbox INDEXED BY ix_outbox_dealt
    WHERE {DEALT} AND state = 'settled' GROUP BY {_GROUP}"""  # noqa: S608
_COUNT_SETTLED = "SELECT count(*) FROM outbox WHERE state = 'settled'"
_STANDINGS = f"""
    SELECT id, {", ".join(_STANDING)} FROM outbox
    WHERE state IN ('saved', 'sent', 'held', 'turned', 'settled') AND id IN (SELECT value FROM json_each(?))"""  # noqa: S608


class Looking(Outbox):
    """What a screen reads of the outbox."""

    def open_items(self) -> list[Item]:
        """Everything that has no outcome yet or needs somebody's look, in the order of confirmation."""
        return [item_of(dict(zip(COLUMNS, row, strict=True))) for row in self._rows(_OPEN)]

    def latest_over(self, words: Sequence[str], most: int) -> list[Item]:
        """Of the rest the latest, newest first; with `words`, those whose summary contains the first of them."""
        pattern = f"%{_literal(words[0])}%" if words else "%"
        return [item_of(dict(zip(COLUMNS, row, strict=True))) for row in self._rows(_OVER, (pattern, most))]

    def counts(self) -> dict[Standing, int]:
        """How many commands stand where. What was refused and dealt with by its author needs no counting.

        Of the settled ones only those are read that may stand elsewhere than at Accepted.
        """
        with self._lock, self._joined():
            ((settled,),) = self._rows(_COUNT_SETTLED)
            rest = self._rows(_COUNT_REST)
        counted = dict.fromkeys(Standing, 0)
        for *columns, count in rest:
            row = dict(zip(_STANDING, columns, strict=True))
            standing = standing_of(row)
            counted[standing] += 0 if row["dealt"] and standing is Standing.REFUSED else count
            settled -= count if row["state"] == State.SETTLED else 0
        counted[Standing.ACCEPTED] += settled
        return counted

    def standings(self, ids: Collection[str]) -> dict[str, Standing]:
        """Where these commands stand; those that are not this device's are left out."""
        rows = self._rows(_STANDINGS, (json.dumps([*ids]),))
        return {name: standing_of(dict(zip(_STANDING, row, strict=True))) for name, *row in rows}


def _literal(word: str) -> str:
    return word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
