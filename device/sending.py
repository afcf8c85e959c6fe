"""What came of *Send now*, item by item. A round without an answer is never counted as a success."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from device.agent import Step
from device.store import Item, State
from shared.outcomes import Standing

_UNSETTLED = frozenset({State.SAVED, State.SENT, State.HELD, State.TURNED})


@dataclass(frozen=True, slots=True)
class SendResult:
    """Where the items stand that were not settled when the person asked.

    Args:
        at: when the try ended.
        tried: False while working offline.
        error: a sentence if the last round brought no usable answer.
        changes: records that came down.
    """

    at: datetime
    tried: bool
    error: str | None
    changes: int
    accepted: int = 0
    in_review: int = 0
    refused: int = 0
    no_answer: int = 0
    waiting: int = 0
    not_sent: int = 0
    taken_back: int = 0

    @property
    def kept(self) -> int:
        """Items that are still only here, as far as this laptop can know."""
        return self.no_answer + self.not_sent

    def words(self) -> str:
        """One or two sentences for the person who asked."""
        if not self.tried:
            return f"Working offline: nothing was tried, {self.kept} kept here. Work online to send."
        parts = [
            (self.accepted, "accepted"),
            (self.in_review, "in review"),
            (self.refused, "refused"),
            (self.taken_back, "taken back"),
            (self.waiting, "held there until what they wait for is there"),
            (self.no_answer, "no answer, kept"),
            (self.not_sent, "not sent, kept"),
        ]
        told = ", ".join(f"{count} {word}" for count, word in parts if count) or self._nothing()
        return f"{told}. {self.error}" if self.error else f"{told}."

    def _nothing(self) -> str:
        if self.error:
            return "Nothing was waiting to be sent"
        return f"Nothing was waiting to be sent; {self.changes} changes came down"


def result_of(before: Sequence[Item], after: Sequence[Item], steps: Sequence[Step], at: datetime) -> SendResult:
    """The result of `steps`, given the outbox before and after them."""
    asked = {item.command.id for item in before if item.state in _UNSETTLED}
    ended = [item for item in after if item.command.id in asked and item.dealt is None]
    return SendResult(
        at=at,
        tried=bool(steps),
        error=steps[-1].error if steps else None,
        changes=sum(step.changes for step in steps),
        accepted=_count(ended, Standing.ACCEPTED),
        in_review=_count(ended, Standing.REVIEW),
        refused=_count(ended, Standing.REFUSED),
        no_answer=_count(ended, Standing.SENT),
        waiting=_count(ended, Standing.SAVED, held=True),
        not_sent=_count(ended, Standing.SAVED, held=False),
        taken_back=sum(item.dealt == "withdrawn" and item.command.id in asked for item in after),
    )


def _count(items: Sequence[Item], standing: Standing, *, held: bool | None = None) -> int:
    return sum(item.standing is standing and held in {None, item.state is State.HELD} for item in items)
