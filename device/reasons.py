"""Why a question ran where it ran, in plain words: the decision, every why-not, the attempts, and what moved.

The same lines on the screen and on the command line. Facts only, from the evidence; nothing is decided here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from device.evidence import Tried
from device.plain import plain
from device.words import moment
from policies.explain import PLACES, explain
from shared.routing import Decision, Route


@dataclass(frozen=True, slots=True)
class Reasons:
    """A decision, and every try of the task that it was about."""

    decision: Decision
    tried: tuple[Tried, ...] = ()


def headline(decision: Decision) -> str:
    """Where it went, in the fewest words."""
    return f"{PLACES[decision.route]}: {plain(decision.reason)}"


def reason_lines(reasons: Reasons, now: datetime) -> list[str]:
    """All of it, a line a thing."""
    decision = reasons.decision
    return [
        f"Decided {moment(decision.decided_at, now)}, to {decision.request.purpose}",
        *(plain(line) if not line.startswith(" ") else f"  {plain(line.strip())}" for line in explain(decision)),
        f"  the link was {decision.request.link}; this laptop was {_approved(decision)} for sensitive work",
        "",
        *(attempt_lines(reasons.tried, now) or ["Tried nowhere: nothing ran after this decision."]),
        moved_words(reasons.tried),
    ]


def _approved(decision: Decision) -> str:
    return "approved" if decision.request.device_approved else "not approved"


def attempt_lines(tried: Sequence[Tried], now: datetime) -> list[str]:
    """One line for each try."""
    return [_attempt(number, each, now) for number, each in enumerate(tried, start=1)]


def _attempt(number: int, each: Tried, now: datetime) -> str:
    by = f", {each.model}" if each.model else ""
    ended = f"no answer ({each.problem.replace('_', ' ')})" if each.problem else "answered"
    return plain(
        f"Try {number}: {PLACES[each.place]}{by}, {moment(each.at, now)}, {each.took_s:.1f} s: {ended}; "
        f"{each.bytes_up:,} bytes left, {each.bytes_down:,} came back"
    )


def moved_words(tried: Sequence[Tried]) -> str:
    """What left this laptop in all."""
    left = sum(each.bytes_up for each in tried if each.place is not Route.DEVICE)
    return f"Left this laptop in all: {left:,} bytes." if left else "Nothing left this laptop."
