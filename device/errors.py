"""What can go wrong on the device, split by who can mend it.

Every message is a sentence for the person in front of the laptop: what happened, and what to do. Domain results
(refused, in conflict) are values and never come through here.
"""

from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # every program says what went wrong, and few of them talk to a server
    from shared.problems import Problem


class DeviceError(Exception):
    """The base of all of them; `str()` is fit to be shown."""


class LocalError(DeviceError):
    """Something on this laptop or something that was typed: its user can mend it."""


class StoreError(DeviceError):
    """The device's database: full, locked, damaged, or opened with the wrong key."""


class TransportError(DeviceError):
    """No usable answer came over the network. What was sent may or may not have arrived.

    `retry_after` is how long whoever answered asks to be left alone.
    """

    def __init__(self, message: str, *, retryable: bool = True, retry_after: timedelta | None = None) -> None:
        super().__init__(message)
        self.retryable, self.retry_after = retryable, retry_after


class UpdateRefused(DeviceError):
    """What came as an update is not what the office signed, or is older than what is here; nothing was changed."""


class RemoteError(DeviceError):
    """The server answered, and the answer was a problem. `nonce` is that of the request which it answers."""

    def __init__(self, problem: "Problem", *, nonce: str = "", retry_after: timedelta | None = None) -> None:
        super().__init__(f"{problem.title}: {problem.detail}. {problem.remedy}")
        self.problem, self.nonce, self.retry_after = problem, nonce, retry_after
