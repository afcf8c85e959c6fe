"""What one exchange with the server was, seen from the laptop: when, how long, how many bytes, and what came of it.

Rules
1. It holds times, sizes and a word from a closed list; no address, no id, nothing that anybody said.
2. An answer is told by its cover: whoever answers in the server's form was the server, as far as the link goes.
   Whether the answer is believed is another question (`device.core.belief`).
"""

from dataclasses import dataclass
from typing import Final

from device.store.items import Issue
from shared.problems import Code

ANSWERED: Final = "answered"
#: There was no connection; one ended before the answer did; nothing came in time; somebody else answered.
UNREACHABLE: Final = "unreachable"
BROKEN: Final = "broken"
TIMED_OUT: Final = "timed_out"
SOMETHING_ELSE: Final = "something_else"
_TURNED_AWAY: Final = "turned_away:"


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and what came of it.

    Args:
        began: the device's clocks when it left.
        took_s: until the whole answer was here, or until it was given up.
        up: bytes of the request's body.
        down: bytes of the answer's body, 0 if none came.
        what: one of the words above, or `turned_away`.
    """

    began: Issue
    took_s: float
    up: int
    down: int
    what: str


def turned_away(code: Code) -> str:
    """The server answered with a problem."""
    return f"{_TURNED_AWAY}{code.value}"


def reached_server(what: str) -> bool:
    """Whether the server itself answered."""
    return what == ANSWERED or what.startswith(_TURNED_AWAY)
