"""Outcomes, holds and warnings in plain words: what happened, and what the reader can do.

Facts only; nothing is decided here.
"""

from datetime import timedelta

from shared.ids import id_of
from shared.outcomes import FieldName, Hold, Outcome, Reason, Receipt

NEXT_STEP = {
    Reason.NOT_PERMITTED: "Ask the office to do it, or to give you the role.",
    Reason.PAYLOAD_INVALID: "Enter it again with a value that fits.",
    Reason.OBJECTION: "Look at the record as it is now, then enter it again.",
    Reason.RECORD_MISSING: "The record is gone; ask the office.",
    Reason.RECORD_EXISTS: "It is there already; nothing to do.",
    Reason.RECORD_FULL: "Go on in a follow-up; what is there stays.",
    Reason.STEP_NOT_ALLOWED: "Look at the job's state now, then choose a step that it allows.",
    Reason.BELOW_FLOOR: "Check the shelf, and ask the office to correct the count.",
    Reason.DEPENDENCY_FAILED: "Settle the earlier one first, then enter this again.",
    Reason.STALE: "Look again, then decide.",
    Reason.LIFETIME_TOO_LONG: "Enter it again.",
    Reason.WITHDRAWN: "Nothing was changed.",
    Reason.OUT_OF_SCOPE: "Another team has the job now; ask the office if it still has to be done.",
    Reason.NOT_APPROVED: "Talk to the person who decided before you enter it again.",
    Reason.DISMISSED: "The office looked at it and left it out; ask there, and enter it again if it still holds.",
}

HOLDS = {
    Hold.WAITING: "The server has it. It waits for an earlier command, or for the bytes of an attachment.",
    Hold.DEFERRED: "The server has it. It waits until somebody at the office approves it.",
    Hold.QUARANTINED: "The server keeps it apart until the office has looked at it. Nothing is lost.",
    Hold.UNREADABLE: "The server does not know this kind yet. It is kept until the server is updated.",
}


def explain(receipt: Receipt) -> str:
    """One or two sentences for the author of the command."""
    match receipt.outcome:
        case Outcome.APPLIED:
            return "Accepted as you entered it."
        case Outcome.MERGED:
            return "Accepted, together with changes that others had made meanwhile."
        case Outcome.CONFLICT:
            return (
                f"Somebody else changed {_fields(receipt.conflicting)} meanwhile. Both values are kept; the office "
                "decides which stands."
            )
        case Outcome.REJECTED if receipt.reason is Reason.WITHDRAWN:
            return f"You took it back. {NEXT_STEP[Reason.WITHDRAWN]}"
        case Outcome.EXPIRED:
            return f"It came too late: {receipt.detail}. Nothing was changed. Enter it again if it still holds."
        case Outcome.REJECTED:
            step = NEXT_STEP[receipt.reason] if receipt.reason else "Ask the office."
            return f"Not accepted: {receipt.detail}. {step}"


def explain_hold(hold: Hold) -> str:
    """Why the server has a command and no outcome yet, for its author."""
    return HOLDS[hold]


def explain_expiry(left: timedelta, *, there: bool = False) -> str:
    """What to do about a command that has `left` to go, as `expiry.warning` gives it.

    `there`: the server has it, and somebody at the office must look at it.
    """
    if left <= timedelta(0):
        still = "The server has it and ends it" if there else "It is still sent; the server decides"
        return f"Its time is over. {still}, and nothing is thrown away."
    hours = left // timedelta(hours=1)
    amount = f"{hours // 24} days" if hours >= 48 else f"{hours} hours" if hours >= 2 else "less than two hours"
    do = "The office must answer" if there else "Go online"
    return f"It is good for {amount} more. {do} before then, or it comes back to you to be entered again."


def _fields(names: tuple[FieldName, ...]) -> str:
    return ", ".join(f"{each.field.replace('_', ' ')} of {id_of(each.record)}" for each in names)
