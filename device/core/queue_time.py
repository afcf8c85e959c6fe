"""How much waits to be sent, what of it goes first, and how long that would take at the speed of the last exchanges.

What is about safety needs only what was confirmed before it (`device.core.rounds`), and no file: its bytes are
counted up to there.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from device.store.exchange import Exchange, reached_server
from device.store.items import UNSETTLED, Item, State

#: Exchanges that carried less say more about the way to the server than about its width.
BYTES_MIN = 512


@dataclass(frozen=True, slots=True)
class Waits:
    """What has no answer yet.

    Args:
        count: of commands.
        size: bytes of them and of their files.
        seconds: how long that takes; None if nothing lately says how fast the link is.
        safety: those about safety that were not sent yet, in the order of sending.
        first_size: bytes that go up to the last of these.
        first_seconds: how long that takes.
    """

    count: int = 0
    size: int = 0
    seconds: float | None = None
    safety: tuple[Item, ...] = ()
    first_size: int = 0
    first_seconds: float | None = None


def waits(items: Sequence[Item], exchanges: Sequence[Exchange]) -> Waits:
    """What of `items`, in the order of confirmation, waits, at the speed of `exchanges`."""
    waiting = [each for each in items if each.state in UNSETTLED]
    unsent = [each for each in waiting if each.state is State.SAVED]
    safety = tuple(each for each in unsent if each.safety and not each.withdrawal)
    first = sum(_bytes(each) for each in unsent if safety and each.position <= safety[-1].position)
    size = sum(_bytes(each) + _file_bytes(each) for each in waiting)
    return Waits(len(waiting), size, seconds_left(size, exchanges), safety, first, seconds_left(first, exchanges))


def _bytes(item: Item) -> int:
    return len(item.envelope.payload)


def _file_bytes(item: Item) -> int:
    return item.file.size - item.file.sent if item.file and not item.file.up else 0


def seconds_left(waiting: int, exchanges: Sequence[Exchange]) -> float | None:
    """Seconds for `waiting` bytes; None if nothing lately says how fast the link is."""
    carried = [each for each in exchanges if reached_server(each.what) and each.up >= BYTES_MIN and each.took_s > 0]
    if not carried:
        return None
    return waiting * sum(each.took_s for each in carried) / sum(each.up for each in carried)


def waits_words(waits: Waits) -> str:
    """How much waits, and how long it takes; empty if nothing does."""
    if not waits.count:
        return ""
    return f"Waiting {waits.count}, all on this disk: {size_words(waits.size)}, {time_words(waits.seconds)}."


def first_words(waits: Waits, numbers: Sequence[str]) -> str:
    """What goes first, with the numbers of what is about safety; empty if nothing is."""
    if not numbers:
        return ""
    named = f"{', '.join(numbers[:3])}{f' and {len(numbers) - 3} more' if len(numbers) > 3 else ''}"
    takes = f"{size_words(waits.first_size)}, {time_words(waits.first_seconds)}"
    return f"Safety first: {named} before all that was confirmed later and before files: {takes}."


def size_words(size: int) -> str:
    """Bytes for a person."""
    if size < 1 << 10:
        return f"{size} B"
    return f"{size / (1 << 10):.0f} KiB" if size < 1 << 20 else f"{size / (1 << 20):.1f} MiB"


def time_words(seconds: float | None) -> str:
    """How long that is, roughly."""
    if seconds is None:
        return "no speed known yet"
    if seconds < 90:
        return f"about {max(1, round(seconds))} s at the last speed"
    return f"about {round(seconds / 60)} min at the last speed"
