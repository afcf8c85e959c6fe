"""The one vocabulary of states: a glyph and a word for everything that stands somehow.

Rules
1. The five standings of `shared.outcomes.Standing` are what a command, a conflict, an approval or a write can be; the
   words are the laptop's. What is no command (a laptop, a model) has a word of its own under the same glyphs.
2. Whatever is not in the table is shown as it is, and as something that somebody should look at.
"""

from collections.abc import Mapping

from shared.outcomes import HOLD_STANDING, OUTCOME_STANDING, Hold, Outcome, Standing
from shared.records import REFUSED_UNSETTLED, ApprovalStatus, ConflictStatus, WorkStatus, WriteStatus
from sync_server.console.blocks import Said, State, Tone, said
from sync_server.store import DeviceState

_TONES = {Standing.ACCEPTED: Tone.FINE, Standing.REVIEW: Tone.NEEDS, Standing.REFUSED: Tone.NEEDS}


def of_standing(standing: Standing, more: str = "") -> State:
    """A standing, and what is special about this one."""
    word = (
        said("{standing}, {more}", standing=Said(standing.value), more=Said(more)) if more else Said(standing.value)
    )
    return State(standing.glyph, word, _TONES.get(standing, Tone.PLAIN))


_FINE, _NEEDS, _PLAIN = Tone.FINE, Tone.NEEDS, Tone.PLAIN
_ACCEPTED, _REVIEW, _REFUSED = Standing.ACCEPTED, Standing.REVIEW, Standing.REFUSED

STATES: Mapping[tuple[str, str], State] = {
    ("conflict", ConflictStatus.OPEN): of_standing(_REVIEW),
    ("conflict", ConflictStatus.RESOLVED): of_standing(_ACCEPTED),
    ("approval", ApprovalStatus.PENDING): of_standing(_REVIEW),
    ("approval", ApprovalStatus.APPROVED): of_standing(_ACCEPTED),
    ("approval", ApprovalStatus.REFUSED): of_standing(_REFUSED),
    ("approval", ApprovalStatus.EXPIRED): of_standing(_REFUSED, "expired"),
    ("external_write", WriteStatus.QUEUED): of_standing(Standing.SAVED, "on its way"),
    ("external_write", WriteStatus.SENDING): of_standing(Standing.SENT),
    ("external_write", WriteStatus.DONE): of_standing(_ACCEPTED),
    ("external_write", WriteStatus.PARKED): of_standing(_REVIEW),
    ("external_write", REFUSED_UNSETTLED): of_standing(_REFUSED, "not settled"),
    ("external_write", WriteStatus.REFUSED): of_standing(_REFUSED),
    ("device", DeviceState.ACTIVE): State("+", Said("Active"), _FINE),
    ("device", DeviceState.WAITING): State("?", Said("Waits to be approved"), _NEEDS),
    ("device", DeviceState.FORKED): State("!", Said("Forked"), _NEEDS),
    ("device", DeviceState.REVOKED): State("-", Said("Revoked"), _PLAIN),
    ("work_order", WorkStatus.OPEN): State("o", Said("Open")),
    ("work_order", WorkStatus.IN_PROGRESS): State("^", Said("In progress")),
    ("work_order", WorkStatus.ON_HOLD): State("?", Said("On hold"), _NEEDS),
    ("work_order", WorkStatus.DONE): State("+", Said("Done"), _FINE),
    ("work_order", WorkStatus.CLOSED): State("+", Said("Closed"), _FINE),
    ("work_order", WorkStatus.CANCELLED): State("-", Said("Cancelled")),
    ("stage", "in_force"): State("+", Said("In force"), _FINE),
    ("stage", "shadow"): State("o", Said("In shadow")),
    ("stage", "none"): State("-", Said("Nowhere")),
    ("check", "ok"): State("+", Said("OK"), _FINE),
    ("check", "trouble"): State("!", Said("Needs somebody"), _NEEDS),
}


def state_of(kind: str, status: str) -> State:
    """How something of `kind` stands."""
    return STATES.get((kind, status)) or State("!", Said(status), Tone.NEEDS)


def settled_as(outcome: Outcome) -> State:
    """How a command ended."""
    return of_standing(OUTCOME_STANDING[outcome], "" if outcome is Outcome.APPLIED else outcome.value)


def held_as(hold: Hold) -> State:
    """How a command is held."""
    return of_standing(HOLD_STANDING[hold], hold.value)
