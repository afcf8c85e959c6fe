"""What the gateway did, without a word of what was said: an audit entry for each task, and counters.

Rules
1. Every task that was decided about leaves one entry in its tenant's audit chain, refusals included. Entries are
   written in batches, shortly after; where they cannot be written they are kept, and when there is no more room for
   them the gateway takes no more tasks.
2. An entry names the task, who asked, class, places, versions, sizes and times. Counters' labels are words of closed
   lists and configured names.

Counters stand behind `Counters.snapshot`; whoever exports them reads it.
"""

from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

ENTRIES_MAX = 20_000
Labels = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Use:
    """One task as the audit keeps it. `ended` is ``answered``, ``cancelled``, or the code of the problem."""

    at: datetime
    tenant: str
    task: str
    kind: str
    device: str
    actor: str
    purpose: str
    data_class: str
    route: str
    upstream: str
    bundle: str
    decision: str
    policies: tuple[str, ...]
    consents: tuple[str, ...]
    ended: str
    attempts: int = 0
    tokens_up: int = 0
    tokens_down: int = 0
    bytes_up: int = 0
    bytes_down: int = 0
    waited_s: float = 0.0
    first_token_s: float | None = None
    took_s: float = 0.0

    def note(self) -> dict[str, Any]:
        """The body of the audit's link; the tenant and the instant stand beside it."""
        told = {
            name: list(value) if isinstance(value, tuple) else round(value, 4) if isinstance(value, float) else value
            for name in self.__slots__
            if (value := getattr(self, name)) not in (None, (), 0, "") and name not in {"at", "tenant"}
        }
        return {"act": "inference", "asked_at": self.at.isoformat(), **told}


class Counters:
    """Counts and sums by name and labels."""

    def __init__(self) -> None:
        self._values: Counter[tuple[str, Labels]] = Counter()

    def add(self, name: str, *labels: str, by: float = 1) -> None:
        """Count `by` more under `name` and `labels`."""
        self._values[name, labels] += by  # type: ignore[assignment]  # sums of seconds are counted, too

    def snapshot(self) -> dict[tuple[str, Labels], float]:
        """Everything, as it stands."""
        return dict(self._values)


class Account:
    """The entries that are not written yet, and the counters."""

    def __init__(self) -> None:
        self.counters = Counters()
        self._entries: deque[Use] = deque()

    @property
    def full(self) -> bool:
        """Whether there is no room for another entry."""
        return len(self._entries) >= ENTRIES_MAX

    def keep(self, use: Use) -> None:
        """Remember an entry, and count it."""
        self._entries.append(use)
        count = self.counters.add
        count("tasks", use.kind, use.route, use.ended)
        if use.upstream:
            count("tokens_up", use.upstream, by=use.tokens_up)
            count("tokens_down", use.upstream, by=use.tokens_down)
            count("bytes_up", use.route, use.data_class, by=use.bytes_up)
            count("bytes_down", use.route, use.data_class, by=use.bytes_down)
            count("seconds", use.upstream, by=use.took_s)
            count("waited_seconds", use.upstream, by=use.waited_s)
        if use.attempts > 1:
            count("fallbacks", use.route)

    @property
    def waiting(self) -> int:
        """How many entries wait to be written."""
        return len(self._entries)

    def take(self, most: int) -> list[Use]:
        """The `most` oldest entries that wait to be written; who could not write them puts them back."""
        return [self._entries.popleft() for _ in range(min(most, len(self._entries)))]

    def put_back(self, uses: Iterable[Use]) -> None:
        """They could not be written; they come first next time."""
        self._entries.extendleft(reversed(list(uses)))
