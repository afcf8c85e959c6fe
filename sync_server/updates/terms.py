"""How long signed metadata is good for, and how many root keys there are: what an operator may choose."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Terms:
    """A running server signs each kind anew at half of its time.

    `timestamp` is how long an old state can be passed off as the newest. `root_threshold` of `root_keys` keys must
    sign a root; both count when a repository is made.
    """

    root: timedelta = timedelta(days=365)
    targets: timedelta = timedelta(days=90)
    snapshot: timedelta = timedelta(days=30)
    timestamp: timedelta = timedelta(days=7)
    root_keys: int = 1
    root_threshold: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.root_threshold <= self.root_keys:
            raise ValueError(f"{self.root_threshold} of {self.root_keys} root keys cannot sign")
