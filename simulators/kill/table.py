"""A campaign as a table for people and as data for programs."""

from dataclasses import dataclass
from typing import Any

from simulators.kill.campaign import Result, Tally

_COLUMNS = ("rounds", "lost", "doubled", "broken", "recovered")


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table; `recovered` is the most sync rounds that a round took to settle."""

    point: str
    rounds: int
    lost: int
    doubled: int
    broken: int
    recovered: int


def rows(result: Result) -> list[Row]:
    """One row a point, and one for all of them."""
    listed = [_row(tally) for tally in result.tallies if tally.rounds]
    rounds, lost, doubled, broken = (
        sum(getattr(row, name) for row in listed) for name in ("rounds", "lost", "doubled", "broken")
    )
    return [*listed, Row("all", rounds, lost, doubled, broken, max((row.recovered for row in listed), default=0))]


def _row(tally: Tally) -> Row:
    return Row(tally.point.name, tally.rounds, tally.lost, tally.doubled, tally.broken, tally.recovered)


def as_lines(result: Result) -> list[str]:
    """The table, and below it every finding."""
    lines = [f"{'point':<24}" + "".join(f"{name:>11}" for name in _COLUMNS)]
    lines += [f"{row.point:<24}" + "".join(f"{getattr(row, name):>11}" for name in _COLUMNS) for row in rows(result)]
    words = {tally.point.name: tally.point.words for tally in result.tallies if tally.rounds}
    lines += ["", *(f"{name:<24} {said}" for name, said in words.items())]
    said = f"{result.saved} commands were called saved. `recovered` is the most sync rounds that settling took."
    return [*lines, "", said, *result.findings]


def as_data(result: Result) -> dict[str, Any]:
    """The same for programs."""
    table = [{name: getattr(row, name) for name in ("point", *_COLUMNS)} for row in rows(result)]
    return {"saved": result.saved, "table": table, "findings": result.findings}


def ok(result: Result) -> bool:
    """Whether nothing was lost, doubled or broken."""
    return not any(tally.harmed for tally in result.tallies)
