"""An answer as it is written: what of it a person may hear before all of it is there.

Rules
1. Of an answer that is checked against manuals, only sentences are told that are whole and were found there, as they
   will stand in the answer, citation and all. What makes itself up tells nothing until it is thrown away.
2. Where nothing is checked, because no manual is asked, the model's own words are told as they come.
3. Checking reads the database and is not done where other things wait: pieces are checked in order, elsewhere.
4. What was told of a place that then failed is taken back.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from device.core.library.passages import sentences
from shared.ports import RunBlocking

#: The part of an answer that may be told, by what was written of it so far.
Checks = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Heard:
    """What a person may follow while a question runs.

    `say` hears sentences about it, `piece` the answer as it comes, as far as it may be told; `anew` hears that what
    came so far is none of the answer.
    """

    say: Callable[[str], None] = lambda _: None
    piece: Callable[[str], None] = lambda _: None
    anew: Callable[[], None] = lambda: None


class Following:
    """One place's answer, piece by piece. Without `checks`, every piece may be told at once."""

    def __init__(self, checks: Checks | None) -> None:
        self._checks = checks
        self._written, self._looked_at, self._told = "", "", ""

    def hear(self, piece: str) -> str:
        """What may be told now that `piece` came. With `checks` it reads the database."""
        if self._checks is None:
            return piece
        self._written += piece
        whole = whole_sentences(self._written)
        if whole == self._looked_at:
            return ""
        self._looked_at = whole
        found = self._checks(whole)
        if not found.startswith(self._told):  # it would be taken back, so it was no part of the answer
            return ""
        new, self._told = found[len(self._told) :], found
        return new


def whole_sentences(written: str) -> str:
    """`written` without the last sentence of it, which may go on."""
    *lines, last = written.split("\n")
    return "\n".join([*lines, " ".join(sentences(last)[:-1])])


@asynccontextmanager
async def told_apart(following: Following, heard: Heard, run: RunBlocking) -> AsyncIterator[Callable[[str], None]]:
    """Hears pieces on the loop, and tells what may be told of them after it was checked elsewhere, in their order."""
    pieces: asyncio.Queue[str | None] = asyncio.Queue()

    async def pass_on() -> None:
        while (piece := await pieces.get()) is not None:
            said = await run(lambda piece=piece: following.hear(piece))  # type: ignore[misc]
            if said:
                heard.piece(said)

    passing = asyncio.create_task(pass_on())
    try:
        yield pieces.put_nowait
        pieces.put_nowait(None)
        await passing
    finally:
        passing.cancel()
