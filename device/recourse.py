"""What the author of a command can still do about it, and why not: one sentence for the workbench and the screen."""

from device.store import UNSETTLED, Item, State
from device.words import number
from shared.outcomes import Outcome


def not_taken_back(item: Item) -> str | None:
    """Why `item` cannot be taken back; None if it can, as far as it alone is concerned."""
    if item.withdrawal:
        return f"{number(item)} is taken back already."
    if item.state not in UNSETTLED:
        return f"{number(item)} is settled already; it cannot be taken back. Enter a correction."
    if item.state not in {State.SAVED, State.TURNED}:
        late = f"{number(item)} was sent already, so it cannot be taken back here."
        return late + " Ask the office, or enter a correction."
    return None


def not_come_back(item: Item, *, hopeless: bool) -> str | None:
    """Why `item` cannot be given again or dropped; None if it can. `hopeless`: it will never be sent again."""
    if item.dealt:
        return f"{number(item)} has been dealt with already."
    over = item.receipt is not None and item.receipt.outcome in {Outcome.REJECTED, Outcome.EXPIRED}
    if not over and not hopeless:
        return f"{number(item)} did not come back: it is {item.standing}. There is nothing to do."
    return None
