"""Keys that are pressed before there is a page for them.

Rules
1. Nothing is lost and nothing overtakes: what is pressed while the device is being opened is kept, and given to the
   first page in the same order when that page shows what is there.
2. The way out is never kept: it works at once.
3. What was pressed after a PIN that turned out wrong was meant for pages that did not come; it is forgotten, and
   never typed into the next try.
"""

from textual.events import Event, Key, Paste

#: As `TailboardApp.BINDINGS` says it.
WAY_OUT = "ctrl+q"


class EarlyKeys:
    """What was pressed since `hold`."""

    def __init__(self) -> None:
        self._kept: list[Key | Paste] = []
        self._holding = False

    def hold(self) -> None:
        """Keep what is pressed from now on."""
        self._holding = True

    def keeps(self, event: Event) -> bool:
        """Whether `event` was pressed too early, and is kept."""
        if not self._holding or not isinstance(event, Key | Paste):
            return False
        if isinstance(event, Key) and event.key == WAY_OUT:
            return False
        self._kept.append(event)
        return True

    @property
    def waiting(self) -> bool:
        """Whether something is kept."""
        return bool(self._kept)

    def let_go(self) -> list[Key | Paste]:
        """Keep nothing more; what was kept, in order, as it was pressed."""
        kept, self._kept, self._holding = self._kept, [], False
        return [Key(each.key, each.character) if isinstance(each, Key) else Paste(each.text) for each in kept]
