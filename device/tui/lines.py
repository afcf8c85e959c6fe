"""One typed line of a form: how it is asked for, and what it means. What is typed is kept while it is typed."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from device.core.interpret import Proposal
from device.tui.screens.dialogs import Ask

if TYPE_CHECKING:
    from device.tui.app import TailboardApp

_NUMBER = re.compile(r"\s*([+-]?\d+(?:[.,]\d+)?)\s*(\S{0,12})\s*")


@dataclass(frozen=True, slots=True)
class Line:
    """A line that becomes a proposal.

    Args:
        title: of the box.
        label: what is asked for.
        value: what stands in the line at first.
        make: what the typed words mean. Raises `ValueError` with a sentence.
        slot: what the line is called in the draft, the form's own word first.
    """

    title: str
    label: str
    value: str
    make: Callable[[str], Proposal]
    slot: str


async def typed(app: "TailboardApp", job: str, line: Line) -> Proposal | None:
    """Ask until the line makes a proposal that could be confirmed as things stand."""

    async def check(words: str) -> str | None:
        try:
            proposal = line.make(words)
        except ValueError as error:
            return str(error)
        return await app.obstacle(proposal)

    words = await ask_line(app, job, line.slot, Ask(line.title, line.label, value=line.value, check=check))
    return line.make(words) if words is not None else None


async def ask_line(app: "TailboardApp", job: str, slot: str, box: Ask) -> str | None:
    """Ask for one line, with what was typed there before and not entered, and keep what is typed."""
    box.start_with(app.notebook.of(job).forms.get(slot))
    box.hear = lambda words: app.notebook.become(job, app.notebook.of(job).with_form(slot, words))
    return await app.ask(box)


def number(words: str) -> tuple[float, str]:
    """A number and its unit, empty if none was typed. Raises `ValueError` with a sentence."""
    found = _NUMBER.fullmatch(words)
    if found is None:
        raise ValueError("Type a number, for example 4.2.")
    return float(found[1].replace(",", ".")), found[2]


def whole(words: str) -> int:
    """A whole number. Raises `ValueError` with a sentence."""
    if not words.strip().isdecimal():
        raise ValueError("Type a whole number, for example 1.")
    return int(words)
