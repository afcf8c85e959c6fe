"""What stands on the table before anybody confirms: proposals with a tick each, in the order of taking effect.

Rules
1. The person's own words come first, as a note; a model's proposals follow. A model's own note is left out: a note is
   in the person's words.
2. What is shown for a row assumes the ticked rows above it and nothing else.
3. A row with an obstacle cannot be ticked.

Nothing here has an effect; `Workbench.confirm` does.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from device.core.interpret import Proposal
from device.guessed import guesses
from device.plain import plain
from device.words import changes
from device.workbench import Shown, Workbench
from shared.commands import CATALOGUE
from shared.commands.note_added import NoteAdded


@dataclass(frozen=True, slots=True)
class Row:
    """One proposal on the table. `by` says who put it there: ``you`` or ``assistant``."""

    proposal: Proposal
    by: str
    ticked: bool = True


@dataclass(frozen=True, slots=True)
class Draft:
    """The rows, in order. Every change gives a new draft."""

    rows: tuple[Row, ...] = ()

    def with_proposals(self, proposals: Sequence[Proposal]) -> "Draft":
        """Add what the assistant proposes, without a note of its own."""
        added = (Row(each, "assistant") for each in proposals if each.kind != NoteAdded.kind.name)
        return Draft((*self.rows, *added))

    def with_row(self, proposal: Proposal) -> "Draft":
        """Add what the person entered in a form."""
        return Draft((*self.rows, Row(proposal, "you")))

    def toggled(self, index: int) -> "Draft":
        """Tick or untick a row."""
        return self._with(index, replace(self.rows[index], ticked=not self.rows[index].ticked))

    def with_edit(self, row: Row, proposal: Proposal) -> "Draft":
        """A row as the person edited it: ticked, and theirs from now on. If it is gone meanwhile, nothing changes."""
        return self._with(self.rows.index(row), Row(proposal, "you")) if row in self.rows else self

    def dropped(self, index: int) -> "Draft":
        """Without a row."""
        return Draft(self.rows[:index] + self.rows[index + 1 :])

    def _with(self, index: int, row: Row) -> "Draft":
        return Draft((*self.rows[:index], row, *self.rows[index + 1 :]))


@dataclass(frozen=True, slots=True)
class SeenRow:
    """A row in the words in which it is shown: what is equal here looks the same to the person.

    Args:
        row: what stands on the table.
        verb: what kind of command it is.
        lines: each change: record, field, old → new.
        came_from: the words behind it.
        guesses: fields that the words do not say, each with its value.
        odd: what is odd about it beside what is known; empty if nothing is.
        obstacle: why it cannot be confirmed, None if it can.
        summary: the whole in one line.
    """

    row: Row
    verb: str
    lines: tuple[str, ...]
    came_from: tuple[str, ...]
    obstacle: str | None
    summary: str
    guesses: tuple[str, ...] = ()
    odd: str = ""

    @property
    def chosen(self) -> bool:
        """Whether confirming takes it."""
        return self.row.ticked and not self.obstacle


def note(job: str, text: str) -> Proposal:
    """The person's words as a note on `job`."""
    return Proposal(NoteAdded.kind.name, job, {"text": text}, {})


def see(draft: Draft, workbench: Workbench) -> tuple[SeenRow, ...]:
    """Every row with the exact change it would make now."""
    seen: list[SeenRow] = []
    before: list[Proposal] = []
    for row in draft.rows:
        shown = _seen(row, workbench.show([*before, row.proposal])[-1])
        seen.append(replace(shown, odd=workbench.odd(row.proposal)) if row.by == "assistant" else shown)
        if seen[-1].chosen:
            before.append(row.proposal)
    return tuple(seen)


def chosen(seen: Sequence[SeenRow]) -> list[Proposal]:
    """What confirming would save, in order."""
    return [each.row.proposal for each in seen if each.chosen]


def _seen(row: Row, shown: Shown) -> SeenRow:
    known = CATALOGUE.get(row.proposal.kind)
    return SeenRow(
        row=row,
        verb=known.kind.verb if known else plain(row.proposal.kind),
        lines=tuple(changes(shown.preview.changes)),
        came_from=_longest(row.proposal.words.values()),
        obstacle=plain(shown.preview.obstacle) if shown.preview.obstacle else None,
        summary=plain(shown.summary),
        guesses=guesses(row.proposal) if row.by == "assistant" else (),
    )


def _longest(words: Iterable[str]) -> tuple[str, ...]:
    """Each stretch of words once, and none that is part of another."""
    all_words = list(dict.fromkeys(plain(each) for each in words if each))
    return tuple(each for each in all_words if not any(each in other and each != other for other in all_words))
