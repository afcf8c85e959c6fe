from datetime import timedelta

import pytest

from reconciliation.explain import NEXT_STEP, explain, explain_expiry, explain_hold
from shared.outcomes import FieldName, Hold, Outcome, Reason, Receipt
from tests.builders import JOB, NOW, SEAL, new_id


def receipt(reason: Reason | None, outcome: Outcome = Outcome.REJECTED, *conflicting: FieldName) -> Receipt:
    return Receipt(
        tenant="t",
        command=new_id(),
        envelope_hash="0" * 64,
        outcome=outcome,
        reason=reason,
        detail="because",
        conflicting=conflicting,
        change_seq=1,
        incarnation=1,
        audit_position=1,
        settled_at=NOW,
        key_id="0" * 32,
    )


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_says_what_to_do_next(reason: Reason) -> None:
    assert NEXT_STEP[reason] in explain(receipt(reason))


def test_a_withdrawal_is_told_to_the_one_who_withdrew() -> None:
    assert explain(receipt(Reason.WITHDRAWN)) == "You took it back. Nothing was changed."


def test_every_hold_has_its_own_sentence() -> None:
    said = {explain_hold(hold) for hold in Hold}
    assert len(said) == len(Hold)
    assert all(sentence.endswith(".") for sentence in said)


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        (Outcome.APPLIED, "Accepted as you entered it."),
        (Outcome.MERGED, "Accepted, together with changes that others had made meanwhile."),
        (
            Outcome.CONFLICT,
            (
                "Somebody else changed on hand of SEAL-1, priority of WO-1 meanwhile. Both values are kept; the "
                "office decides which stands."
            ),
        ),
        (Outcome.REJECTED, "Not accepted: because. Ask the office."),
        (
            Outcome.EXPIRED,
            "It came too late: because. Nothing was changed. Enter it again if it still holds.",
        ),
    ],
)
def test_every_outcome_is_told_in_whole_sentences(outcome: Outcome, said: str) -> None:
    clashing = FieldName(record=SEAL, field="on_hand"), FieldName(record=JOB, field="priority")
    assert explain(receipt(None, outcome, *clashing)) == said


@pytest.mark.parametrize(
    ("left", "there", "said"),
    [
        (timedelta(0), False, "Its time is over. It is still sent; the server decides, and nothing is thrown away."),
        (timedelta(0), True, "Its time is over. The server has it and ends it, and nothing is thrown away."),
        (
            timedelta(microseconds=1),
            False,
            (
                "It is good for less than two hours more. Go online before then, or it comes back to you to be "
                "entered again."
            ),
        ),
        (
            timedelta(hours=2),
            True,
            (
                "It is good for 2 hours more. The office must answer before then, or it comes back to you to be "
                "entered again."
            ),
        ),
    ],
)
def test_a_warning_says_what_is_left_and_who_must_act(left: timedelta, there: bool, said: str) -> None:
    assert explain_expiry(left, there=there) == said


@pytest.mark.parametrize(
    ("left", "amount"),
    [
        (timedelta(hours=2) - timedelta(seconds=1), "less than two hours"),
        (timedelta(hours=3) - timedelta(seconds=1), "2 hours"),
        (timedelta(hours=48) - timedelta(seconds=1), "47 hours"),
        (timedelta(hours=48), "2 days"),
        (timedelta(hours=49), "2 days"),
    ],
)
def test_time_left_is_rounded_down(left: timedelta, amount: str) -> None:
    assert explain_expiry(left).startswith(f"It is good for {amount} more.")
