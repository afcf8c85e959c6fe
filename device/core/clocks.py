"""Can the times of a command still be trusted? They cannot if the clock was moved, or the machine rebooted, since.

Source: the drift between the clock that people read and the one that only runs forward.
"""

from datetime import timedelta

from device.store.items import Issue

DRIFT_MAX = timedelta(minutes=2)


def is_doubtful(issue: Issue | None, now: Issue) -> bool:
    """Whether the device's clock stepped or it rebooted between `issue` and `now`; None was never noted."""
    if issue is None or issue.boot != now.boot or now.elapsed_s < issue.elapsed_s:
        return True
    elapsed = timedelta(seconds=now.elapsed_s - issue.elapsed_s)
    return abs((now.wall - issue.wall) - elapsed) > DRIFT_MAX
