"""A receipt in plain words: what happened, and what its reader can do. Facts only; nothing is decided here."""

from shared.ids import id_of
from shared.outcomes import FieldName, Outcome, Reason, Receipt

NEXT_STEP = {
    Reason.NOT_PERMITTED: "Ask the office to do it, or to give you the role.",
    Reason.PAYLOAD_INVALID: "Enter it again with a value that fits.",
    Reason.OBJECTION: "Look at the record as it is now, then enter it again.",
    Reason.RECORD_MISSING: "The record is gone; ask the office.",
    Reason.RECORD_EXISTS: "It is there already; nothing to do.",
    Reason.STEP_NOT_ALLOWED: "Look at the job's state now, then choose a step that it allows.",
    Reason.BELOW_FLOOR: "Check the shelf, and ask the office to correct the count.",
    Reason.DEPENDENCY_FAILED: "Settle the earlier one first, then enter this again.",
    Reason.STALE: "Look again, then decide.",
    Reason.LIFETIME_TOO_LONG: "Enter it again.",
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
        case Outcome.EXPIRED:
            return f"It came too late: {receipt.detail}. Nothing was changed. Enter it again if it still holds."
        case Outcome.REJECTED:
            step = NEXT_STEP[receipt.reason] if receipt.reason else "Ask the office."
            return f"Not accepted: {receipt.detail}. {step}"


def _fields(names: tuple[FieldName, ...]) -> str:
    return ", ".join(f"{each.field.replace('_', ' ')} of {id_of(each.record)}" for each in names)
