"""The outbox as a screen looks at it: what still matters, the latest of the rest, and where single commands stand.

A screen never reads the whole outbox: of what was accepted long ago there may be a hundred thousand.
"""

import json
from collections.abc import Collection, Sequence

from device.store.items import Item, item_of, standing_of
from device.store.outbox import COLUMNS, Outbox
from shared.outcomes import Standing

#: Settled, and its author or somebody at the office still has to look at it.
_ATTENTION = """
    state = 'settled' AND dealt IS NULL AND (outcome IN ('rejected', 'expired')
    OR outcome = 'conflict' AND NOT resolved OR earlier_outcome IS NOT NULL)"""
_NAMES = ", ".join(COLUMNS)
_OPEN = f"""
    SELECT {_NAMES} FROM outbox WHERE state IN ('saved', 'sent', 'held', 'turned')
    UNION ALL SELECT {_NAMES} FROM outbox WHERE {_ATTENTION}
    ORDER BY position"""  # noqa: S608 - columns of ours
_OVER = f"""
    SELECT {_NAMES} FROM outbox WHERE state = 'settled' AND NOT ({_ATTENTION}) AND summary LIKE ? ESCAPE '\\'
    ORDER BY position DESC LIMIT ?"""  # noqa: S608 - columns of ours
_STANDING = ("state", "hold", "outcome", "resolved", "earlier_outcome", "dealt")
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

    def standings(self, ids: Collection[str]) -> dict[str, Standing]:
        """Where these commands stand; those that are not this device's are left out."""
        rows = self._rows(_STANDINGS, (json.dumps([*ids]),))
        return {name: standing_of(dict(zip(_STANDING, row, strict=True))) for name, *row in rows}


def _literal(word: str) -> str:
    return word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
