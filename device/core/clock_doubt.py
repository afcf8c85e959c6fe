"""Whether this laptop's clock can be relied on, as far as the laptop can know.

Rules
1. A clock that stands behind the last contact was set back.
2. A clock that is more than two minutes from the server's is wrong, or the server's is; either way a person should
   look. What is signed is corrected by the difference.
"""

from datetime import datetime, timedelta

#: A smaller difference is nobody's mistake. The server accepts more (`shared.request_signature.TOLERANCE`).
CLOCK_OFF_S = 120


def set_back(now: datetime, offset: timedelta, as_of: datetime | None) -> bool:
    """Whether `now`, corrected by `offset`, lies before the last contact."""
    return as_of is not None and now + offset < as_of - timedelta(seconds=CLOCK_OFF_S)


def doubt(now: datetime, offset: timedelta, as_of: datetime | None) -> str | None:
    """Why the clock is in doubt, in a few words; None if it is not.

    Args:
        now: by this laptop's clock.
        offset: how far the server's clock is ahead, as it last said.
        as_of: the server's time of the last contact.
    """
    if set_back(now, offset, as_of):
        return "behind the last contact"
    off_s = offset.total_seconds()
    if abs(off_s) <= CLOCK_OFF_S:
        return None
    spell = f"{abs(off_s) / 60:.0f} min" if abs(off_s) < 7200 else f"{abs(off_s) / 3600:.0f} h"
    return f"{spell} {'behind' if off_s > 0 else 'ahead of'} the server's"
