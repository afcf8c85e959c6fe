"""A recording: what stood in a laptop's queue and what its link was like, for a simulator to play again.

Rules
1. It says nothing about anybody: times count from its beginning, records and commands are numbered, and every word in
   it comes from a closed list. What people said, ids, names and addresses have no place to stand in.
2. Times are those of the clock that only runs forward; only from one boot of the machine to the next is the clock
   that people read believed. What is listed later never happened earlier.
3. Who reads one takes its own version, and refuses any other by name.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, field_validator

from device.store.exchange import ANSWERED, BROKEN, SOMETHING_ELSE, TIMED_OUT, UNREACHABLE, Exchange
from device.store.items import Issue, Item, State
from shared import strict_json
from shared.commands import CATALOGUE
from shared.contract import Contract
from shared.outcomes import Outcome

FORMAT: Literal["tailboard.trace"] = "tailboard.trace"
VERSION: Literal[1] = 1
BYTES_MAX = 16 << 20
COMMANDS_MAX, EXCHANGES_MAX = 10_000, 5_000
#: Nobody is away for longer; a clock that says so was set.
LENGTH_S_MAX = 400 * 86_400.0
#: Of a kind that this program does not know.
UNKNOWN_KIND = "unknown"
WITHDRAWN = "withdrawn"
_OUTCOMES = frozenset({*Outcome, *State, WITHDRAWN})
_WHAT = rf"^({ANSWERED}|{UNREACHABLE}|{BROKEN}|{TIMED_OUT}|{SOMETHING_ELSE}|turned_away:[a-z_]{{1,40}})$"

Seconds = Annotated[float, Field(ge=0.0, le=LENGTH_S_MAX)]
Size = Annotated[int, Field(ge=0, le=1 << 30)]
Number = Annotated[int, Field(ge=1)]


class UnusableRecording(Exception):
    """A file that is no recording, or none that this program reads; the message is a sentence that says why."""


class RecordedCommand(Contract):
    """A confirmed command: when, of which kind, how many bytes were signed, on which record, and what came of it.

    `needs` are the numbers of earlier commands of the recording, counted from 1, that it rests on. `outcome` is the
    server's final word, or where the command stood.
    """

    at_s: Seconds
    kind: str
    bytes: Size
    record: Number
    needs: tuple[Number, ...] = ()
    outcome: str

    @field_validator("kind")
    @classmethod
    def _is_a_kind(cls, kind: str) -> str:
        if kind not in CATALOGUE and kind != UNKNOWN_KIND:
            raise ValueError("is no kind of command")
        return kind

    @field_validator("outcome")
    @classmethod
    def _is_an_outcome(cls, outcome: str) -> str:
        if outcome not in _OUTCOMES:
            raise ValueError("is no outcome")
        return outcome


class RecordedExchange(Contract):
    """One exchange with the server; see `device.store.exchange`."""

    at_s: Seconds
    took_s: Annotated[float, Field(ge=0.0, le=86_400.0)]
    up: Size
    down: Size
    what: Annotated[str, Field(pattern=_WHAT)]


class Recording(Contract):
    """The file."""

    format: Literal["tailboard.trace"] = FORMAT
    version: Literal[1] = VERSION
    commands: Annotated[tuple[RecordedCommand, ...], Field(max_length=COMMANDS_MAX)]
    link: Annotated[tuple[RecordedExchange, ...], Field(max_length=EXCHANGES_MAX)]

    @field_validator("commands")
    @classmethod
    def _rest_on_earlier_ones(cls, commands: tuple[RecordedCommand, ...]) -> tuple[RecordedCommand, ...]:
        if any(need >= number for number, each in enumerate(commands, 1) for need in each.needs):
            raise ValueError("a command rests on a later one")
        return commands

    @property
    def length_s(self) -> float:
        """From its beginning to the end of the last thing in it."""
        ends = [each.at_s + each.took_s for each in self.link] + [each.at_s for each in self.commands]
        return max(ends, default=0.0)


@dataclass(frozen=True, slots=True)
class Confirmed:
    """A command in the outbox and the device's clocks at its confirmation, None if they were not noted."""

    item: Item
    issue: Issue | None


def recorded(queue: Sequence[Confirmed], link: Sequence[Exchange]) -> Recording:
    """What stood in the queue and what the link was like; the newest of each if there is more than fits."""
    queue, link = queue[-COMMANDS_MAX:], link[-EXCHANGES_MAX:]
    said = [each.issue or Issue("", 0.0, each.item.command.issued_at) for each in queue]
    met = [each.began for each in link]
    begin = _Beginnings((*said, *met))
    said_s, met_s = begin.in_order(said), begin.in_order(met)
    first_s = min([*said_s[:1], *met_s[:1]], default=0.0)
    return Recording(commands=_commands(queue, _since(first_s, said_s)), link=_link(link, _since(first_s, met_s)))


class _Beginnings:
    """When each boot of the machine was, by the clock that people read."""

    def __init__(self, issues: Iterable[Issue]) -> None:
        first: dict[str, Issue] = {}
        for each in issues:
            known = first.setdefault(each.boot, each)
            if each.elapsed_s < known.elapsed_s:
                first[each.boot] = each
        self._begun_s = {boot: each.wall.timestamp() - each.elapsed_s for boot, each in first.items()}

    def in_order(self, issues: Iterable[Issue]) -> list[float]:
        return list(accumulate((self._at_s(each) for each in issues), max))

    def _at_s(self, issue: Issue) -> float:
        return self._begun_s[issue.boot] + issue.elapsed_s if issue.boot else issue.wall.timestamp()


def _since(first_s: float, moments_s: Iterable[float]) -> list[float]:
    return [round(min(at_s - first_s, LENGTH_S_MAX), 3) for at_s in moments_s]


def _commands(queue: Sequence[Confirmed], at_s: Sequence[float]) -> tuple[RecordedCommand, ...]:
    numbers = {each.item.command.id: number for number, each in enumerate(queue, 1)}
    records: dict[str, int] = {}
    return tuple(
        RecordedCommand(
            at_s=moment_s,
            kind=item.command.kind if item.command.kind in CATALOGUE else UNKNOWN_KIND,
            bytes=len(item.envelope.payload),
            record=records.setdefault(item.command.record, len(records) + 1),
            needs=tuple(sorted(numbers[need] for need in item.command.needs if need in numbers)),
            outcome=_outcome(item),
        )
        for item, moment_s in zip((each.item for each in queue), at_s, strict=True)
    )


def _outcome(item: Item) -> str:
    if item.dealt == WITHDRAWN:
        return WITHDRAWN
    return item.receipt.outcome.value if item.receipt else item.state.value


def _link(link: Sequence[Exchange], at_s: Sequence[float]) -> tuple[RecordedExchange, ...]:
    return tuple(
        RecordedExchange(at_s=moment_s, took_s=round(each.took_s, 3), up=each.up, down=each.down, what=each.what)
        for each, moment_s in zip(link, at_s, strict=True)
    )


def read_recording(raw: bytes) -> Recording:
    """A recording from the bytes of its file. Raises `UnusableRecording`."""
    try:
        told: Any = strict_json.parse(raw, bytes_max=BYTES_MAX)
    except strict_json.BadJson as error:
        raise UnusableRecording("is no trace of a laptop. Make one with: tailboard trace export FILE") from error
    if not isinstance(told, dict) or told.get("format") != FORMAT:
        raise UnusableRecording("is no trace of a laptop. Make one with: tailboard trace export FILE")
    if (version := told.get("version")) != VERSION or isinstance(version, bool):
        named = version if isinstance(version, int) and version is not True else "without a number"
        raise UnusableRecording(
            f"is a trace of version {named}; this program reads version {VERSION}. Export it again with this release"
        )
    try:
        return Recording.model_validate(told)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        said = str(first["msg"]).removeprefix("Value error, ")
        raise UnusableRecording(f"is a damaged trace ({place}: {said}). Export it again") from error
