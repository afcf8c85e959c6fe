"""Commands that need somebody else's yes.

Rules
1. The question shows the effect, field by field, and binds it: the hash of the command's envelope, the effect, the
   versions of the records that it rests on, the version of its schema.
2. An answer counts only for exactly what it was given for. If anything bound differs when the answer would be used,
   the question is asked again.
3. No rejects the command; no answer in the command's time lets it expire.
4. A question whose command is settled without an answer is closed, so that nobody is asked in vain.

Which commands need it is the business of the kind (`Payload.authority`) and of the organisation's policy
(`Facts.guarded`); who may answer is that of `approval.decided`.
"""

from collections.abc import Sequence
from dataclasses import replace

from pydantic import JsonValue

from reconciliation.conflict import Clashing, Clean
from reconciliation.draft import Draft
from reconciliation.ruling import Defer, Facts, Ruling, rejected
from reconciliation.scope import team_of
from shared.commands.base import Creation
from shared.ids import record_ref
from shared.outcomes import Outcome, Reason
from shared.records import Approval, ApprovalStatus, FieldChange, Record

#: What an approval's question consists of; the rest of the record is its answer and its papers.
BOUND = ("command_hash", "effect", "versions", "schema_version")


def unapproved(facts: Facts, draft: Draft, verdicts: Sequence[Clean | Clashing]) -> Ruling | Defer | None:
    """What stands between a central command and its merits; None if it is approved as it is."""
    approval = facts.approval
    question = _question(facts, draft, verdicts)
    if approval is None:
        return Defer(Record(record_ref("approval", facts.command.id), 1, question, facts.stamp(1)))
    match ApprovalStatus(str(approval.fields["status"])):
        case ApprovalStatus.PENDING:
            return Defer(approval)
        case ApprovalStatus.APPROVED:
            same = all(approval.fields[name] == question[name] for name in BOUND)
            return None if same else Defer(approval.changed(question, facts.stamp(approval.version + 1)))
        case ApprovalStatus.REFUSED:
            return rejected(Reason.NOT_APPROVED, _refusal(approval))
        case ApprovalStatus.EXPIRED:
            return Ruling(Outcome.EXPIRED, detail="nobody answered its approval in time")


def closed(facts: Facts, ruling: Ruling) -> Ruling:
    """`ruling`, with the command's open question closed by it."""
    approval = facts.approval
    if approval is None or approval.fields["status"] != ApprovalStatus.PENDING:
        return ruling
    why = f"settled without an answer: {ruling.reason or ruling.outcome}"
    fields: dict[str, JsonValue] = {"status": ApprovalStatus.EXPIRED.value, "reason": why}
    shut = approval.changed(fields, facts.stamp(approval.version + 1))
    return replace(ruling, writes=(*ruling.writes, shut))


def _question(facts: Facts, draft: Draft, verdicts: Sequence[Clean | Clashing]) -> dict[str, JsonValue]:
    command = facts.command
    subject = facts.records.get(command.record)
    return Approval(
        record=command.record,
        command=command.id,
        command_hash=facts.hash,
        effect=_effect(facts, draft, verdicts),
        versions={ref: facts.records[ref].version for ref in sorted(draft.refs & facts.records.keys())},
        schema_version=command.schema_version,
        requested_by=command.actor,
        requested_at=facts.received_at,
        expires_at=command.expires_at - facts.offset,
        team=team_of(subject) if subject else None,
    ).model_dump(mode="json")


def _effect(facts: Facts, draft: Draft, verdicts: Sequence[Clean | Clashing]) -> tuple[FieldChange, ...]:
    born = [
        FieldChange(record=effect.record, field=name, old=None, new=value)
        for effect in draft.effects
        if isinstance(effect, Creation)
        for name, value in effect.fields.items()
    ]
    return (*born, *(_change(facts, verdict) for verdict in verdicts))


def _change(facts: Facts, verdict: Clean | Clashing) -> FieldChange:
    """The value that would stand; of a clash, the value that the command asks for."""
    edit = verdict.edit
    new = verdict.value if isinstance(verdict, Clean) else edit.value
    old = facts.records[edit.record].value(edit.field)
    return FieldChange(record=edit.record, field=edit.field, old=old, new=new)


def _refusal(approval: Record) -> str:
    reason = approval.fields["reason"]
    return f"{approval.fields['decided_by']} did not approve it" + (f": {reason}" if reason else "")
