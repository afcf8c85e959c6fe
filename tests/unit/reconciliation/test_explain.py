import pytest

from reconciliation.explain import NEXT_STEP, explain, explain_hold
from shared.outcomes import Hold, Outcome, Reason, Receipt
from tests.builders import NOW, new_id


def receipt(reason: Reason) -> Receipt:
    return Receipt(
        tenant="t",
        command=new_id(),
        envelope_hash="0" * 64,
        outcome=Outcome.REJECTED,
        reason=reason,
        detail="because",
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
