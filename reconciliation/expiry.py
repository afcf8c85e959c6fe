"""When a command is too old to take effect.

A lifetime is `expires_at - issued_at` and is judged at first receipt. Expiry is an outcome, never a deletion: the
command goes back to its author, who gives it again or drops it.
"""

from datetime import datetime, timedelta

from shared.commands.base import Command

#: The longest spell that a device may stay away with work that is still good.
OFFLINE_MAX = timedelta(days=120)


def too_long(command: Command) -> bool:
    """Whether the author asked for a lifetime that no kind may have, or one that ends before it begins."""
    lifetime = command.expires_at - command.issued_at
    return not timedelta(0) < lifetime <= OFFLINE_MAX


def expired(command: Command, received_at: datetime) -> bool:
    """Whether the command's time was over when the server first received it."""
    return received_at > command.expires_at
