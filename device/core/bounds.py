"""How much may wait in the outbox: bounds by count and bytes, with room kept free for what concerns safety.

Rules
1. At its bound new work is refused, with what to do about it. What is saved already is never dropped for it.
2. Low priority gives way first; the last stretch is for safety alone.
"""

from collections.abc import Mapping

from shared.values import value

MIB = 1 << 20


@value(frozen=True, slots=True)
class Kept:
    """What waits for an outcome: how many commands, and the bytes of what was signed."""

    count: int
    bytes: int


#: Up to where each priority may fill the outbox.
BOUNDS: Mapping[str, Kept] = {
    "low": Kept(6_000, 48 * MIB),
    "normal": Kept(9_000, 72 * MIB),
    "safety": Kept(10_000, 80 * MIB),
}


def refusal(priority: str, kept: Kept, size: int, bounds: Mapping[str, Kept] = BOUNDS) -> str | None:
    """Why a command of `size` bytes cannot be saved on top of what is `kept`; None if it can."""
    bound = bounds.get(priority, bounds["normal"])
    if kept.count < bound.count and kept.bytes + size <= bound.bytes:
        return None
    rest = " What concerns safety can still be saved." if priority != "safety" else ""
    return (
        f"The outbox is full: {kept.count} commands ({kept.bytes / MIB:.0f} MiB) wait to be settled. Nothing that is "
        f"saved is lost. Go online, or carry it to the office: tailboard outbox export FILE.{rest}"
    )
