"""How much waits to be sent, and how long that would take at the speed of the last exchanges."""

from collections.abc import Sequence

from device.store.exchange import Exchange, reached_server

#: Exchanges that carried less say more about the way to the server than about its width.
BYTES_MIN = 512


def seconds_left(waiting: int, exchanges: Sequence[Exchange]) -> float | None:
    """Seconds for `waiting` bytes; None if nothing lately says how fast the link is."""
    carried = [each for each in exchanges if reached_server(each.what) and each.up >= BYTES_MIN and each.took_s > 0]
    if not carried:
        return None
    return waiting * sum(each.took_s for each in carried) / sum(each.up for each in carried)


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
