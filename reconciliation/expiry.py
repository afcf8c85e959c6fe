"""How long things last.

Rules
1. A lifetime is `expires_at - issued_at`, both by the device's clock, and is judged at first receipt. What needs
   central authority is judged again when it would take effect.
2. The server compares instants by one clock: it takes the device's to be off by the offset that it measured.
3. Expiry is an outcome, never a deletion: the command goes back to its author, who gives it again or drops it. The
   device itself expires nothing; it warns.
4. What needs central authority can be confirmed only within its kind's window after the last contact.
5. A time that no clock shows, broken or not, is no time: sums with it would leave what a calendar holds.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from shared.commands.base import Authority, Command, Kind

NONE = timedelta(0)


@dataclass(frozen=True, slots=True)
class Limits:
    """How long things are kept, and which of these times must be longer than which.

    Args:
        offline_max: the longest spell that a device may stay away with work that is still good.
        ledger_retention: how long the server answers for a settled command; longer than any device stays away.
        resubmit_window: how long a device keeps settled envelopes, to give them to a server restored from a backup.
        backup_age_max: the oldest backup that may be restored; younger than what devices still have.
        warn_before: the device warns this long before a command expires, or
        warn_share: when this share of its lifetime is left, whichever is later.

    Raises:
        ValueError: the spells contradict each other; the sentence says which.
    """

    offline_max: timedelta = timedelta(days=120)
    ledger_retention: timedelta = timedelta(days=400)
    resubmit_window: timedelta = timedelta(days=35)
    backup_age_max: timedelta = timedelta(days=30)
    warn_before: timedelta = timedelta(days=14)
    warn_share: float = 0.25

    def __post_init__(self) -> None:
        if self.offline_max <= NONE or self.backup_age_max <= NONE or self.warn_before < NONE:
            raise ValueError("offline_max and backup_age_max must be more than nothing, warn_before not less")
        if self.ledger_retention <= self.offline_max:
            raise ValueError(
                f"the ledger would forget after {self.ledger_retention.days} days what a device may still bring "
                f"after {self.offline_max.days}: raise ledger_retention or lower offline_max"
            )
        if self.resubmit_window <= self.backup_age_max:
            raise ValueError(
                f"a backup of {self.backup_age_max.days} days could not be made whole by devices that keep "
                f"{self.resubmit_window.days}: raise resubmit_window or lower backup_age_max"
            )
        if not 0 <= self.warn_share <= 1:
            raise ValueError(f"warn_share is a share of a lifetime, 0 to 1, not {self.warn_share}")


#: What the design says, where nobody says otherwise.
LIMITS = Limits()

#: The longest spell that a device may stay away with work that is still good.
OFFLINE_MAX = LIMITS.offline_max


#: What a clock may show. The sum of two such instants' distances never leaves the years 1 to 9999.
DATABLE_FROM, DATABLE_UNTIL = datetime(1970, 1, 1, tzinfo=UTC), datetime(3000, 1, 1, tzinfo=UTC)


def datable(at: datetime) -> bool:
    """Whether a clock may show this instant; one that lost its battery begins at 1970, or some years later."""
    inside = DATABLE_FROM.year < at.year < DATABLE_UNTIL.year - 1  # whatever its zone, which takes long to ask
    return inside or DATABLE_FROM <= at < DATABLE_UNTIL


def too_long(command: Command, limits: Limits = LIMITS) -> bool:
    """Whether the author asked for a lifetime that no kind may have, or one that ends before it begins."""
    return not NONE < lifetime(command) <= limits.offline_max


def lifetime(command: Command) -> timedelta:
    """From confirmation to expiry."""
    return command.expires_at - command.issued_at


def expired(command: Command, at: datetime, offset: timedelta = NONE) -> bool:
    """Whether the command's time was over.

    Args:
        command: with `expires_at` by the device's clock.
        at: the server's time, of first receipt or of effect.
        offset: the device's time minus the server's, as the server measured it.
    """
    return at + offset > command.expires_at


def warning(command: Command, now: datetime, limits: Limits = LIMITS) -> timedelta | None:
    """How much of the command's time is left, once that is little; nothing below zero, None while it is enough.

    Args:
        command: one that is not settled.
        now: by the clock of the device that asks, which is the one that issued it.
        limits: when to warn.
    """
    left = command.expires_at - now
    little = min(limits.warn_before, lifetime(command) * limits.warn_share)
    return max(left, NONE) if left <= little else None


def confirmable(authority: Authority, kind: Kind, contact_at: datetime | None, now: datetime) -> bool:
    """Whether a device that was last in contact at `contact_at` (None: never) may still confirm at `now`.

    A clock that went back behind the last contact proves nothing, so it confirms nothing central.
    """
    if authority is not Authority.CENTRAL:
        return True
    return contact_at is not None and NONE <= now - contact_at <= kind.window
