"""What became of commands while the person looked at something else: who was answered in the background is told.

Only what somebody waits for or has to do something about is news: what came back, what waits for somebody's look, and
what was decided of that. That a command was accepted as expected is in the counts.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from device.plain import plain
from device.store import Item
from device.words import instead, number
from device.workbench import Workbench
from shared.outcomes import Standing

_NEWS = {
    Standing.REFUSED: "came back, 5 says why",
    Standing.REVIEW: "is in review, 5 says by whom",
    Standing.ACCEPTED: "was decided: accepted",
}
#: So many are told one by one.
MOST = 2


@dataclass
class Tidings:
    """What was known last; nothing is news at first."""

    _known: Mapping[str, Item] | None = None

    def look(self, bench: Workbench) -> list[str]:
        """Sentences about what changed since the last look. Raises `StoreError`."""
        here = {item.command.id: item for item in bench.open_items() if _matters(item)}
        before, self._known = self._known, here
        if before is None:
            return []
        gone = bench.standings([each for each in before if each not in here])
        over = [(before[each], now) for each, now in gone.items() if now is Standing.ACCEPTED]
        came = [(item, item.standing) for each, item in here.items() if _standing(before.get(each)) != item.standing]
        conflicts = bench.of_kind("conflict") if over else []
        news = [f"{number(item)} {_NEWS[now]}. {plain(item.summary)}" for item, now in came]
        news += [_decided(item, now, instead(item, conflicts)) for item, now in over]
        more = len(news) - MOST
        return news if more <= 0 else [*news[:MOST], f"And {more} more commands: 5 lists them."]


def _decided(item: Item, now: Standing, otherwise: str) -> str:
    """That a command is accepted does not say that its values stand."""
    if otherwise:
        return f"{number(item)} was {otherwise}. You had {plain(item.summary)}"
    return f"{number(item)} {_NEWS[now]}. {plain(item.summary)}"


def _matters(item: Item) -> bool:
    return item.standing in {Standing.REFUSED, Standing.REVIEW} and item.dealt is None


def _standing(item: Item | None) -> Standing | None:
    return item.standing if item else None
